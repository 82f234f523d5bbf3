// SPDX-License-Identifier: GPL-2.0

//! Losses of a slow member: each is told once, before anything shows the gap.

use ipcon_core::bus::Error;

use crate::explore::{assert_books_balance, both, explore, explore_some, three};
use crate::fixture::{Client, Fixture};

/// A publisher, and a member that has lost one message of it and has room for `room`.
fn after_a_loss(bus: &Fixture, room: usize) -> (Client, Client) {
    let (owner, slow) = (bus.peer(1), bus.peer_with_room(2, room));
    owner.open_group("news").unwrap();
    slow.join("news", false).unwrap();
    for number in 0..=room {
        owner.publish("news", &[number as u8]).unwrap();
    }
    slow.socket.drain();
    assert_eq!(slow.peer.unreported_losses(), 1);
    (owner, slow)
}

/// A send that finds room or does not.
fn attempt(outcome: Result<(), Error>) {
    assert!(
        matches!(outcome, Ok(()) | Err(Error::QueueFull)),
        "{outcome:?}"
    );
}

/// Losses told by the messages in the queue, in order.
fn told(slow: &Client) -> Vec<u64> {
    slow.heard().iter().map(|(_, marks)| marks.lost).collect()
}

#[test]
fn no_message_overtakes_the_one_that_tells_of_a_loss() {
    explore(|| {
        let bus = Fixture::new();
        let (owner, slow) = after_a_loss(&bus, 2);
        let chatter = bus.peer(3);
        let publisher = owner.clone();
        both(
            move || publisher.publish("news", &[9]).unwrap(),
            || chatter.send(2, b"x").unwrap(),
        );
        assert_eq!(told(&slow), [1, 0]);
        assert_eq!(slow.peer.unreported_losses(), 0);
        assert_books_balance(&bus, &[&owner, &slow, &chatter]);
    });
}

#[test]
fn a_loss_while_another_is_told_is_told_next() {
    explore(|| {
        let bus = Fixture::new();
        let (owner, slow) = after_a_loss(&bus, 1);
        let chatter = bus.peer(3);
        let publisher = owner.clone();
        both(
            move || publisher.publish("news", &[9]).unwrap(),
            || attempt(chatter.send(2, b"x")),
        );
        assert_eq!(told(&slow), [1]);
        let dropped = slow.peer.counters.dropped_queue_full.messages.get();
        assert_eq!(slow.peer.unreported_losses(), dropped - 1);
        owner.publish("news", &[10]).unwrap();
        assert_eq!(told(&slow), [dropped - 1]);
        assert_books_balance(&bus, &[&owner, &slow, &chatter]);
    });
}

/// The queue has room for one of three, and whoever comes too late must not take a loss for told.
#[test]
fn a_refused_message_leaves_the_losses_to_the_next() {
    explore_some(4, || {
        let bus = Fixture::new();
        let (owner, slow) = (bus.peer(1), bus.peer_with_room(2, 1));
        owner.open_group("news").unwrap();
        slow.join("news", false).unwrap();
        let chatter = bus.peer(3);
        let (publisher, talker) = (owner.clone(), chatter.clone());
        three(
            move || publisher.publish("news", &[9]).unwrap(),
            move || attempt(talker.send(2, b"y")),
            || attempt(chatter.send(2, b"x")),
        );
        assert_eq!(told(&slow), [0]);
        let dropped = slow.peer.counters.dropped_queue_full.messages.get();
        assert_eq!(slow.peer.unreported_losses(), dropped);
        assert_books_balance(&bus, &[&owner, &slow, &chatter]);
    });
}

/// Group messages of one publisher are numbered. Whenever one is missing, the receiver must have been
/// told by the next one at the latest.
#[test]
fn a_reader_is_told_of_a_loss_before_the_gap_shows() {
    explore(|| {
        let bus = Fixture::new();
        let (owner, slow) = (bus.peer(1), bus.peer_with_room(2, 1));
        owner.open_group("news").unwrap();
        slow.join("news", false).unwrap();
        let publisher = owner.clone();
        let mut read = Vec::new();
        both(
            move || {
                for number in 1..=3 {
                    publisher.publish("news", &[number]).unwrap();
                }
            },
            || read.extend((0..2).filter_map(|_| slow.socket.receive())),
        );
        read.extend(slow.socket.drain());
        owner.publish("news", &[4]).unwrap();
        read.extend(slow.socket.drain());
        let mut last = 0;
        for packet in &read {
            let number = u64::from(packet.data()[0]);
            assert_eq!(packet.marks.lost, number - last - 1, "{read:?}");
            last = number;
        }
        assert_eq!(last, 4);
        assert_books_balance(&bus, &[&owner, &slow]);
    });
}

#[test]
fn a_reader_among_two_senders_is_told_each_loss_once() {
    explore_some(3, || {
        let bus = Fixture::new();
        let (owner, slow) = after_a_loss(&bus, 1);
        let chatter = bus.peer(3);
        let (publisher, talker) = (owner.clone(), chatter.clone());
        let mut told = Vec::new();
        three(
            move || publisher.publish("news", &[9]).unwrap(),
            move || attempt(talker.send(2, b"x")),
            || told.extend(slow.socket.receive()),
        );
        told.extend(slow.socket.drain());
        let told: u64 = told.iter().map(|packet| packet.marks.lost).sum();
        let dropped = slow.peer.counters.dropped_queue_full.messages.get();
        assert_eq!(told + slow.peer.unreported_losses(), dropped);
        assert!(told >= 1);
        assert_books_balance(&bus, &[&owner, &slow, &chatter]);
    });
}
