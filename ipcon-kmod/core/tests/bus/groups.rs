// SPDX-License-Identifier: GPL-2.0

//! Groups: owners, members, the last message, and the end of a group.

use ipcon_core::bus::Error;

use crate::fixture::{Client, Fixture, KEVENTS, after_loss, group, plain, replayed};

/// An owner of the group "news" and a peer that is no member.
fn owner_and_other(bus: &Fixture) -> (Client, Client) {
    let owner = bus.peer(1);
    owner.open_group("news").unwrap();
    (owner, bus.peer(2))
}

#[test]
fn a_group_is_registered_once() {
    let bus = Fixture::new();
    let (owner, other) = owner_and_other(&bus);
    assert_eq!(other.open_group("news"), Err(Error::NameTaken));
    assert_eq!(owner.open_group("news"), Err(Error::NameTaken));
    assert_eq!(owner.open_group(KEVENTS), Err(Error::ReservedName));
    assert_eq!(other.close_group("news"), Err(Error::NotOwner));
    assert_eq!(other.close_group(KEVENTS), Err(Error::NotOwner));
    assert_eq!(other.close_group("olds"), Err(Error::Unknown));
    owner.close_group("news").unwrap();
    other.open_group("news").unwrap();
    let view = bus.group_view(group("news")).unwrap();
    assert_eq!(
        (view.group.owner, view.group.owner_port),
        (other.peer.id, 2)
    );
}

#[test]
fn only_the_owner_publishes() {
    let bus = Fixture::new();
    let (owner, other) = owner_and_other(&bus);
    other.join("news", false).unwrap();
    assert_eq!(other.publish("news", b"forged"), Err(Error::NotOwner));
    assert_eq!(other.publish(KEVENTS, b"forged"), Err(Error::NotOwner));
    assert_eq!(other.publish("olds", b"x"), Err(Error::Unknown));
    owner.publish("news", b"real").unwrap();
    assert_eq!(other.heard(), [plain(b"real")]);
    assert_eq!(other.peer.counters.sent_multicast.messages.get(), 0);
}

#[test]
fn publishing_needs_no_members() {
    let bus = Fixture::new();
    let (owner, _) = owner_and_other(&bus);
    owner.publish("news", b"alone").unwrap();
    let counts = bus.group_view(group("news")).unwrap().counts;
    assert_eq!(
        (
            counts.sent_messages,
            counts.sent_bytes,
            counts.unheard_messages
        ),
        (1, 5, 1)
    );
    assert_eq!(counts.copies.delivered_messages, 0);
}

#[test]
fn members_and_nobody_else_hear() {
    let bus = Fixture::new();
    let (owner, other) = owner_and_other(&bus);
    let third = bus.peer(3);
    owner.join("news", false).unwrap();
    other.join("news", false).unwrap();
    owner.publish("news", b"one").unwrap();
    other.leave("news").unwrap();
    owner.publish("news", b"two").unwrap();
    assert_eq!(
        owner.heard(),
        [plain(b"one"), plain(b"two")],
        "the owner hears itself"
    );
    assert_eq!(other.heard(), [plain(b"one")]);
    assert_eq!(third.heard(), []);
}

#[test]
fn membership_comes_once_and_goes_once() {
    let bus = Fixture::new();
    let (owner, other) = owner_and_other(&bus);
    owner.publish("news", b"last").unwrap();
    assert_eq!(other.join("olds", false), Err(Error::Unknown));
    assert_eq!(other.leave("olds"), Err(Error::Unknown));
    assert_eq!(other.leave("news"), Err(Error::Unknown));
    other.join("news", false).unwrap();
    assert_eq!(other.join("news", true), Err(Error::AlreadyMember));
    assert_eq!(other.heard(), [], "a refused join replays nothing");
    other.leave("news").unwrap();
    assert_eq!(other.leave("news"), Err(Error::Unknown));
    assert_eq!(bus.census().memberships, 0);
}

#[test]
fn a_join_replays_the_last_message_when_asked() {
    let bus = Fixture::new();
    let (owner, other) = owner_and_other(&bus);
    let third = bus.peer(3);
    other.join("news", true).unwrap();
    assert_eq!(other.heard(), [], "there is none yet");
    owner.publish("news", b"first").unwrap();
    owner.publish("news", b"second").unwrap();
    third.join("news", true).unwrap();
    owner.publish("news", b"third").unwrap();
    assert_eq!(third.heard(), [replayed(b"second"), plain(b"third")]);
    owner.join("news", false).unwrap();
    assert_eq!(owner.heard(), []);
    let view = bus.group_view(group("news")).unwrap();
    assert_eq!((view.members, view.last_len), (3, Some(5)));
    assert_eq!(
        (
            view.counts.copies.replayed_messages,
            view.counts.copies.replayed_bytes
        ),
        (1, 6)
    );
    assert_eq!(
        (
            view.counts.copies.delivered_messages,
            view.counts.copies.delivered_bytes
        ),
        (4, 5 + 6 + 5 + 5)
    );
}

#[test]
fn a_replay_that_finds_no_room_is_a_loss() {
    let bus = Fixture::new();
    let (owner, _) = owner_and_other(&bus);
    let slow = bus.peer_with_room(3, 1);
    owner.publish("news", b"last").unwrap();
    owner.send(3, b"fills the queue").unwrap();
    slow.join("news", true).unwrap();
    assert_eq!(slow.peer.unreported_losses(), 1);
    slow.socket.drain();
    owner.publish("news", b"next").unwrap();
    assert_eq!(slow.heard(), [after_loss(b"next", 1)]);
    let counts = bus.group_view(group("news")).unwrap().counts;
    assert_eq!(
        (
            counts.copies.replayed_messages,
            counts.copies.dropped_queue_full
        ),
        (0, 1)
    );
}

#[test]
fn what_was_sent_before_the_end_of_a_group_is_delivered() {
    let bus = Fixture::new();
    let (owner, other) = owner_and_other(&bus);
    other.join("news", false).unwrap();
    owner.publish("news", b"last words").unwrap();
    owner.close_group("news").unwrap();
    assert_eq!(owner.publish("news", b"late"), Err(Error::Unknown));
    assert_eq!(other.heard(), [plain(b"last words")]);
    assert_eq!(bus.census().memberships, 0);
    assert_eq!(other.leave("news"), Err(Error::Unknown));
    assert_eq!(other.join("news", false), Err(Error::Unknown));
}

#[test]
fn the_next_group_of_the_name_starts_empty() {
    let bus = Fixture::new();
    let (owner, other) = owner_and_other(&bus);
    other.join("news", false).unwrap();
    owner.publish("news", b"old").unwrap();
    let first = bus.group_view(group("news")).unwrap().group.id;
    owner.close_group("news").unwrap();
    owner.open_group("news").unwrap();
    let view = bus.group_view(group("news")).unwrap();
    assert!(view.group.id > first);
    assert_eq!(
        (view.members, view.last_len, view.counts.sent_messages),
        (0, None, 0)
    );
    other.socket.drain();
    owner.publish("news", b"unheard").unwrap();
    assert_eq!(other.heard(), []);
    other.join("news", true).unwrap();
    assert_eq!(other.heard(), [replayed(b"unheard")]);
}

#[test]
fn members_see_the_messages_of_a_group_in_one_order() {
    let bus = Fixture::new();
    let (owner, other) = owner_and_other(&bus);
    let third = bus.peer(3);
    other.join("news", false).unwrap();
    third.join("news", false).unwrap();
    for number in 0..100u8 {
        owner.publish("news", &[number]).unwrap();
    }
    let heard = other.heard();
    assert_eq!(
        heard.iter().map(|(data, _)| data[0]).collect::<Vec<_>>(),
        (0..100).collect::<Vec<_>>()
    );
    assert_eq!(heard, third.heard());
}

#[test]
fn there_may_be_many_groups() {
    let bus = Fixture::new();
    let owner = bus.peer(1);
    for number in 0..5000 {
        owner.open_group(&format!("g{number}")).unwrap();
    }
    assert_eq!(bus.census().groups, 5000);
    owner.die();
    assert_eq!(bus.census().groups, 0);
    assert_eq!(bus.census().kevent_sequence, 10_001);
}
