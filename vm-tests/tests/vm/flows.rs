// SPDX-License-Identifier: MIT OR Apache-2.0

//! Who sends to whom, which requests fail, and single exceptions, by the probes.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use ipcon_observe::model::{ExceptionKind, FlowKey, FlowKind, RequestErrors};
use ipcon_observe::probes::{FlowEnds, FlowProbe, Limits, Probes, Settings, Volume};
use ipcon_observe::{Collector, Options};
use ipcon_vm_tests::{Case, cases, clock, settings};
use libipcon::{Peer, Replay};

use crate::probes::{assert_identities, assert_sound};
use crate::support::{drain, next};
use crate::uapi::cmd;

pub(crate) fn all() -> Vec<Case> {
    cases![
        flows_are_told_apart_by_both_ends,
        flows_without_room_are_counted_together => needs(settings::quick_kernel),
        errors_are_counted_by_command_and_errno,
        a_collector_tells_flows_errors_and_exceptions_by_name => needs(settings::quick_kernel),
        a_full_ring_counts_what_it_cannot_tell => needs(settings::quick_kernel),
        a_message_that_waited_long_is_an_exception => needs(settings::quick_kernel),
    ]
}

fn flow(messages: u64, bytes: u64, refused: u64) -> FlowProbe {
    FlowProbe {
        delivered: Volume { messages, bytes },
        refused,
    }
}

fn flows_are_told_apart_by_both_ends() {
    let mut probes = Probes::attach().unwrap();
    let [a, b, c] = [(); 3].map(|()| Peer::connect().unwrap());
    for _ in 0..7 {
        a.send(c.port(), b"four").unwrap();
    }
    for _ in 0..3 {
        b.send(c.port(), b"twelve bytes").unwrap();
    }
    c.send(a.port(), b"!").unwrap();
    // A group message is no flow from peer to peer.
    a.register_group("group").unwrap();
    c.join_group("group", Replay::None).unwrap();
    a.multicast("group", b"to all").unwrap();
    let gone = Peer::connect().unwrap();
    let (port, id) = (gone.port(), gone.id());
    a.send(port, b"in time").unwrap();
    drop(gone);
    a.send(port, b"too late").unwrap_err();
    let reading = probes.read().unwrap();
    assert_sound(&reading);
    let ends = |from: &Peer, to| FlowEnds {
        from: from.id(),
        to,
    };
    let expected = BTreeMap::from([
        (FlowEnds::OTHERS, flow(0, 0, 0)),
        (ends(&a, c.id()), flow(7, 28, 0)),
        (ends(&b, c.id()), flow(3, 36, 0)),
        (ends(&c, a.id()), flow(1, 1, 0)),
        (ends(&a, id), flow(1, 7, 0)),
        (ends(&a, 0), flow(0, 0, 1)),
    ]);
    assert_eq!(reading.flows, expected);
}

fn flows_without_room_are_counted_together() {
    let limits = Limits {
        flows: 3,
        ..Limits::default()
    };
    let mut probes = Probes::attach_with(Settings {
        limits,
        ..Settings::default()
    })
    .unwrap();
    let peers = [(); 6].map(|()| Peer::connect().unwrap());
    for (number, peer) in (1..).zip(&peers) {
        for _ in 0..number {
            peer.send(peers[0].port(), b"four").unwrap();
        }
    }
    let reading = probes.read().unwrap();
    assert_sound(&reading);
    let ends = |peer: &Peer| FlowEnds {
        from: peer.id(),
        to: peers[0].id(),
    };
    let expected = BTreeMap::from([
        (FlowEnds::OTHERS, flow(3 + 4 + 5 + 6, 72, 0)),
        (ends(&peers[0]), flow(1, 4, 0)),
        (ends(&peers[1]), flow(2, 8, 0)),
    ]);
    assert_eq!(reading.flows, expected);
    assert_eq!(
        (reading.flows_fill.entries, reading.flows_fill.limit),
        (3, 3)
    );
}

/// Requests that fail, and how often each does.
fn fail(peer: &Peer) -> [(u8, i32, u64); 4] {
    peer.register_service("name").unwrap();
    for _ in 0..2 {
        peer.register_service("name").unwrap_err();
    }
    for _ in 0..3 {
        peer.join_group("nobody's", Replay::None).unwrap_err();
    }
    peer.unregister_group("nobody's").unwrap_err();
    let gone = Peer::connect().unwrap().port();
    for _ in 0..5 {
        peer.send(gone, b"nobody").unwrap_err();
    }
    [
        (cmd::SERVICE_REGISTER, libc::EEXIST, 2),
        (cmd::GROUP_JOIN, libc::ENOENT, 3),
        (cmd::GROUP_UNREGISTER, libc::ENOENT, 1),
        (cmd::SEND_UNICAST, libc::ECONNREFUSED, 5),
    ]
}

fn errors_are_counted_by_command_and_errno() {
    let mut probes = Probes::attach().unwrap();
    let peer = Peer::connect().unwrap();
    let failed = fail(&peer);
    let reading = probes.read().unwrap();
    assert_sound(&reading);
    let rows =
        failed.map(|(command, errno, times)| ((u32::from(command), errno.unsigned_abs()), times));
    let mut expected = BTreeMap::from(rows);
    expected.insert((0, 0), 0);
    assert_eq!(reading.request_errors, expected);
}

fn a_collector_tells_flows_errors_and_exceptions_by_name() {
    let mut collector = Collector::open(Options::default()).unwrap();
    let begun = clock::now();
    let (peer, other) = (Peer::connect().unwrap(), Peer::connect().unwrap());
    fail(&peer);
    peer.send(other.port(), b"four").unwrap();
    // A member that does not read loses copies, and a sender of its own is refused.
    peer.register_group("group").unwrap();
    other.join_group("group", Replay::None).unwrap();
    while peer.send(other.port(), &[0; 60_000]).is_ok() {}
    peer.multicast("group", b"lost").unwrap();
    let snapshot = collector.collect().unwrap();

    let key = FlowKey {
        kind: FlowKind::Unicast,
        from_id: peer.id(),
        to_id: other.id(),
    };
    let flow = snapshot.flow(key).expect("a row");
    assert_eq!(flow.from_name.as_ref().unwrap().as_str(), "name");
    assert_eq!((&flow.to_name, flow.counters.lost_messages), (&None, 1));
    let unicast = snapshot
        .flows
        .iter()
        .filter(|it| it.kind == FlowKind::Unicast);
    let sum: u64 = unicast.map(|it| it.counters.messages).sum();
    let bus = snapshot.bus.as_ref().unwrap().counters;
    assert_eq!(sum, bus.delivered_unicast_messages);

    let probes = snapshot.probes.as_ref().unwrap();
    let row = |command: &str, errno: &str, requests| RequestErrors {
        command: command.to_owned(),
        errno: errno.to_owned(),
        requests,
    };
    let expected = [
        row("group_join", "ENOENT", 3),
        row("group_unregister", "ENOENT", 1),
        row("send_unicast", "EAGAIN", 1),
        row("send_unicast", "ECONNREFUSED", 5),
        row("service_register", "EEXIST", 2),
    ];
    assert_eq!(probes.request_errors, expected);

    let now = clock::now();
    let mut keys = BTreeMap::new();
    for exception in &snapshot.exceptions {
        assert!((begun..=now).contains(&exception.time), "{exception:?}");
        *keys.entry(exception.what.key()).or_insert(0) += 1;
    }
    assert_eq!(
        keys,
        BTreeMap::from([("failed", 12), ("refused", 6), ("dropped", 1)])
    );
    assert!(snapshot.exceptions.is_sorted_by_key(|it| it.time));
    let last = &snapshot.exceptions.last().unwrap().what;
    let ExceptionKind::Dropped {
        to_id,
        bytes,
        reason,
        ..
    } = last
    else {
        panic!("{last:?}");
    };
    assert_eq!(
        (*to_id, *bytes, reason.as_str()),
        (other.id(), 4, "queue_full")
    );
    assert_eq!(probes.unreported_exceptions, 0);
    assert_eq!(
        collector.collect().unwrap().exceptions,
        [],
        "each is told once"
    );
}

fn a_full_ring_counts_what_it_cannot_tell() {
    let limits = Limits {
        exceptions: 4096,
        ..Limits::default()
    };
    let mut probes = Probes::attach_with(Settings {
        limits,
        ..Settings::default()
    })
    .unwrap();
    let peer = Peer::connect().unwrap();
    let gone = Peer::connect().unwrap().port();
    for round in 1..=3 {
        // Each is an exception twice: of the message, and of the request.
        for _ in 0..100 {
            peer.send(gone, b"nobody").unwrap_err();
        }
        let reading = probes.read().unwrap();
        assert_sound(&reading);
        let told = probes.take_exceptions().len() as u64;
        assert!((32..=64).contains(&told), "{told}");
        assert_eq!(
            reading.reported + reading.unreported_exceptions(),
            round * 200
        );
        // Nothing is missing where they are counted.
        assert_eq!(reading.drops.unicast.messages.no_peer, round * 100);
        assert_eq!(reading.request_errors.values().sum::<u64>(), round * 100);
    }
}

fn a_message_that_waited_long_is_an_exception() {
    let mut probes = Probes::attach_with(Settings {
        slow: Duration::from_millis(200),
        ..Settings::default()
    })
    .unwrap();
    let (sender, receiver) = (Peer::connect().unwrap(), Peer::connect().unwrap());
    sender.send(receiver.port(), b"slow").unwrap();
    thread::sleep(Duration::from_millis(250));
    next(&receiver);
    sender.send(receiver.port(), b"fast").unwrap();
    assert_eq!(drain(&receiver).len(), 1);
    assert_identities(&probes.read().unwrap());
    let [slow] = probes.take_exceptions()[..] else {
        panic!("one exception");
    };
    assert_eq!((slow.to, slow.from, slow.detail), (receiver.id(), 0, 0));
    assert!(slow.value >= 250_000_000, "{slow:?}");
}
