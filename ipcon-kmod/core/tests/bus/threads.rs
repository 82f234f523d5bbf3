// SPDX-License-Identifier: GPL-2.0

//! The bus under threads. No test waits for time: each ends when its work is done, and what is
//! checked holds for every order in which the threads may run.
//!
//! These find what happens often, with much at once. `tests/loom` tries every order of few steps.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{ScopedJoinHandle, scope};

use ipcon_core::bus::{Error, Event};
use ipcon_model::snapshot::Counters;

use crate::driver::counters;
use crate::fixture::{Client, Fixture, group, identity, service};
use crate::world::{Body, Packet, Socket};

/// Runs `background` again and again while `work` runs.
fn meanwhile<R>(bus: &Fixture, background: impl Fn(u64) + Sync, work: impl FnOnce() -> R) -> R {
    let done = AtomicBool::new(false);
    /// Stops the background also when the work panics.
    struct Stop<'a>(&'a AtomicBool);
    impl Drop for Stop<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    scope(|threads| {
        let _stop = Stop(&done);
        threads.spawn(|| {
            bus.world.enter();
            for round in 1.. {
                if done.load(Ordering::Relaxed) {
                    break;
                }
                background(round);
            }
        });
        work()
    })
}

/// A send that may well be refused.
fn attempt(outcome: Result<(), Error>) {
    assert!(
        matches!(outcome, Ok(()) | Err(Error::QueueFull | Error::NoSuchPeer)),
        "{outcome:?}"
    );
}

fn number(packet: &Packet) -> u64 {
    u64::from_le_bytes(packet.data().try_into().unwrap())
}

/// Runs threads in the world of the bus and gives what they return.
fn together<R: Send>(bus: &Fixture, jobs: Vec<Box<dyn FnOnce() -> R + Send + '_>>) -> Vec<R> {
    scope(|threads| {
        let started = jobs.into_iter().map(|job| {
            threads.spawn(move || {
                bus.world.enter();
                job()
            })
        });
        let started: Vec<ScopedJoinHandle<'_, R>> = started.collect();
        started
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    })
}

#[test]
fn a_join_under_load_has_no_gap_and_no_duplicate() {
    let bus = Fixture::new();
    let owner = bus.peer(1);
    owner.open_group("news").unwrap();
    owner.publish("news", &0u64.to_le_bytes()).unwrap();
    let joins = |client: Client| {
        for _ in 0..500 {
            client.join("news", true).unwrap();
            let first = client.socket.wait().unwrap();
            assert!(first.marks.replay, "the replay comes first");
            let mut live = vec![client.socket.wait().unwrap(), client.socket.wait().unwrap()];
            client.leave("news").unwrap();
            live.extend(client.socket.drain());
            for (expected, packet) in (number(&first) + 1..).zip(live) {
                assert!(!packet.marks.replay);
                assert_eq!(number(&packet), expected);
            }
        }
    };
    let publish = |round: u64| owner.publish("news", &round.to_le_bytes()).unwrap();
    let (a, b) = (bus.peer(2), bus.peer(3));
    meanwhile(&bus, publish, || {
        together(&bus, vec![Box::new(|| joins(a)), Box::new(|| joins(b))]);
    });
    let counts = bus.group_view(group("news")).unwrap().counts;
    assert_eq!(counts.copies.replayed_messages, 1000);
}

#[test]
fn members_agree_on_the_order_of_two_publishing_threads() {
    let bus = Fixture::new();
    let owner = bus.peer(1);
    owner.open_group("news").unwrap();
    let members = [bus.peer(2), bus.peer(3), bus.peer(4)];
    for member in &members {
        member.join("news", false).unwrap();
    }
    let publish = |from: u64| {
        let owner = &owner;
        Box::new(move || {
            for number in from..from + 2000 {
                owner.publish("news", &number.to_le_bytes()).unwrap();
            }
        }) as Box<dyn FnOnce() + Send>
    };
    together(&bus, vec![publish(0), publish(10_000)]);
    let heard = members.map(|member| member.heard());
    assert_eq!(heard[0].len(), 4000);
    assert!(heard.iter().all(|other| *other == heard[0]));
}

/// Group messages of one publisher are numbered. Whenever one is missing, the receiver must have
/// been told by the next one at the latest, whatever else is sent to it meanwhile.
#[test]
fn a_loss_is_told_before_the_gap_shows() {
    let bus = Fixture::new();
    let owner = bus.peer(1);
    let chatter = [bus.peer(4), bus.peer(5)];
    let slow = bus.peer_with_room(2, 3);
    owner.open_group("news").unwrap();
    slow.join("news", false).unwrap();
    let publish = |round: u64| owner.publish("news", &round.to_le_bytes()).unwrap();
    let mut told = 0;
    let mut lost = 0;
    meanwhile(&bus, publish, || {
        meanwhile(
            &bus,
            |_| attempt(chatter[0].send(2, b"")),
            || {
                meanwhile(
                    &bus,
                    |_| attempt(chatter[1].send(2, b"")),
                    || {
                        let mut last = 0;
                        while lost < 20_000 {
                            let packet = slow.socket.wait().unwrap();
                            told += packet.marks.lost;
                            if packet.group.is_some() {
                                lost += number(&packet) - last - 1;
                                last = number(&packet);
                                assert!(told >= lost, "{told} told, {lost} missing before {last}");
                            }
                        }
                    },
                );
            },
        );
    });
    told += slow
        .socket
        .drain()
        .iter()
        .map(|packet| packet.marks.lost)
        .sum::<u64>();
    told += slow.peer.unreported_losses();
    assert_eq!(told, slow.peer.counters.dropped_queue_full.messages.get());
}

#[test]
fn a_storm_of_registrations_is_announced_in_order() {
    const NAMES: [&str; 3] = ["a", "b", "c"];
    let bus = Fixture::new();
    let observer = bus.observer(9);
    let storm = |client: Client| -> u64 {
        let mut changes = 0;
        for round in 0..3000 {
            let name = NAMES[round % 3];
            match client.register(name) {
                Ok(()) => changes += 1,
                Err(error) => assert_eq!(error, Error::NameTaken),
            }
            match client.unregister(NAMES[(round + 1) % 3]) {
                Ok(()) => changes += 1,
                Err(error) => assert!([Error::Unknown, Error::NotOwner].contains(&error)),
            }
        }
        changes
    };
    let (a, b, sender) = (bus.peer(1), bus.peer(2), bus.peer(3));
    let send_by_name = |_| {
        if let Ok(found) = bus.service_named(service("a")) {
            sender.send(found.peer.port, b"x").unwrap();
        }
    };
    let changes = meanwhile(&bus, send_by_name, || {
        together(
            &bus,
            vec![Box::new(|| storm(a.clone())), Box::new(|| storm(b.clone()))],
        )
    });
    let mut held = BTreeMap::new();
    let mut events = 0;
    for packet in observer.socket.drain() {
        let Body::Kevent(kevent) = packet.body else {
            panic!("{packet:?}")
        };
        events += 1;
        assert_eq!(kevent.sequence, events);
        match kevent.event {
            Event::ServiceAdded { name, port } => assert_eq!(held.insert(name, port), None),
            Event::ServiceRemoved { name, port } => assert_eq!(held.remove(&name), Some(port)),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(events, changes.iter().sum::<u64>());
    assert_eq!(bus.census().services as usize, held.len());
    let got = counters(&a.peer.counters).delivered_unicast.messages
        + counters(&b.peer.counters).delivered_unicast.messages;
    assert_eq!(got, sender.peer.counters.sent_unicast.messages.get());
}

#[test]
fn peers_may_die_while_they_are_sent_to() {
    let bus = Fixture::new();
    let observer = bus.observer(9);
    let owner = bus.peer(1);
    owner.open_group("news").unwrap();
    let senders = [bus.peer(2), bus.peer(3)];
    let mut gone = Vec::new();
    meanwhile(
        &bus,
        |_| owner.publish("news", b"x").unwrap(),
        || {
            meanwhile(
                &bus,
                |_| attempt(senders[0].send(5, b"y")),
                || {
                    meanwhile(
                        &bus,
                        |_| attempt(senders[1].send(5, b"z")),
                        || {
                            for _ in 0..1000 {
                                let short = bus.peer_with_room(5, 8);
                                short.join("news", true).unwrap();
                                short.register("short").unwrap();
                                short.open_group("own").unwrap();
                                short.publish("own", b"unheard").unwrap();
                                short.die();
                                gone.push(short);
                            }
                        },
                    );
                },
            );
        },
    );
    let mut sum = Counters::default();
    for client in gone.iter().chain(&senders).chain([&observer, &owner]) {
        sum += counters(&client.peer.counters);
    }
    assert_eq!(counters(bus.totals()), sum);
    assert_eq!(sum.sent_unicast, sum.accounted_unicast());
    let counts = bus.group_view(group("news")).unwrap().counts;
    assert_eq!(
        counts.sent_messages,
        owner.peer.counters.sent_multicast.messages.get()
    );
    assert_eq!((bus.census().peers, bus.census().memberships), (4, 1));
    let events = observer.events();
    assert_eq!(events.len(), 1 + 5000);
    for life in events[1..].chunks(5) {
        assert!(
            matches!(
                life,
                [
                    Event::ServiceAdded { .. },
                    Event::GroupAdded { .. },
                    Event::ServiceRemoved { .. },
                    Event::GroupRemoved { .. },
                    Event::PeerRemoved { port: 5 }
                ]
            ),
            "{life:?}"
        );
    }
}

#[test]
fn a_late_notice_never_ends_the_next_peer_of_the_port() {
    let bus = Fixture::new();
    let observer = bus.observer(9);
    meanwhile(
        &bus,
        |_| bus.socket_closed(5),
        || {
            for _ in 0..5000 {
                let socket = Socket::new(1);
                bus.add_peer(5, socket.clone(), identity(5), None).unwrap();
                let peer = bus.caller(5, socket.key()).unwrap();
                bus.register_service(&peer, service("clock")).unwrap();
                socket.close();
            }
        },
    );
    bus.socket_closed(5);
    let events = observer.events();
    assert_eq!(events.len(), 15_000);
    let removed = events
        .iter()
        .filter(|event| matches!(event, Event::PeerRemoved { port: 5 }));
    assert_eq!(removed.count(), 5000);
}

#[test]
fn one_of_many_gets_a_name() {
    let bus = Fixture::new();
    for round in 0..500 {
        let name = format!("n{round}");
        let tries = (1..=4).map(|port| {
            let client = bus.peer(port);
            let name = &name;
            Box::new(move || {
                let won = client.register(name).is_ok();
                client
                    .open_group(name)
                    .unwrap_or_else(|e| assert_eq!(e, Error::NameTaken));
                client.die();
                u32::from(won)
            }) as Box<dyn FnOnce() -> u32 + Send>
        });
        // One may win, die and leave the name to the next.
        assert!(together(&bus, tries.collect()).iter().sum::<u32>() >= 1);
        assert_eq!(
            (
                bus.census().peers,
                bus.census().services,
                bus.census().groups
            ),
            (0, 0, 0)
        );
    }
}
