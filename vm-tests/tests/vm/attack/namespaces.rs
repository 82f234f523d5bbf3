// SPDX-License-Identifier: MIT OR Apache-2.0

//! Network namespaces that end while their peers talk.

use std::thread;

use ipcon_vm_tests::process::{Process, Role, say};
use ipcon_vm_tests::{Case, cases, module, pace, place};
use libipcon::{Event, Inspector, KEVENT_GROUP, Peer, Replay};
use rustix::process::Signal;
use rustix::thread::UnshareFlags;

use super::neighbour::Neighbour;
use super::{ATTACKER, await_references};
use crate::support::{drain, observer};

pub(crate) fn all() -> Vec<Case> {
    cases![
        namespaces_end_under_traffic => within(120),
    ]
}

pub(super) const ROLES: [Role; 2] = [
    ("islander", live_apart),
    ("islander without privileges", live_apart_as_nobody),
];

fn namespaces_end_under_traffic() {
    let mut neighbour = Neighbour::start();
    let ears = observer();
    let held = module::references();
    for _ in 0..pace::work(40) {
        let mut islanders = vec![
            Process::start("islander"),
            Process::start("islander"),
            Process::start_as(ATTACKER, "islander without privileges"),
        ];
        for islander in &mut islanders {
            islander.expect("talking");
        }
        neighbour.is_fine();
        for islander in &islanders {
            islander.signal(Signal::KILL);
        }
        islanders.into_iter().for_each(Process::kill);
        neighbour.is_fine();
    }
    await_references(held);
    let bus = Inspector::open().unwrap().bus().unwrap();
    assert_eq!(bus.peers, 3, "the neighbour's and ours");
    assert!(drain(&ears).is_empty(), "events of another namespace");
    neighbour.leave();
    let removed = drain(&ears).iter().filter(|m| {
        matches!(m.kevent(), Some(Ok(kevent)) if matches!(kevent.event, Event::PeerRemoved { .. }))
    }).count();
    assert_eq!(removed, 2, "the neighbour's peers");
}

fn live_apart() {
    place::enter_fresh_namespace();
    talk();
}

fn live_apart_as_nobody() {
    let flags = UnshareFlags::NEWUSER | UnshareFlags::NEWNET;
    // SAFETY: A role has no thread but this one.
    match unsafe { rustix::thread::unshare_unsafe(flags) } {
        Ok(()) => talk(),
        // A kernel that lets nobody make user namespaces; then it is one more of the common kind.
        Err(rustix::io::Errno::PERM | rustix::io::Errno::NOSPC) => {
            say("talking");
            loop {
                thread::park();
            }
        }
        Err(error) => panic!("make a user namespace: {error}"),
    }
}

/// Two peers that talk until they are killed, and look whether they are alone.
fn talk() {
    let (one, two) = (Peer::connect().unwrap(), Peer::connect().unwrap());
    // The names of those in all other namespaces.
    one.register_service("neighbour").unwrap();
    one.register_group("neighbours").unwrap();
    two.join_group("neighbours", Replay::None).unwrap();
    two.join_group(KEVENT_GROUP, Replay::None).unwrap();
    assert_eq!(Inspector::open().unwrap().bus().unwrap().peers, 2);
    thread::scope(|scope| {
        scope.spawn(|| {
            loop {
                // A full queue is no trouble, and neither is an empty one.
                let _ = two.send(one.port(), &[7; 300]);
                drain(&two);
            }
        });
        for round in 0_u64.. {
            let _ = one.multicast("neighbours", &round.to_ne_bytes());
            one.register_service("now and then").unwrap();
            one.unregister_service("now and then").unwrap();
            drain(&one);
            if round == 10 {
                say("talking");
            }
        }
    });
}
