// SPDX-License-Identifier: GPL-2.0

//! Messages of a group against everything that changes its members.

use ipcon_core::bus::Error;

use crate::explore::{assert_books_balance, both, explore, explore_some, three};
use crate::fixture::{Client, Fixture, group};

/// Payloads of the group messages in the queue.
fn heard(client: &Client) -> Vec<u8> {
    client.heard().iter().map(|(data, _)| data[0]).collect()
}

#[test]
fn a_join_with_replay_has_no_gap_and_no_duplicate() {
    explore(|| {
        let bus = Fixture::new();
        let (owner, member) = (bus.peer(1), bus.peer(2));
        owner.open_group("news").unwrap();
        owner.publish("news", &[1]).unwrap();
        let publisher = owner.clone();
        both(
            move || {
                publisher.publish("news", &[2]).unwrap();
                publisher.publish("news", &[3]).unwrap();
            },
            || member.join("news", true).unwrap(),
        );
        let heard = member.heard();
        let first = heard[0].0[0];
        for (number, (data, marks)) in (first..).zip(&heard) {
            assert_eq!(data[..], [number], "{heard:?}");
            assert_eq!(marks.replay, number == first, "{heard:?}");
        }
        assert_eq!(heard.last().unwrap().0, [3]);
        assert_books_balance(&bus, &[&owner, &member]);
    });
}

#[test]
fn members_agree_on_the_order_of_two_publishing_threads() {
    explore(|| {
        let bus = Fixture::new();
        let (owner, a, b) = (bus.peer(1), bus.peer(2), bus.peer(3));
        owner.open_group("news").unwrap();
        a.join("news", false).unwrap();
        b.join("news", false).unwrap();
        let publisher = owner.clone();
        both(
            move || publisher.publish("news", &[1]).unwrap(),
            || owner.publish("news", &[2]).unwrap(),
        );
        let order = heard(&a);
        assert!(order == [1, 2] || order == [2, 1], "{order:?}");
        assert_eq!(heard(&b), order);
        // The message kept for replay is the last one that was heard.
        a.leave("news").unwrap();
        a.join("news", true).unwrap();
        assert_eq!(heard(&a), order[1..]);
        assert_books_balance(&bus, &[&owner, &a, &b]);
    });
}

#[test]
fn what_was_sent_before_the_end_of_a_group_arrives_and_nothing_after() {
    explore(|| {
        let bus = Fixture::new();
        let (owner, member) = (bus.peer(1), bus.peer(2));
        owner.open_group("news").unwrap();
        member.join("news", false).unwrap();
        let publisher = owner.clone();
        let listener = member.clone();
        both(
            move || match publisher.publish("news", &[1]) {
                Ok(()) => assert_eq!(heard(&listener), [1]),
                Err(error) => {
                    assert_eq!(error, Error::Unknown);
                    assert!(heard(&listener).is_empty());
                }
            },
            || owner.close_group("news").unwrap(),
        );
        // The next group of that name starts with nothing.
        owner.open_group("news").unwrap();
        member.join("news", true).unwrap();
        assert!(heard(&member).is_empty());
        assert_eq!(bus.census().memberships, 1);
        assert_books_balance(&bus, &[&owner, &member]);
    });
}

#[test]
fn who_has_left_hears_nothing_more() {
    explore(|| {
        let bus = Fixture::new();
        let (owner, member) = (bus.peer(1), bus.peer(2));
        owner.open_group("news").unwrap();
        member.join("news", false).unwrap();
        let publisher = owner.clone();
        both(
            move || {
                publisher.publish("news", &[1]).unwrap();
                publisher.publish("news", &[2]).unwrap();
            },
            || {
                member.leave("news").unwrap();
                let before = heard(&member);
                assert!([1, 2].starts_with(&before), "{before:?}");
            },
        );
        assert!(heard(&member).is_empty());
        assert_eq!(bus.census().memberships, 0);
        assert_books_balance(&bus, &[&owner, &member]);
    });
}

#[test]
fn the_death_of_a_member_takes_its_membership_only() {
    explore(|| {
        let bus = Fixture::new();
        let (owner, short) = (bus.peer(1), bus.peer(5));
        owner.open_group("news").unwrap();
        short.join("news", false).unwrap();
        let publisher = owner.clone();
        let mut next = None;
        both(
            move || publisher.publish("news", &[1]).unwrap(),
            || {
                short.die();
                let reborn = bus.peer(5);
                reborn.join("news", false).unwrap();
                next = Some(reborn);
            },
        );
        let next = next.unwrap();
        let counts = bus.group_view(group("news")).unwrap().counts;
        let delivered = |client: &Client| client.peer.counters.delivered_multicast.messages.get();
        assert_eq!(heard(&next).len() as u64, delivered(&next));
        assert_eq!(
            counts.copies.delivered_messages,
            delivered(&short) + delivered(&next)
        );
        assert!(counts.copies.delivered_messages + counts.unheard_messages <= 1);
        assert_eq!((bus.census().peers, bus.census().memberships), (2, 1));
        assert_books_balance(&bus, &[&owner, &short, &next]);
    });
}

#[test]
fn nobody_stays_in_a_group_whose_owner_died() {
    explore(|| {
        let bus = Fixture::new();
        let (owner, member) = (bus.peer(1), bus.peer(2));
        owner.open_group("news").unwrap();
        both(
            move || owner.die(),
            || match member.join("news", true) {
                Ok(()) => {}
                Err(error) => assert_eq!(error, Error::Unknown),
            },
        );
        let census = bus.census();
        assert_eq!((census.peers, census.groups, census.memberships), (1, 0, 0));
        assert_eq!(member.leave("news"), Err(Error::Unknown));
    });
}

#[test]
fn members_that_come_and_go_do_not_disturb_the_others() {
    explore_some(3, || {
        let bus = Fixture::new();
        let (owner, stays, comes) = (bus.peer(1), bus.peer(2), bus.peer(3));
        owner.open_group("news").unwrap();
        stays.join("news", false).unwrap();
        owner.publish("news", &[1]).unwrap();
        let (one, other) = (owner.clone(), owner.clone());
        three(
            move || one.publish("news", &[2]).unwrap(),
            move || other.publish("news", &[3]).unwrap(),
            || comes.join("news", true).unwrap(),
        );
        let all = heard(&stays);
        assert!(all == [1, 2, 3] || all == [1, 3, 2], "{all:?}");
        let late = heard(&comes);
        assert!(!late.is_empty() && all.ends_with(&late), "{all:?} {late:?}");
        assert_books_balance(&bus, &[&owner, &stays, &comes]);
    });
}
