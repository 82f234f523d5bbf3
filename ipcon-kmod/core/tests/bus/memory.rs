// SPDX-License-Identifier: GPL-2.0

//! Each allocation of each operation fails in turn: the operation is refused and nothing changed,
//! or it is done.

use ipcon_core::bus::{Error, Identity};
use ipcon_core::seam::ration;

use crate::driver::walk;
use crate::fixture::{Bus, Client, Fixture, KEVENTS, identity};
use crate::world::{Host, Socket};

type Step = fn(&Fixture, &Client, &Client) -> Result<(), Error>;

/// What a refused operation must leave as it was.
fn listed(bus: &Bus) -> String {
    let peers = walk(|id| bus.peer_from(id), |peer| peer.id + 1);
    let services = walk(|id| bus.service_from(id), |service| service.id + 1);
    let groups = walk(|id| bus.group_from(id), |view| view.group.id + 1);
    format!(
        "{:?} {:?} {:?} {:?}",
        bus.census(),
        peers
            .iter()
            .map(|peer| (peer.id, peer.port))
            .collect::<Vec<_>>(),
        services
            .iter()
            .map(|service| (service.id, service.name))
            .collect::<Vec<_>>(),
        groups
            .iter()
            .map(|view| (view.group.id, view.group.name, view.members))
            .collect::<Vec<_>>(),
    )
}

/// A step on a fresh bus with an owner of "news" and a member of it and of the kevent group. When it
/// is refused, it is done once more with memory. Gives what came of it first, and what was left when
/// both had died.
fn with_allocations(count: Option<u32>, step: Step) -> (Result<(), Error>, String) {
    let bus = Fixture::new();
    let (owner, member) = (bus.peer(1), bus.observer(2));
    owner.open_group("news").unwrap();
    owner.register("clock").unwrap();
    member.join("news", false).unwrap();
    bus.add_peer(3, Socket::new(8), identity(3), Some(4))
        .unwrap();
    owner.publish("news", b"last").unwrap();
    let before = listed(&bus);
    ration(count);
    let outcome = step(&bus, &owner, &member);
    ration(None);
    if let Err(error) = outcome {
        assert_eq!(error, Error::NoMemory);
        assert_eq!(listed(&bus), before, "refused after {count:?} allocations");
        step(&bus, &owner, &member).unwrap();
    }
    owner.die();
    member.die();
    let end = format!("{:?}", bus.census());
    drop((owner, member));
    while let Some(peer) = bus.peer_from(0) {
        bus.withdraw_peer(&peer);
    }
    assert!(bus.accounts.is_empty(), "somebody still pays");
    (outcome, end)
}

/// With how few allocations a step is refused. A refused one leaves nothing behind that shows later.
fn refusals(step: Step) -> u32 {
    let (_, end) = with_allocations(None, step);
    let refused = (0..).take_while(|count| {
        let (outcome, end_after_refusal) = with_allocations(Some(*count), step);
        assert_eq!(end_after_refusal, end, "after {count} allocations");
        outcome.is_err()
    });
    let count = u32::try_from(refused.count()).unwrap();
    // What comes after may only be an event that is lost, and that is counted.
    for more in count..count + 4 {
        with_allocations(Some(more), step).0.unwrap();
    }
    count
}

#[test]
fn coming_fails_as_a_whole() {
    let steps: [(&str, Step); 5] = [
        ("peer", |bus, _, _| {
            let other_user = Identity {
                uid: 9,
                sponsor: 10,
                ..identity(9)
            };
            bus.add_peer(9, Socket::new(1), other_user, None).map(drop)
        }),
        ("control socket", |bus, _, _| {
            bus.attach_control(4, Socket::new(1), identity(3), 3)
                .map(drop)
        }),
        ("service", |_, owner, _| owner.register("disk")),
        ("group", |_, owner, _| owner.open_group("olds")),
        ("membership", |_, owner, _| owner.join("news", false)),
    ];
    for (what, step) in steps {
        assert!(refusals(step) > 0, "{what}: nothing was allocated");
    }
}

#[test]
fn going_needs_no_memory() {
    let steps: [(&str, Step); 4] = [
        ("service", |_, owner, _| owner.unregister("clock")),
        ("group", |_, owner, _| owner.close_group("news")),
        ("membership", |_, _, member| member.leave("news")),
        ("peer", |bus, owner, _| {
            owner.die();
            assert_eq!(bus.census().groups + bus.census().services, 0);
            Ok(())
        }),
    ];
    for (what, step) in steps {
        assert_eq!(refusals(step), 0, "{what}");
    }
}

#[test]
fn sending_fails_as_a_whole() {
    assert_eq!(refusals(|_, owner, _| owner.send(2, b"x")), 1);
    assert_eq!(refusals(|_, owner, _| owner.publish("news", b"x")), 1);
}

#[test]
fn a_join_without_memory_for_the_replay_is_a_join_with_a_loss() {
    let step: Step = |_, owner, _| owner.join("news", true);
    let wanted = refusals(step);
    let bus = Fixture::new();
    let owner = bus.peer(1);
    owner.open_group("news").unwrap();
    owner.publish("news", b"last").unwrap();
    ration(Some(wanted));
    owner.join("news", true).unwrap();
    ration(None);
    assert_eq!(owner.peer.unreported_losses(), 1);
    assert!(owner.heard().is_empty());
}

#[test]
fn a_bus_without_memory_is_none() {
    let accounts = Fixture::new().accounts;
    let refused = (0..).take_while(|count| {
        ration(Some(*count));
        let refused = ipcon_core::bus::Bus::<Host>::new(accounts.clone()).is_err();
        ration(None);
        refused
    });
    assert!(refused.count() > 3);
}

#[test]
fn an_event_without_memory_is_told_as_lost() {
    let bus = Fixture::new();
    let (owner, member) = (bus.peer(1), bus.observer(2));
    owner.register("clock").unwrap();
    member.socket.drain();
    ration(Some(0));
    owner.die();
    ration(None);
    assert_eq!(member.peer.unreported_losses(), 2);
    assert_eq!(
        bus.group_view(crate::fixture::group(KEVENTS))
            .unwrap()
            .counts
            .copies
            .dropped_no_memory,
        2
    );
}
