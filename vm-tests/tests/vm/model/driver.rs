// SPDX-License-Identifier: MIT OR Apache-2.0

//! Does operations of the model to the real module, and says what came of it in the model's words.
//!
//! The ports of the model are netlink ports. All sockets belong to this process.

use std::collections::BTreeMap;

use ipcon_model::compare::Subject;
use ipcon_model::operation::{Answer, Message, Operation, Outcome, Port, Refusal};
use ipcon_model::snapshot::{MemberRow, PeerRow, ServiceRow, Snapshot};
use libipcon::{Inspector, Name};

use super::reading;
use crate::speaker::{self, Attribute, Received, Speaker, terminated};
use crate::uapi::{attr, cmd};

/// More than all messages of a run take.
const ROOMY: u32 = 1 << 24;

/// The sockets of a run, on the bus of the network namespace of the calling thread.
pub(super) struct Driver {
    inspector: Inspector,
    /// Looks services up.
    asker: Speaker,
    /// What one message takes of a queue, in bytes as the kernel counts them.
    cost: u32,
    queue_limit: u32,
    sockets: BTreeMap<Port, Speaker>,
    /// Messages that stood before an answer in the queue of a socket that asks and receives, as they came: what
    /// they announce is known by its id only after the answer.
    pending: BTreeMap<Port, Vec<Vec<u8>>>,
    sends: u64,
    made: Made,
}

/// Ids of the module, in order of creation.
pub(super) struct Made {
    peers: Vec<u64>,
    services: Vec<u64>,
    groups: Vec<u64>,
    /// Ports of the groups' owners, in the same order.
    owners: Vec<Port>,
}

impl Driver {
    /// A bus whose sockets take `messages` messages of `cost` bytes, or as many as come.
    pub(super) fn new(messages: Option<usize>, cost: u32) -> Self {
        let inspector = Inspector::open().unwrap();
        let kevents = inspector.groups().unwrap().items[0].id;
        let made = Made {
            peers: Vec::new(),
            services: Vec::new(),
            groups: vec![kevents],
            owners: vec![0],
        };
        Self {
            inspector,
            asker: Speaker::open(),
            cost,
            // A message is taken while what is queued is below the limit.
            queue_limit: messages.map_or(ROOMY, |messages| messages as u32 * cost),
            sockets: BTreeMap::new(),
            pending: BTreeMap::new(),
            sends: 0,
            made,
        }
    }

    /// Bytes in the receive queue of the peer at `port`.
    pub(super) fn queue_bytes(&self, port: Port) -> u32 {
        let port = libipcon::Port::new(port).unwrap();
        self.inspector.peer(port).unwrap().queue_bytes
    }

    /// The socket at `port`.
    pub(super) fn socket(&self, port: Port) -> &Speaker {
        &self.sockets[&port]
    }

    fn run(&mut self, operation: &Operation) -> Outcome {
        match operation {
            Operation::Open { port } => {
                let socket = Speaker::at(*port);
                socket.force_queue_limit(self.queue_limit);
                self.sockets.insert(*port, socket);
                self.pending.remove(port);
            }
            // The socket is gone for the bus when this returns.
            Operation::Close { port } => drop(self.sockets.remove(port)),
            Operation::AddPeer { port, control } => {
                let control = control.map(u32::to_ne_bytes);
                let named: Vec<Attribute<'_>> = control
                    .iter()
                    .map(|port| (attr::peer::CTL_PORT, port.as_slice()))
                    .collect();
                let reply = self.ask(*port, cmd::PEER_NEW, &named)?;
                let reply = reply.expect("peer-new is answered");
                self.made.peers.push(reading::u64(&reply, attr::peer::ID));
            }
            Operation::Attach { port, peer } => {
                let named = (attr::peer::PORT, peer.to_ne_bytes());
                self.ask(*port, cmd::PEER_ATTACH, &[(named.0, &named.1)])?;
            }
            Operation::RegisterService { port, name } => {
                self.ask_by_name(*port, cmd::SERVICE_REGISTER, attr::service::NAME, name)?;
                let service = self.inspector.service(name).unwrap();
                self.made.services.push(service.id);
            }
            Operation::UnregisterService { port, name } => {
                self.ask_by_name(*port, cmd::SERVICE_UNREGISTER, attr::service::NAME, name)?;
            }
            Operation::FindService { name } => {
                let name = terminated(name);
                let found = self
                    .asker
                    .ask(cmd::SERVICE_GET, &[(attr::service::NAME, &name)]);
                let found = found.map_err(|refused| refusal(&refused))?;
                let port = reading::u32(&found[0], attr::service::PORT);
                return Ok(Answer::Found(port));
            }
            Operation::RegisterGroup { port, name } => {
                self.ask_by_name(*port, cmd::GROUP_REGISTER, attr::group::NAME, name)?;
                let group = self.inspector.group(name).unwrap();
                self.made.groups.push(group.id);
                self.made.owners.push(group.owner_port.unwrap().get());
            }
            Operation::UnregisterGroup { port, name } => {
                self.ask_by_name(*port, cmd::GROUP_UNREGISTER, attr::group::NAME, name)?;
            }
            Operation::Join { port, name, replay } => {
                let name = terminated(name);
                let mut attributes = vec![(attr::group::NAME, name.as_slice())];
                if *replay {
                    attributes.push((attr::group::REPLAY, &[]));
                }
                self.ask(*port, cmd::GROUP_JOIN, &attributes)?;
            }
            Operation::Leave { port, name } => {
                self.ask_by_name(*port, cmd::GROUP_LEAVE, attr::group::NAME, name)?;
            }
            Operation::Unicast { port, to, len, .. } => {
                self.sends += 1;
                let data = reading::payload(self.sends, *len);
                let to = to.to_ne_bytes();
                let attributes = [(attr::message::PORT, &to[..]), (attr::message::DATA, &data)];
                // Every other one as the library does it, so that it may be relayed in the buffer that brought it.
                if self.sends.is_multiple_of(2) {
                    self.tell_quietly(*port, cmd::SEND_UNICAST, &attributes)?;
                } else {
                    self.ask(*port, cmd::SEND_UNICAST, &attributes)?;
                }
            }
            Operation::Multicast {
                port, name, len, ..
            } => {
                self.sends += 1;
                let data = reading::payload(self.sends, *len);
                let name = terminated(name);
                let attributes = [
                    (attr::message::GROUP, &name[..]),
                    (attr::message::DATA, &data),
                ];
                self.ask(*port, cmd::SEND_MULTICAST, &attributes)?;
            }
            Operation::Read { port, count } => {
                return Ok(Answer::Messages(self.read(*port, *count)));
            }
            Operation::Shut { .. }
            | Operation::Notice { .. }
            | Operation::Starve { .. }
            | Operation::FailKevents { .. } => {
                panic!("the kernel cannot be told to: {operation:?}")
            }
        }
        Ok(Answer::Done)
    }

    fn ask_by_name(
        &mut self,
        port: Port,
        cmd: u8,
        attribute: u16,
        name: &str,
    ) -> Result<(), Refusal> {
        let name = terminated(name);
        self.ask(port, cmd, &[(attribute, &name)]).map(drop)
    }

    /// Asks on the socket at `port`, and keeps the messages that stand before the answer.
    fn ask(
        &mut self,
        port: Port,
        cmd: u8,
        attributes: &[Attribute<'_>],
    ) -> Result<Option<Vec<u8>>, Refusal> {
        let socket = self.sockets.get_mut(&port).expect("an open socket");
        socket.tell(cmd, attributes);
        let mut reply = None;
        loop {
            match socket.receive().expect("the kernel answers at once") {
                Received::Message(attributes) => {
                    self.pending.entry(port).or_default().push(attributes);
                }
                Received::Reply(attributes) => reply = Some(attributes),
                Received::Verdict(Ok(())) => return Ok(reply),
                Received::Verdict(Err(refused)) => return Err(refusal(&refused)),
            }
        }
    }

    /// Sends a request that is only answered when it is refused, and keeps the messages that stand before that.
    fn tell_quietly(
        &mut self,
        port: Port,
        cmd: u8,
        attributes: &[Attribute<'_>],
    ) -> Result<(), Refusal> {
        let socket = self.sockets.get_mut(&port).expect("an open socket");
        socket.tell_quietly(cmd, attributes);
        while let Some(received) = socket.receive() {
            match received {
                Received::Message(attributes) => {
                    self.pending.entry(port).or_default().push(attributes);
                }
                Received::Verdict(Err(refused)) => return Err(refusal(&refused)),
                other => panic!("nobody asked for {other:?}"),
            }
        }
        Ok(())
    }

    fn read(&mut self, port: Port, count: usize) -> Vec<Message> {
        let pending = self.pending.entry(port).or_default();
        let taken = pending.drain(..count.min(pending.len()));
        let message = |attributes: Vec<u8>| reading::message(&attributes, &self.made);
        let mut messages: Vec<_> = taken.map(message).collect();
        let socket = self.sockets.get_mut(&port).expect("an open socket");
        while messages.len() < count {
            match socket.receive() {
                Some(Received::Message(attributes)) => messages.push(message(attributes)),
                None => break,
                other => panic!("nobody asked for {other:?}"),
            }
        }
        messages
    }

    fn peer_row(&self, row: &libipcon::PeerInfo) -> PeerRow {
        assert_eq!(row.queue_limit, self.queue_limit);
        assert_eq!(row.pid, std::process::id());
        let port = row.port.get();
        let queued = row.queue_bytes / self.cost;
        assert_eq!(row.queue_bytes, queued * self.cost, "whole messages");
        let pending = self.pending.get(&port).map_or(0, Vec::len);
        PeerRow {
            peer: self.made.peer(row.id),
            port,
            queued: Some(queued as usize + pending),
            lost: row.lost,
            counters: reading::counters(&row.counters),
        }
    }
}

impl Subject for Driver {
    fn apply(&mut self, operation: &Operation) -> Outcome {
        self.run(operation)
    }

    fn snapshot(&mut self) -> Snapshot {
        let bus = self.inspector.bus().unwrap();
        let (peers, services) = (self.inspector.peers(), self.inspector.services());
        let (groups, members) = (self.inspector.groups(), self.inspector.members());
        let (peers, services) = (peers.unwrap(), services.unwrap());
        let (groups, members) = (groups.unwrap(), members.unwrap());
        let parts = [
            peers.interrupted,
            services.interrupted,
            groups.interrupted,
            members.interrupted,
        ];
        assert_eq!(parts, [false; 4], "a quiet bus");
        assert_eq!(bus.peers as usize, peers.items.len());
        assert_eq!(bus.services as usize, services.items.len());
        assert_eq!(bus.groups as usize, groups.items.len() - 1);
        assert_eq!(bus.memberships as usize, members.items.len());
        let made = &self.made;
        let service_row = |row: libipcon::ServiceInfo| ServiceRow {
            service: ordinal(&made.services, row.id) + 1,
            name: text(&row.name),
            peer: made.peer(row.peer_id),
            port: row.port.get(),
        };
        let member_row = |row: libipcon::MemberInfo| MemberRow {
            group: ordinal(&made.groups, row.group_id),
            name: text(&row.group_name),
            peer: made.peer(row.peer_id),
            port: row.port.get(),
            copies: reading::copies(&row),
        };
        let group_row = |row: libipcon::GroupInfo| reading::group_row(&row, made);
        Snapshot {
            peers: peers.items.iter().map(|row| self.peer_row(row)).collect(),
            services: services.items.into_iter().map(service_row).collect(),
            groups: groups.items.into_iter().map(group_row).collect(),
            members: members.items.into_iter().map(member_row).collect(),
            kevent_sequence: bus.kevent_sequence,
            totals: reading::counters(&bus.counters),
        }
    }

    fn generation(&mut self) -> u64 {
        self.inspector.bus().unwrap().generation
    }
}

impl Made {
    /// The nth peer is n + 1; 0 is the bus itself.
    pub(super) fn peer(&self, id: u64) -> u64 {
        match id {
            0 => 0,
            id => ordinal(&self.peers, id) + 1,
        }
    }

    /// The ordinal of a group.
    pub(super) fn group(&self, id: u64) -> u64 {
        ordinal(&self.groups, id)
    }

    /// The ordinal and the owner's port of the group whose id has these low 32 bits.
    pub(super) fn announced_group(&self, id: u32) -> (u64, Port) {
        let known = self.groups.iter().position(|known| *known as u32 == id);
        let at = known.unwrap_or_else(|| panic!("group {id} was announced and never made"));
        (at as u64, self.owners[at])
    }
}

fn ordinal(ids: &[u64], id: u64) -> u64 {
    let at = ids.iter().position(|known| *known == id);
    at.unwrap_or_else(|| panic!("id {id} belongs to nothing that was made")) as u64
}

pub(super) fn text(name: &Name) -> String {
    name.as_str().expect("names of a run are text").to_owned()
}

fn refusal(refused: &speaker::Refusal) -> Refusal {
    let words = refused.text.as_deref().unwrap_or_default();
    match refused.errno {
        libc::EINVAL if words.contains("reserved") => Refusal::ReservedName,
        libc::EINVAL | libc::ERANGE if refused.blamed.is_some() => Refusal::BadName,
        libc::EEXIST => Refusal::NameTaken,
        libc::ENOENT => Refusal::Unknown,
        libc::EPERM if words.contains("belongs to another") => Refusal::NotOwner,
        libc::EPERM if words.contains("did not name this socket") => Refusal::NotInvited,
        libc::EALREADY => Refusal::AlreadyMember,
        libc::ENOTCONN => Refusal::NotPeer,
        libc::EISCONN => Refusal::AlreadyPeer,
        libc::ECONNREFUSED => Refusal::NoSuchPeer,
        libc::EAGAIN => Refusal::QueueFull,
        libc::ENOMEM => Refusal::NoMemory,
        _ => panic!("the model has no such refusal: {refused:?}"),
    }
}
