// SPDX-License-Identifier: MIT OR Apache-2.0
//! The page of snapshots with the largest numbers there can be, wherever these stand.

use ipcon_observe::recording::{pack, unpack};
use ipcon_observe::{Ledger, Snapshot};

use super::tests::busy;
use super::{Parts, Scrape, page};

/// The snapshot with the largest number in the place of the one that begins at this byte of it; `None` where none begins
/// that can be so large.
fn with_most_at(bytes: &[u8], at: usize) -> Option<(Vec<u8>, Snapshot)> {
    let most = [&[0xff; 9][..], &[1]].concat();
    let end = at + bytes[at..].iter().position(|&byte| byte < 0x80)?;
    let changed = [&bytes[..at], &most, &bytes[end + 1..]].concat();
    let snapshot = unpack(&changed).ok()?;
    Some((changed, snapshot))
}

/// Looks at the page after these.
fn check(snapshots: &[Snapshot]) {
    let mut ledger = Ledger::new(Default::default());
    snapshots.iter().for_each(|snapshot| ledger.apply(snapshot));
    let scrape = Scrape {
        snapshot: snapshots.last(),
        ledger: &ledger,
        probes_wanted: true,
        process: None,
    };
    let page = page(&scrape, Parts::ALL).unwrap();
    for line in page.lines().filter(|line| !line.starts_with('#')) {
        let value: f64 = line.rsplit(' ').next().unwrap().parse().unwrap();
        let unmeasured = line.contains("_sum") && value.is_nan();
        assert!(value >= 0.0 || unmeasured, "{line}");
    }
}

#[test]
fn the_largest_number_does_no_harm_anywhere_nor_do_all_of_them_at_once() {
    let bytes = pack(&busy());
    let mut all = bytes.clone();
    // From the end on, so that what is still to come stays where it is.
    for at in (0..bytes.len()).rev() {
        if let Some((_, snapshot)) = with_most_at(&bytes, at) {
            check(&[busy(), snapshot]);
        }
        if let Some((changed, _)) = with_most_at(&all, at) {
            all = changed;
        }
    }
    let all = unpack(&all).unwrap();
    assert_eq!(all.peers[0].counters.sent_unicast_messages, u64::MAX);
    check(&[busy(), all.clone(), busy(), all]);
}
