// SPDX-License-Identifier: MIT OR Apache-2.0

//! Many at once for the same port, the same name and the same group.

use std::collections::BTreeSet;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use ipcon_vm_tests::netlink::Raw;
use ipcon_vm_tests::{Case, cases, counters, module, pace};
use libipcon::{Event, Inspector, Origin, Peer, Replay};
use rustix::io::Errno;

use super::await_references;
use crate::speaker::{Speaker, find, terminated};
use crate::support::{drain, number, numbered, observer};
use crate::uapi::{attr, cmd};

pub(crate) fn all() -> Vec<Case> {
    cases![
        many_take_turns_at_one_port_and_inherit_nothing => within(120),
        a_storm_of_registrations_and_its_events_agree => within(120),
        joining_leaving_sending_and_ending_race => within(120),
        lists_that_hundreds_never_read_to_the_end => within(60),
    ]
}

/// Each holder of the port that joins the group and takes a name is followed by one that must have neither.
fn many_take_turns_at_one_port_and_inherit_nothing() {
    const PORT: u32 = 0x1234;
    const RIVALS: u64 = 3;
    let turns = pace::work(1_500) as u64;
    let owner = Peer::connect().unwrap();
    owner.register_group("group").unwrap();
    let (turn, over) = (AtomicU64::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        let rivals: Vec<_> = (0..RIVALS)
            .map(|_| {
                scope.spawn(|| {
                    while turn.load(Ordering::Relaxed) < turns {
                        match Raw::at(PORT) {
                            // It is free for whoever is next, this thread too.
                            Ok(placeholder) => drop(placeholder),
                            Err(Errno::ADDRINUSE) => continue,
                            Err(error) => panic!("bind: {error}"),
                        }
                        let Some(mut holder) = Speaker::try_at(PORT) else {
                            continue;
                        };
                        hold(&mut holder, turn.fetch_add(1, Ordering::Relaxed));
                    }
                })
            })
            .collect();
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                owner.multicast("group", b"for members").unwrap();
            }
        });
        let outcomes: Vec<_> = rivals
            .into_iter()
            .map(thread::ScopedJoinHandle::join)
            .collect();
        over.store(true, Ordering::Relaxed);
        for outcome in outcomes {
            outcome.expect("a holder of the port");
        }
    });
    let inspector = Inspector::open().unwrap();
    let bus = inspector.bus().unwrap();
    assert_eq!(
        (bus.peers, bus.services, bus.groups, bus.memberships),
        (1, 0, 1, 0)
    );
    counters::assert_balanced(&bus.counters);
}

fn hold(holder: &mut Speaker, turn: u64) {
    holder.become_peer();
    let service = terminated("name of the port");
    let group = terminated("group");
    if turn.is_multiple_of(2) {
        // Not taken by the holder before, however lately that one closed.
        holder
            .ask(cmd::SERVICE_REGISTER, &[(attr::service::NAME, &service)])
            .unwrap();
        // The owner sends all the time: its messages may come before the answer, and leave no room for it.
        holder.tell(cmd::GROUP_JOIN, &[(attr::group::NAME, &group)]);
        return;
    }
    let found = holder.ask(cmd::SERVICE_GET, &[(attr::service::NAME, &service)]);
    assert_eq!(found.unwrap_err().errno, libc::ENOENT, "an inherited name");
    let left = holder.ask(cmd::GROUP_LEAVE, &[(attr::group::NAME, &group)]);
    assert_eq!(
        left.unwrap_err().errno,
        libc::ENOENT,
        "an inherited membership"
    );
    // Each answer is that of the request; a group message would be among them.
    let answers = holder.ask(cmd::BUS_GET, &[]).unwrap();
    assert_eq!(answers.len(), 1);
    assert!(find(&answers[0], attr::bus::GENERATION).is_some());
}

/// Threads want the same few names at once, in rounds; the events of each round lead to what is there after it.
fn a_storm_of_registrations_and_its_events_agree() {
    const THREADS: usize = 4;
    const NAMES: [&str; 3] = ["one", "two", "three"];
    let rounds = pace::work(80);
    let observer = observer();
    let inspector = Inspector::open().unwrap();
    let peers: Vec<Peer> = (0..THREADS).map(|_| Peer::connect().unwrap()).collect();
    let (start, end) = (Barrier::new(THREADS + 1), Barrier::new(THREADS + 1));
    let mut there = BTreeSet::new();
    thread::scope(|scope| {
        for (index, peer) in peers.iter().enumerate() {
            let (start, end) = (&start, &end);
            scope.spawn(move || {
                for round in 0..rounds {
                    start.wait();
                    // No panic before the barrier, or the others would wait for ever.
                    let outcomes: Vec<_> = (0..12)
                        .map(|step| {
                            let name = NAMES[(round + index + step) % NAMES.len()];
                            match step % 4 {
                                0 => peer.register_service(name),
                                1 => peer.register_group(name),
                                2 => peer.unregister_service(name),
                                _ => peer.unregister_group(name),
                            }
                        })
                        .collect();
                    end.wait();
                    for error in outcomes.into_iter().filter_map(Result::err) {
                        let expected = [libc::EEXIST, libc::EPERM, libc::ENOENT];
                        assert!(expected.contains(&error.errno()), "{error}");
                    }
                }
            });
        }
        for _ in 0..rounds {
            start.wait();
            end.wait();
            for message in drain(&observer) {
                assert_eq!(message.lost, 0);
                let event = message.kevent().expect("a kevent").unwrap().event;
                let first = match &event {
                    Event::ServiceAdded { name, .. } => there.insert((false, name.to_string())),
                    Event::ServiceRemoved { name, .. } => there.remove(&(false, name.to_string())),
                    Event::GroupAdded { name, .. } => there.insert((true, name.to_string())),
                    Event::GroupRemoved { name, .. } => there.remove(&(true, name.to_string())),
                    Event::PeerRemoved { .. } => false,
                };
                assert!(first, "{event:?}");
            }
            let services = inspector.services().unwrap().items;
            let groups = inspector.groups().unwrap().items;
            let mut listed: BTreeSet<_> = services
                .iter()
                .map(|row| (false, row.name.to_string()))
                .collect();
            // The first is the kernel's.
            listed.extend(
                groups
                    .iter()
                    .skip(1)
                    .map(|row| (true, row.name.to_string())),
            );
            assert_eq!(listed, there);
        }
    });
}

/// A group comes, speaks and goes while members come and go: nobody hears anything twice or out of order.
fn joining_leaving_sending_and_ending_race() {
    let rounds = pace::work(400) as u64;
    let owner = Peer::connect().unwrap();
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let members: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let peer = Peer::connect().unwrap();
                    let (mut last, mut heard) = (None, 0_u64);
                    while !over.load(Ordering::Relaxed) {
                        for outcome in [
                            peer.join_group("group", Replay::Last),
                            peer.leave_group("group"),
                        ] {
                            if let Err(error) = outcome {
                                assert_eq!(error.errno(), libc::ENOENT, "{error}");
                            }
                        }
                        for message in drain(&peer) {
                            assert!(matches!(message.origin, Origin::Group { .. }));
                            let number = number(&message.data);
                            // A new member may be told again what it heard as one before.
                            let fits = last.is_none_or(|last| {
                                number > last || (message.replay && number == last)
                            });
                            assert!(fits, "{number} after {last:?}");
                            last = Some(number);
                            heard += 1;
                        }
                    }
                    heard
                })
            })
            .collect();
        for round in 0..rounds {
            owner.register_group("group").unwrap();
            for step in 0..8 {
                owner
                    .multicast("group", &numbered(round * 8 + step))
                    .unwrap();
            }
            owner.unregister_group("group").unwrap();
        }
        over.store(true, Ordering::Relaxed);
        let heard = members
            .into_iter()
            .map(|member| member.join().expect("a member"));
        assert!(heard.sum::<u64>() > 0, "nobody heard anything");
    });
    let bus = Inspector::open().unwrap().bus().unwrap();
    assert_eq!((bus.groups, bus.memberships), (0, 0));
}

fn lists_that_hundreds_never_read_to_the_end() {
    const HUNDREDS: usize = 300;
    let held = module::references();
    let peer = Peer::connect().unwrap();
    for number in 0..300 {
        peer.register_service(format!("service {number}")).unwrap();
    }
    let mut readers: Vec<_> = (0..HUNDREDS).map(|_| Speaker::open()).collect();
    for reader in &mut readers {
        reader.begin_dump(cmd::SERVICE_GET);
    }
    // The lists are open, and things change and are listed all the same.
    for number in 0..300 {
        peer.unregister_service(format!("service {number}"))
            .unwrap();
    }
    assert_eq!(Inspector::open().unwrap().services().unwrap().items, []);
    drop(readers);
    drop(peer);
    await_references(held);
}
