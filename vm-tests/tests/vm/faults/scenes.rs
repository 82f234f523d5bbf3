// SPDX-License-Identifier: MIT OR Apache-2.0

//! Each request of the family, with what must be there for it to succeed.

use libipcon::{KEVENT_GROUP, Origin, Peer, Port, Replay};
use rustix::io::Errno;

use super::Objects;
use crate::speaker::{Speaker, terminated};
use crate::support::drain;
use crate::uapi::{attr, cmd};

/// How many more of each there are after a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Deed {
    pub(super) peers: i64,
    pub(super) services: i64,
    pub(super) groups: i64,
    pub(super) members: i64,
}

/// How a request is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// With an acknowledgement.
    Acknowledged,
    /// Answered only when it is refused: so that a message may be relayed in the buffer that brought it.
    Quiet,
    List,
}

/// A socket that is about to ask for something, and those around it.
pub(super) struct Scene {
    speaker: Speaker,
    form: Form,
    cmd: u8,
    attributes: Vec<(u16, Vec<u8>)>,
    deed: Deed,
    /// Who must get the message that the request sends, if it sends one to a peer.
    receiver: Option<Peer>,
    /// Sockets and peers that must live on.
    _around: (Vec<Speaker>, Vec<Peer>),
}

impl Scene {
    /// Makes the request.
    pub(super) fn act(&mut self) -> Result<(), Errno> {
        let attributes: Vec<_> = self
            .attributes
            .iter()
            .map(|(number, bytes)| (*number, bytes.as_slice()))
            .collect();
        let list = match self.form {
            Form::Quiet => return self.speaker.try_tell_quietly(self.cmd, &attributes),
            Form::Acknowledged => false,
            Form::List => true,
        };
        let answers = self.speaker.try_ask(list, self.cmd, &attributes);
        answers.map(drop)
    }

    /// Whether the request was carried out between the two.
    pub(super) fn done(&self, before: &Objects, after: &Objects) -> bool {
        after.since(before) == self.deed
    }

    /// How many messages have arrived where one shall, each of them whole and from whom it is; `None` where none
    /// shall.
    pub(super) fn arrived(&self) -> Option<usize> {
        let messages = drain(self.receiver.as_ref()?);
        let from_peers = messages
            .iter()
            .filter(|message| !matches!(message.origin, Origin::Kevent(_)));
        let count = from_peers.clone().count();
        for message in from_peers {
            let from = Port::new(self.speaker.port()).unwrap();
            assert_eq!(message.origin, Origin::Peer(from));
            assert_eq!(message.data, DATA);
        }
        Some(count)
    }

    fn new(speaker: Speaker, cmd: u8, attributes: Vec<(u16, Vec<u8>)>) -> Self {
        Self {
            speaker,
            form: Form::Acknowledged,
            cmd,
            attributes,
            deed: Deed::default(),
            receiver: None,
            _around: (Vec::new(), Vec::new()),
        }
    }

    fn list(cmd: u8) -> Self {
        let peer = Peer::connect().unwrap();
        peer.register_service("service").unwrap();
        peer.register_group("group").unwrap();
        peer.join_group("group", Replay::None).unwrap();
        Self {
            form: Form::List,
            ..Self::new(Speaker::open(), cmd, Vec::new()).amid(peer)
        }
    }

    fn amid(mut self, peer: Peer) -> Self {
        self._around.1.push(peer);
        self
    }

    fn beside(mut self, speaker: Speaker) -> Self {
        self._around.0.push(speaker);
        self
    }

    fn heard_by(self, receiver: Peer) -> Self {
        Self {
            receiver: Some(receiver),
            ..self
        }
    }

    fn quietly(self) -> Self {
        Self {
            form: Form::Quiet,
            ..self
        }
    }

    fn does(self, deed: Deed) -> Self {
        Self { deed, ..self }
    }
}

const NONE: Deed = Deed {
    peers: 0,
    services: 0,
    groups: 0,
    members: 0,
};

/// The name of a request, and what sets its scene.
pub(super) type Named = (&'static str, fn() -> Scene);

/// All requests.
pub(super) fn scenes() -> Vec<Named> {
    vec![
        ("peer-new", || {
            Scene::new(Speaker::open(), cmd::PEER_NEW, vec![]).does(Deed { peers: 1, ..NONE })
        }),
        ("peer-new with ctl-port", || {
            let control = Speaker::open();
            let named = number(attr::peer::CTL_PORT, control.port());
            Scene::new(Speaker::open(), cmd::PEER_NEW, vec![named])
                .beside(control)
                .does(Deed { peers: 1, ..NONE })
        }),
        ("peer-attach", || {
            let (mut peer, control) = (Speaker::open(), Speaker::open());
            let port = control.port().to_ne_bytes();
            peer.ask(cmd::PEER_NEW, &[(attr::peer::CTL_PORT, &port)])
                .unwrap();
            let named = number(attr::peer::PORT, peer.port());
            Scene::new(control, cmd::PEER_ATTACH, vec![named]).beside(peer)
        }),
        ("peer-get", || {
            let peer = Peer::connect().unwrap();
            let named = number(attr::peer::PORT, peer.port().get());
            Scene::new(Speaker::open(), cmd::PEER_GET, vec![named]).amid(peer)
        }),
        ("service-register", || {
            Scene::new(
                Speaker::peer(),
                cmd::SERVICE_REGISTER,
                name(attr::service::NAME),
            )
            .does(Deed {
                services: 1,
                ..NONE
            })
        }),
        ("service-unregister", || {
            let speaker = having(cmd::SERVICE_REGISTER, attr::service::NAME);
            Scene::new(speaker, cmd::SERVICE_UNREGISTER, name(attr::service::NAME)).does(Deed {
                services: -1,
                ..NONE
            })
        }),
        ("service-get", || {
            let peer = having(cmd::SERVICE_REGISTER, attr::service::NAME);
            Scene::new(Speaker::open(), cmd::SERVICE_GET, name(attr::service::NAME)).beside(peer)
        }),
        ("group-register", || {
            Scene::new(
                Speaker::peer(),
                cmd::GROUP_REGISTER,
                name(attr::group::NAME),
            )
            .does(Deed { groups: 1, ..NONE })
        }),
        ("group-unregister with two members", || {
            let speaker = having(cmd::GROUP_REGISTER, attr::group::NAME);
            let scene = Scene::new(speaker, cmd::GROUP_UNREGISTER, name(attr::group::NAME));
            scene.amid(member()).amid(member()).does(Deed {
                groups: -1,
                members: -2,
                ..NONE
            })
        }),
        ("group-get", || {
            let peer = having(cmd::GROUP_REGISTER, attr::group::NAME);
            Scene::new(Speaker::open(), cmd::GROUP_GET, name(attr::group::NAME)).beside(peer)
        }),
        ("group-join", || {
            let owner = having(cmd::GROUP_REGISTER, attr::group::NAME);
            Scene::new(Speaker::peer(), cmd::GROUP_JOIN, name(attr::group::NAME))
                .beside(owner)
                .does(Deed { members: 1, ..NONE })
        }),
        ("group-join with replay", || {
            let owner = Peer::connect().unwrap();
            owner.register_group(NAME).unwrap();
            owner.multicast(NAME, b"last").unwrap();
            let (receiver, control) = Speaker::pair();
            let mut attributes = name(attr::group::NAME);
            attributes.push((attr::group::REPLAY, vec![]));
            Scene::new(control, cmd::GROUP_JOIN, attributes)
                .beside(receiver)
                .amid(owner)
                .does(Deed { members: 1, ..NONE })
        }),
        ("group-leave", || {
            let mut owner = having(cmd::GROUP_REGISTER, attr::group::NAME);
            owner
                .ask(cmd::GROUP_JOIN, &[(attr::group::NAME, &terminated(NAME))])
                .unwrap();
            Scene::new(owner, cmd::GROUP_LEAVE, name(attr::group::NAME)).does(Deed {
                members: -1,
                ..NONE
            })
        }),
        ("bus-get", || {
            Scene::new(Speaker::open(), cmd::BUS_GET, vec![])
        }),
        ("dump of peers", || Scene::list(cmd::PEER_GET)),
        ("dump of services", || Scene::list(cmd::SERVICE_GET)),
        ("dump of groups", || Scene::list(cmd::GROUP_GET)),
        ("dump of members", || Scene::list(cmd::MEMBER_GET)),
        ("send-unicast", || unicast(Peer::connect().unwrap())),
        ("send-unicast that tells of a loss", || unicast(loser())),
        ("send-unicast, relayed", || {
            unicast(Peer::connect().unwrap()).quietly()
        }),
        ("send-unicast, relayed, that tells of a loss", || {
            unicast(loser()).quietly()
        }),
        ("send-multicast to five members", || {
            let owner = having(cmd::GROUP_REGISTER, attr::group::NAME);
            let mut attributes = vec![(attr::message::GROUP, terminated(NAME))];
            attributes.push((attr::message::DATA, vec![7; 100]));
            let mut scene = Scene::new(owner, cmd::SEND_MULTICAST, attributes);
            for _ in 0..5 {
                scene = scene.amid(member());
            }
            scene
        }),
    ]
}

const NAME: &str = "name";

/// What is sent to a peer.
const DATA: [u8; 100] = [7; 100];

fn name(attribute: u16) -> Vec<(u16, Vec<u8>)> {
    vec![(attribute, terminated(NAME))]
}

fn number(attribute: u16, number: u32) -> (u16, Vec<u8>) {
    (attribute, number.to_ne_bytes().to_vec())
}

/// A peer that has registered the name.
fn having(register: u8, attribute: u16) -> Speaker {
    let mut peer = Speaker::peer();
    peer.ask(register, &[(attribute, &terminated(NAME))])
        .unwrap();
    peer
}

/// A member of the group.
fn member() -> Peer {
    let peer = Peer::connect().unwrap();
    peer.join_group(NAME, Replay::None).unwrap();
    peer
}

/// A peer that has lost a kevent, and has room again.
fn loser() -> Peer {
    let peer = Peer::connect().unwrap();
    peer.join_group(KEVENT_GROUP, Replay::None).unwrap();
    peer.set_queue_limit(0).unwrap();
    for _ in 0..20 {
        drop(Peer::connect().unwrap());
    }
    peer.set_queue_limit(1 << 20).unwrap();
    drain(&peer);
    peer
}

fn unicast(receiver: Peer) -> Scene {
    let to = number(attr::message::PORT, receiver.port().get());
    let data = (attr::message::DATA, DATA.to_vec());
    Scene::new(Speaker::peer(), cmd::SEND_UNICAST, vec![to, data]).heard_by(receiver)
}
