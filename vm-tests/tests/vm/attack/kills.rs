// SPDX-License-Identifier: MIT OR Apache-2.0

//! Death at each step of each operation: before the kernel acts, and before the program learns of it.

use std::collections::BTreeSet;

use ipcon_vm_tests::process::{Process, Role, say};
use ipcon_vm_tests::{Case, cases, counters, step};
use libipcon::{Event, Inspector, KEVENT_GROUP, Name, Peer, Port, Replay};

use super::ATTACKER;
use crate::support::{drain, observer};

pub(crate) fn all() -> Vec<Case> {
    cases![
        death_at_every_step_leaves_nothing_behind => within(120),
    ]
}

pub(super) const ROLES: [Role; 1] = [("stepper", run)];

fn death_at_every_step_leaves_nothing_behind() {
    let mut stepper = Process::start_as(ATTACKER, "stepper");
    let line = stepper.line();
    let steps = line
        .strip_prefix("died at ")
        .unwrap_or_else(|| panic!("{line}"));
    let steps: usize = steps.parse().unwrap();
    println!("died at each of {steps} steps");
    assert!(steps > 100, "each operation has a send and a receive call");
    stepper.end();
}

/// Everything that a peer can do, once.
fn live() {
    let (one, two) = (Peer::connect().unwrap(), Peer::connect().unwrap());
    one.register_service("service").unwrap();
    one.register_group("group").unwrap();
    one.multicast("group", b"kept").unwrap();
    two.join_group("group", Replay::Last).unwrap();
    two.join_group(KEVENT_GROUP, Replay::None).unwrap();
    one.join_group("group", Replay::None).unwrap();
    one.multicast("group", b"live").unwrap();
    let server = two.find_service("service").unwrap();
    two.send(server, b"unicast").unwrap();
    drain(&one);
    drain(&two);
    let inspector = Inspector::open().unwrap();
    inspector.peers().unwrap();
    inspector.members().unwrap();
    two.leave_group("group").unwrap();
    one.unregister_service("service").unwrap();
    one.unregister_group("group").unwrap();
    one.register_service("last").unwrap();
    one.register_group("last").unwrap();
}

fn run() {
    let observer = observer();
    let inspector = Inspector::open().unwrap();
    for stop in 1.. {
        // SAFETY: A role has no thread but this one.
        let died = unsafe { step::kill_at(stop, live) };
        let bus = inspector.bus().unwrap();
        // The observer, on the kevent group.
        let left = (bus.peers, bus.services, bus.groups, bus.memberships);
        assert_eq!(left, (1, 0, 0, 1), "left after death at step {stop}");
        counters::assert_balanced(&bus.counters);
        assert_events_close(&observer, stop);
        if !died {
            return say(&format!("died at {}", stop - 1));
        }
    }
}

/// What came has gone, each once, and peers go last.
fn assert_events_close(observer: &Peer, stop: usize) {
    let (mut there, mut gone) = (BTreeSet::new(), BTreeSet::new());
    for message in drain(observer) {
        assert_eq!(message.lost, 0);
        let kevent = message.kevent().expect("a kevent").unwrap();
        let service = |name: &Name, port: Port| ("service", name.to_string(), port.get());
        let group = |name: &Name, id: u32| ("group", name.to_string(), id);
        let first = match &kevent.event {
            Event::ServiceAdded { name, port } => there.insert(service(name, *port)),
            Event::ServiceRemoved { name, port } => {
                there.remove(&service(name, *port)) && !gone.contains(port)
            }
            Event::GroupAdded { name, group_id } => there.insert(group(name, *group_id)),
            Event::GroupRemoved { name, group_id } => there.remove(&group(name, *group_id)),
            Event::PeerRemoved { port } => gone.insert(*port),
        };
        assert!(first, "step {stop}: {kevent:?}");
    }
    assert!(there.is_empty(), "step {stop}: {there:?} without an end");
}
