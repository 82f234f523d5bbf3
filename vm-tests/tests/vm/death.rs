// SPDX-License-Identifier: MIT OR Apache-2.0

//! Peers that end, however they end.

use std::os::unix::process::CommandExt;
use std::process::Command;

use ipcon_vm_tests::process::{Process, Role, hear, say};
use ipcon_vm_tests::{Case, cases};
use libipcon::{Event, Inspector, Kevent, Peer, Port, Replay};

use crate::speaker::{Speaker, attribute, find, terminated};
use crate::support::{kevents_until_gone, next_kevent, observer};
use crate::uapi::{attr, cmd};

pub(crate) fn all() -> Vec<Case> {
    cases![
        a_killed_peer_leaves_exactly_its_seven_events_in_order,
        a_peer_ends_with_an_exec_that_closes_its_descriptors,
        a_peer_ends_with_a_process_that_just_returns,
        the_death_of_one_peer_leaves_the_other_of_its_process_alone,
        a_control_socket_that_closes_leaves_the_peer,
        a_port_that_is_used_again_inherits_nothing,
        a_hundred_peers_are_killed_at_once,
    ]
}

pub(crate) const ROLES: [Role; 3] = [
    ("holder", hold),
    ("holder that execs", hold_and_exec),
    ("crowd", be_a_crowd),
];

/// Holds three services and three groups, is a member of another's, and has a message unread.
fn hold() {
    let _peer = announce_holder();
    while hear().is_some() {}
}

fn hold_and_exec() {
    let _peer = announce_holder();
    hear();
    // The descriptors close on exec; the process goes on, with the same id, until its input ends.
    let error = Command::new("cat").env_clear().exec();
    panic!("exec cat: {error}");
}

fn announce_holder() -> Peer {
    let peer = Peer::connect().unwrap();
    for name in ["s1", "s2", "s3"] {
        peer.register_service(name).unwrap();
    }
    for name in ["g1", "g2", "g3"] {
        peer.register_group(name).unwrap();
    }
    peer.join_group("g1", Replay::None).unwrap();
    peer.multicast("g1", b"never read").unwrap();
    say(&peer.port().to_string());
    peer
}

fn a_killed_peer_leaves_exactly_its_seven_events_in_order() {
    let observer = observer();
    let mut holder = Process::start("holder");
    let port = port_of(&mut holder);
    let pid = holder.pid();
    // Members elsewhere do not hold anything back.
    observer.join_group("g2", Replay::None).unwrap();
    holder.kill();
    let added = skip_additions(&observer);
    let ending = kevents_until_gone(&observer, port);
    assert_seven(&ending, &added, port);
    assert!(ending.iter().all(|kevent| kevent.pid == pid));
    assert_eq!(observer.try_recv().unwrap(), None);
    for service in ["s1", "s2", "s3"] {
        assert!(observer.find_service(service).unwrap_err().is_not_found());
    }
}

fn a_peer_ends_with_an_exec_that_closes_its_descriptors() {
    let observer = observer();
    let mut holder = Process::start("holder that execs");
    let port = port_of(&mut holder);
    let added = skip_additions(&observer);
    holder.tell("go");
    assert_seven(&kevents_until_gone(&observer, port), &added, port);
    // The process is there all the time.
    holder.tell("echo");
    holder.expect("echo");
    holder.end();
    assert_eq!(observer.try_recv().unwrap(), None);
}

fn a_peer_ends_with_a_process_that_just_returns() {
    let observer = observer();
    let mut holder = Process::start("holder");
    let port = port_of(&mut holder);
    let added = skip_additions(&observer);
    holder.end();
    assert_seven(&kevents_until_gone(&observer, port), &added, port);
}

fn the_death_of_one_peer_leaves_the_other_of_its_process_alone() {
    let observer = observer();
    let (one, other) = (Peer::connect().unwrap(), Peer::connect().unwrap());
    one.register_service("one").unwrap();
    other.register_service("other").unwrap();
    let port = one.port();
    drop(one);
    kevents_until_gone(&observer, port);
    assert_eq!(observer.find_service("other").unwrap(), other.port());
    assert_eq!(Inspector::open().unwrap().bus().unwrap().peers, 2);
}

/// Only the receive socket is the peer. Without its control socket it can still ask for itself.
fn a_control_socket_that_closes_leaves_the_peer() {
    let observer = observer();
    let mut control = Speaker::open();
    let mut receive = Speaker::open();
    let named = control.port().to_ne_bytes();
    receive
        .ask(cmd::PEER_NEW, &[(attr::peer::CTL_PORT, &named)])
        .unwrap();
    let port = receive.port().to_ne_bytes();
    control
        .ask(cmd::PEER_ATTACH, &[(attr::peer::PORT, &port)])
        .unwrap();
    let name = terminated("by control");
    control
        .ask(cmd::SERVICE_REGISTER, &[(attr::service::NAME, &name)])
        .unwrap();
    drop(control);

    let found = Port::new(receive.port()).unwrap();
    assert_eq!(observer.find_service("by control").unwrap(), found);
    receive
        .ask(cmd::SERVICE_UNREGISTER, &[(attr::service::NAME, &name)])
        .unwrap();
    drop(receive);
    let events = kevents_until_gone(&observer, found);
    assert_eq!(events.len(), 3, "added, removed and gone: {events:?}");
}

/// The next owner of a port begins with nothing, and what the kernel still does about the first owner does not hit it.
fn a_port_that_is_used_again_inherits_nothing() {
    const ROUNDS: usize = 200;
    let observer = observer();
    let member = Peer::connect().unwrap();
    let mut first = Speaker::peer();
    let port = first.port();
    let number = Port::new(port).unwrap();
    let mut known_ids = vec![];
    let service = attribute(attr::service::NAME, &terminated("svc"));
    let group = attribute(attr::group::NAME, &terminated("grp"));
    for round in 0..ROUNDS {
        first.ask_raw(cmd::SERVICE_REGISTER, &service).unwrap();
        first.ask_raw(cmd::GROUP_REGISTER, &group).unwrap();
        first.ask_raw(cmd::GROUP_JOIN, &group).unwrap();
        member.send(number, b"for the first").unwrap();
        drop(first);

        let mut second = Speaker::at(port);
        let refusal = second.ask_raw(cmd::SERVICE_REGISTER, &service).unwrap_err();
        assert_eq!(
            refusal.errno,
            libc::ENOTCONN,
            "round {round}: the new socket is a peer already"
        );
        assert_eq!(
            member.send(number, b"x").unwrap_err().errno(),
            libc::ECONNREFUSED
        );
        let id = second.become_peer();
        assert!(!known_ids.contains(&id));
        known_ids.push(id);

        let rows = second
            .ask(cmd::PEER_GET, &[(attr::peer::PORT, &port.to_ne_bytes())])
            .unwrap();
        assert_eq!(
            find(&rows[0], attr::peer::QUEUE_BYTES),
            Some([0; 4].as_slice())
        );
        let refusal = second.ask_raw(cmd::GROUP_LEAVE, &group).unwrap_err();
        assert_eq!(
            refusal.errno,
            libc::ENOENT,
            "round {round}: membership inherited"
        );
        // It keeps what it has made, while the end of the first is announced.
        second.ask_raw(cmd::SERVICE_REGISTER, &service).unwrap();
        assert_eq!(observer.find_service("svc").unwrap(), number);
        second.ask_raw(cmd::SERVICE_UNREGISTER, &service).unwrap();
        first = second;

        let ending: Vec<Event> = kevents_until_gone(&observer, number)
            .iter()
            .map(|kevent| kevent.event)
            .collect();
        let removals = ending
            .iter()
            .filter(|event| matches!(event, Event::PeerRemoved { .. }));
        assert_eq!(
            (ending.len(), removals.count()),
            (5, 1),
            "round {round}: {ending:?}"
        );
        for _ in 0..2 {
            next_kevent(&observer);
        }
    }
    assert_eq!(observer.try_recv().unwrap(), None);
}

fn be_a_crowd() {
    let peers: Vec<Peer> = (0..100).map(|_| Peer::connect().unwrap()).collect();
    for (number, peer) in peers.iter().enumerate() {
        peer.register_service(format!("crowd-{number}")).unwrap();
        peer.register_group(format!("crowd-{number}")).unwrap();
        peer.join_group("crowd-0", Replay::None).unwrap();
    }
    say("ready");
    while hear().is_some() {}
}

fn a_hundred_peers_are_killed_at_once() {
    let observer = observer();
    observer.set_queue_limit(8 << 20).unwrap();
    let mut crowd = Process::start("crowd");
    crowd.expect("ready");
    let inspector = Inspector::open().unwrap();
    let bus = inspector.bus().unwrap();
    assert_eq!(
        (bus.peers, bus.services, bus.groups, bus.memberships),
        (101, 100, 100, 101)
    );
    crowd.kill();
    let bus = inspector.bus().unwrap();
    assert_eq!(
        (bus.peers, bus.services, bus.groups, bus.memberships),
        (1, 0, 0, 1)
    );
    let mut events = vec![];
    while let Some(message) = observer.try_recv().unwrap() {
        assert_eq!(message.lost, 0);
        events.push(message.kevent().unwrap().unwrap());
    }
    assert_eq!(events.len(), 500);
    assert_contiguous(&events);
    let gone = events
        .iter()
        .filter(|kevent| matches!(kevent.event, Event::PeerRemoved { .. }));
    assert_eq!(gone.count(), 100);
}

/// The kevents of the three services and groups coming.
fn skip_additions(observer: &Peer) -> Vec<Kevent> {
    (0..6).map(|_| next_kevent(observer)).collect()
}

/// Exactly what was added goes, services first, then groups, then the peer.
fn assert_seven(ending: &[Kevent], added: &[Kevent], port: Port) {
    let mut expected = vec![];
    for kevent in added {
        expected.push(match kevent.event {
            Event::ServiceAdded { name, port } => Event::ServiceRemoved { name, port },
            Event::GroupAdded { name, group_id } => Event::GroupRemoved { name, group_id },
            other => panic!("not an addition: {other:?}"),
        });
    }
    expected.push(Event::PeerRemoved { port });
    let found: Vec<Event> = ending.iter().map(|kevent| kevent.event).collect();
    assert_eq!(found, expected);
    assert_contiguous(&[added, ending].concat());
}

fn assert_contiguous(kevents: &[Kevent]) {
    assert!(
        kevents
            .windows(2)
            .all(|pair| pair[1].sequence == pair[0].sequence + 1),
        "{kevents:?}"
    );
}

fn port_of(process: &mut Process) -> Port {
    Port::new(process.line().parse().unwrap()).unwrap()
}
