// SPDX-License-Identifier: MIT OR Apache-2.0

//! Multicast channels and their members.

use std::sync::Barrier;
use std::thread;

use ipcon_vm_tests::{Case, cases};
use libipcon::{Inspector, Name, Origin, Peer, Port, Replay};

use crate::speaker::{Speaker, terminated};
use crate::support::{drain, next, number, numbered};
use crate::uapi::{attr, cmd};

pub(crate) fn all() -> Vec<Case> {
    cases![
        a_message_reaches_every_member_and_nobody_else,
        success_does_not_depend_on_members,
        the_owner_may_join_and_then_hears_itself,
        only_the_owner_sends,
        every_member_sees_the_same_order,
        what_was_sent_before_unregistering_is_delivered,
        after_unregistering_there_is_nothing_to_join,
        a_later_group_of_the_same_name_starts_empty,
        who_leaves_hears_no_more,
        groups_go_with_their_owner,
    ]
}

fn a_message_reaches_every_member_and_nobody_else() {
    let owner = Peer::connect().unwrap();
    owner.register_group("news").unwrap();
    let members: Vec<Peer> = (0..8).map(|_| member_of("news")).collect();
    let bystander = Peer::connect().unwrap();
    for round in 0..200 {
        owner.multicast("news", &numbered(round)).unwrap();
        for member in &members {
            let message = next(member);
            assert_eq!(number(&message.data), round);
            assert_eq!((message.replay, message.lost), (false, 0));
            let name = Name::new("news").unwrap();
            assert_eq!(
                message.origin,
                Origin::Group {
                    name,
                    from: owner.port()
                }
            );
        }
    }
    for peer in members.iter().chain([&bystander, &owner]) {
        assert_eq!(peer.try_recv().unwrap(), None);
    }
}

fn success_does_not_depend_on_members() {
    let owner = Peer::connect().unwrap();
    owner.register_group("void").unwrap();
    for _ in 0..3 {
        owner.multicast("void", b"is anybody there?").unwrap();
    }
    let group = Inspector::open().unwrap().group("void").unwrap();
    assert_eq!(
        (
            group.sent_messages,
            group.unheard_messages,
            group.delivered_messages
        ),
        (3, 3, 0)
    );
    assert_eq!(group.last_len, Some(17));
}

fn the_owner_may_join_and_then_hears_itself() {
    let owner = Peer::connect().unwrap();
    owner.register_group("echo").unwrap();
    owner.multicast("echo", b"before").unwrap();
    owner.join_group("echo", Replay::None).unwrap();
    owner.multicast("echo", b"after").unwrap();
    assert_eq!(next(&owner).data, b"after");
    assert_eq!(owner.try_recv().unwrap(), None);
}

fn only_the_owner_sends() {
    let owner = Peer::connect().unwrap();
    owner.register_group("mine").unwrap();
    let member = member_of("mine");
    let error = member.multicast("mine", b"let me").unwrap_err();
    assert_eq!(error.errno(), libc::EPERM, "{error}");
    let error = member
        .multicast("ipcon_kevent", b"I am the kernel")
        .unwrap_err();
    assert_eq!(error.errno(), libc::EPERM, "{error}");
    assert_eq!(
        owner.multicast("unknown", b"x").unwrap_err().errno(),
        libc::ENOENT
    );
    assert_eq!(member.try_recv().unwrap(), None);
}

/// The two sockets of the owner send at once, so that the kernel has to find one order. (The library lets the threads
/// that share a peer send one after the other.)
fn every_member_sees_the_same_order() {
    const EACH: u64 = 500;
    let (receive, mut control) = Speaker::pair();
    let name = terminated("race");
    control
        .ask(cmd::GROUP_REGISTER, &[(attr::group::NAME, &name)])
        .unwrap();
    let members: Vec<Peer> = (0..4).map(|_| member_of("race")).collect();
    for member in &members {
        member.set_queue_limit(8 << 20).unwrap();
    }
    let port = Port::new(receive.port()).unwrap();
    let start = Barrier::new(2);
    let _sockets = thread::scope(|scope| {
        let send = |mut socket: Speaker, first| {
            let (start, name) = (&start, &name);
            scope.spawn(move || {
                start.wait();
                for number in first..first + EACH {
                    let message = [
                        (attr::message::GROUP, name.as_slice()),
                        (attr::message::DATA, &numbered(number)),
                    ];
                    socket.ask(cmd::SEND_MULTICAST, &message).unwrap();
                }
                socket
            })
        };
        [send(receive, 0), send(control, EACH)].map(|sending| sending.join().unwrap())
    });
    let sent = Inspector::open().unwrap().peer(port).unwrap().counters;
    assert_eq!(sent.sent_multicast_messages, 2 * EACH);
    let orders: Vec<Vec<u64>> = members.iter().map(numbers).collect();
    assert_eq!(orders[0].len() as u64, 2 * EACH);
    assert!(
        orders.iter().all(|order| *order == orders[0]),
        "members saw different orders"
    );
    // Of each sending thread, the order is known.
    for half in 0..2 {
        let of_half = orders[0].iter().filter(|number| **number / EACH == half);
        assert!(
            of_half.is_sorted(),
            "the messages of one thread changed their order"
        );
    }
}

fn what_was_sent_before_unregistering_is_delivered() {
    let owner = Peer::connect().unwrap();
    owner.register_group("brief").unwrap();
    let member = member_of("brief");
    for round in 0..20 {
        owner.multicast("brief", &numbered(round)).unwrap();
    }
    owner.unregister_group("brief").unwrap();
    assert_eq!(numbers(&member), Vec::from_iter(0..20));
}

fn after_unregistering_there_is_nothing_to_join() {
    let owner = Peer::connect().unwrap();
    owner.register_group("gone").unwrap();
    let member = member_of("gone");
    owner.unregister_group("gone").unwrap();
    for replay in [Replay::Last, Replay::None] {
        assert_eq!(
            member.join_group("gone", replay).unwrap_err().errno(),
            libc::ENOENT
        );
    }
    assert_eq!(
        member.leave_group("gone").unwrap_err().errno(),
        libc::ENOENT
    );
    assert_eq!(
        owner.multicast("gone", b"x").unwrap_err().errno(),
        libc::ENOENT
    );
    assert_eq!(
        owner.unregister_group("gone").unwrap_err().errno(),
        libc::ENOENT
    );
}

fn a_later_group_of_the_same_name_starts_empty() {
    let inspector = Inspector::open().unwrap();
    let owner = Peer::connect().unwrap();
    owner.register_group("again").unwrap();
    let member = member_of("again");
    owner.multicast("again", b"of the first").unwrap();
    let first = inspector.group("again").unwrap();
    owner.unregister_group("again").unwrap();

    let other = Peer::connect().unwrap();
    other.register_group("again").unwrap();
    let second = inspector.group("again").unwrap();
    assert_ne!(second.id, first.id);
    assert_eq!(
        (second.members, second.last_len, second.sent_messages),
        (0, None, 0)
    );
    other.multicast("again", b"of the second").unwrap();
    assert_eq!(next(&member).data, b"of the first");
    assert_eq!(
        member.try_recv().unwrap(),
        None,
        "a member of the first heard the second"
    );

    other.unregister_group("again").unwrap();
    owner.register_group("again").unwrap();
    member.join_group("again", Replay::Last).unwrap();
    assert_eq!(
        member.try_recv().unwrap(),
        None,
        "a message of an earlier group was replayed"
    );
}

fn who_leaves_hears_no_more() {
    let owner = Peer::connect().unwrap();
    owner.register_group("club").unwrap();
    let (leaver, stayer) = (member_of("club"), member_of("club"));
    owner.multicast("club", b"both").unwrap();
    leaver.leave_group("club").unwrap();
    owner.multicast("club", b"one").unwrap();
    let heard = |peer| {
        drain(peer)
            .into_iter()
            .map(|message| message.data)
            .collect::<Vec<_>>()
    };
    assert_eq!(heard(&leaver), [b"both"]);
    assert_eq!(heard(&stayer), [b"both".as_slice(), b"one"]);
    leaver.join_group("club", Replay::None).unwrap();
    owner.multicast("club", b"back").unwrap();
    assert_eq!(heard(&leaver), [b"back"]);
}

fn groups_go_with_their_owner() {
    let owner = Peer::connect().unwrap();
    owner.register_group("heir").unwrap();
    let member = member_of("heir");
    owner.multicast("heir", b"my last").unwrap();
    drop(owner);
    assert_eq!(
        member.join_group("heir", Replay::None).unwrap_err().errno(),
        libc::ENOENT
    );
    assert_eq!(next(&member).data, b"my last");
    member.register_group("heir").unwrap();
}

fn member_of(group: &str) -> Peer {
    let peer = Peer::connect().unwrap();
    peer.join_group(group, Replay::None).unwrap();
    peer
}

fn numbers(peer: &Peer) -> Vec<u64> {
    drain(peer)
        .iter()
        .map(|message| number(&message.data))
        .collect()
}
