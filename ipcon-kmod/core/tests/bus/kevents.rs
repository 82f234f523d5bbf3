// SPDX-License-Identifier: GPL-2.0

//! What the bus announces.

use ipcon_core::bus::{Error, Event, KEVENT_LEN, Kevent};

use crate::fixture::{Client, Fixture, KEVENTS, group, service};
use crate::world::{Body, Packet};

fn kevents(client: &Client) -> Vec<(Kevent, Packet)> {
    let kevent = |packet: Packet| match packet.body {
        Body::Kevent(kevent) => (kevent, packet),
        Body::Data(data) => panic!("{data:?} is no kevent"),
    };
    client.socket.drain().into_iter().map(kevent).collect()
}

#[test]
fn comings_and_goings_are_announced() {
    let bus = Fixture::new();
    let observer = bus.observer(9);
    let a = bus.peer(1);
    a.register("clock").unwrap();
    a.open_group("news").unwrap();
    let id = bus.group_view(group("news")).unwrap().group.id;
    a.unregister("clock").unwrap();
    a.close_group("news").unwrap();
    a.die();
    assert_eq!(
        observer.events(),
        [
            Event::ServiceAdded {
                name: service("clock"),
                port: 1
            },
            Event::GroupAdded {
                name: group("news"),
                id
            },
            Event::ServiceRemoved {
                name: service("clock"),
                port: 1
            },
            Event::GroupRemoved {
                name: group("news"),
                id
            },
            Event::PeerRemoved { port: 1 },
        ]
    );
}

#[test]
fn refused_requests_and_memberships_are_not_announced() {
    let bus = Fixture::new();
    let (a, b) = (bus.peer(1), bus.peer(2));
    a.register("clock").unwrap();
    a.open_group("news").unwrap();
    let observer = bus.observer(9);
    b.register("clock").unwrap_err();
    b.unregister("clock").unwrap_err();
    b.open_group("news").unwrap_err();
    b.close_group("news").unwrap_err();
    b.join("news", true).unwrap();
    b.leave("news").unwrap();
    a.publish("news", b"x").unwrap();
    assert_eq!(observer.events(), []);
}

#[test]
fn kevents_are_numbered_without_gaps_and_name_the_process() {
    let bus = Fixture::new();
    assert_eq!(bus.census().kevent_sequence, 0);
    let a = bus.peer(1);
    a.register("unheard").unwrap();
    let observer = bus.observer(9);
    a.register("clock").unwrap();
    bus.peer(2).open_group("news").unwrap();
    a.die();
    let heard = kevents(&observer);
    let numbers = heard.iter().map(|(kevent, _)| kevent.sequence);
    assert!(numbers.eq(2..=6), "one came before the observer");
    let pids = heard.iter().map(|(kevent, _)| kevent.pid);
    assert!(pids.eq([1001, 1002, 1001, 1001, 1001]));
    assert!(heard.windows(2).all(|pair| pair[0].0.time < pair[1].0.time));
    assert!(heard.iter().all(|(_, packet)| packet.from == 0));
    assert!(
        heard
            .iter()
            .all(|(_, packet)| packet.group.as_deref() == Some(KEVENTS.as_bytes()))
    );
    assert_eq!(bus.census().kevent_sequence, 6);
}

#[test]
fn the_kevent_group_is_a_group_of_the_kernel() {
    let bus = Fixture::new();
    let a = bus.peer(1);
    let view = bus.group_from(0).unwrap();
    assert_eq!(view.group.name, group(KEVENTS));
    assert_eq!((view.group.owner, view.group.owner_port), (0, 0));
    a.register("clock").unwrap();
    let counts = bus.group_view(group(KEVENTS)).unwrap().counts;
    assert_eq!(
        (
            counts.sent_messages,
            counts.sent_bytes,
            counts.unheard_messages
        ),
        (1, 40, 1)
    );
    assert_eq!(
        bus.census().groups,
        0,
        "it is not counted among the peers' groups"
    );
    assert_eq!(a.leave(KEVENTS), Err(Error::Unknown));
    a.join(KEVENTS, true).unwrap();
    let heard = kevents(&a);
    assert_eq!(heard.len(), 1);
    assert!(heard[0].1.marks.replay);
}

#[test]
fn who_joins_and_then_looks_misses_no_service() {
    let bus = Fixture::new();
    let (a, observer) = (bus.peer(1), bus.peer(9));
    assert!(bus.service_named(service("clock")).is_err());
    observer.join(KEVENTS, false).unwrap();
    a.register("clock").unwrap();
    assert!(bus.service_named(service("clock")).is_ok());
    assert_eq!(
        observer.events(),
        [Event::ServiceAdded {
            name: service("clock"),
            port: 1
        }]
    );
}

#[test]
fn a_dying_observer_hears_nothing_of_its_own_death() {
    let bus = Fixture::new();
    let (dying, other) = (bus.observer(1), bus.observer(9));
    dying.register("clock").unwrap();
    dying.socket.drain();
    other.socket.drain();
    // The bus is told of a close while the socket is still open only here; so nothing hides a copy.
    dying.socket.close();
    bus.socket_closed(1);
    assert_eq!(other.events().len(), 2);
    assert!(dying.socket.drain().is_empty());
    assert_eq!(dying.peer.counters.dropped_queue_full.messages.get(), 0);
}

#[test]
fn a_kevent_is_not_replayed_as_the_last_when_a_later_one_was_lost() {
    let bus = Fixture::new();
    let (a, late, later) = (bus.peer(1), bus.peer(2), bus.peer(3));
    let last_len = || bus.group_view(group(KEVENTS)).unwrap().last_len;
    a.register("clock").unwrap();
    assert_eq!(last_len(), Some(KEVENT_LEN));
    bus.world.fail_kevents(true);
    a.unregister("clock").unwrap();
    bus.world.fail_kevents(false);
    assert_eq!(last_len(), None);
    late.join(KEVENTS, true).unwrap();
    assert!(kevents(&late).is_empty(), "the clock is gone");
    a.register("disk").unwrap();
    later.join(KEVENTS, true).unwrap();
    for (client, replay) in [(&late, false), (&later, true)] {
        let heard = kevents(client);
        assert_eq!(heard.len(), 1);
        assert_eq!((heard[0].0.sequence, heard[0].1.marks.replay), (3, replay));
    }
}

#[test]
fn a_kevent_without_memory_leaves_a_gap_that_shows() {
    let bus = Fixture::new();
    let (a, observer) = (bus.peer(1), bus.observer(9));
    bus.world.fail_kevents(true);
    a.register("clock").unwrap();
    bus.world.fail_kevents(false);
    a.register("disk").unwrap();
    let heard = kevents(&observer);
    assert_eq!(heard.len(), 1);
    assert_eq!(heard[0].0.sequence, 2);
    assert_eq!(heard[0].1.marks.lost, 1);
    assert_eq!(observer.peer.counters.dropped_no_memory.messages.get(), 1);
    let counts = bus.group_view(group(KEVENTS)).unwrap().counts;
    assert_eq!(
        (counts.sent_messages, counts.copies.delivered_messages),
        (2, 1)
    );
    assert_eq!(counts.copies.dropped_no_memory, 1);
    // It counts with the bytes that it would have had.
    let lost = u64::from(KEVENT_LEN);
    assert_eq!(counts.copies.dropped_no_memory_bytes, lost);
    assert_eq!(observer.peer.counters.dropped_no_memory.bytes.get(), lost);
    let member = bus.member_from(0, 0).unwrap();
    assert_eq!(member.counts, counts.copies);
}
