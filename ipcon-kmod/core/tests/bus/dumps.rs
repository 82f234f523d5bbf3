// SPDX-License-Identifier: GPL-2.0

//! What an observer can list, and how it notices that the list changed on the way.

use ipcon_core::bus::Error;

use crate::driver::walk;
use crate::fixture::{Fixture, KEVENTS, group, identity};
use crate::world::Socket;

#[test]
fn lists_are_in_order_of_creation() {
    let bus = Fixture::new();
    let clients = [bus.peer(30), bus.peer(10), bus.peer(20)];
    for client in &clients {
        client.register(&format!("s{}", client.port())).unwrap();
        client.open_group(&format!("g{}", client.port())).unwrap();
    }
    let peers = walk(|id| bus.peer_from(id), |peer| peer.id + 1);
    assert!(peers.iter().map(|peer| peer.port).eq([30, 10, 20]));
    let services = walk(|id| bus.service_from(id), |service| service.id + 1);
    assert!(
        services
            .iter()
            .map(|service| service.peer.port)
            .eq([30, 10, 20])
    );
    let groups = walk(|id| bus.group_from(id), |view| view.group.id + 1);
    assert!(
        groups
            .iter()
            .map(|view| view.group.owner_port)
            .eq([0, 30, 10, 20])
    );
    assert!(bus.peer_from(peers[2].id + 1).is_none());
    assert!(bus.peer_from(u64::MAX).is_none());
    assert!(bus.member_from(u64::MAX, u64::MAX).is_none());
}

#[test]
fn members_are_listed_by_group_and_peer() {
    let bus = Fixture::new();
    let (a, b, c) = (bus.peer(1), bus.peer(2), bus.peer(3));
    for name in ["empty", "both", "none", "one"] {
        a.open_group(name).unwrap();
    }
    c.join("both", false).unwrap();
    b.join("both", false).unwrap();
    b.join("one", false).unwrap();
    b.join(KEVENTS, false).unwrap();
    let mut from = (0, 0);
    let listed = std::iter::from_fn(|| {
        let view = bus.member_from(from.0, from.1)?;
        from = (view.group.id, view.peer.id + 1);
        let name = String::from_utf8(view.group.name.as_bytes().to_vec()).unwrap();
        Some((name, view.peer.port))
    });
    let listed: Vec<_> = listed.collect();
    let expected = [(KEVENTS, 2), ("both", 2), ("both", 3), ("one", 2)];
    assert_eq!(listed, expected.map(|(name, port)| (name.to_owned(), port)));
}

#[test]
fn a_list_of_members_goes_on_when_a_group_ends() {
    let bus = Fixture::new();
    let (a, b) = (bus.peer(1), bus.peer(2));
    a.open_group("first").unwrap();
    a.open_group("second").unwrap();
    for client in [&a, &b] {
        client.join("first", false).unwrap();
        client.join("second", false).unwrap();
    }
    let view = bus.member_from(0, 0).unwrap();
    let from = (view.group.id, view.peer.id + 1);
    a.close_group("first").unwrap();
    let next = bus.member_from(from.0, from.1).unwrap();
    assert_eq!(next.group.name, group("second"));
    assert_eq!(
        next.peer.id, a.peer.id,
        "not the position in the group that is gone"
    );
}

#[test]
fn the_generation_changes_with_each_object_and_nothing_else() {
    let bus = Fixture::new();
    assert_ne!(bus.census().generation, 0);
    let mut last = bus.census().generation;
    let mut changed = || {
        let now = bus.census().generation;
        std::mem::replace(&mut last, now) != now
    };
    let (a, b) = (bus.peer(1), bus.peer(2));
    assert!(changed());
    a.register("clock").unwrap();
    assert!(changed());
    a.unregister("clock").unwrap();
    assert!(changed());
    a.open_group("news").unwrap();
    assert!(changed());
    b.join("news", false).unwrap();
    assert!(changed());
    b.leave("news").unwrap();
    assert!(changed());
    b.join("news", false).unwrap();
    assert!(changed());
    a.publish("news", b"x").unwrap();
    a.send(2, b"x").unwrap();
    b.register("news").unwrap();
    assert!(changed());
    b.register("news").unwrap_err();
    assert!(!changed());
    a.close_group("news").unwrap();
    assert!(changed());
    a.die();
    assert!(changed());
    bus.socket_closed(1);
    assert!(!changed());
}

#[test]
fn a_peer_tells_of_its_process_and_its_queue() {
    let bus = Fixture::new();
    let a = bus.peer(1);
    let b = bus.peer_with_room(2, 3);
    a.send(2, b"x").unwrap();
    let seen = bus.peer_at(2).unwrap();
    assert_eq!(seen.id, b.peer.id);
    assert_eq!(seen.identity, identity(2));
    assert_eq!((seen.queue_fill().bytes, seen.queue_fill().limit), (1, 3));
    assert!(seen.created_at > a.peer.created_at);
    assert_eq!(bus.peer_at(7).err(), Some(Error::NoSuchPeer));
}

#[test]
fn each_object_tells_when_it_was_made() {
    let bus = Fixture::new();
    let a = bus.peer(1);
    a.register("clock").unwrap();
    a.open_group("news").unwrap();
    a.join("news", false).unwrap();
    let times = [
        a.peer.created_at,
        bus.service_from(0).unwrap().created_at,
        bus.group_view(group("news")).unwrap().group.created_at,
        bus.member_from(0, 0).unwrap().joined_at,
    ];
    assert!(times.is_sorted() && times[0] > 0, "{times:?}");
}

#[test]
fn a_peer_that_waits_for_its_control_socket_is_listed() {
    let bus = Fixture::new();
    bus.add_peer(1, Socket::new(1), identity(1), Some(2))
        .unwrap();
    assert_eq!(bus.census().peers, 1);
    assert_eq!(bus.peer_from(0).unwrap().port, 1);
}
