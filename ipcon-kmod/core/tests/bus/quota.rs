// SPDX-License-Identifier: GPL-2.0

//! What each user may have: the last unit is given out once, all of it comes back, and nobody else
//! notices.

use ipcon_core::bus::{Error, Identity, Resource};

use crate::fixture::{Client, Fixture, KEVENTS, after_loss, group, identity, plain, replayed};
use crate::world::{Packet, Socket};

const ROOMY: usize = 64;

fn user(uid: u32) -> Identity {
    user_below(uid, uid)
}

/// A user in a namespace that `sponsor` made.
fn user_below(uid: u32, sponsor: u32) -> Identity {
    Identity {
        uid,
        sponsor,
        ..identity(uid)
    }
}

/// A peer of this user.
fn peer(bus: &Fixture, maker: Identity, port: u32) -> Client {
    bus.peer_of(maker, port, ROOMY).unwrap()
}

fn exceeded<T>(resource: Resource) -> Result<T, Error> {
    Err(Error::QuotaExceeded(resource))
}

#[test]
fn the_last_peer_of_a_user_is_the_last() {
    let bus = Fixture::new();
    bus.world.limit(Resource::Peers, 2);
    let first = peer(&bus, user(7), 1);
    peer(&bus, user(7), 2);
    let refused = bus.peer_of(user(7), 3, ROOMY).map(drop);
    assert_eq!(refused, exceeded(Resource::Peers));
    peer(&bus, user(8), 3);
    first.die();
    drop(first);
    peer(&bus, user(7), 4);
}

#[test]
fn names_are_counted_over_all_peers_of_a_user() {
    let bus = Fixture::new();
    bus.world.limit(Resource::Services, 2);
    bus.world.limit(Resource::Groups, 1);
    let (one, other, stranger) = (
        peer(&bus, user(7), 1),
        peer(&bus, user(7), 2),
        peer(&bus, user(8), 3),
    );
    one.register("clock").unwrap();
    other.register("disk").unwrap();
    assert_eq!(other.register("more"), exceeded(Resource::Services));
    one.open_group("news").unwrap();
    assert_eq!(other.open_group("olds"), exceeded(Resource::Groups));
    stranger.register("more").unwrap();
    stranger.open_group("olds").unwrap();

    one.unregister("clock").unwrap();
    one.close_group("news").unwrap();
    other.register("clock").unwrap();
    other.open_group("news").unwrap();
}

#[test]
fn a_taken_name_is_told_before_a_quota() {
    let bus = Fixture::new();
    let (squatter, late) = (peer(&bus, user(7), 1), peer(&bus, user(8), 2));
    squatter.register("clock").unwrap();
    bus.world.limit(Resource::Services, 0);
    assert_eq!(late.register("clock"), Err(Error::NameTaken));
}

#[test]
fn memberships_come_back_however_they_end() {
    let bus = Fixture::new();
    bus.world.limit(Resource::Memberships, 2);
    let (owner, member) = (peer(&bus, user(7), 1), peer(&bus, user(8), 2));
    for name in ["a", "b", "c"] {
        owner.open_group(name).unwrap();
    }
    member.join("a", false).unwrap();
    member.join("b", false).unwrap();
    assert_eq!(member.join("c", false), exceeded(Resource::Memberships));
    assert_eq!(bus.group_view(group("c")).unwrap().members, 0);
    member.leave("a").unwrap();
    member.join("c", false).unwrap();
    owner.close_group("b").unwrap();
    member.join(KEVENTS, false).unwrap();
    member.die();
    peer(&bus, user(8), 3).join("a", false).unwrap();
}

#[test]
fn a_message_too_many_to_keep_is_refused_and_the_one_before_stays() {
    let bus = Fixture::new();
    bus.world.limit(Resource::CachedBytes, 10);
    let (owner, member) = (peer(&bus, user(7), 1), peer(&bus, user(8), 2));
    owner.open_group("a").unwrap();
    owner.open_group("b").unwrap();
    member.join("a", false).unwrap();
    owner.publish("a", b"123456").unwrap();
    owner.publish("b", b"1234").unwrap();
    assert_eq!(
        owner.publish("a", b"1234567"),
        exceeded(Resource::CachedBytes)
    );
    assert_eq!(member.heard(), [plain(b"123456")]);
    assert_eq!(bus.totals().sent_multicast.messages.get(), 2);
    assert_eq!(bus.group_view(group("a")).unwrap().counts.sent_messages, 1);

    // A message takes the place of the one before.
    owner.publish("a", b"abcdef").unwrap();
    owner.publish("a", b"1").unwrap();
    owner.publish("b", b"123456789").unwrap();
    owner.close_group("b").unwrap();
    owner.publish("a", b"1234567890").unwrap();
    let late = peer(&bus, user(9), 3);
    late.join("a", true).unwrap();
    assert_eq!(late.heard(), [replayed(b"1234567890")]);
}

#[test]
fn less_is_possible_above_a_limit_that_was_lowered() {
    let bus = Fixture::new();
    let owner = peer(&bus, user(7), 1);
    owner.open_group("a").unwrap();
    owner.publish("a", b"123456").unwrap();
    bus.world.limit(Resource::CachedBytes, 2);
    owner.publish("a", b"abcdef").unwrap();
    owner.publish("a", b"abcde").unwrap();
    assert_eq!(
        owner.publish("a", b"abcdef"),
        exceeded(Resource::CachedBytes)
    );
}

#[test]
fn the_superuser_is_never_refused() {
    let bus = Fixture::new();
    for resource in [
        Resource::Peers,
        Resource::Services,
        Resource::Groups,
        Resource::Memberships,
        Resource::CachedBytes,
    ] {
        bus.world.limit(resource, 0);
    }
    let root = peer(&bus, user(0), 1);
    root.register("clock").unwrap();
    root.open_group("news").unwrap();
    root.join("news", false).unwrap();
    root.publish("news", b"x").unwrap();
    assert_eq!(
        bus.peer_of(user_below(0, 7), 2, ROOMY).map(drop),
        exceeded(Resource::Peers)
    );
}

#[test]
fn who_made_the_namespace_pays_for_all_users_in_it() {
    let bus = Fixture::new();
    bus.world.limit(Resource::Services, 2);
    let inside = [
        peer(&bus, user_below(100, 7), 1),
        peer(&bus, user_below(101, 7), 2),
    ];
    let outside = peer(&bus, user(7), 3);
    inside[0].register("a").unwrap();
    inside[1].register("b").unwrap();
    assert_eq!(inside[0].register("c"), exceeded(Resource::Services));
    assert_eq!(outside.register("c"), exceeded(Resource::Services));
    // What was refused for the sponsor's sake was not taken from the user.
    inside[1].unregister("b").unwrap();
    inside[0].register("c").unwrap();
    assert_eq!(inside[0].register("d"), exceeded(Resource::Services));
    // One below whom the superuser answers is limited by its own account only.
    peer(&bus, user_below(100, 0), 4).register("d").unwrap_err();
    peer(&bus, user_below(102, 0), 5).register("d").unwrap();
}

#[test]
fn accounts_are_closed_with_the_last_that_they_pay_for() {
    let bus = Fixture::new();
    let (one, other) = (peer(&bus, user_below(100, 7), 1), peer(&bus, user(7), 2));
    one.open_group("news").unwrap();
    one.register("clock").unwrap();
    other.join("news", true).unwrap();
    one.publish("news", b"x").unwrap();
    other.die();
    drop(other);
    assert!(!bus.accounts.is_empty());
    one.die();
    drop(one);
    assert!(bus.accounts.is_empty());
}

#[test]
fn users_pay_for_all_buses_from_one_account() {
    let bus = Fixture::new();
    let other = ipcon_core::bus::Bus::<crate::world::Host>::new(bus.accounts.clone()).unwrap();
    bus.world.limit(Resource::Peers, 1);
    let first = peer(&bus, user(7), 1);
    let add = || other.add_peer(1, Socket::new(1), user(7), None).map(drop);
    assert_eq!(add(), exceeded(Resource::Peers));
    first.die();
    drop(first);
    add().unwrap();
}

#[test]
fn the_bus_bounds_queues_that_their_sockets_do_not() {
    let bus = Fixture::new();
    bus.world.limit_queues(2);
    let (sender, member) = (peer(&bus, user(7), 1), peer(&bus, user(8), 2));
    let root = peer(&bus, user(0), 3);
    sender.open_group("news").unwrap();
    sender.publish("news", b"0").unwrap();
    member.join("news", true).unwrap();
    root.join("news", true).unwrap();
    sender.publish("news", b"1").unwrap();
    sender.publish("news", b"2").unwrap();
    assert_eq!(sender.send(2, b"x"), Err(Error::QueueFull));
    assert_eq!(member.peer.queue_fill().limit, 2);
    assert_eq!(member.heard(), [replayed(b"0"), plain(b"1")]);
    assert_eq!(root.heard().len(), 3);
    sender.send(2, b"x").unwrap();
    assert_eq!(member.heard(), [after_loss(b"x", 1)]);
}

/// Making a message may sleep, and others send meanwhile.
#[test]
fn room_that_others_took_while_a_message_was_made_is_gone() {
    let bus = Fixture::new();
    bus.world.limit_queues(2);
    let (slow, quick, receiver) = (
        peer(&bus, user(7), 1),
        peer(&bus, user(7), 2),
        peer(&bus, user(8), 3),
    );
    let sent = bus.send_unicast(&slow.peer, 3, 4, || {
        quick.send(3, b"1").unwrap();
        quick.send(3, b"2").unwrap();
        Packet::unicast(1, b"late")
    });
    assert_eq!(sent, Err(Error::QueueFull));
    assert_eq!(receiver.heard(), [plain(b"1"), plain(b"2")]);
}
