// SPDX-License-Identifier: MIT OR Apache-2.0

//! The laws that the counters of a quiet bus obey.

use libipcon::{BusInfo, Counters, Inspector, PeerInfo};

/// Every unicast request was delivered or refused. Holds for the totals of a quiet bus.
pub fn assert_balanced(totals: &Counters) {
    assert_eq!(
        totals.sent_unicast_messages,
        totals.delivered_unicast_messages
            + totals.refused_queue_full
            + totals.refused_no_peer
            + totals.refused_no_memory,
        "sent unicast messages = delivered + refused, in {totals:?}"
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
    let peers = inspector.peers().expect("dump peers");
    let groups = inspector.groups().expect("dump groups");
    let members = inspector.members().expect("dump members");
    let bus = inspector.bus().expect("ask about the bus");
    assert!(
        !(peers.interrupted || groups.interrupted || members.interrupted),
        "a quiet bus"
    );

    assert_balanced(&bus.counters);
    let mut all = sum(&peers.items);
    add(&mut all, departed);
    assert_eq!(
        bus.counters, all,
        "totals = sum over peers and the departed"
    );
    assert_eq!(bus.peers as usize, peers.items.len());
    // The kevent group is a row but not counted.
    assert_eq!(bus.groups as usize + 1, groups.items.len());
    assert_eq!(bus.memberships as usize, members.items.len());
    for group in &groups.items {
        let rows = members
            .items
            .iter()
            .filter(|member| member.group_id == group.id)
            .count();
        assert_eq!(group.members as usize, rows, "members of {}", group.name);
    }
    (bus, peers.items)
}
