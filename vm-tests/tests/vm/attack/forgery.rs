// SPDX-License-Identifier: MIT OR Apache-2.0

//! Messages that look like those of the bus and are not.

use std::fs;

use ipcon_vm_tests::netlink::{Raw, Switch};
use ipcon_vm_tests::process::{Process, Role, hear, say};
use ipcon_vm_tests::{Case, cases, pace};
use libipcon::{KEVENT_GROUP, Origin, Peer, Replay};
use rustix::io::Errno;

use super::ATTACKER;
use super::neighbour::{GROUP, Neighbour};
use crate::speaker::{Speaker, attribute, terminated};
use crate::support::{drain, next};
use crate::uapi::{attr, cmd};

pub(crate) fn all() -> Vec<Case> {
    cases![
        nobody_without_privileges_sends_to_another_socket,
        nobody_with_privileges_makes_the_library_accept_a_forgery => within(60),
        a_socket_that_listens_to_another_accepts_no_forgery,
        a_raw_subscription_hears_nothing_of_a_group,
        a_port_that_is_taken_cannot_be_taken_again,
        nobody_takes_the_place_of_a_control_socket,
    ]
}

pub(super) const ROLES: [Role; 3] = [
    ("forger", forge_as_nobody),
    ("eavesdropper", eavesdrop),
    ("hijacker", hijack),
];

/// A message with these headers and attributes.
fn message(kind: u16, sequence: u32, command: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = (20 + body.len() as u32).to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend([0; 2]);
    bytes.extend(sequence.to_ne_bytes());
    bytes.extend([0; 4]);
    bytes.extend([command, 1, 0, 0]);
    bytes.extend(body);
    bytes
}

/// One forgery of each kind: a message, a group's, a replayed one, a kevent, an answer, a refusal, the end of a list.
fn forgeries(family: u16) -> Vec<Vec<u8>> {
    use attr::message as a;
    let from = attribute(a::PORT, &4711_u32.to_ne_bytes());
    let nobody = attribute(a::PORT, &0_u32.to_ne_bytes());
    let data = attribute(a::DATA, b"trust me");
    let group = attribute(a::GROUP, &terminated(GROUP));
    let kernel = attribute(a::GROUP, &terminated(KEVENT_GROUP));
    let number = attribute(a::KEVENT_SEQUENCE, &1_u64.to_ne_bytes());
    let bodies = [
        [from.clone(), data.clone()].concat(),
        [from.clone(), group.clone(), data.clone()].concat(),
        [from, group, data.clone(), attribute(a::REPLAY, &[])].concat(),
        [nobody, kernel, number, data].concat(),
    ];
    let mut all: Vec<_> = bodies
        .iter()
        .map(|body| message(family, 0, cmd::MESSAGE, body))
        .collect();
    let port = attribute(attr::service::PORT, &4711_u32.to_ne_bytes());
    let refusal = [(-libc::EPERM).to_ne_bytes(), [0; 4], [0; 4], [0; 4]].concat();
    // A client counts its requests from a small number.
    for sequence in 0..16 {
        all.push(message(family, sequence, cmd::SERVICE_GET, &port));
        all.push(message(libc::NLMSG_ERROR as u16, sequence, 0, &refusal));
        all.push(message(libc::NLMSG_DONE as u16, sequence, 0, &[0; 4]));
    }
    all
}

/// The ports of all generic netlink sockets of this namespace but the kernel's and `ours`.
fn victims(ours: u32) -> Vec<u32> {
    let sockets = fs::read_to_string("/proc/thread-self/net/netlink").unwrap();
    let ports = sockets.lines().skip(1).filter_map(|line| {
        let mut columns = line.split_whitespace().skip(1);
        let protocol: i32 = columns.next()?.parse().ok()?;
        let port: u32 = columns.next()?.parse().ok()?;
        (protocol == libc::NETLINK_GENERIC && port != 0 && port != ours).then_some(port)
    });
    ports.collect()
}

fn nobody_without_privileges_sends_to_another_socket() {
    let mut neighbour = Neighbour::start();
    let mut forger = Process::start_as(ATTACKER, "forger");
    forger.expect("refused each time");
    neighbour.is_fine();
    forger.end();
    neighbour.leave();
}

fn forge_as_nobody() {
    let family = Speaker::open().family();
    let forger = Raw::open();
    let victims = victims(forger.port());
    assert!(victims.len() >= 4, "two peers have two sockets each");
    for forgery in forgeries(family) {
        for victim in &victims {
            assert_eq!(forger.send_to(*victim, 0, &forgery), Err(Errno::PERM));
        }
        for group in 0..32 {
            assert_eq!(forger.send_to(0, 1 << group, &forgery), Err(Errno::PERM));
        }
    }
    say("refused each time");
    hear();
}

/// Root may send to any netlink port. The library's sockets listen to the kernel alone.
fn nobody_with_privileges_makes_the_library_accept_a_forgery() {
    let mut neighbour = Neighbour::start();
    let family = Speaker::open().family();
    // Also from a port that looks like that of somebody well known.
    let forgers = [Raw::open(), Raw::at(4711).unwrap()];
    let ours: Vec<u32> = forgers.iter().map(Raw::port).collect();
    for _ in 0..pace::work(50) {
        for forgery in forgeries(family) {
            for victim in victims(ours[0]).iter().filter(|port| !ours.contains(port)) {
                for forger in &forgers {
                    let sent = forger.send_to(*victim, 0, &forgery);
                    assert_eq!(sent, Err(Errno::CONNREFUSED), "to port {victim}");
                }
            }
        }
        for group in 0..32 {
            let _ = forgers[0].send_to(0, 1 << group, &forgeries(family)[1]);
        }
        neighbour.is_fine();
    }
    neighbour.leave();
}

/// A peer without manners, which did not connect its socket, does get them, and can tell by the sender's port.
fn a_socket_that_listens_to_another_accepts_no_forgery() {
    let family = Speaker::open().family();
    let victim = Raw::open();
    let forger = Raw::open();
    for forgery in forgeries(family) {
        forger.send_to(victim.port(), 0, &forgery).unwrap();
        let mut buffer = [0; 1000];
        let (bytes, from) = victim.receive(&mut buffer).unwrap().unwrap();
        assert_eq!((bytes, from), (&forgery[..], forger.port()));
    }
}

fn a_raw_subscription_hears_nothing_of_a_group() {
    let mut neighbour = Neighbour::start();
    let owner = Peer::connect().unwrap();
    let member = Peer::connect().unwrap();
    owner.register_group("secret").unwrap();
    member.join_group("secret", Replay::None).unwrap();
    let mut nobody = Process::start_as(ATTACKER, "eavesdropper");
    nobody.expect("listening");
    let root = subscribe();
    for number in 0..100_u32 {
        owner.multicast("secret", &number.to_ne_bytes()).unwrap();
        let message = next(&member);
        assert!(matches!(message.origin, Origin::Group { from, .. } if from == owner.port()));
        // And kevents.
        owner.register_service("s").unwrap();
        owner.unregister_service("s").unwrap();
    }
    neighbour.is_fine();
    nobody.tell("what did you hear?");
    nobody.expect("nothing");
    nobody.end();
    assert_eq!(root.receive(&mut [0; 1000]).unwrap(), None);
    assert!(drain(&member).is_empty());
    neighbour.leave();
}

/// A socket that is a member of each netlink multicast group that will have it.
fn subscribe() -> Raw {
    let socket = Raw::open();
    let joined = (1..1024).filter(|group| socket.switch_on(Switch::Membership(*group)).is_ok());
    // Those of other families exist.
    assert!(joined.count() > 0, "no netlink group at all");
    socket
}

fn eavesdrop() {
    let socket = subscribe();
    say("listening");
    hear();
    let heard = socket.receive(&mut [0; 1000]).unwrap().is_some();
    say(if heard { "something" } else { "nothing" });
}

fn a_port_that_is_taken_cannot_be_taken_again() {
    let peer = Peer::connect().unwrap();
    for port in victims(0) {
        assert_eq!(Raw::at(port).err(), Some(Errno::ADDRINUSE));
    }
    let mut stranger = Speaker::open();
    let port = peer.port().get().to_ne_bytes();
    let attached = stranger.ask(cmd::PEER_ATTACH, &[(attr::peer::PORT, &port)]);
    assert_eq!(attached.unwrap_err().errno, libc::EPERM);
}

/// A control socket that was named and is closed before it attached leaves its port to whoever comes first. Whoever
/// that is must not speak for the peer.
fn nobody_takes_the_place_of_a_control_socket() {
    let mut receiving = Speaker::open();
    let control = Speaker::open();
    let named = control.port();
    receiving
        .ask(
            cmd::PEER_NEW,
            &[(attr::peer::CTL_PORT, &named.to_ne_bytes())],
        )
        .unwrap();
    drop(control);
    let order = format!("{named} {}", receiving.port());
    // Not even root, and not even the same user.
    for mut hijacker in [
        Process::start_as(ATTACKER, "hijacker"),
        Process::start("hijacker"),
    ] {
        hijacker.tell(&order);
        hijacker.expect(&libc::EPERM.to_string());
        hijacker.end();
    }
    let port = receiving.port().to_ne_bytes();
    let mut control = Speaker::at(named);
    control
        .ask(cmd::PEER_ATTACH, &[(attr::peer::PORT, &port)])
        .unwrap();
}

fn hijack() {
    let order = hear().expect("two ports");
    let (own, peer) = order.split_once(' ').unwrap();
    let mut socket = Speaker::at(own.parse().unwrap());
    let port = peer.parse::<u32>().unwrap().to_ne_bytes();
    let refused = socket.ask(cmd::PEER_ATTACH, &[(attr::peer::PORT, &port)]);
    say(&refused
        .map_or_else(|refusal| refusal.errno, |_| 0)
        .to_string());
    hear();
}
