// SPDX-License-Identifier: MIT OR Apache-2.0

//! The eBPF probes against the module's own counters.

use std::time::{Duration, Instant};

use ipcon_observe::probes::{
    Capability, FlowEnds, Identity, Limits, PeerProbe, ProbeReading, Probes, Settings, Unavailable,
};
use ipcon_observe::{Collector, Options, reconcile};
use ipcon_vm_tests::counters;
use ipcon_vm_tests::process::{Process, Role, hear, say};
use ipcon_vm_tests::{Case, cases, settings};
use libipcon::{Counters, Inspector, Peer, Replay};

use crate::support::{drain, observer};

pub(crate) fn all() -> Vec<Case> {
    cases![
        what_the_probes_count_equals_the_dumps,
        sizes_fall_into_the_buckets_of_their_bounds => needs(settings::quick_kernel),
        what_a_full_map_cannot_count_is_counted_as_lost => needs(settings::quick_kernel),
        the_departed_stay_in_the_sums => needs(settings::quick_kernel),
        who_leaves_without_a_message_leaves_a_mark,
        a_collector_finds_no_difference,
        without_capabilities_the_reason_is_typed_and_the_dumps_are_served,
    ]
}

pub(crate) const ROLES: [Role; 1] = [(
    "observer without capabilities",
    observe_without_capabilities,
)];

fn what_the_probes_count_equals_the_dumps() {
    let mut probes = Probes::attach().unwrap();
    let ears = observer();
    let (owner, member) = exchange();
    let inspector = Inspector::open().unwrap();
    let reading = probes.read().unwrap();
    assert_sound(&reading);
    for row in inspector.peers().unwrap().items {
        assert_eq!(
            counters_of(&reading.peers[&row.id]),
            counters::without_undelivered_bytes(&row.counters),
            "peer {}",
            row.id
        );
    }
    for row in inspector.groups().unwrap().items {
        let seen = reading
            .groups
            .get(&row.id)
            .unwrap_or_else(|| panic!("no group {}", row.name));
        let found = (
            seen.sent.messages,
            seen.sent.bytes,
            seen.delivered.messages,
            seen.delivered.bytes,
        );
        let expected = (
            row.sent_messages,
            row.sent_bytes,
            row.delivered_messages,
            row.delivered_bytes,
        );
        assert_eq!(found, expected, "group {}", row.name);
        let found = (
            seen.replayed.messages,
            seen.replayed.bytes,
            seen.dropped.queue_full,
        );
        let expected = (
            row.replayed_messages,
            row.replayed_bytes,
            row.dropped_queue_full,
        );
        assert_eq!(found, expected, "group {}", row.name);
    }
    let totals = inspector.bus().unwrap().counters;
    assert_eq!(
        reading.drops.unicast.messages.queue_full,
        totals.refused_queue_full
    );
    assert_eq!(
        reading.drops.unicast.messages.no_peer,
        totals.refused_no_peer
    );
    assert_eq!(
        reading.drops.multicast.messages.queue_full,
        totals.dropped_queue_full
    );
    drop((ears, owner, member));
}

fn sizes_fall_into_the_buckets_of_their_bounds() {
    let mut probes = Probes::attach().unwrap();
    let (sender, receiver) = (Peer::connect().unwrap(), Peer::connect().unwrap());
    sender.register_group("sizes").unwrap();
    let mut expected = [0_u64; 14];
    let mut sum = 0;
    let bounds = (0..12).map(|shift| 16_usize << shift);
    let sizes = bounds
        .flat_map(|bound| [bound - 1, bound, bound + 1])
        .chain([1, 65_000]);
    for size in sizes {
        // 1 to 16 bytes are in the first bucket, 17 to 32 in the next.
        let bucket = (0..13).find(|shift| size <= 16 << shift).unwrap();
        expected[bucket] += 1;
        sum += size as u64;
        sender.send(receiver.port(), &vec![0; size]).unwrap();
        sender.multicast("sizes", &vec![0; size]).unwrap();
        drain(&receiver);
    }
    let reading = probes.read().unwrap();
    assert_sound(&reading);
    for histogram in [&reading.sizes.unicast, &reading.sizes.multicast] {
        assert_eq!(
            (histogram.buckets.as_slice(), histogram.sum),
            (expected.as_slice(), sum)
        );
    }
    // The group of the kernel is apart: the one kevent, of 40 bytes, that told of the group.
    assert_eq!(
        (reading.sizes.kevents.count(), reading.sizes.kevents.sum),
        (1, 40)
    );
}

fn what_a_full_map_cannot_count_is_counted_as_lost() {
    let limits = Limits {
        peers: 2,
        groups: 1,
        ..Limits::default()
    };
    let mut probes = Probes::attach_with(Settings {
        limits,
        ..Settings::default()
    })
    .unwrap();
    let peers: Vec<Peer> = (0..6).map(|_| Peer::connect().unwrap()).collect();
    for (number, peer) in peers.iter().enumerate() {
        let next = &peers[(number + 1) % peers.len()];
        for _ in 0..10 {
            peer.send(next.port(), b"round").unwrap();
        }
    }
    let reading = probes.read().unwrap();
    assert_identities(&reading);
    assert_eq!(reading.peers_fill.entries, 2);
    let totals = Inspector::open().unwrap().bus().unwrap().counters;
    assert_eq!(totals.sent_unicast_messages, 60);
    // The histogram needs no map entry, so it has all of them; the peers have those of two.
    assert_eq!(reading.sizes.unicast.count(), 60);
    let counted: u64 = reading
        .peers
        .values()
        .map(|peer| peer.sent_unicast.messages)
        .sum();
    let lost: u64 = reading
        .programs
        .values()
        .map(|tally| tally.lost_peers_full)
        .sum();
    assert!(counted < 60 && lost > 0, "{counted} counted, {lost} lost");
    assert!(reading.blind_spots().count() > 0);
}

fn the_departed_stay_in_the_sums() {
    let mut probes = Probes::attach().unwrap();
    drop(exchange());
    let totals = Inspector::open().unwrap().bus().unwrap().counters;
    // An ended peer is in the readings of some seconds as itself, and in the departed after that.
    let begun = Instant::now();
    let mut after_the_last = 0;
    for round in 0.. {
        let reading = probes.read().unwrap();
        assert_sound(&reading);
        let mut sum = reading.departed_peers;
        reading.peers.values().for_each(|peer| sum += *peer);
        assert_eq!(
            counters_of(&sum),
            counters::without_undelivered_bytes(&totals),
            "reading {round}"
        );
        assert!(round >= 2 || !reading.peers.is_empty(), "reading {round}");
        after_the_last += usize::from(reading.peers.is_empty());
        if after_the_last == 2 {
            // So do their flows and what became of their messages.
            assert!(reading.flows.into_keys().eq([FlowEnds::OTHERS]));
            let waiting = reading.waiting.unwrap();
            assert!(waiting.peers.is_empty() && waiting.departed.latency.count() > 0);
            assert_eq!(waiting.stamps.waiting, 0);
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{reading:?}");
    }
}

/// A message that is counted only after its receiver has gone would otherwise make an entry that nothing
/// ends.
fn who_leaves_without_a_message_leaves_a_mark() {
    let mut probes = Probes::attach().unwrap();
    let peer = Peer::connect().unwrap();
    peer.register_group("silent").unwrap();
    let inspector = Inspector::open().unwrap();
    let groups = inspector.groups().unwrap().items;
    let group = groups.iter().find(|group| group.name == "silent").unwrap();
    let reading = probes.read().unwrap();
    assert!(!reading.peers.contains_key(&peer.id()));
    assert!(!reading.groups.contains_key(&group.id));

    let id = peer.id();
    drop(peer);
    let reading = probes.read().unwrap();
    assert_sound(&reading);
    let mark = PeerProbe {
        ended: true,
        ..PeerProbe::default()
    };
    assert_eq!(reading.peers.get(&id), Some(&mark));
    assert!(reading.groups[&group.id].ended);
}

fn a_collector_finds_no_difference() {
    let mut collector = Collector::open(Options::default()).unwrap();
    let peers = exchange();
    let snapshot = collector.collect().unwrap();
    let reconciliation = reconcile(&snapshot).expect("probes are attached");
    assert!(reconciliation.compared > 40, "{reconciliation:?}");
    assert_eq!(reconciliation.differences, []);
    assert!(snapshot.consistent);
    assert_eq!(
        snapshot.peers.iter().filter(|peer| peer.observer).count(),
        1
    );
    drop(peers);
    let snapshot = collector.collect().unwrap();
    assert_eq!(
        reconcile(&snapshot)
            .expect("probes are attached")
            .differences,
        []
    );
    assert_eq!(snapshot.peers.len(), 1, "the observer itself");
}

fn observe_without_capabilities() {
    let expected = [Capability::Bpf, Capability::Perfmon];
    match Probes::attach() {
        Err(Unavailable::NotPermitted { missing }) => assert_eq!(missing, expected),
        other => panic!("{:?}", other.map(drop)),
    }
    let mut collector = Collector::open(Options::default()).unwrap();
    let snapshot = collector.collect().unwrap();
    assert!(snapshot.probes.is_none(), "what is not measured is absent");
    assert!(snapshot.kevents.is_some());
    let totals = snapshot.bus.as_ref().unwrap().counters;
    say(&format!(
        "{} {}",
        totals.sent_unicast_messages, totals.sent_multicast_messages
    ));
    hear();
}

fn without_capabilities_the_reason_is_typed_and_the_dumps_are_served() {
    let peers = exchange();
    let totals = Inspector::open().unwrap().bus().unwrap().counters;
    let mut nobody = Process::start_as(65_534, "observer without capabilities");
    nobody.expect(&format!(
        "{} {}",
        totals.sent_unicast_messages, totals.sent_multicast_messages
    ));
    nobody.end();
    drop(peers);
}

/// A bit of everything: unicast, multicast, replay, drops, refusals, kevents and a peer that goes.
fn exchange() -> (Peer, Peer) {
    let (owner, member) = (Peer::connect().unwrap(), Peer::connect().unwrap());
    owner.register_service("owner").unwrap();
    owner.register_group("group").unwrap();
    owner.multicast("group", &[0; 100]).unwrap();
    member.join_group("group", Replay::Last).unwrap();
    let gone = {
        let visitor = Peer::connect().unwrap();
        visitor.send(owner.port(), b"on my way").unwrap();
        visitor.register_group("visit").unwrap();
        visitor.multicast("visit", b"bye").unwrap();
        visitor.port()
    };
    owner.send(gone, b"too late").unwrap_err();
    for _ in 0..300 {
        owner.multicast("group", &[0; 1500]).unwrap();
    }
    owner.send(member.port(), b"no room").unwrap_err();
    drain(&member);
    for _ in 0..50 {
        member.send(owner.port(), &[0; 70]).unwrap();
    }
    (owner, member)
}

pub(crate) fn assert_sound(reading: &ProbeReading) {
    assert_identities(reading);
    let blind: Vec<_> = reading.blind_spots().collect();
    assert!(blind.is_empty(), "{blind:?}");
}

pub(crate) fn assert_identities(reading: &ProbeReading) {
    let broken: Vec<Identity> = reading
        .identities()
        .into_iter()
        .filter(|identity| !identity.holds())
        .collect();
    assert!(broken.is_empty(), "{broken:?}");
}

/// The probes' counts in the form of the module's.
fn counters_of(probe: &PeerProbe) -> Counters {
    Counters {
        sent_unicast_messages: probe.sent_unicast.messages,
        sent_unicast_bytes: probe.sent_unicast.bytes,
        sent_multicast_messages: probe.sent_multicast.messages,
        sent_multicast_bytes: probe.sent_multicast.bytes,
        delivered_unicast_messages: probe.delivered_unicast.messages,
        delivered_unicast_bytes: probe.delivered_unicast.bytes,
        delivered_multicast_messages: probe.delivered_multicast.messages,
        delivered_multicast_bytes: probe.delivered_multicast.bytes,
        refused_queue_full: probe.refused.queue_full,
        refused_no_peer: probe.refused.no_peer,
        refused_no_memory: probe.refused.no_memory,
        dropped_queue_full: probe.dropped.queue_full,
        dropped_no_memory: probe.dropped.no_memory,
        ..Counters::default()
    }
}
