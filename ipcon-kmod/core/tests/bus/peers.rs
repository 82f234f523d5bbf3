// SPDX-License-Identifier: GPL-2.0

//! Peers: coming, the control socket, going, and ports that are used again.

use ipcon_core::bus::{Error, Event, Identity};

use crate::fixture::{Client, Fixture, group, identity, plain, service};
use crate::world::Socket;

/// A peer that waits for its control socket.
fn half_open(bus: &Fixture, port: u32, control: u32) -> Socket {
    let socket = Socket::new(16);
    bus.add_peer(port, socket.clone(), identity(port), Some(control))
        .unwrap();
    socket
}

#[test]
fn a_socket_is_one_peer_only_once() {
    let bus = Fixture::new();
    let a = bus.peer(1);
    let again = bus.add_peer(1, a.socket.clone(), identity(1), None);
    assert_eq!(again.err(), Some(Error::AlreadyPeer));
    assert_eq!(
        bus.attach_control(1, a.socket.clone(), identity(1), 1)
            .err(),
        Some(Error::AlreadyPeer)
    );
    assert_eq!(bus.census().peers, 1);
}

#[test]
fn a_socket_that_is_no_peer_has_no_say() {
    let bus = Fixture::new();
    bus.peer(1);
    let stranger = Socket::new(1);
    assert_eq!(bus.caller(2, stranger.key()).err(), Some(Error::NotPeer));
    assert_eq!(
        bus.caller(1, stranger.key()).err(),
        Some(Error::NotPeer),
        "another socket's port"
    );
}

#[test]
fn a_peer_hears_nothing_before_its_control_socket_attaches() {
    let bus = Fixture::new();
    let sender = bus.peer(9);
    let socket = half_open(&bus, 1, 2);
    assert_eq!(sender.send(1, b"early"), Err(Error::NoSuchPeer));
    let control = Socket::new(16);
    let peer = bus
        .attach_control(2, control.clone(), identity(1), 1)
        .unwrap();
    assert_eq!(peer.port, 1);
    sender.send(1, b"now").unwrap();
    assert_eq!(socket.drain()[0].data(), b"now");
    assert_eq!(
        sender.send(2, b"to the control socket"),
        Err(Error::NoSuchPeer)
    );
}

#[test]
fn requests_of_either_socket_act_for_the_peer() {
    let bus = Fixture::new();
    let socket = half_open(&bus, 1, 2);
    let control = Socket::new(16);
    assert_eq!(
        bus.caller(2, control.key()).err(),
        Some(Error::NotPeer),
        "not attached yet"
    );
    bus.attach_control(2, control.clone(), identity(1), 1)
        .unwrap();
    let by_control = bus.caller(2, control.key()).unwrap();
    bus.register_service(&by_control, service("clock")).unwrap();
    assert_eq!(bus.service_named(service("clock")).unwrap().peer.port, 1);
    let by_itself = bus.caller(1, socket.key()).unwrap();
    bus.unregister_service(&by_itself, service("clock"))
        .unwrap();
}

#[test]
fn only_the_socket_that_a_peer_named_may_attach() {
    let bus = Fixture::new();
    half_open(&bus, 1, 2);
    bus.peer(5);
    let other = Socket::new(16);
    assert_eq!(
        bus.attach_control(3, other.clone(), identity(1), 1).err(),
        Some(Error::NotInvited)
    );
    assert_eq!(
        bus.attach_control(3, other.clone(), identity(5), 5).err(),
        Some(Error::NotInvited)
    );
    assert_eq!(
        bus.attach_control(3, other, identity(7), 7).err(),
        Some(Error::NoSuchPeer)
    );
    let named = Socket::new(16);
    bus.attach_control(2, named.clone(), identity(1), 1)
        .unwrap();
    assert_eq!(
        bus.attach_control(2, named.clone(), identity(1), 1).err(),
        Some(Error::AlreadyPeer)
    );
    assert_eq!(
        bus.add_peer(2, named, identity(2), None).err(),
        Some(Error::AlreadyPeer)
    );
}

#[test]
fn an_invitation_is_for_one_socket() {
    let bus = Fixture::new();
    half_open(&bus, 1, 2);
    let control = Socket::new(16);
    bus.attach_control(2, control.clone(), identity(1), 1)
        .unwrap();
    control.close();
    bus.socket_closed(2);
    let next = Socket::new(16);
    assert_eq!(
        bus.attach_control(2, next, identity(1), 1).err(),
        Some(Error::NotInvited)
    );
    assert!(
        bus.peer_at(1).is_ok(),
        "the peer stays without its control socket"
    );
}

#[test]
fn the_control_socket_of_a_dead_peer_has_no_say() {
    let bus = Fixture::new();
    let socket = half_open(&bus, 1, 2);
    let control = Socket::new(16);
    bus.attach_control(2, control.clone(), identity(1), 1)
        .unwrap();
    socket.close();
    bus.socket_closed(1);
    assert_eq!(bus.caller(2, control.key()).err(), Some(Error::NotPeer));
    bus.add_peer(2, control, identity(2), None).unwrap();
}

#[test]
fn a_request_that_outlives_its_peer_changes_nothing() {
    let bus = Fixture::new();
    let a = bus.peer(1);
    let owner = bus.peer(2);
    owner.open_group("news").unwrap();
    let observer = bus.observer(3);
    a.die();
    observer.socket.drain();
    let before = bus.census();
    assert_eq!(a.register("clock"), Err(Error::NotPeer));
    assert_eq!(a.open_group("own"), Err(Error::NotPeer));
    assert_eq!(a.join("news", true), Err(Error::NotPeer));
    assert_eq!(a.leave("news"), Err(Error::NotPeer));
    assert_eq!(a.close_group("news"), Err(Error::NotPeer));
    assert_eq!(bus.census(), before);
    assert!(bus.service_named(service("clock")).is_err());
    assert!(bus.group_view(group("own")).is_err());
    assert_eq!(observer.events(), []);
}

#[test]
fn a_death_tells_of_services_then_groups_then_the_peer() {
    let bus = Fixture::new();
    let observer = bus.observer(9);
    let a = bus.peer(1);
    a.open_group("g1").unwrap();
    a.register("s1").unwrap();
    a.open_group("g2").unwrap();
    a.register("s2").unwrap();
    let ids = ["g1", "g2"].map(|name| bus.group_view(group(name)).unwrap().group.id);
    observer.socket.drain();
    a.die();
    assert_eq!(
        observer.events(),
        [
            Event::ServiceRemoved {
                name: service("s1"),
                port: 1
            },
            Event::ServiceRemoved {
                name: service("s2"),
                port: 1
            },
            Event::GroupRemoved {
                name: group("g1"),
                id: ids[0]
            },
            Event::GroupRemoved {
                name: group("g2"),
                id: ids[1]
            },
            Event::PeerRemoved { port: 1 },
        ]
    );
}

#[test]
fn a_death_ends_memberships_on_both_sides() {
    let bus = Fixture::new();
    let owner = bus.peer(1);
    let member = bus.peer(2);
    owner.open_group("news").unwrap();
    member.open_group("own").unwrap();
    for client in [&owner, &member] {
        client.join("news", false).unwrap();
        client.join("own", false).unwrap();
    }
    assert_eq!(bus.census().memberships, 4);
    owner.die();
    assert_eq!(bus.census().memberships, 1);
    assert_eq!(bus.group_view(group("own")).unwrap().members, 1);
    member.publish("own", b"alone").unwrap();
    assert_eq!(member.heard(), [plain(b"alone")]);
}

#[test]
fn sockets_that_never_were_peers_close_in_silence() {
    let bus = Fixture::new();
    let observer = bus.observer(9);
    let a = bus.peer(1);
    let before = bus.census();
    bus.socket_closed(5);
    bus.socket_closed(1);
    assert_eq!(
        bus.census(),
        before,
        "peer 1 is open: it was somebody else who closed"
    );
    a.die();
    a.die();
    assert_eq!(observer.events(), [Event::PeerRemoved { port: 1 }], "once");
}

#[test]
fn a_control_socket_closes_in_silence() {
    let bus = Fixture::new();
    let observer = bus.observer(9);
    half_open(&bus, 1, 2);
    let control = Socket::new(1);
    bus.attach_control(2, control.clone(), identity(1), 1)
        .unwrap();
    control.close();
    bus.socket_closed(2);
    assert_eq!(observer.events(), []);
    assert_eq!(bus.caller(2, control.key()).err(), Some(Error::NotPeer));
}

/// A peer at port 1 with all there is to inherit, whose socket closed without the bus knowing yet.
fn leave_behind(bus: &Fixture) -> Client {
    let old = bus.peer(1);
    old.register("clock").unwrap();
    old.open_group("news").unwrap();
    old.join("news", false).unwrap();
    old.publish("news", b"last").unwrap();
    old.socket.close();
    old
}

#[test]
fn a_peer_inherits_nothing_from_the_port() {
    let bus = Fixture::new();
    let observer = bus.observer(9);
    let old = leave_behind(&bus);
    observer.socket.drain();
    let new = bus.peer(1);
    assert_eq!(
        observer.events().len(),
        3,
        "the service, the group, the peer"
    );
    assert!(bus.service_named(service("clock")).is_err());
    assert_ne!(new.peer.id, old.peer.id);
    new.register("clock").unwrap();
    new.open_group("news").unwrap();
    assert_eq!(bus.group_view(group("news")).unwrap().members, 0);
    new.join("news", true).unwrap();
    assert_eq!(new.heard(), [], "nothing to replay");
    observer.socket.drain();
    // Only now the bus is told of the old socket.
    bus.socket_closed(1);
    assert_eq!(observer.events(), [], "the new peer loses nothing");
    assert_eq!(
        bus.service_named(service("clock")).unwrap().peer.id,
        new.peer.id
    );
}

#[test]
fn a_control_socket_at_the_port_of_a_dead_peer_ends_that_peer() {
    let bus = Fixture::new();
    let observer = bus.observer(9);
    leave_behind(&bus);
    half_open(&bus, 5, 1);
    observer.socket.drain();
    let control = Socket::new(1);
    bus.attach_control(1, control.clone(), identity(5), 5)
        .unwrap();
    assert_eq!(observer.events().len(), 3);
    assert_eq!(bus.caller(1, control.key()).unwrap().port, 5);
    bus.socket_closed(1);
    assert_eq!(bus.caller(1, control.key()).unwrap().port, 5);
}

#[test]
fn a_peer_at_the_port_of_a_closed_control_socket_acts_for_itself() {
    let bus = Fixture::new();
    half_open(&bus, 1, 2);
    let control = Socket::new(1);
    bus.attach_control(2, control.clone(), identity(1), 1)
        .unwrap();
    control.close();
    let new = bus.peer(2);
    assert_eq!(bus.caller(2, new.socket.key()).unwrap().port, 2);
    assert_eq!(bus.caller(2, control.key()).err(), Some(Error::NotPeer));
    bus.peer_at(1).unwrap();
    // The death of the first peer must not take the second one's port with it.
    bus.peer(9).send(2, b"x").unwrap();
    assert_eq!(new.heard(), [plain(b"x")]);
}

#[test]
fn nothing_is_queued_to_a_socket_that_just_closed() {
    let bus = Fixture::new();
    let sender = bus.peer(9);
    let old = leave_behind(&bus);
    old.socket.drain();
    assert_eq!(sender.send(1, b"x"), Err(Error::NoSuchPeer));
    assert_eq!(sender.peer.counters.refused_no_peer.messages.get(), 1);
    assert!(old.socket.drain().is_empty());
}

#[test]
fn two_buses_do_not_see_each_other() {
    let (one, two) = (Fixture::new(), Fixture::new());
    let a = one.peer(1);
    let b = two.peer(1);
    a.register("clock").unwrap();
    assert!(two.service_named(service("clock")).is_err());
    b.register("clock").unwrap();
    b.die();
    assert!(one.service_named(service("clock")).is_ok());
}

#[test]
fn only_the_process_that_made_a_peer_attaches_its_control_socket() {
    let bus = Fixture::new();
    half_open(&bus, 1, 2);
    // The socket that was named has been closed, and others have its port now.
    for stranger in [
        identity(2),
        Identity {
            uid: 66,
            ..identity(1)
        },
    ] {
        assert_eq!(
            bus.attach_control(2, Socket::new(1), stranger, 1).err(),
            Some(Error::NotInvited)
        );
    }
    bus.attach_control(2, Socket::new(1), identity(1), 1)
        .unwrap();
}

#[test]
fn a_withdrawn_peer_that_others_know_of_ends_like_any_other() {
    let bus = Fixture::new();
    let observer = bus.observer(9);
    let peer = bus.add_peer(1, Socket::new(1), identity(1), None).unwrap();
    bus.register_service(&peer, service("clock")).unwrap();
    bus.withdraw_peer(&peer);
    let (name, port) = (service("clock"), 1);
    assert_eq!(
        observer.events(),
        [
            Event::ServiceAdded { name, port },
            Event::ServiceRemoved { name, port },
            Event::PeerRemoved { port },
        ]
    );
}

#[test]
fn a_withdrawn_peer_never_was() {
    let bus = Fixture::new();
    let observer = bus.observer(9);
    let socket = Socket::new(1);
    let peer = bus
        .add_peer(1, socket.clone(), identity(1), Some(2))
        .unwrap();
    bus.withdraw_peer(&peer);
    assert_eq!(bus.peer_at(1).err(), Some(Error::NoSuchPeer));
    assert_eq!(bus.census().peers, 1);
    assert!(observer.events().is_empty());
    // The socket may try again, and only its next peer goes with it.
    let again = bus.add_peer(1, socket.clone(), identity(1), None).unwrap();
    bus.withdraw_peer(&peer);
    assert_eq!(bus.peer_at(1).unwrap().id, again.id);
    socket.close();
    bus.socket_closed(1);
    assert_eq!(observer.events(), [Event::PeerRemoved { port: 1 }]);
}
