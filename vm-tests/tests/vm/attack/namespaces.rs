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
        namespaces_end_under_traffic => within(240),
        namespaces_without_privileges_end_under_traffic => needs(user_namespaces).within(240),
    ]
}

pub(super) const ROLES: [Role; 2] = [
    ("islander", live_apart),
    ("islander without privileges", live_apart_as_nobody),
];

/// Whether everybody may make user namespaces.
fn user_namespaces() -> Result<(), String> {
    for setting in [
        "kernel/unprivileged_userns_clone",
        "user/max_user_namespaces",
    ] {
        let value = std::fs::read_to_string(format!("/proc/sys/{setting}"));
        if value.is_ok_and(|value| value.trim() == "0") {
            return Err(format!("{setting} is 0"));
        }
    }
    Ok(())
}

fn namespaces_end_under_traffic() {
    end_under_traffic(|| Process::start("islander"));
}

fn namespaces_without_privileges_end_under_traffic() {
    end_under_traffic(|| Process::start_as(ATTACKER, "islander without privileges"));
}

/// Has namespaces made and ended, two at a time.
fn end_under_traffic(start: impl Fn() -> Process) {
    let mut neighbour = Neighbour::start();
    let ears = observer();
    let held = module::references();
    for _ in 0..pace::work(40) {
        let mut islanders = [start(), start()];
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
    unsafe { rustix::thread::unshare_unsafe(flags) }.expect("make a user namespace");
    talk();
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
