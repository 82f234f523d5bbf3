// SPDX-License-Identifier: MIT OR Apache-2.0

//! The tracepoints, counted by the kernel's own histograms and compared with the module's counters.

use std::collections::BTreeMap;
use std::fs;

use ipcon_vm_tests::tracing::{self, Histogram};
use ipcon_vm_tests::{Case, cases};
use libipcon::{Inspector, KEVENT_GROUP, Peer, Replay};

use crate::support::{drain, observer};
use crate::uapi::{cmd, drop_reason};

pub(crate) fn all() -> Vec<Case> {
    cases![
        every_event_has_its_scalar_fields,
        every_event_fires_exactly_once => needs(histograms),
    ]
}

/// Not each kernel keeps histograms of events.
fn histograms() -> Result<(), String> {
    if tracing::has_histograms() {
        Ok(())
    } else {
        Err("the kernel has no histograms (CONFIG_HIST_TRIGGERS)".to_owned())
    }
}

fn every_event_has_its_scalar_fields() {
    for (event, fields) in [
        (
            "ipcon_send",
            vec!["u64 peer", "u64 group", "u32 port", "u32 len"],
        ),
        (
            "ipcon_deliver",
            vec![
                "u64 from",
                "u64 to",
                "u64 group",
                "u32 len",
                "u32 replay",
                "u64 message",
            ],
        ),
        ("ipcon_unread", vec!["u64 message", "u64 peer"]),
        ("ipcon_error", vec!["u64 peer", "u32 command", "u32 error"]),
        (
            "ipcon_drop",
            vec!["u64 from", "u64 to", "u64 group", "u32 len", "u32 reason"],
        ),
        (
            "ipcon_peer",
            vec!["u64 id", "u32 port", "u32 pid", "u32 uid", "u32 added"],
        ),
        ("ipcon_service", vec!["u64 id", "u64 peer", "u32 added"]),
        ("ipcon_group", vec!["u64 id", "u64 owner", "u32 added"]),
        ("ipcon_member", vec!["u64 group", "u64 peer", "u32 added"]),
    ] {
        let format = fs::read_to_string(tracing::events().join(event).join("format")).unwrap();
        let declared = format
            .lines()
            .filter_map(|line| line.trim().strip_prefix("field:"));
        let own: Vec<&str> = declared
            .filter_map(|line| line.split(';').next())
            .filter(|field| !field.contains("common_"))
            .collect();
        assert_eq!(own, fields, "{event}");
    }
}

fn every_event_fires_exactly_once() {
    let sends = Histogram::start("ipcon_send", "peer,group");
    let deliveries = Histogram::start("ipcon_deliver", "to,group,replay");
    let drops = Histogram::start("ipcon_drop", "to,group,reason");
    let errors = Histogram::start("ipcon_error", "peer,command,error");
    let unread = Histogram::start("ipcon_unread", "peer");
    let arrivals = ["ipcon_peer", "ipcon_service", "ipcon_group", "ipcon_member"]
        .map(|event| Histogram::start(event, "added"));

    let inspector = Inspector::open().unwrap();
    let kevents = inspector.group(KEVENT_GROUP).unwrap().id;
    let ears = observer();
    let (owner, member) = (Peer::connect().unwrap(), Peer::connect().unwrap());
    let gone = {
        let visitor = Peer::connect().unwrap();
        visitor.register_service("visitor").unwrap();
        visitor.port()
    };
    owner.register_group("group").unwrap();
    owner.multicast("group", b"unheard").unwrap();
    member.join_group("group", Replay::Last).unwrap();
    for _ in 0..500 {
        owner.multicast("group", &[0; 600]).unwrap();
    }
    owner.send(member.port(), b"no room").unwrap_err();
    drain(&member);
    for _ in 0..3 {
        owner.send(member.port(), b"room").unwrap();
        owner.send(gone, b"nobody").unwrap_err();
    }
    let group = inspector.group("group").unwrap();
    let dropped = group.dropped_queue_full;
    assert!(dropped > 0);
    // The group ends, and with it the membership.
    owner.unregister_group("group").unwrap();

    let (o, m, e, g) = (owner.id(), member.id(), ears.id(), group.id);
    assert_eq!(
        sends.hits(),
        hits(&[
            (format!("peer: {o}, group: {g}"), 501),
            (format!("peer: {o}, group: 0"), 7),
            (format!("peer: 0, group: {kevents}"), 5),
        ])
    );
    assert_eq!(
        deliveries.hits(),
        hits(&[
            (format!("to: {m}, group: {g}, replay: 1"), 1),
            (format!("to: {m}, group: {g}, replay: 0"), 500 - dropped),
            (format!("to: {m}, group: 0, replay: 0"), 3),
            (format!("to: {e}, group: {kevents}, replay: 0"), 5),
        ])
    );
    let (full, nobody) = (drop_reason::QUEUE_FULL, drop_reason::NO_PEER);
    assert_eq!(
        drops.hits(),
        hits(&[
            (format!("to: {m}, group: {g}, reason: {full}"), dropped),
            (format!("to: {m}, group: 0, reason: {full}"), 1),
            (format!("to: 0, group: 0, reason: {nobody}"), 3),
        ])
    );
    let unicast = cmd::SEND_UNICAST;
    let (again, refused) = (libc::EAGAIN, libc::ECONNREFUSED);
    assert_eq!(
        errors.hits(),
        hits(&[
            (format!("peer: {o}, command: {unicast}, error: {again}"), 1),
            (
                format!("peer: {o}, command: {unicast}, error: {refused}"),
                3
            ),
        ])
    );
    // Nobody has read the three messages that found room again, nor the kevents.
    drop((ears, owner, member));
    assert_eq!(
        unread.hits(),
        hits(&[(format!("peer: {m}"), 3), (format!("peer: {e}"), 5)])
    );
    let [peers, services, groups, members] = arrivals.map(|histogram| histogram.hits());
    let both = |count| {
        hits(&[
            ("added: 0".to_owned(), count),
            ("added: 1".to_owned(), count),
        ])
    };
    assert_eq!(
        (peers, services, groups, members),
        (both(4), both(1), both(1), both(2))
    );
}

fn hits(rows: &[(String, u64)]) -> BTreeMap<String, u64> {
    rows.iter().cloned().collect()
}
