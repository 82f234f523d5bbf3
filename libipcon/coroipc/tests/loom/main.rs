// SPDX-License-Identifier: MIT OR Apache-2.0
//! Waiting, the queue of requests and the ring of events, in every order in which two sides' threads may run:
//! `RUSTFLAGS="--cfg loom" cargo test --release -p coroipc --test loom`.
//!
//! The files of the library stand here on other ground: atomics of loom, a futex that is a condition variable, and
//! regions that are vectors.

#![cfg(loom)]
#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    unused_imports,
    clippy::unwrap_used,
    reason = "these are files of the library, of which only a part is used here"
)]

#[path = "../../src/layout.rs"]
mod layout;
#[path = "../../src/client/polled.rs"]
mod polled;
#[path = "../../src/ring/mod.rs"]
mod ring;
#[path = "../../src/sizes.rs"]
mod sizes;
#[path = "../../src/status.rs"]
mod status;

mod region;
mod socket;

mod sync {
    pub(crate) use loom::sync::Arc;
    pub(crate) use loom::sync::atomic::{AtomicU32, AtomicUsize, Ordering, fence};
}

mod wait {
    mod futex;
    #[path = "../../../src/wait/life.rs"]
    mod life;
    #[path = "../../../src/wait/sleep.rs"]
    mod sleep;
    mod spin;
    #[path = "../../../src/wait/state.rs"]
    mod state;

    pub(crate) use life::{End, Life};
    pub(crate) use sleep::{Place, Stopped, wait, wake};
    pub(crate) use spin::Spin;
    pub(crate) use state::{Mode, State};
}

use layout::{bell, client, server};
use loom::thread;
use polled::{Awaited, Request};
use region::{Own, Peer, World};
use ring::{Answer, Consumer, Inbox, Outbox, Producer, Submission, publish_answer};
use sizes::Sizes;
use socket::{Client, Socket};
use status::Status;
use sync::{Arc, AtomicU32};
use wait::{End, Life, Place, Spin, Stopped, wait, wake};

const SIZES: Sizes = Sizes {
    slots: 2,
    request: 64,
    reply: 64,
    events: 16,
    large: 0,
};

/// Every order with at most three threads interrupted where they need not wait. More take hours.
fn every_order(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(model);
}

fn submission(slot: u32) -> Submission {
    Submission {
        slot,
        command: 7,
        one_way: false,
        len: slot,
        large: false,
        descriptors: false,
        attachment: 0,
        deadline: 0,
    }
}

/// Two threads of a client submit at once; the first may be overtaken by the second before it has written its line.
#[test]
fn each_request_wakes_the_server() {
    every_order(|| {
        let world = Arc::new(World::new(&SIZES));
        let outbox = Arc::new((Outbox::default(), AtomicU32::new(0)));
        let clients: Vec<_> = (0..2)
            .map(|slot| {
                let (world, outbox) = (world.clone(), outbox.clone());
                thread::spawn(move || {
                    outbox.0.submit(&world.client_own(), 2, submission(slot));
                    let peer = world.server_peer();
                    let state = peer.word(server::WAIT);
                    wake(world.bell(bell::REQUESTS), state, &outbox.1);
                })
            })
            .collect();
        let (own, peer) = (world.server_own(), world.client_peer());
        let (mut inbox, life, spin) = (Inbox::default(), Life::new(true), Spin);
        let place = Place {
            state: own.word(server::WAIT),
            bell: world.bell(bell::REQUESTS),
            peer_cpu: peer.word(client::CPU),
        };
        let mut slots = Vec::new();
        for number in 1..=2 {
            let look = || inbox.take(&peer, &SIZES).transpose();
            let (taken, submission) = wait(place, &spin, &life, None, look).unwrap().unwrap();
            assert_eq!(taken, number);
            assert_eq!((submission.command, submission.len), (7, submission.slot));
            slots.push(submission.slot);
        }
        slots.sort_unstable();
        assert_eq!(slots, [0, 1]);
        for client in clients {
            client.join().unwrap();
        }
    });
}

/// The ring takes one event at a time, so that both sides wait for each other.
#[test]
fn events_pass_a_full_ring() {
    every_order(|| {
        let world = Arc::new(World::new(&SIZES));
        let theirs = world.clone();
        let sender = thread::spawn(move || {
            let (own, peer) = (theirs.server_own(), theirs.client_peer());
            let mut producer = Producer::new(theirs.ring());
            let (life, spin, rung) = (Life::new(true), Spin, AtomicU32::new(0));
            for event in 0..2u8 {
                let place = Place {
                    state: own.word(server::EVENTS_WAIT),
                    bell: theirs.bell(bell::ROOM),
                    peer_cpu: peer.word(client::CPU),
                };
                let fits = || Producer::taken(8) <= producer.free(&peer).unwrap();
                let look = || fits().then_some(());
                wait(place, &spin, &life, None, look).unwrap();
                let number = producer.next_number();
                producer.push(&own, number, 8, |room| room.fill(event + 1));
                let state = peer.word(client::EVENTS_WAIT);
                wake(theirs.bell(bell::EVENTS), state, &rung);
            }
        });
        let (own, peer) = (world.client_own(), world.server_peer());
        let (life, spin, rung) = (Life::new(true), Spin, AtomicU32::new(0));
        let mut consumer = Consumer::new(SIZES.events);
        for event in 0..2u8 {
            let place = Place {
                state: own.word(client::EVENTS_WAIT),
                bell: world.bell(bell::EVENTS),
                peer_cpu: peer.word(server::CPU),
            };
            let look = || consumer.peek(&peer).transpose();
            let record = wait(place, &spin, &life, None, look).unwrap().unwrap();
            assert_eq!(record.number, event.into());
            assert_eq!(record.bytes(&peer).to_vec(), [event + 1; 8]);
            if consumer.give_back(&own, record) {
                let state = peer.word(server::EVENTS_WAIT);
                wake(world.bell(bell::ROOM), state, &rung);
            }
        }
        sender.join().unwrap();
    });
}

/// Whoever sleeps when the connection ends is woken, and whoever does not falls asleep no more.
#[test]
fn the_end_wakes_who_sleeps() {
    every_order(|| the_end_wakes(true));
    every_order(|| the_end_wakes(false));
}

fn the_end_wakes(guarded: bool) {
    let world = Arc::new(World::new(&SIZES));
    let life = Arc::new(Life::new(guarded));
    let (theirs, its) = (world.clone(), life.clone());
    let watcher = thread::spawn(move || {
        assert!(its.end(End::HungUp));
        let own = theirs.client_own();
        let place = (own.word(client::EVENTS_WAIT), theirs.bell(bell::EVENTS));
        its.rouse([place].into_iter());
    });
    let (own, peer) = (world.client_own(), world.server_peer());
    let place = Place {
        state: own.word(client::EVENTS_WAIT),
        bell: world.bell(bell::EVENTS),
        peer_cpu: peer.word(server::CPU),
    };
    let ended = wait(place, &Spin, &life, None, || None::<()>);
    assert_eq!(ended, Err(Stopped::Over));
    watcher.join().unwrap();
}

/// Has a reply waited for as the server does: it rings.
fn tell(world: &World, socket: &Socket, slot: usize, rung: &AtomicU32) {
    let state = world.client_peer();
    if wake(
        world.bell(bell::REQUESTS),
        state.word(client::wait(slot)),
        rung,
    ) {
        socket.ring();
    }
}

fn answer(world: &World, socket: &Socket, request: Request, rung: &AtomicU32) {
    let answer = Answer {
        status: Status::Replied,
        len: 0,
        detail: 0,
    };
    publish_answer(&world.server_own(), request.slot, request.number, answer);
    tell(world, socket, request.slot, rung);
}

/// Two poll loops of a client wait for a reply each. Whoever takes a doorbell leaves one to the other.
#[test]
fn each_poll_loop_learns_of_its_reply() {
    every_order(|| {
        let world = Arc::new(World::new(&SIZES));
        let client = Arc::new(Client::new(&world, SIZES));
        let requests = [0, 1].map(|slot| Request {
            slot,
            number: slot as u32 + 1,
        });
        let (theirs, socket) = (world.clone(), client.socket.clone());
        let server = thread::spawn(move || {
            for request in requests {
                answer(&theirs, &socket, request, &AtomicU32::new(0));
            }
        });
        let other = client.clone();
        let until_there = |client: &Client, request| {
            while !client.ask(Awaited::Reply(request)) {
                client.socket.poll();
            }
        };
        let other = thread::spawn(move || until_there(&other, requests[1]));
        until_there(&client, requests[0]);
        other.join().unwrap();
        server.join().unwrap();
    });
}

/// The server rings late for the request that was in the slot before, and takes that for the end of the next one's wait. The
/// doorbell is heard by whoever waits for events.
#[test]
fn a_late_doorbell_ends_no_wait() {
    every_order(|| {
        let world = Arc::new(World::new(&SIZES));
        let client = Client::new(&world, SIZES);
        let rung = Arc::new(AtomicU32::new(0));
        let request = Request { slot: 0, number: 2 };
        let (theirs, socket, its) = (world.clone(), client.socket.clone(), rung.clone());
        let late = thread::spawn(move || tell(&theirs, &socket, 0, &its));
        let (theirs, socket) = (world.clone(), client.socket.clone());
        let server = thread::spawn(move || answer(&theirs, &socket, request, &rung));
        while !client.ask(Awaited::Reply(request)) {
            assert!(!client.ask(Awaited::Events));
            client.socket.poll();
        }
        late.join().unwrap();
        server.join().unwrap();
    });
}
