// SPDX-License-Identifier: MIT OR Apache-2.0

//! The laws that the counters of a quiet bus obey.

use crate::agree;
use libipcon::{BusInfo, Counters, GroupInfo, Inspector, MemberInfo, PeerInfo};

/// Every unicast request was delivered or refused, with each of its bytes. Holds for the totals of a quiet bus.
pub fn assert_balanced(totals: &Counters) {
    assert_eq!(
        totals.sent_unicast_messages,
        totals.delivered_unicast_messages
            + totals.refused_queue_full
            + totals.refused_no_peer
            + totals.refused_no_memory,
        "sent unicast messages = delivered + refused, in {totals:?}"
    );
    assert_eq!(
        totals.sent_unicast_bytes,
        totals.delivered_unicast_bytes
            + totals.refused_queue_full_bytes
            + totals.refused_no_peer_bytes
            + totals.refused_no_memory_bytes,
        "sent unicast bytes = delivered + refused, in {totals:?}"
    );
}

/// Adds `counters` to `sum`.
pub fn add(sum: &mut Counters, counters: &Counters) {
    sum.sent_unicast_messages += counters.sent_unicast_messages;
    sum.sent_unicast_bytes += counters.sent_unicast_bytes;
    sum.sent_multicast_messages += counters.sent_multicast_messages;
    sum.sent_multicast_bytes += counters.sent_multicast_bytes;
    sum.delivered_unicast_messages += counters.delivered_unicast_messages;
    sum.delivered_unicast_bytes += counters.delivered_unicast_bytes;
    sum.delivered_multicast_messages += counters.delivered_multicast_messages;
    sum.delivered_multicast_bytes += counters.delivered_multicast_bytes;
    sum.refused_queue_full += counters.refused_queue_full;
    sum.refused_no_peer += counters.refused_no_peer;
    sum.refused_no_memory += counters.refused_no_memory;
    sum.dropped_queue_full += counters.dropped_queue_full;
    sum.dropped_no_memory += counters.dropped_no_memory;
    sum.refused_queue_full_bytes += counters.refused_queue_full_bytes;
    sum.refused_no_peer_bytes += counters.refused_no_peer_bytes;
    sum.refused_no_memory_bytes += counters.refused_no_memory_bytes;
    sum.dropped_queue_full_bytes += counters.dropped_queue_full_bytes;
    sum.dropped_no_memory_bytes += counters.dropped_no_memory_bytes;
}

/// Without the bytes of what was refused or dropped, for who counts those by messages alone.
#[must_use]
pub fn without_undelivered_bytes(counters: &Counters) -> Counters {
    Counters {
        refused_queue_full_bytes: 0,
        refused_no_peer_bytes: 0,
        refused_no_memory_bytes: 0,
        dropped_queue_full_bytes: 0,
        dropped_no_memory_bytes: 0,
        ..*counters
    }
}

/// The sum over these peers.
pub fn sum<'a>(peers: impl IntoIterator<Item = &'a PeerInfo>) -> Counters {
    let mut sum = Counters::default();
    for peer in peers {
        add(&mut sum, &peer.counters);
    }
    sum
}

/// Checks that the totals are the sums over the peers that are there and `departed`, and that groups and members agree
/// with them. The bus must be quiet. Gives what it found.
pub fn assert_books(inspector: &Inspector, departed: &Counters) -> (BusInfo, Vec<PeerInfo>) {
    let (bus, peers) = assert_balanced_books(inspector);
    let mut all = sum(&peers);
    add(&mut all, departed);
    assert_eq!(
        bus.counters, all,
        "totals = sum over peers and the departed"
    );
    (bus, peers)
}

/// The same without the sums: for who does not know what the departed counted. Whoever observes the bus must have found
/// the same.
pub fn assert_balanced_books(inspector: &Inspector) -> (BusInfo, Vec<PeerInfo>) {
    let peers = inspector.peers().expect("dump peers");
    let groups = inspector.groups().expect("dump groups");
    let members = inspector.members().expect("dump members");
    let bus = inspector.bus().expect("ask about the bus");
    assert!(
        !(peers.interrupted || groups.interrupted || members.interrupted),
        "a quiet bus"
    );

    assert_balanced(&bus.counters);
    assert_eq!(bus.peers as usize, peers.items.len());
    // The kevent group is a row but not counted.
    assert_eq!(bus.groups as usize + 1, groups.items.len());
    assert_eq!(bus.memberships as usize, members.items.len());
    for group in &groups.items {
        let rows: Vec<_> = members
            .items
            .iter()
            .filter(|member| member.group_id == group.id)
            .collect();
        assert_eq!(
            group.members as usize,
            rows.len(),
            "members of {}",
            group.name
        );
        let (all, now) = (copies_of_group(group), copies_of_members(rows));
        let within = all.iter().zip(&now).all(|(all, now)| now <= all);
        assert!(
            within,
            "members have {now:?} of the {all:?} of {}",
            group.name
        );
    }
    agree::assert_observers_agree(&bus, &peers.items);
    (bus, peers.items)
}

/// What became of the copies of a group's messages: delivered, replayed, dropped for want of room and of memory, each
/// as messages and bytes.
pub fn copies_of_group(of: &GroupInfo) -> [u64; 8] {
    [
        of.delivered_messages,
        of.delivered_bytes,
        of.replayed_messages,
        of.replayed_bytes,
        of.dropped_queue_full,
        of.dropped_queue_full_bytes,
        of.dropped_no_memory,
        of.dropped_no_memory_bytes,
    ]
}

/// The same, as the sum over members. It equals that of the group when no member has left.
pub fn copies_of_members<'a>(members: impl IntoIterator<Item = &'a MemberInfo>) -> [u64; 8] {
    let mut sum = [0; 8];
    for of in members {
        let own = [
            of.delivered_messages,
            of.delivered_bytes,
            of.replayed_messages,
            of.replayed_bytes,
            of.dropped_queue_full,
            of.dropped_queue_full_bytes,
            of.dropped_no_memory,
            of.dropped_no_memory_bytes,
        ];
        for (sum, own) in sum.iter_mut().zip(own) {
            *sum += own;
        }
    }
    sum
}
