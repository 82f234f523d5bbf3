// SPDX-License-Identifier: MIT OR Apache-2.0
//! Totals of the probes across attachments.

use super::super::{Ledger, Limits, OTHER};
use super::*;
use crate::model::{Bus, Exception, ExceptionKind, Peer, Probes, RequestErrors, Service};

fn latency(waits: u64) -> QueueLatency {
    let mut latency = QueueLatency::default();
    (latency.counts[3], latency.counts[25]) = (waits, 1);
    latency.sum_nanos = 1000 * waits;
    latency
}

fn errors(command: &str, requests: u64) -> RequestErrors {
    RequestErrors {
        command: command.to_owned(),
        errno: "EEXIST".to_owned(),
        requests,
    }
}

/// A bus whose only peer has read so much since the probes were attached at that time.
fn at(attached: u64, read: u64) -> Snapshot {
    let attached_at = Duration::from_secs(attached);
    let service = Service {
        name: "logd".into(),
        ..Service::default()
    };
    Snapshot {
        taken_at: Duration::from_secs(attached + 10),
        bus: Some(Bus::default()),
        peers: vec![Peer {
            id: 1,
            services: vec![service],
            queue_latency: Some(latency(read)),
            ..Peer::default()
        }],
        probes: Some(Probes {
            attached_at,
            queue_latencies: vec![KindLatency {
                kind: Kind::Unicast,
                latency: latency(read),
            }],
            sizes: vec![SizeHistogram {
                kind: Kind::Unicast,
                bounds: vec![16, 64],
                counts: vec![read, 0, 2],
                sum: 10 * read,
            }],
            request_errors: vec![errors("group_join", read)],
            unreported_exceptions: read,
            ..Probes::default()
        }),
        exceptions: vec![Exception {
            time: attached_at,
            what: ExceptionKind::default(),
        }],
        ..Snapshot::default()
    }
}

#[test]
fn totals_go_on_when_the_probes_are_attached_anew() {
    let mut ledger = Ledger::new(Limits::default());
    // Grown by 5 and 2; then, since the probes began at zero, by 1 and 3 more. Meanwhile nobody knows.
    for snapshot in [
        at(1, 5),
        at(1, 7),
        Snapshot::default(),
        at(9, 1),
        at(9, 4),
        at(9, 4),
    ] {
        ledger.apply(&snapshot);
    }
    let probed = ledger.probed();
    let mut expected = latency(11);
    expected.counts[25] = 2;
    assert!(probed.latencies().eq([(Kind::Unicast, expected)]));
    let sizes = SizeHistogram {
        kind: Kind::Unicast,
        bounds: vec![16, 64],
        counts: vec![11, 0, 4],
        sum: 110,
    };
    assert!(probed.sizes().eq([sizes]));
    assert!(probed.errors().eq([("group_join", "EEXIST", 11)]));
    assert_eq!(probed.unreported(), Some(11));
    assert!(probed.exceptions().eq([("slow", 5)]));
    // One more each time for the bucket without a bound.
    assert!(probed.reads().eq([("logd", 13)]));
}

#[test]
fn what_was_never_measured_is_absent() {
    let mut ledger = Ledger::new(Limits::default());
    let mut snapshot = at(1, 5);
    snapshot.probes = None;
    ledger.apply(&snapshot);
    assert_eq!(ledger.probed().unreported(), None);
    assert_eq!(ledger.probed().reads().count(), 0);
    let mut snapshot = at(1, 5);
    snapshot.peers[0].queue_latency = None;
    ledger.apply(&snapshot);
    assert_eq!(ledger.probed().unreported(), Some(5));
    assert_eq!(ledger.probed().reads().count(), 0);
}

#[test]
fn readers_share_the_labels_that_peers_share() {
    let mut ledger = Ledger::new(Limits {
        peers: 0,
        ..Limits::default()
    });
    ledger.apply(&at(1, 5));
    assert!(ledger.probed().reads().eq([(OTHER, 6)]));
    assert_eq!(ledger.folded_peers(), 1, "and not a second time");
}

#[test]
fn what_a_peer_read_until_its_end_is_counted_for_it() {
    let mut ledger = Ledger::new(Limits::default());
    ledger.apply(&at(1, 5));
    // Peer 1 read 3 more and ended. Peer 9 was never on this bus, as far as anybody knows.
    let mut snapshot = at(1, 5);
    snapshot.peers.clear();
    snapshot.reads_elsewhere = [(1, 9), (9, 100)].into();
    for _ in 0..2 {
        ledger.apply(&snapshot);
        assert!(ledger.probed().reads().eq([("logd", 9)]));
    }
    // The probes have forgotten it.
    snapshot.reads_elsewhere = [(9, 200)].into();
    ledger.apply(&snapshot);
    snapshot.reads_elsewhere = [(1, 50)].into();
    ledger.apply(&snapshot);
    assert!(ledger.probed().reads().eq([("logd", 9)]));
}

#[test]
fn pairs_of_commands_and_errors_are_bounded_and_none_is_lost() {
    let mut ledger = Ledger::new(Limits::default());
    let mut snapshot = at(1, 5);
    for round in 1..=2 {
        let rows = (0..1000).map(|number| errors(&format!("command_{number:04}"), round));
        snapshot.probes.as_mut().unwrap().request_errors = rows.collect();
        ledger.apply(&snapshot);
        let told: Vec<_> = ledger.probed().errors().collect();
        assert_eq!(told.len(), MOST_ERRORS + 1);
        let sum: u64 = told.iter().map(|(_, _, requests)| requests).sum();
        assert_eq!(sum, 1000 * round);
    }
}
