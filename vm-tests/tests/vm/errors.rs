// SPDX-License-Identifier: MIT OR Apache-2.0

//! Every refusal with its number, its words and the attribute at fault.

use ipcon_vm_tests::{Case, cases};
use libipcon::{Inspector, Peer, Port, Replay};

use crate::speaker::{Blamed, Refusal, Speaker, attribute, terminated};
use crate::uapi::{attr, cmd};

pub(crate) fn all() -> Vec<Case> {
    cases![
        the_library_passes_on_number_and_words,
        requests_of_a_socket_that_is_no_peer,
        becoming_a_peer_twice_or_for_another,
        attributes_that_are_missing_empty_or_malformed,
        names_at_and_beyond_their_limits,
        nothing_that_was_refused_has_changed_anything,
    ]
}

fn the_library_passes_on_number_and_words() {
    let (peer, other) = (Peer::connect().unwrap(), Peer::connect().unwrap());
    other.register_service("taken").unwrap();
    other.register_group("taken").unwrap();
    peer.join_group("taken", Replay::None).unwrap();
    let nobody = Port::new(other.port().get() ^ 0x5555).unwrap();
    let unknown = "no such name, or not a member of it";
    let foreign = "name belongs to another peer";
    let bad = "name is empty, too long or holds a control character";

    for (outcome, errno, words) in [
        (
            peer.register_service("taken"),
            libc::EEXIST,
            "name is taken",
        ),
        (
            other.register_service("taken"),
            libc::EEXIST,
            "name is taken",
        ),
        (peer.register_service(""), libc::EINVAL, bad),
        (peer.register_service("two\nlines"), libc::EINVAL, bad),
        (peer.register_service("\u{9b}31m"), libc::EINVAL, bad),
        (peer.unregister_service("unknown"), libc::ENOENT, unknown),
        (peer.unregister_service("taken"), libc::EPERM, foreign),
        (
            peer.find_service("unknown").map(drop),
            libc::ENOENT,
            unknown,
        ),
        (peer.register_group("taken"), libc::EEXIST, "name is taken"),
        (peer.register_group("\x7f"), libc::EINVAL, bad),
        (
            peer.register_group("ipcon_kevent"),
            libc::EINVAL,
            "name is reserved for the kernel",
        ),
        (peer.unregister_group("unknown"), libc::ENOENT, unknown),
        (peer.unregister_group("taken"), libc::EPERM, foreign),
        (
            peer.join_group("unknown", Replay::Last),
            libc::ENOENT,
            unknown,
        ),
        (
            peer.join_group("taken", Replay::Last),
            libc::EALREADY,
            "peer is a member already",
        ),
        (other.leave_group("taken"), libc::ENOENT, unknown),
        (peer.leave_group("unknown"), libc::ENOENT, unknown),
        (peer.multicast("unknown", b"x"), libc::ENOENT, unknown),
        (peer.multicast("taken", b"x"), libc::EPERM, foreign),
        (peer.multicast("taken", b""), libc::EINVAL, "data is empty"),
        (
            peer.send(nobody, b"x"),
            libc::ECONNREFUSED,
            "no peer has this port",
        ),
        (peer.send(other.port(), b""), libc::EINVAL, "data is empty"),
    ] {
        let error = outcome.unwrap_err();
        assert_eq!(
            (error.errno(), error.kernel_text()),
            (errno, Some(words)),
            "{error}"
        );
    }

    while peer.send(other.port(), &[0; 10_000]).is_ok() {}
    let error = peer.send(other.port(), b"x").unwrap_err();
    let words = Some("receive queue of the peer is full");
    assert_eq!(
        (error.errno(), error.kernel_text()),
        (libc::EAGAIN, words),
        "{error}"
    );
}

fn requests_of_a_socket_that_is_no_peer() {
    let other = Peer::connect().unwrap();
    other.register_group("group").unwrap();
    let mut speaker = Speaker::open();
    let name = terminated("group");
    let port = other.port().get().to_ne_bytes();
    let data = (attr::message::DATA, b"x".as_slice());
    for (cmd, attributes) in [
        (
            cmd::SERVICE_REGISTER,
            vec![(attr::service::NAME, name.as_slice())],
        ),
        (
            cmd::SERVICE_UNREGISTER,
            vec![(attr::service::NAME, name.as_slice())],
        ),
        (
            cmd::GROUP_REGISTER,
            vec![(attr::group::NAME, name.as_slice())],
        ),
        (
            cmd::GROUP_UNREGISTER,
            vec![(attr::group::NAME, name.as_slice())],
        ),
        (cmd::GROUP_JOIN, vec![(attr::group::NAME, name.as_slice())]),
        (cmd::GROUP_LEAVE, vec![(attr::group::NAME, name.as_slice())]),
        (
            cmd::SEND_UNICAST,
            vec![(attr::message::PORT, port.as_slice()), data],
        ),
        (
            cmd::SEND_MULTICAST,
            vec![(attr::message::GROUP, name.as_slice()), data],
        ),
    ] {
        let refusal = speaker.ask(cmd, &attributes).unwrap_err();
        let words = Some("socket is no peer: send peer-new first");
        assert_eq!(
            (refusal.errno, refusal.text.as_deref()),
            (libc::ENOTCONN, words),
            "cmd {cmd}"
        );
    }
    // Looking is free for everybody.
    speaker
        .ask(cmd::GROUP_GET, &[(attr::group::NAME, &name)])
        .unwrap();
    speaker.ask(cmd::BUS_GET, &[]).unwrap();
}

fn becoming_a_peer_twice_or_for_another() {
    let mut peer = Speaker::peer();
    let already = "socket is a peer or control socket already";
    expect(peer.ask(cmd::PEER_NEW, &[]), libc::EISCONN, already);

    // Nobody takes over a peer that did not name it.
    let mut intruder = Speaker::open();
    let port = peer.port().to_ne_bytes();
    let to_peer = [(attr::peer::PORT, port.as_slice())];
    let uninvited =
        "peer did not name this socket as its ctl-port in peer-new, or another process did";
    let refusal = expect(
        intruder.ask(cmd::PEER_ATTACH, &to_peer),
        libc::EPERM,
        uninvited,
    );
    assert_eq!(refusal.blamed, Some(Blamed::Bad(attr::peer::PORT)));
    let nobody = (peer.port() ^ 0x5555).to_ne_bytes();
    let to_nobody = [(attr::peer::PORT, nobody.as_slice())];
    expect(
        intruder.ask(cmd::PEER_ATTACH, &to_nobody),
        libc::ECONNREFUSED,
        "no peer has this port",
    );

    let own = intruder.port().to_ne_bytes();
    let to_itself = [(attr::peer::CTL_PORT, own.as_slice())];
    expect(
        intruder.ask(cmd::PEER_NEW, &to_itself),
        libc::EINVAL,
        "ctl-port must be another socket",
    );

    // One that was invited attaches once, and is no peer of its own.
    let mut control = Speaker::open();
    let mut receive = Speaker::open();
    let named = control.port().to_ne_bytes();
    receive
        .ask(cmd::PEER_NEW, &[(attr::peer::CTL_PORT, &named)])
        .unwrap();
    let port = receive.port().to_ne_bytes();
    let to_receive = [(attr::peer::PORT, port.as_slice())];
    control.ask(cmd::PEER_ATTACH, &to_receive).unwrap();
    expect(
        control.ask(cmd::PEER_ATTACH, &to_receive),
        libc::EISCONN,
        already,
    );
    expect(control.ask(cmd::PEER_NEW, &[]), libc::EISCONN, already);
}

fn attributes_that_are_missing_empty_or_malformed() {
    let mut peer = Speaker::peer();
    let own = peer.port().to_ne_bytes();
    let to_self = attribute(attr::message::PORT, &own);
    let with = |start: &[u8], number, payload: &[u8]| [start, &attribute(number, payload)].concat();
    let missing = Blamed::Missing;
    let bad = Blamed::Bad;

    for (cmd, body, errno, blamed) in [
        (
            cmd::SERVICE_REGISTER,
            vec![],
            libc::EINVAL,
            Some(missing(attr::service::NAME)),
        ),
        (
            cmd::SERVICE_GET,
            vec![],
            libc::EINVAL,
            Some(missing(attr::service::NAME)),
        ),
        (
            cmd::GROUP_JOIN,
            vec![],
            libc::EINVAL,
            Some(missing(attr::group::NAME)),
        ),
        (
            cmd::PEER_ATTACH,
            vec![],
            libc::EINVAL,
            Some(missing(attr::peer::PORT)),
        ),
        (
            cmd::SEND_UNICAST,
            vec![],
            libc::EINVAL,
            Some(missing(attr::message::PORT)),
        ),
        (
            cmd::SEND_UNICAST,
            to_self.clone(),
            libc::EINVAL,
            Some(missing(attr::message::DATA)),
        ),
        // No terminator.
        (
            cmd::SERVICE_REGISTER,
            attribute(attr::service::NAME, b"open"),
            libc::EINVAL,
            Some(bad(attr::service::NAME)),
        ),
        // A port of two bytes, and port 0.
        (
            cmd::PEER_ATTACH,
            attribute(attr::peer::PORT, &[1, 2]),
            libc::EINVAL,
            Some(bad(attr::peer::PORT)),
        ),
        (
            cmd::PEER_ATTACH,
            attribute(attr::peer::PORT, &[0; 4]),
            libc::ERANGE,
            Some(bad(attr::peer::PORT)),
        ),
        // An attribute that the operation does not have.
        (
            cmd::BUS_GET,
            attribute(attr::bus::PEERS, &[0; 4]),
            libc::EINVAL,
            None,
        ),
        (
            cmd::SEND_UNICAST,
            with(&to_self, attr::message::DATA, b""),
            libc::EINVAL,
            Some(bad(attr::message::DATA)),
        ),
        (
            cmd::SEND_UNICAST,
            with(&to_self, attr::message::DATA, &[0; 65_001]),
            libc::EMSGSIZE,
            Some(bad(attr::message::DATA)),
        ),
        (
            cmd::SEND_MULTICAST,
            with(&[], attr::message::DATA, b"x"),
            libc::EINVAL,
            Some(missing(attr::message::GROUP)),
        ),
        // The event is not for asking.
        (cmd::MESSAGE, vec![], libc::EOPNOTSUPP, None),
        (200, vec![], libc::EOPNOTSUPP, None),
    ] {
        let refusal = peer.ask_raw(cmd, &body).unwrap_err();
        let start = &body[..body.len().min(16)];
        assert_eq!(refusal.errno, errno, "cmd {cmd}, {start:?}: {refusal:?}");
        if blamed.is_some() {
            assert_eq!(refusal.blamed, blamed, "cmd {cmd}, {start:?}: {refusal:?}");
            assert!(refusal.text.is_some(), "cmd {cmd}, {start:?}: no words");
        }
    }
    // An attribute that is longer than the request.
    let mut cut = attribute(attr::service::NAME, &terminated("name"));
    cut[0] = 200;
    assert_eq!(
        peer.ask_raw(cmd::SERVICE_REGISTER, &cut).unwrap_err().errno,
        libc::EINVAL
    );
}

fn names_at_and_beyond_their_limits() {
    let mut peer = Speaker::peer();
    for (register, number, max) in [
        (cmd::SERVICE_REGISTER, attr::service::NAME, 31),
        (cmd::GROUP_REGISTER, attr::group::NAME, 15),
    ] {
        for len in [1, max] {
            peer.ask(register, &[(number, &terminated(&"x".repeat(len)))])
                .unwrap();
        }
        let refusal = peer
            .ask(register, &[(number, &terminated(&"x".repeat(max + 1)))])
            .unwrap_err();
        assert_eq!(refusal.errno, libc::EINVAL, "{refusal:?}");
        assert_eq!(refusal.blamed, Some(Blamed::Bad(number)));
        for name in ["", "\t", "a\u{7f}", "a\u{80}b", "\u{9f}"] {
            let refusal = peer
                .ask(register, &[(number, &terminated(name))])
                .unwrap_err();
            assert_eq!(refusal.errno, libc::EINVAL, "{name:?}");
        }
        // Above the control characters of Latin-1, and bytes that are no UTF-8.
        peer.ask(register, &[(number, &terminated("\u{a0}é"))])
            .unwrap();
        peer.ask(register, &[(number, &[0xff, 0xfe, 0])]).unwrap();
    }
}

fn nothing_that_was_refused_has_changed_anything() {
    let inspector = Inspector::open().unwrap();
    let before = inspector.bus().unwrap();
    let mut speaker = Speaker::open();
    for cmd in 1..=cmd::MESSAGE {
        for body in [
            vec![],
            attribute(1, b"x\0"),
            attribute(1, &[0; 4]),
            attribute(99, b"x"),
            vec![1, 2, 3, 4],
        ] {
            let harmless = cmd == cmd::BUS_GET || cmd == cmd::PEER_NEW && body.is_empty();
            if !harmless {
                speaker
                    .ask_raw(cmd, &body)
                    .expect_err(&format!("cmd {cmd}, {body:?}"));
            }
        }
    }
    assert_eq!(inspector.bus().unwrap(), before);
}

fn expect(outcome: Result<Vec<Vec<u8>>, Refusal>, errno: i32, words: &str) -> Refusal {
    let refusal = outcome.unwrap_err();
    assert_eq!(
        (refusal.errno, refusal.text.as_deref()),
        (errno, Some(words))
    );
    refusal
}
