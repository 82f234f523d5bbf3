// SPDX-License-Identifier: MIT OR Apache-2.0

//! Somebody else on the bus, who wants to be left alone: a role that does a round trip whenever it is asked to.

use ipcon_vm_tests::process::{Process, Role, hear, say};
use libipcon::{Message, Origin, Peer, Port, Replay};

use super::NEIGHBOUR;
use crate::support::{drain, next};

pub(super) const ROLES: [Role; 1] = [("neighbour", live)];

/// What the neighbour has a name on.
pub(super) const SERVICE: &str = "neighbour";
pub(super) const GROUP: &str = "neighbours";

/// The neighbour, seen from a test.
pub(super) struct Neighbour {
    process: Process,
    /// Its peers: the one with the names, and the member.
    pub(super) ports: [u32; 2],
}

impl Neighbour {
    /// Somebody moves in.
    pub(super) fn start() -> Self {
        let mut process = Process::start_as(NEIGHBOUR, "neighbour");
        let ports = [process.line(), process.line()].map(|line| line.parse().unwrap());
        Self { process, ports }
    }

    /// All is as ever: a message each way, one in the group, and the name is still theirs.
    pub(super) fn is_fine(&mut self) {
        self.process.tell("how are you?");
        self.process.expect("fine");
    }

    /// Moves out.
    pub(super) fn leave(self) {
        self.process.end();
    }
}

fn live() {
    let (owner, member) = (Peer::connect().unwrap(), Peer::connect().unwrap());
    owner.register_service(SERVICE).unwrap();
    owner.register_group(GROUP).unwrap();
    member.join_group(GROUP, Replay::None).unwrap();
    say(&owner.port().to_string());
    say(&member.port().to_string());
    let ours = [owner.port(), member.port()];
    while hear().is_some() {
        // Strangers may write to anybody, but only as themselves, and not to the group.
        for message in drain(&owner).iter().chain(&drain(&member)) {
            assert_stranger(message, &ours);
        }
        member.send(owner.port(), b"there").unwrap();
        await_ours(&owner, &ours, |m| {
            m.origin == Origin::Peer(member.port()) && m.data == b"there"
        });
        owner.send(member.port(), b"and back").unwrap();
        await_ours(&member, &ours, |m| {
            m.origin == Origin::Peer(owner.port()) && m.data == b"and back"
        });
        owner.multicast(GROUP, b"to us").unwrap();
        await_ours(
            &member,
            &ours,
            |m| matches!(m.origin, Origin::Group { from, .. } if from == owner.port()),
        );
        assert_eq!(member.find_service(SERVICE).unwrap(), owner.port());
        say("fine");
    }
}

/// Reads until the message that we wait for. What comes before it must be a stranger's.
fn await_ours(peer: &Peer, ours: &[Port], is_it: impl Fn(&Message) -> bool) {
    loop {
        let message = next(peer);
        assert_eq!(message.lost, 0, "lost {message:?}");
        if is_it(&message) {
            return;
        }
        assert_stranger(&message, ours);
    }
}

fn assert_stranger(message: &Message, ours: &[Port]) {
    match message.origin {
        Origin::Peer(port) => assert!(!ours.contains(&port), "forged {message:?}"),
        _ => panic!("forged {message:?}"),
    }
}
