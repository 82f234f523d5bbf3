// SPDX-License-Identifier: MIT OR Apache-2.0
//! The bus and its objects, and the answers to a new peer.

use std::time::Duration;

use neli::consts::genl::{CtrlAttr, CtrlCmd};

use super::{FAMILY, attributes_of, counters_sample, datagram, long, number, peer_sample, port};
use crate::wire::uapi::{attr, cmd};
use crate::wire::{Malformed, bus, family_number, group, member, peer, service, welcome};

#[test]
fn a_peer_is_read() {
    let bytes = datagram(cmd::PEER_GET, &peer_sample());
    let peer = peer(attributes_of(&bytes)).unwrap();
    assert_eq!(
        (peer.port, peer.id, peer.pid, peer.uid),
        (port(7), 8, 9, 10)
    );
    assert_eq!(peer.comm, "a\u{fffd}b");
    assert_eq!(peer.created_at, Duration::new(1, 7));
    assert_eq!(
        (peer.queue_bytes, peer.queue_limit, peer.lost),
        (12, 13, 14)
    );
    let counters = peer.counters;
    assert_eq!(counters.sent_unicast_messages, 1);
    assert_eq!(counters.sent_multicast_bytes, 4);
    assert_eq!(counters.delivered_multicast_messages, 7);
    assert_eq!(counters.refused_no_peer, 10);
    assert_eq!(counters.dropped_no_memory, 13);
    assert_eq!(counters.refused_no_peer_bytes, 15);
    assert_eq!(counters.dropped_no_memory_bytes, 18);
}

#[test]
fn a_missing_or_short_attribute_is_named() {
    for (index, name) in [
        (0, "port"),
        (4, "comm"),
        (6, "queue-bytes"),
        (10, "counters"),
    ] {
        let mut attributes = peer_sample();
        attributes.remove(index);
        let bytes = datagram(cmd::PEER_GET, &attributes);
        assert_eq!(peer(attributes_of(&bytes)), Err(Malformed::Missing(name)));
    }
    let mut attributes = peer_sample();
    attributes[1].1.pop();
    let bytes = datagram(cmd::PEER_GET, &attributes);
    assert_eq!(peer(attributes_of(&bytes)), Err(Malformed::Value("id")));
}

#[test]
fn the_welcome_of_a_peer_and_the_number_of_the_family_are_read() {
    use attr::peer as set;
    let mut attributes = vec![
        (set::PORT, number(7)),
        (set::ID, long(8)),
        (set::MAX_MSG_LEN, number(9)),
    ];
    let bytes = datagram(cmd::PEER_NEW, &attributes);
    let read = welcome(attributes_of(&bytes)).unwrap();
    assert_eq!((read.port, read.id, read.max_message_len), (port(7), 8, 9));
    attributes[0].1 = number(0);
    let bytes = datagram(cmd::PEER_NEW, &attributes);
    assert_eq!(
        welcome(attributes_of(&bytes)),
        Err(Malformed::Value("port"))
    );

    let family = [(CtrlAttr::FamilyId.into(), FAMILY.to_ne_bytes().to_vec())];
    let bytes = datagram(CtrlCmd::Newfamily.into(), &family);
    assert_eq!(family_number(attributes_of(&bytes)), Ok(FAMILY));
    let bytes = datagram(CtrlCmd::Newfamily.into(), &[]);
    assert_eq!(
        family_number(attributes_of(&bytes)),
        Err(Malformed::Missing("family-id"))
    );
}

#[test]
fn the_kevent_group_has_no_owner_and_may_have_no_last_message() {
    use attr::group as set;
    let mut attributes = vec![
        (set::NAME, b"ipcon_kevent\0".to_vec()),
        (set::ID, long(1)),
        (set::OWNER_PORT, number(0)),
        (set::OWNER_ID, long(0)),
        (set::CREATED_AT, long(5)),
        (set::MEMBERS, number(2)),
    ];
    attributes.extend((set::SENT_MESSAGES..=set::UNHEARD_MESSAGES).map(|at| (at, long(at.into()))));
    attributes.extend([
        (set::DROPPED_QUEUE_FULL_BYTES, long(30)),
        (set::DROPPED_NO_MEMORY_BYTES, long(31)),
    ]);
    let bytes = datagram(cmd::GROUP_GET, &attributes);
    let kevents = group(attributes_of(&bytes)).unwrap();
    assert_eq!(
        (kevents.owner_port, kevents.owner_id, kevents.last_len),
        (None, 0, None)
    );
    assert_eq!((kevents.sent_messages, kevents.unheard_messages), (8, 16));
    assert_eq!(
        (
            kevents.dropped_queue_full_bytes,
            kevents.dropped_no_memory_bytes
        ),
        (30, 31)
    );

    attributes.extend([(set::LAST_LEN, number(3)), (set::OWNER_PORT, number(4))]);
    let bytes = datagram(cmd::GROUP_GET, &attributes);
    let group = group(attributes_of(&bytes)).unwrap();
    assert_eq!((group.owner_port, group.last_len), (Some(port(4)), Some(3)));
}

#[test]
fn services_members_and_the_bus_are_read() {
    let bytes = datagram(
        cmd::SERVICE_GET,
        &[
            (attr::service::NAME, b"clock\0".to_vec()),
            (attr::service::ID, long(2)),
            (attr::service::PORT, number(3)),
            (attr::service::PEER_ID, long(4)),
            (attr::service::CREATED_AT, long(5)),
        ],
    );
    let service = service(attributes_of(&bytes)).unwrap();
    assert_eq!((service.id, service.port, service.peer_id), (2, port(3), 4));
    assert_eq!(service.name, "clock");

    let mut attributes = vec![
        (attr::member::GROUP_ID, long(1)),
        (attr::member::GROUP_NAME, b"news\0".to_vec()),
        (attr::member::PEER_ID, long(2)),
        (attr::member::PORT, number(3)),
        (attr::member::JOINED_AT, long(4)),
    ];
    let counts = attr::member::DELIVERED_MESSAGES..=attr::member::DROPPED_NO_MEMORY_BYTES;
    attributes.extend(counts.map(|at| (at, long(at.into()))));
    let bytes = datagram(cmd::MEMBER_GET, &attributes);
    let member = member(attributes_of(&bytes)).unwrap();
    assert_eq!(
        (member.group_id, member.peer_id, member.port),
        (1, 2, port(3))
    );
    assert_eq!(member.group_name, "news");
    assert_eq!((member.delivered_messages, member.replayed_bytes), (7, 10));
    assert_eq!(
        (member.dropped_queue_full, member.dropped_no_memory_bytes),
        (11, 14)
    );

    let mut attributes = vec![
        (attr::bus::GENERATION, long(1)),
        (attr::bus::KEVENT_SEQUENCE, long(7)),
    ];
    attributes
        .extend((attr::bus::MAX_MSG_LEN..=attr::bus::MEMBERSHIPS).map(|n| (n, number(n.into()))));
    attributes.push((attr::bus::COUNTERS, counters_sample().1));
    let bytes = datagram(cmd::BUS_GET, &attributes);
    let bus = bus(attributes_of(&bytes)).unwrap();
    assert_eq!(
        (bus.generation, bus.max_msg_len, bus.peers, bus.services),
        (1, 2, 3, 4)
    );
    assert_eq!(
        (bus.groups, bus.memberships, bus.kevent_sequence),
        (5, 6, 7)
    );
    assert_eq!(bus.counters.sent_unicast_bytes, 2);
}
