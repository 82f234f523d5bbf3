// SPDX-License-Identifier: MIT OR Apache-2.0

//! A small bus that is obviously right: plain lists, one thread, nothing shared.
//!
//! Operations go in, what the bus must answer, deliver and list comes out. Nothing here knows the
//! core, the kernel or the world that they are tested in: whoever does [operations](operation) to
//! them implements [`Subject`](compare::Subject), and [`compare`](compare::compare) does the same
//! run to both.

// The fields of an operation, a row or a message are what its sentence names.
#![allow(missing_docs)]

pub mod compare;
mod listing;
pub mod met;
pub mod operation;
pub mod snapshot;
pub mod strategy;
mod traffic;

use std::collections::BTreeMap;

use operation::{Answer, Content, Event, Message, Operation, Outcome, Port, Refusal};
use snapshot::{CopyCounts, Counters, GroupCounts};

const KEVENT_GROUP: &str = "ipcon_kevent";

/// The bus, and the sockets around it.
pub struct Model {
    /// Messages that a receive queue takes.
    queue_limit: usize,
    /// The newest socket at each port.
    sockets: BTreeMap<Port, Socket>,
    sockets_made: u64,
    /// All peers that are or were, in order; the nth is peer n + 1.
    peers: Vec<Peer>,
    services: Vec<Service>,
    services_made: u64,
    /// All groups that are or were, in order; the nth is group n.
    groups: Vec<Group>,
    kevent_sequence: u64,
    kevents_fail: bool,
    sends: u64,
}

struct Socket {
    number: u64,
    open: bool,
    starved: bool,
    queue: Vec<Message>,
}

struct Peer {
    alive: bool,
    port: Port,
    socket: u64,
    control: Control,
    ready: bool,
    lost: u64,
    counters: Counters,
}

#[derive(PartialEq)]
enum Control {
    None,
    Expected(Port),
    Attached { port: Port, socket: u64 },
}

struct Service {
    ordinal: u64,
    name: String,
    peer: usize,
}

struct Group {
    alive: bool,
    name: String,
    /// None for the kevent group.
    owner: Option<usize>,
    members: Vec<Member>,
    last: Option<(Port, Content)>,
    counts: GroupCounts,
}

struct Member {
    peer: usize,
    copies: CopyCounts,
}

impl Model {
    /// A bus with nobody on it, whose sockets take `queue_limit` messages.
    pub fn new(queue_limit: usize) -> Self {
        Self {
            queue_limit,
            sockets: BTreeMap::new(),
            sockets_made: 0,
            peers: Vec::new(),
            services: Vec::new(),
            services_made: 0,
            groups: vec![Group::new(KEVENT_GROUP, None)],
            kevent_sequence: 0,
            kevents_fail: false,
            sends: 0,
        }
    }

    /// Whether a program could do this now: it needs an open socket to act with, and a free port to
    /// open one.
    pub fn is_possible(&self, operation: &Operation) -> bool {
        let open = |port| self.sockets.get(&port).is_some_and(|s| s.open);
        match operation {
            Operation::Open { port } => !open(*port),
            _ => operation.actor().is_none_or(open),
        }
    }

    /// Whether the newest socket at this port is the receive socket of a peer, where messages come
    /// between a request and its answer.
    pub fn receives(&self, port: Port) -> bool {
        let number = self.sockets.get(&port).map(|socket| socket.number);
        let mut peers = self.peers.iter();
        peers.any(|peer| peer.alive && Some(peer.socket) == number)
    }

    /// Does what the operation says.
    pub fn apply(&mut self, operation: &Operation) -> Outcome {
        match operation {
            Operation::Open { port } => self.open(*port),
            Operation::Shut { port } => self.socket(*port).open = false,
            Operation::Notice { port } => self.notice(*port),
            Operation::Close { port } => {
                self.socket(*port).open = false;
                self.notice(*port);
            }
            Operation::Starve { port, starved } => self.socket(*port).starved = *starved,
            Operation::FailKevents { fail } => self.kevents_fail = *fail,
            Operation::AddPeer { port, control } => self.add_peer(*port, *control)?,
            Operation::Attach { port, peer } => self.attach(*port, *peer)?,
            Operation::RegisterService { port, name } => self.register_service(*port, name)?,
            Operation::UnregisterService { port, name } => self.unregister_service(*port, name)?,
            Operation::FindService { name } => return self.find_service(name).map(Answer::Found),
            Operation::RegisterGroup { port, name } => self.register_group(*port, name)?,
            Operation::UnregisterGroup { port, name } => self.unregister_group(*port, name)?,
            Operation::Join { port, name, replay } => self.join(*port, name, *replay)?,
            Operation::Leave { port, name } => self.leave(*port, name)?,
            Operation::Unicast {
                port,
                to,
                len,
                memory,
            } => {
                self.unicast(*port, *to, *len, *memory)?;
            }
            Operation::Multicast {
                port,
                name,
                len,
                memory,
            } => {
                self.multicast(*port, name, *len, *memory)?;
            }
            Operation::Read { port, count } => {
                let queue = &mut self.socket(*port).queue;
                let count = queue.len().min(*count);
                return Ok(Answer::Messages(queue.drain(..count).collect()));
            }
        }
        Ok(Answer::Done)
    }

    fn open(&mut self, port: Port) {
        self.sockets_made += 1;
        let socket = Socket {
            number: self.sockets_made,
            open: true,
            starved: false,
            queue: Vec::new(),
        };
        self.sockets.insert(port, socket);
    }

    fn socket(&mut self, port: Port) -> &mut Socket {
        self.sockets.get_mut(&port).expect("is_possible said so")
    }

    /// A socket at this port may have been closed.
    fn notice(&mut self, port: Port) {
        let open = self.sockets.get(&port).filter(|socket| socket.open);
        let number = open.map_or(0, |socket| socket.number);
        self.forget_others(port, number);
    }

    /// Ends what belongs to this port, unless to the socket with this number.
    fn forget_others(&mut self, port: Port, number: u64) {
        for peer in 0..self.peers.len() {
            let entry = &mut self.peers[peer];
            match entry.control {
                Control::Attached { port: at, socket } if at == port && socket != number => {
                    entry.control = Control::None;
                }
                _ => {}
            }
            if entry.alive && entry.port == port && entry.socket != number {
                self.end_peer(peer);
            }
        }
    }

    fn end_peer(&mut self, peer: usize) {
        self.peers[peer].alive = false;
        self.peers[peer].control = Control::None;
        for group in &mut self.groups {
            group.members.retain(|member| member.peer != peer);
        }
        while let Some(at) = self
            .services
            .iter()
            .position(|service| service.peer == peer)
        {
            self.end_service(at);
        }
        for group in 0..self.groups.len() {
            if self.groups[group].alive && self.groups[group].owner == Some(peer) {
                self.end_group(group);
            }
        }
        let port = self.peers[peer].port;
        self.announce(port, Event::PeerRemoved { port });
    }

    fn end_service(&mut self, at: usize) {
        let Service { name, peer, .. } = self.services.remove(at);
        let port = self.peers[peer].port;
        self.announce(port, Event::ServiceRemoved { name, port });
    }

    fn end_group(&mut self, group: usize) {
        let entry = &mut self.groups[group];
        entry.alive = false;
        entry.members.clear();
        let name = entry.name.clone();
        let about = entry.owner.map_or(0, |owner| self.peers[owner].port);
        let group = group as u64;
        self.announce(about, Event::GroupRemoved { name, group });
    }

    /// The peer for which a socket acts.
    fn caller(&self, port: Port) -> Result<usize, Refusal> {
        let number = self.sockets[&port].number;
        let acts = |peer: &Peer| {
            let control = Control::Attached {
                port,
                socket: number,
            };
            peer.alive && (peer.socket == number || peer.control == control)
        };
        self.peers.iter().position(acts).ok_or(Refusal::NotPeer)
    }

    fn peer_at(&self, port: Port) -> Result<usize, Refusal> {
        let at = |peer: &Peer| peer.alive && peer.port == port;
        self.peers.iter().position(at).ok_or(Refusal::NoSuchPeer)
    }

    fn add_peer(&mut self, port: Port, control: Option<Port>) -> Result<(), Refusal> {
        let number = self.sockets[&port].number;
        self.forget_others(port, number);
        if self.caller(port).is_ok() {
            return Err(Refusal::AlreadyPeer);
        }
        self.peers.push(Peer {
            alive: true,
            port,
            socket: number,
            control: control.map_or(Control::None, Control::Expected),
            ready: control.is_none(),
            lost: 0,
            counters: Counters::default(),
        });
        Ok(())
    }

    fn attach(&mut self, port: Port, peer: Port) -> Result<(), Refusal> {
        let socket = self.sockets[&port].number;
        self.forget_others(port, socket);
        if self.caller(port).is_ok() {
            return Err(Refusal::AlreadyPeer);
        }
        let peer = self.peer_at(peer)?;
        if self.peers[peer].control != Control::Expected(port) {
            return Err(Refusal::NotInvited);
        }
        self.peers[peer].control = Control::Attached { port, socket };
        self.peers[peer].ready = true;
        Ok(())
    }

    fn register_service(&mut self, port: Port, name: &str) -> Result<(), Refusal> {
        check_name(name, 31)?;
        let peer = self.caller(port)?;
        if self.find_service(name).is_ok() {
            return Err(Refusal::NameTaken);
        }
        self.services_made += 1;
        let ordinal = self.services_made;
        let port = self.peers[peer].port;
        let name = name.to_owned();
        self.services.push(Service {
            ordinal,
            name: name.clone(),
            peer,
        });
        self.announce(port, Event::ServiceAdded { name, port });
        Ok(())
    }

    fn unregister_service(&mut self, port: Port, name: &str) -> Result<(), Refusal> {
        check_name(name, 31)?;
        let peer = self.caller(port)?;
        let named = self
            .services
            .iter()
            .position(|service| service.name == name);
        let at = named.ok_or(Refusal::Unknown)?;
        if self.services[at].peer != peer {
            return Err(Refusal::NotOwner);
        }
        self.end_service(at);
        Ok(())
    }

    fn find_service(&self, name: &str) -> Result<Port, Refusal> {
        check_name(name, 31)?;
        let found = self.services.iter().find(|service| service.name == name);
        found
            .map(|service| self.peers[service.peer].port)
            .ok_or(Refusal::Unknown)
    }
}

impl Group {
    fn new(name: &str, owner: Option<usize>) -> Self {
        Self {
            alive: true,
            name: name.to_owned(),
            owner,
            members: Vec::new(),
            last: None,
            counts: GroupCounts::default(),
        }
    }
}

fn check_name(name: &str, max: usize) -> Result<(), Refusal> {
    let bad = name.is_empty() || name.len() > max || name.chars().any(char::is_control);
    if bad { Err(Refusal::BadName) } else { Ok(()) }
}
