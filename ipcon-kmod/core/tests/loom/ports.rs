// SPDX-License-Identifier: GPL-2.0

//! Sockets that close while others act on their port.

use ipcon_core::bus::{Error, Event};

use crate::explore::{assert_books_balance, both, explore};
use crate::fixture::{Fixture, identity, service};
use crate::world::Socket;

#[test]
fn a_late_notice_never_ends_the_next_peer_of_the_port() {
    explore(|| {
        let bus = Fixture::new();
        let observer = bus.observer(9);
        let first = bus.peer(5);
        first.register("clock").unwrap();
        first.socket.close();
        let notice = bus.clone();
        let second = Socket::new(8);
        both(
            move || notice.socket_closed(5),
            || {
                let peer = bus.add_peer(5, second.clone(), identity(5), None).unwrap();
                bus.register_service(&peer, service("clock")).unwrap();
            },
        );
        let heir = bus.caller(5, second.key()).unwrap();
        assert_eq!(
            bus.service_named(service("clock")).unwrap().peer.id,
            heir.id
        );
        assert_eq!((bus.census().peers, bus.census().services), (2, 1));
        let name = service("clock");
        let (added, removed) = (
            Event::ServiceAdded { name, port: 5 },
            Event::ServiceRemoved { name, port: 5 },
        );
        let gone = Event::PeerRemoved { port: 5 };
        assert_eq!(observer.events(), [added, removed, gone, added]);
    });
}

#[test]
fn two_notices_end_a_peer_once() {
    explore(|| {
        let bus = Fixture::new();
        let observer = bus.observer(9);
        let short = bus.peer(5);
        short.socket.close();
        let notice = bus.clone();
        both(move || notice.socket_closed(5), || bus.socket_closed(5));
        assert_eq!(observer.events(), [Event::PeerRemoved { port: 5 }]);
        assert_eq!(bus.census().peers, 1);
    });
}

#[test]
fn a_control_socket_acts_for_no_peer_that_is_gone() {
    explore(|| {
        let bus = Fixture::new();
        let (receive, control) = (Socket::new(8), Socket::new(8));
        bus.add_peer(5, receive.clone(), identity(5), Some(6))
            .unwrap();
        let notice = bus.clone();
        both(
            move || {
                receive.close();
                notice.socket_closed(5);
            },
            || match bus.attach_control(6, control.clone(), identity(5), 5) {
                Ok(peer) => assert_eq!(peer.port, 5),
                Err(error) => assert_eq!(error, Error::NoSuchPeer),
            },
        );
        assert!(bus.caller(6, control.key()).is_err());
        assert_eq!(bus.census().peers, 0);
        // The port is free for the next one.
        bus.add_peer(6, control, identity(6), None).unwrap();
    });
}

#[test]
fn a_message_to_a_dying_peer_is_delivered_or_refused() {
    explore(|| {
        let bus = Fixture::new();
        let (sender, short) = (bus.peer(1), bus.peer(5));
        let dying = short.clone();
        let mut sent = Ok(());
        both(move || dying.die(), || sent = sender.send(5, b"x"));
        match sent {
            Ok(()) => assert_eq!(short.heard().len(), 1),
            Err(error) => {
                assert_eq!(error, Error::NoSuchPeer);
                assert!(short.heard().is_empty());
            }
        }
        assert_books_balance(&bus, &[&sender, &short]);
    });
}

#[test]
fn a_dying_peer_leaves_no_name_behind() {
    explore(|| {
        let bus = Fixture::new();
        let short = bus.peer(5);
        let dying = short.clone();
        both(
            move || dying.die(),
            || {
                for outcome in [short.register("clock"), short.open_group("news")] {
                    assert!(
                        matches!(outcome, Ok(()) | Err(Error::NotPeer)),
                        "{outcome:?}"
                    );
                }
            },
        );
        let census = bus.census();
        assert_eq!((census.peers, census.services, census.groups), (0, 0, 0));
        let next = bus.peer(5);
        next.register("clock").unwrap();
        next.open_group("news").unwrap();
    });
}
