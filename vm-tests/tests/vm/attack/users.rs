// SPDX-License-Identifier: MIT OR Apache-2.0

//! One user takes all that there is to take, and another one works undisturbed.

use ipcon_vm_tests::process::{Process, Role, hear, say};
use ipcon_vm_tests::{Case, cases};
use libipcon::{Error, Inspector, Peer, Port, Replay};

use super::neighbour::{GROUP, Neighbour, SERVICE};
use super::{ACCOMPLICE, ATTACKER};
use crate::speaker::Speaker;

pub(crate) fn all() -> Vec<Case> {
    cases![
        names_are_squatted_and_nobody_elses_is_touched => within(60),
        a_flooded_queue_costs_its_owner_only => within(60),
        a_user_who_takes_everything_leaves_the_others_alone => within(120),
    ]
}

pub(super) const ROLES: [Role; 4] = [
    ("squatter", squat),
    ("glutton", take_everything),
    ("flooder", flood),
    ("newcomer", come),
];

fn names_are_squatted_and_nobody_elses_is_touched() {
    let mut neighbour = Neighbour::start();
    let mut squatter = Process::start_as(ATTACKER, "squatter");
    squatter.expect("took what was free");
    neighbour.is_fine();
    // A name is whoever's had it first, until that one goes.
    let late = Peer::connect().unwrap();
    let taken = late.register_service("wanted").unwrap_err();
    assert_eq!(taken.errno(), libc::EEXIST);
    squatter.kill();
    late.register_service("wanted").unwrap();
    late.register_group("wanted").unwrap();
    neighbour.is_fine();
    neighbour.leave();
}

fn squat() {
    let peer = Peer::connect().unwrap();
    let errno = |outcome: Result<(), Error>| outcome.unwrap_err().errno();
    assert_eq!(errno(peer.register_service(SERVICE)), libc::EEXIST);
    assert_eq!(errno(peer.register_group(GROUP)), libc::EEXIST);
    assert_eq!(errno(peer.unregister_service(SERVICE)), libc::EPERM);
    assert_eq!(errno(peer.unregister_group(GROUP)), libc::EPERM);
    assert_eq!(errno(peer.multicast(GROUP, b"as if")), libc::EPERM);
    // What only looks like the name is another one.
    peer.register_service("neighbour ").unwrap();
    peer.register_service("wanted").unwrap();
    peer.register_group("wanted").unwrap();
    say("took what was free");
    hear();
}

fn a_user_who_takes_everything_leaves_the_others_alone() {
    let mut neighbour = Neighbour::start();
    let mut glutton = Process::start_as(ATTACKER, "glutton");
    for what in ["peers", "services", "groups", "memberships", "cached bytes"] {
        glutton.expect(&format!("no more {what}"));
        neighbour.is_fine();
        // Somebody new gets on the bus as well.
        let mut newcomer = Process::start_as(ACCOMPLICE, "newcomer");
        newcomer.expect("on the bus");
        newcomer.end();
        glutton.tell("go on");
    }
    glutton.expect("has everything");
    glutton.kill();
    neighbour.is_fine();
    let bus = Inspector::open().unwrap().bus().unwrap();
    assert_eq!((bus.peers, bus.services, bus.groups), (2, 1, 1));
    neighbour.leave();
}

/// Has one of everything.
fn come() {
    let peer = Peer::connect().unwrap();
    peer.register_service("newcomer").unwrap();
    peer.register_group("newcomer").unwrap();
    peer.join_group("newcomer", Replay::None).unwrap();
    peer.multicast("newcomer", &[0; 10_000]).unwrap();
    say("on the bus");
    hear();
}

/// Takes of everything until it is refused for that user, and says so.
fn take_everything() {
    // One socket each, so that peers run out before descriptors.
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let all = rustix::process::Rlimit {
        current: limit.maximum,
        ..limit
    };
    rustix::process::setrlimit(rustix::process::Resource::Nofile, all).unwrap();
    let peer = Peer::connect().unwrap();
    let mut peers = Vec::new();
    let refused = (0..1_000_000).find_map(|_| {
        let mut speaker = Speaker::open();
        let outcome = speaker.try_become_peer();
        peers.push(speaker);
        outcome.err()
    });
    assert_eq!(refused.expect("an end of peers").errno, libc::EDQUOT);
    report("peers");
    until_refused(|n| peer.register_service(format!("s{n}")));
    report("services");
    until_refused(|n| peer.register_group(format!("g{n}")));
    report("groups");
    // Make room for the other one that is in all of them.
    peers.truncate(peers.len() / 2);
    let mut members = vec![Peer::connect().unwrap()];
    until_refused(|n| {
        let groups = 500;
        let member = n / groups;
        if member == members.len() {
            members.push(Peer::connect()?);
        }
        members[member].join_group(format!("g{}", n % groups), Replay::None)
    });
    report("memberships");
    drop(members);
    let data = vec![0; peer.max_message_len()];
    until_refused(|n| peer.multicast(format!("g{n}"), &data));
    report("cached bytes");
    say("has everything");
    hear();
}

fn report(what: &str) {
    say(&format!("no more {what}"));
    hear();
}

fn until_refused(mut take: impl FnMut(usize) -> Result<(), Error>) {
    let refused = (0..1_000_000).find_map(|number| take(number).err());
    let error = refused.expect("an end");
    assert_eq!(error.errno(), libc::EDQUOT, "{error}");
}

/// Everybody may write to a peer until its queue is full. Others, and the owner's own requests, go on.
fn a_flooded_queue_costs_its_owner_only() {
    let mut neighbour = Neighbour::start();
    let victim = Peer::connect().unwrap();
    let mut flooder = Process::start_as(ATTACKER, "flooder");
    flooder.tell(&victim.port().to_string());
    flooder.expect("full");
    victim.register_service("still here").unwrap();
    let other = Peer::connect().unwrap();
    assert_eq!(victim.find_service("still here").unwrap(), victim.port());
    assert!(
        other
            .send(victim.port(), b"no room")
            .unwrap_err()
            .is_would_block()
    );
    other.send(other.port(), b"room here").unwrap();
    neighbour.is_fine();
    // Nothing that was queued is lost, and there is room again.
    assert!(!crate::support::drain(&victim).is_empty());
    other.send(victim.port(), b"room again").unwrap();
    flooder.end();
    neighbour.leave();
}

fn flood() {
    let peer = Peer::connect().unwrap();
    let victim = Port::new(hear().unwrap().parse().unwrap()).unwrap();
    while peer.send(victim, &[0; 10_000]).is_ok() {}
    while peer.send(victim, b"x").is_ok() {}
    say("full");
    hear();
}
