// SPDX-License-Identifier: GPL-2.0

//! Quotas when two reach for the last unit, or one gives back what another takes.

use ipcon_core::bus::{Error, Identity, Resource};

use crate::explore::{both, explore};
use crate::fixture::{Client, Fixture, group, identity};

fn peer(bus: &Fixture, uid: u32, sponsor: u32, port: u32) -> Result<Client, Error> {
    let maker = Identity {
        uid,
        sponsor,
        ..identity(port)
    };
    bus.peer_of(maker, port, 8)
}

/// Whether it was granted; it may only have been refused for want of this.
fn granted<T>(outcome: Result<T, Error>, resource: Resource) -> bool {
    match outcome {
        Ok(_) => true,
        Err(error) => {
            assert_eq!(error, Error::QuotaExceeded(resource));
            false
        }
    }
}

fn attempt(outcome: Result<(), Error>, resource: Resource) {
    granted(outcome, resource);
}

/// When all are gone, nobody has anything any more.
fn end(bus: &Fixture, clients: Vec<Client>) {
    for client in &clients {
        client.die();
    }
    drop(clients);
    assert!(bus.accounts.is_empty(), "an account is left");
}

#[test]
fn the_last_unit_goes_to_one_of_two() {
    explore(|| {
        let bus = Fixture::new();
        bus.world.limit(Resource::Services, 1);
        let (a, b) = (peer(&bus, 7, 7, 1).unwrap(), peer(&bus, 7, 7, 2).unwrap());
        let other = b.clone();
        let mut won = false;
        both(
            move || attempt(other.register("disk"), Resource::Services),
            || won = granted(a.register("clock"), Resource::Services),
        );
        assert_eq!(bus.census().services, 1);
        let (winner, name, loser) = if won {
            (&a, "clock", &b)
        } else {
            (&b, "disk", &a)
        };
        winner.unregister(name).unwrap();
        loser.register("mail").unwrap();
        end(&bus, vec![a, b]);
    });
}

#[test]
fn users_of_one_sponsor_share_what_it_may_have() {
    explore(|| {
        let bus = Fixture::new();
        bus.world.limit(Resource::Groups, 1);
        let (a, b) = (peer(&bus, 7, 9, 1).unwrap(), peer(&bus, 8, 9, 2).unwrap());
        let other = b.clone();
        let mut won = false;
        both(
            move || attempt(other.open_group("b"), Resource::Groups),
            || won = granted(a.open_group("a"), Resource::Groups),
        );
        assert_eq!(bus.census().groups, 1);
        // Who was refused by the sponsor's account has not paid with its own.
        let (winner, name, loser) = if won { (&a, "a", &b) } else { (&b, "b", &a) };
        winner.close_group(name).unwrap();
        loser.open_group("c").unwrap();
        end(&bus, vec![a, b]);
    });
}

#[test]
fn what_is_given_back_can_be_taken_at_once() {
    explore(|| {
        let bus = Fixture::new();
        bus.world.limit(Resource::Services, 1);
        let (a, b) = (peer(&bus, 7, 7, 1).unwrap(), peer(&bus, 7, 7, 2).unwrap());
        a.register("clock").unwrap();
        let first = a.clone();
        let mut won = false;
        both(
            move || first.unregister("clock").unwrap(),
            || won = granted(b.register("disk"), Resource::Services),
        );
        if !won {
            b.register("disk").unwrap();
        }
        assert!(!granted(a.register("mail"), Resource::Services));
        end(&bus, vec![a, b]);
    });
}

#[test]
fn an_account_that_is_just_closing_still_counts_for_the_next_peer() {
    explore(|| {
        let bus = Fixture::new();
        bus.world.limit(Resource::Peers, 1);
        let first = peer(&bus, 7, 7, 1).unwrap();
        let mut second = Err(Error::Unknown);
        both(
            move || {
                first.die();
                drop(first);
            },
            || second = peer(&bus, 7, 7, 2),
        );
        let second = match second {
            Ok(client) => client,
            Err(error) => {
                assert_eq!(error, Error::QuotaExceeded(Resource::Peers));
                peer(&bus, 7, 7, 2).unwrap()
            }
        };
        assert!(!granted(peer(&bus, 7, 7, 3), Resource::Peers));
        end(&bus, vec![second]);
    });
}

#[test]
fn two_groups_of_a_user_share_what_it_may_keep() {
    explore(|| {
        let bus = Fixture::new();
        bus.world.limit(Resource::CachedBytes, 2);
        let owner = peer(&bus, 7, 7, 1).unwrap();
        owner.open_group("a").unwrap();
        owner.open_group("b").unwrap();
        let other = owner.clone();
        let mut won = false;
        both(
            move || attempt(other.publish("a", b"12"), Resource::CachedBytes),
            || won = granted(owner.publish("b", b"12"), Resource::CachedBytes),
        );
        let kept = |name| bus.group_view(group(name)).unwrap().last_len.is_some();
        assert_eq!((kept("a"), kept("b")), (!won, won));
        end(&bus, vec![owner]);
    });
}

#[test]
fn exchanging_a_kept_message_pays_for_the_difference() {
    explore(|| {
        let bus = Fixture::new();
        bus.world.limit(Resource::CachedBytes, 3);
        let owner = peer(&bus, 7, 7, 1).unwrap();
        owner.open_group("a").unwrap();
        owner.open_group("b").unwrap();
        owner.publish("a", b"12").unwrap();
        let other = owner.clone();
        let mut kept = false;
        both(
            move || other.publish("a", b"1").unwrap(),
            || kept = granted(owner.publish("b", b"12"), Resource::CachedBytes),
        );
        if !kept {
            owner.publish("b", b"12").unwrap();
        }
        assert!(!granted(owner.publish("a", b"12"), Resource::CachedBytes));
        owner.close_group("a").unwrap();
        owner.publish("b", b"123").unwrap();
        end(&bus, vec![owner]);
    });
}

#[test]
fn a_message_for_a_group_that_is_just_ending_is_not_paid_for() {
    explore(|| {
        let bus = Fixture::new();
        bus.world.limit(Resource::CachedBytes, 2);
        let owner = peer(&bus, 7, 7, 1).unwrap();
        owner.open_group("a").unwrap();
        let publisher = owner.clone();
        both(
            move || match publisher.publish("a", b"12") {
                Ok(()) => {}
                Err(error) => assert_eq!(error, Error::Unknown),
            },
            || owner.close_group("a").unwrap(),
        );
        owner.open_group("b").unwrap();
        owner.publish("b", b"12").unwrap();
        end(&bus, vec![owner]);
    });
}
