// SPDX-License-Identifier: GPL-2.0

//! Names that two want, and the order in which changes are announced.

use ipcon_core::bus::{Error, Event};

use crate::explore::{both, explore};
use crate::fixture::{Client, Fixture, KEVENTS, group, service};
use crate::world::Body;

/// A registration that comes first or too late.
fn attempt(outcome: Result<(), Error>) {
    assert!(
        matches!(outcome, Ok(()) | Err(Error::NameTaken)),
        "{outcome:?}"
    );
}

#[test]
fn one_of_two_gets_a_name() {
    explore(|| {
        let bus = Fixture::new();
        let (a, b) = (bus.peer(1), bus.peer(2));
        let other = b.clone();
        let mut won = Err(Error::Unknown);
        both(
            move || attempt(other.register("clock")),
            || won = a.register("clock"),
        );
        let holder = bus.service_named(service("clock")).unwrap().peer.port;
        match won {
            Ok(()) => assert_eq!(holder, 1),
            Err(error) => assert_eq!((error, holder), (Error::NameTaken, 2)),
        }
        assert_eq!(bus.census().services, 1);
        assert_eq!(bus.census().kevent_sequence, 1);
    });
}

#[test]
fn one_of_two_gets_a_group() {
    explore(|| {
        let bus = Fixture::new();
        let (a, b) = (bus.peer(1), bus.peer(2));
        let other = b.clone();
        let mut won = Err(Error::Unknown);
        both(
            move || attempt(other.open_group("news")),
            || won = a.open_group("news"),
        );
        let owner = bus.group_view(group("news")).unwrap().group.owner_port;
        match won {
            Ok(()) => assert_eq!(owner, 1),
            Err(error) => assert_eq!((error, owner), (Error::NameTaken, 2)),
        }
        assert_eq!(bus.census().groups, 1);
        assert_eq!(bus.census().kevent_sequence, 1);
    });
}

/// The events of an observer: numbered without a gap, and their times grow.
fn events(observer: &Client) -> Vec<Event> {
    let (mut sequence, mut time) = (0, 0);
    let mut events = Vec::new();
    for packet in observer.socket.drain() {
        let Body::Kevent(kevent) = packet.body else {
            panic!("{packet:?} is no kevent");
        };
        assert_eq!(kevent.sequence, sequence + 1);
        assert!(kevent.time > time, "{kevent:?}");
        (sequence, time) = (kevent.sequence, kevent.time);
        events.push(kevent.event);
    }
    events
}

#[test]
fn services_are_announced_in_the_order_of_their_changes() {
    explore(|| {
        let bus = Fixture::new();
        let observer = bus.observer(9);
        let (a, b) = (bus.peer(1), bus.peer(2));
        a.register("clock").unwrap();
        let first = a.clone();
        let mut won = Ok(());
        both(
            move || first.unregister("clock").unwrap(),
            || won = b.register("clock"),
        );
        let name = service("clock");
        let mut expected = vec![
            Event::ServiceAdded { name, port: 1 },
            Event::ServiceRemoved { name, port: 1 },
        ];
        if won.is_ok() {
            expected.push(Event::ServiceAdded { name, port: 2 });
        }
        assert_eq!(events(&observer), expected);
    });
}

#[test]
fn groups_are_announced_in_the_order_of_their_changes() {
    explore(|| {
        let bus = Fixture::new();
        let observer = bus.observer(9);
        let (a, b) = (bus.peer(1), bus.peer(2));
        a.open_group("news").unwrap();
        let first = a.clone();
        both(
            move || first.close_group("news").unwrap(),
            || attempt(b.open_group("news")),
        );
        let events = events(&observer);
        assert!(
            matches!(
                events[..],
                [Event::GroupAdded { .. }, Event::GroupRemoved { .. }]
                    | [
                        Event::GroupAdded { .. },
                        Event::GroupRemoved { .. },
                        Event::GroupAdded { .. }
                    ]
            ),
            "{events:?}"
        );
        assert_eq!(bus.census().groups as usize, events.len() - 2);
    });
}

#[test]
fn a_group_that_ends_at_once_was_announced_first() {
    explore(|| {
        let bus = Fixture::new();
        let observer = bus.observer(9);
        let owner = bus.peer(1);
        let opener = owner.clone();
        let mut closed = Ok(());
        both(
            move || opener.open_group("news").unwrap(),
            || closed = owner.close_group("news"),
        );
        let events = events(&observer);
        match closed {
            Ok(()) => assert!(
                matches!(
                    events[..],
                    [Event::GroupAdded { .. }, Event::GroupRemoved { .. }]
                ),
                "{events:?}"
            ),
            Err(error) => {
                assert_eq!(error, Error::Unknown);
                assert!(
                    matches!(events[..], [Event::GroupAdded { .. }]),
                    "{events:?}"
                );
            }
        }
    });
}

#[test]
fn who_listens_before_it_looks_misses_no_registration() {
    explore(|| {
        let bus = Fixture::new();
        let (server, watcher) = (bus.peer(1), bus.peer(2));
        let mut found = false;
        both(
            move || server.register("clock").unwrap(),
            || {
                watcher.join(KEVENTS, false).unwrap();
                found = bus.service_named(service("clock")).is_ok();
            },
        );
        assert!(found || !watcher.socket.drain().is_empty());
    });
}

#[test]
fn the_end_of_a_peer_is_announced_last() {
    explore(|| {
        let bus = Fixture::new();
        let observer = bus.observer(9);
        let (short, other) = (bus.peer(1), bus.peer(2));
        short.register("clock").unwrap();
        let late = short.clone();
        let mut won = Ok(());
        both(
            move || short.die(),
            || {
                won = late.register("disk");
                attempt(other.register("clock"));
            },
        );
        if let Err(error) = won {
            assert_eq!(error, Error::NotPeer);
        }
        let events = events(&observer);
        let of_the_dead: Vec<_> = events
            .iter()
            .filter(|event| match event {
                Event::ServiceAdded { port, .. }
                | Event::ServiceRemoved { port, .. }
                | Event::PeerRemoved { port } => *port == 1,
                Event::GroupAdded { .. } | Event::GroupRemoved { .. } => false,
            })
            .collect();
        let changes = if won.is_ok() { 5 } else { 3 };
        assert_eq!(of_the_dead.len(), changes, "{events:?}");
        assert_eq!(of_the_dead[changes - 1], &Event::PeerRemoved { port: 1 });
        assert_eq!(
            bus.census().services as usize,
            events.len() - changes,
            "{events:?}"
        );
        assert!(bus.service_named(service("disk")).is_err());
    });
}
