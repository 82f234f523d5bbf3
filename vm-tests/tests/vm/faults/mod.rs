// SPDX-License-Identifier: MIT OR Apache-2.0

//! Each allocation on the way of each operation fails once: the operation is refused and has changed nothing, or
//! it was done; then it can be had without the fault.

mod scenes;

use ipcon_vm_tests::faults::{Faults, Whose, available};
use ipcon_vm_tests::{Case, cases, counters, module};
use libipcon::{Counters, Event, Inspector, KEVENT_GROUP, Kevent, Peer, Replay};
use rustix::io::Errno;

use crate::support::drain;
use scenes::{Deed, Scene, scenes};

pub(crate) fn all() -> Vec<Case> {
    cases![
        each_allocation_of_each_request_fails_once => needs(available).within(240),
        each_allocation_of_a_closing_peer_fails_once => needs(available).within(60),
        each_allocation_of_a_new_bus_fails_once => needs(available).within(60),
        each_allocation_of_loading_fails_once
            => needs(available).on_the_initial_bus().unwatched().within(60),
    ]
}

/// No operation makes as many allocations.
const MANY: u32 = 500;

/// What a failed allocation may look like: `ENOBUFS` is the socket's word, the rest the module's.
const WITHOUT_MEMORY: [Errno; 3] = [Errno::NOMEM, Errno::NOBUFS, Errno::AGAIN];

fn each_allocation_of_each_request_fails_once() {
    for (name, set) in scenes() {
        let sites = fail_each(name, set);
        println!("{name}: {sites} allocations, each failed once");
        assert!(
            sites > 0,
            "{name}: no allocation failed, so nothing was tested"
        );
    }
}

/// Makes a request once for each of its allocations, which fails. Gives their number.
fn fail_each(name: &str, set: fn() -> Scene) -> u32 {
    let faults = Faults::of_this_thread(Whose::All);
    let inspector = Inspector::open().unwrap();
    for n in 1..MANY {
        let start = inspector.bus().unwrap().counters;
        let observer = crate::support::observer();
        let mut scene = set();
        let (before, announced) = (Objects::now(&inspector), sequence(&inspector));
        drain(&observer);
        let (outcome, failed) = faults.at(n, || scene.act());
        let after = Objects::now(&inspector);
        let what = format!("{name} with allocation {n} failing: {outcome:?}");
        match outcome {
            Ok(()) => {
                assert!(scene.done(&before, &after), "{what}, and was not done");
                assert!(scene.arrived().is_none_or(|count| count == 1), "{what}");
            }
            Err(error) => {
                assert!(failed && WITHOUT_MEMORY.contains(&error), "{what}");
                // The answer itself could not be made: the socket is told so, whatever was done.
                let answer_lost = error == Errno::NOBUFS && scene.done(&before, &after);
                assert!(
                    before == after || answer_lost,
                    "{what}: {before:?}, {after:?}"
                );
                let most = usize::from(answer_lost);
                assert!(scene.arrived().is_none_or(|count| count <= most), "{what}");
                if !answer_lost {
                    let again = scene.act();
                    assert_eq!(again, Ok(()), "{what}, and again without the fault");
                    let after = Objects::now(&inspector);
                    assert!(scene.done(&before, &after), "{what}, and again: not done");
                    assert!(scene.arrived().is_none_or(|count| count == 1), "{what}");
                }
            }
        }
        expect_no_silent_loss(&inspector, &observer, announced, &what);
        counters::assert_books(&inspector, &start);
        drop(scene);
        drop(observer);
        if !failed {
            return n - 1;
        }
    }
    panic!("{name} has more than {MANY} allocations");
}

/// Every kevent came, or counts as lost.
fn expect_no_silent_loss(inspector: &Inspector, observer: &Peer, before: u64, what: &str) {
    let row = inspector.peer(observer.port()).unwrap();
    let messages = drain(observer);
    let told: u64 = messages.iter().map(|message| u64::from(message.lost)).sum();
    let made = sequence(inspector) - before;
    assert_eq!(
        messages.len() as u64 + told + row.lost,
        made,
        "kevents, {what}"
    );
    let mut last = before;
    for message in messages {
        let kevent: Kevent = message.kevent().expect("a kevent").unwrap();
        assert_eq!(
            kevent.sequence,
            last + 1 + u64::from(message.lost),
            "{what}"
        );
        last = kevent.sequence;
    }
}

fn sequence(inspector: &Inspector) -> u64 {
    inspector.bus().unwrap().kevent_sequence
}

/// What is on a bus.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Objects {
    peers: Vec<u64>,
    services: Vec<u64>,
    groups: Vec<u64>,
    members: Vec<(u64, u64)>,
}

impl Objects {
    fn now(inspector: &Inspector) -> Self {
        let (peers, services) = (inspector.peers().unwrap(), inspector.services().unwrap());
        let (groups, members) = (inspector.groups().unwrap(), inspector.members().unwrap());
        let bus = inspector.bus().unwrap();
        let objects = Self {
            peers: peers.items.iter().map(|row| row.id).collect(),
            services: services.items.iter().map(|row| row.id).collect(),
            groups: groups.items.iter().map(|row| row.id).collect(),
            members: members
                .items
                .iter()
                .map(|row| (row.group_id, row.peer_id))
                .collect(),
        };
        assert_eq!(bus.peers as usize, objects.peers.len());
        assert_eq!(bus.services as usize, objects.services.len());
        assert_eq!(bus.groups as usize + 1, objects.groups.len());
        assert_eq!(bus.memberships as usize, objects.members.len());
        objects
    }

    /// How many more of each there are.
    fn since(&self, before: &Self) -> Deed {
        let more = |now: usize, then: usize| now as i64 - then as i64;
        Deed {
            peers: more(self.peers.len(), before.peers.len()),
            services: more(self.services.len(), before.services.len()),
            groups: more(self.groups.len(), before.groups.len()),
            members: more(self.members.len(), before.members.len()),
        }
    }
}

/// A closing socket cannot be refused: the peer goes, and with it all it had, whatever fails.
fn each_allocation_of_a_closing_peer_fails_once() {
    let faults = Faults::of_this_thread(Whose::All);
    let inspector = Inspector::open().unwrap();
    for n in 1..MANY {
        let observer = crate::support::observer();
        let peer = Peer::connect().unwrap();
        for name in ["one", "two"] {
            peer.register_service(name).unwrap();
            peer.register_group(name).unwrap();
            observer.join_group(name, Replay::None).unwrap();
        }
        peer.join_group(KEVENT_GROUP, Replay::None).unwrap();
        let (port, announced) = (peer.port(), sequence(&inspector));
        drain(&observer);
        let ((), failed) = faults.at(n, || drop(peer));
        let bus = inspector.bus().unwrap();
        let left = (bus.peers, bus.services, bus.groups, bus.memberships);
        assert_eq!(left, (1, 0, 0, 1), "with allocation {n} failing");
        assert_eq!(bus.kevent_sequence, announced + 5);
        let what = format!("with allocation {n} of a closing peer failing");
        if !failed {
            let last = drain(&observer).pop().unwrap().kevent().unwrap().unwrap();
            assert_eq!(last.event, Event::PeerRemoved { port });
            println!("close of a peer: {} allocations, each failed once", n - 1);
            assert!(n > 1, "no allocation failed, so nothing was tested");
            return;
        }
        expect_no_silent_loss(&inspector, &observer, announced, &what);
    }
    panic!("closing a peer has more than {MANY} allocations");
}

fn each_allocation_of_a_new_bus_fails_once() {
    let faults = Faults::of_this_thread(Whose::Modules);
    for n in 1..MANY {
        let make = rustix::thread::UnshareFlags::NEWNET;
        // SAFETY: Only the network namespace of this thread changes.
        let (made, failed) = faults.at(n, || unsafe { rustix::thread::unshare_unsafe(make) });
        if failed && made == Err(Errno::NOMEM) {
            continue;
        }
        // A checker of the debug kernel that gets no memory for its own notes goes on with what it has.
        assert_eq!(made, Ok(()), "with allocation {n} failing: {failed}");
        let (bus, _) = counters::assert_books(&Inspector::open().unwrap(), &Counters::default());
        assert_eq!(bus.peers, 0);
        if failed {
            continue;
        }
        println!("a new bus: {} allocations, each failed once", n - 1);
        assert!(n > 1, "no allocation failed, so nothing was tested");
        return;
    }
    panic!("a new bus has more than {MANY} allocations");
}

fn each_allocation_of_loading_fails_once() {
    let _restore = module::Restore;
    module::unload().unwrap();
    let faults = Faults::of_this_thread(Whose::Modules);
    for n in 1..MANY {
        let (loaded, failed) = faults.at(n, || module::load(""));
        match loaded {
            Ok(()) => module::unload().unwrap(),
            Err(error) => {
                assert!(failed && WITHOUT_MEMORY.contains(&error), "{n}: {error}");
                assert!(!module::is_loaded());
            }
        }
        if !failed {
            println!("loading: {} allocations, each failed once", n - 1);
            assert!(n > 1, "no allocation failed, so nothing was tested");
            return;
        }
    }
    panic!("loading has more than {MANY} allocations");
}
