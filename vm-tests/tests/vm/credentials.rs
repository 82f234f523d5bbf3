// SPDX-License-Identifier: MIT OR Apache-2.0

//! Who sent a message: the kernel's word, on request.

use std::fs;

use ipcon_vm_tests::process::{Process, Role, hear, say};
use ipcon_vm_tests::{Case, cases};
use libipcon::{Credentials, KEVENT_GROUP, Peer, Port, Replay};
use rustix::net::UCred;
use rustix::process::{Gid, Pid, Uid};
use rustix::thread::UnshareFlags;

use crate::speaker::Speaker;
use crate::support::next;
use crate::uapi;

pub(crate) fn all() -> Vec<Case> {
    cases![
        each_kind_of_message_tells_who_sent_it,
        nobody_is_told_without_asking,
        a_replayed_message_tells_its_first_sender,
        the_real_ids_at_the_moment_of_sending_count,
        a_forked_child_is_told_from_its_parent,
        ids_are_seen_from_the_receivers_user_namespace,
        a_sender_cannot_choose_them,
    ]
}

pub(crate) const ROLES: [Role; 4] = [
    ("publisher", publish),
    ("changeling", change_ids),
    ("parent", fork_and_send),
    ("namespaced receiver", receive_in_a_namespace),
];

const NOBODY: u32 = 65_534;
/// What the kernel shows of an id that has no number in a user namespace.
const OVERFLOW: u32 = 65_534;
const KERNEL: Credentials = Credentials {
    pid: 0,
    uid: 0,
    gid: 0,
};

fn asking() -> Peer {
    let peer = Peer::connect().unwrap();
    peer.receive_credentials(true).unwrap();
    peer
}

/// Root's, of this process or another one.
fn root(pid: u32) -> Credentials {
    Credentials {
        pid,
        uid: 0,
        gid: 0,
    }
}

fn port(line: &str) -> Port {
    Port::new(line.parse().unwrap()).unwrap()
}

fn each_kind_of_message_tells_who_sent_it() {
    let me = root(std::process::id());
    let (sender, receiver) = (Peer::connect().unwrap(), asking());
    sender.register_group("group").unwrap();
    sender.multicast("group", b"replay").unwrap();
    receiver.join_group("group", Replay::Last).unwrap();
    sender.multicast("group", b"live").unwrap();
    sender.send(receiver.port(), b"unicast").unwrap();
    receiver.join_group(KEVENT_GROUP, Replay::None).unwrap();
    // The announcement is made while this process is the current one.
    sender.register_service("service").unwrap();
    for expected in [me, me, me, KERNEL] {
        let message = next(&receiver);
        assert_eq!(message.credentials, Some(expected), "{message:?}");
    }

    sender.send(receiver.port(), b"into memory").unwrap();
    let mut small = [0; 2];
    receiver.recv_into(&mut small).unwrap_err();
    let mut buffer = [0; 100];
    let received = receiver.recv_into(&mut buffer).unwrap();
    assert_eq!((received.len, received.credentials), (11, Some(me)));
    sender.send(receiver.port(), b"into memory").unwrap();
    let received = receiver.recv_into(&mut buffer).unwrap();
    assert_eq!((received.len, received.credentials), (11, Some(me)));
}

fn nobody_is_told_without_asking() {
    let (sender, receiver) = (Peer::connect().unwrap(), Peer::connect().unwrap());
    for _ in 0..3 {
        sender.send(receiver.port(), b"x").unwrap();
    }
    assert_eq!(next(&receiver).credentials, None);
    // What is in the queue already has them too.
    receiver.receive_credentials(true).unwrap();
    assert_eq!(next(&receiver).credentials, Some(root(std::process::id())));
    receiver.receive_credentials(false).unwrap();
    assert_eq!(next(&receiver).credentials, None);
}

fn publish() {
    let peer = Peer::connect().unwrap();
    peer.register_group("news").unwrap();
    peer.multicast("news", b"first").unwrap();
    say("sent");
    hear();
    peer.multicast("news", b"second").unwrap();
    say("sent");
    hear();
}

fn a_replayed_message_tells_its_first_sender() {
    let mut publisher = Process::start_as(NOBODY, "publisher");
    publisher.expect("sent");
    let expected = Credentials {
        pid: publisher.pid(),
        uid: NOBODY,
        gid: NOBODY,
    };
    let (one, two) = (asking(), asking());
    for receiver in [&one, &two] {
        receiver.join_group("news", Replay::Last).unwrap();
        let message = next(receiver);
        assert!(message.replay);
        assert_eq!(message.credentials, Some(expected));
    }
    publisher.tell("again");
    publisher.expect("sent");
    assert_eq!(next(&one).credentials, Some(expected));
    // A copy that tells of losses is made anew, and keeps them as well.
    let overfull = asking();
    overfull.set_queue_limit(0).unwrap();
    overfull.join_group("news", Replay::Last).unwrap();
    let owner = Peer::connect().unwrap();
    owner.register_group("flood").unwrap();
    overfull.join_group("flood", Replay::None).unwrap();
    for _ in 0..100 {
        owner.multicast("flood", &[0; 1000]).unwrap();
    }
    assert_eq!(next(&overfull).credentials, Some(expected));
    while overfull.try_recv().unwrap().is_some() {}
    owner.send(overfull.port(), b"tells").unwrap();
    let telling = next(&overfull);
    assert!(telling.lost > 0);
    assert_eq!(telling.credentials, Some(root(std::process::id())));
    publisher.end();
}

/// Sends to the port of the first line, as root and as others.
fn change_ids() {
    let peer = Peer::connect().unwrap();
    let to = port(&hear().unwrap());
    let send = || peer.send(to, b"x").unwrap();
    send();
    // SAFETY: They take numbers only.
    let change = |real: u32, effective: u32| unsafe {
        assert_eq!(libc::setresgid(real, effective, 0), 0);
        assert_eq!(libc::setresuid(real, effective, 0), 0);
    };
    // Like a set-user-ID program of root that user 1000 runs.
    change(1000, 0);
    send();
    change(0, 0);
    // Like a server of root that lowers its rights for a moment.
    // SAFETY: As above.
    unsafe {
        assert_eq!(libc::setresgid(0, NOBODY, 0), 0);
        assert_eq!(libc::setresuid(0, NOBODY, 0), 0);
    }
    send();
    // SAFETY: As above.
    unsafe {
        assert_eq!(libc::seteuid(0), 0);
        assert_eq!(libc::setgid(NOBODY - 1), 0);
        assert_eq!(libc::setuid(NOBODY), 0);
    }
    send();
    hear();
}

fn the_real_ids_at_the_moment_of_sending_count() {
    let receiver = asking();
    let mut changeling = Process::start("changeling");
    let pid = changeling.pid();
    changeling.tell(&receiver.port().to_string());
    let of = |uid, gid| Some(Credentials { pid, uid, gid });
    let expected = [of(0, 0), of(1000, 1000), of(0, 0), of(NOBODY, NOBODY - 1)];
    for expected in expected {
        assert_eq!(next(&receiver).credentials, expected);
    }
    changeling.end();
}

/// One peer, which a child sends with and then its parent.
fn fork_and_send() {
    let peer = Peer::connect().unwrap();
    let to = port(&hear().unwrap());
    // SAFETY: This process has one thread.
    match unsafe { libc::fork() } {
        0 => {
            let sent = peer.send(to, std::process::id().to_string().as_bytes());
            // SAFETY: It ends the child without running what belongs to its parent.
            unsafe { libc::_exit(i32::from(sent.is_err())) }
        }
        child => {
            let mut status = 0;
            // SAFETY: The kernel writes to the one int.
            assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
            assert_eq!(status, 0);
        }
    }
    peer.send(to, std::process::id().to_string().as_bytes())
        .unwrap();
    hear();
}

fn a_forked_child_is_told_from_its_parent() {
    let receiver = asking();
    let mut parent = Process::start("parent");
    parent.tell(&receiver.port().to_string());
    let (of_child, of_parent) = (next(&receiver), next(&receiver));
    for message in [&of_child, &of_parent] {
        let pid = String::from_utf8_lossy(&message.data).parse().unwrap();
        assert_eq!(message.credentials, Some(root(pid)));
    }
    assert_ne!(of_child.credentials, of_parent.credentials);
    assert_eq!(of_parent.credentials, Some(root(parent.pid())));
    assert_eq!(of_child.origin, of_parent.origin);
    parent.end();
}

/// Root of the outside is user 7 and group 9 in here, and nobody else is anybody.
fn receive_in_a_namespace() {
    // SAFETY: This process has one thread.
    unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWUSER) }.unwrap();
    fs::write("/proc/self/setgroups", "deny").unwrap();
    fs::write("/proc/self/uid_map", "7 0 1").unwrap();
    fs::write("/proc/self/gid_map", "9 0 1").unwrap();
    let peer = asking();
    say(&peer.port().to_string());
    for _ in 0..2 {
        let Credentials { pid, uid, gid } = next(&peer).credentials.unwrap();
        say(&format!("{pid} {uid} {gid}"));
    }
    peer.send(port(&hear().unwrap()), b"out").unwrap();
    hear();
}

fn ids_are_seen_from_the_receivers_user_namespace() {
    let mut inside = Process::start("namespaced receiver");
    let inside_port = inside.line();
    let here = asking();
    here.send(port(&inside_port), b"in").unwrap();
    inside.expect(&format!("{} 7 9", std::process::id()));
    let mut changeling = Process::start_as(NOBODY, "parent");
    changeling.tell(&inside_port);
    // The child of "parent" comes first, and its pid is nobody's business here.
    let said = inside.line();
    let ids: Vec<&str> = said.split(' ').skip(1).collect();
    let overflow = OVERFLOW.to_string();
    assert_eq!(ids, [&overflow, &overflow]);
    inside.tell(&here.port().to_string());
    assert_eq!(next(&here).credentials, Some(root(inside.pid())));
    changeling.end();
    inside.end();
}

fn a_sender_cannot_choose_them() {
    let receiver = asking();
    let mut speaker = Speaker::peer();
    // Root may claim to be anybody, and netlink would believe it.
    let claimed = UCred {
        pid: Pid::INIT,
        uid: Uid::from_raw(1000),
        gid: Gid::from_raw(1000),
    };
    let to = receiver.port().get().to_ne_bytes();
    let request = [
        (uapi::attr::message::PORT, to.as_slice()),
        (uapi::attr::message::DATA, b"trust me"),
    ];
    speaker
        .ask_as(claimed, uapi::cmd::SEND_UNICAST, &request)
        .unwrap();
    let message = next(&receiver);
    assert_eq!(message.data, b"trust me");
    assert_eq!(message.credentials, Some(root(std::process::id())));
}
