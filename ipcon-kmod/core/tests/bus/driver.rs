// SPDX-License-Identifier: GPL-2.0

//! Does operations of the model to the real core, and says what came of it in the model's words.

use std::collections::BTreeMap;
use std::sync::Arc;

use ipcon_core::bus::{self, Accounts, Error, GroupName, Kevent, Peer, ServiceName};
use ipcon_model::compare::Subject;
use ipcon_model::copy_counts;
use ipcon_model::operation::{Answer, Content, Event, Message, Operation, Outcome, Port, Refusal};
use ipcon_model::snapshot::{
    Counters, GroupCounts, GroupRow, MemberRow, PeerRow, ServiceRow, Snapshot, Traffic,
};

use crate::fixture::identity;
use crate::world::{Body, Host, Packet, Received, Socket, World};

type Bus = bus::Bus<Host>;

/// A bus with its sockets.
pub struct Driver {
    pub world: Arc<World>,
    pub bus: Bus,
    queue_limit: usize,
    sockets: BTreeMap<Port, Socket>,
    sends: u64,
    /// Ids of the core, in order of creation.
    pub peers: Vec<(u64, Socket)>,
    services: Vec<u64>,
    pub groups: Vec<u64>,
    last_kevent: Option<Kevent>,
}

impl Driver {
    /// A bus in a world of its own, whose sockets take `queue_limit` messages.
    pub fn new(queue_limit: usize) -> Self {
        let world = World::new();
        world.record();
        let bus = Bus::new(Arc::new(Accounts::new().unwrap())).unwrap();
        let kevents = bus.group_from(0).unwrap().group.id;
        Self {
            world,
            bus,
            queue_limit,
            sockets: BTreeMap::new(),
            sends: 0,
            peers: Vec::new(),
            services: Vec::new(),
            groups: vec![kevents],
            last_kevent: None,
        }
    }
}

impl Subject for Driver {
    fn apply(&mut self, operation: &Operation) -> Outcome {
        self.run(operation).map_err(refusal)
    }

    fn snapshot(&mut self) -> Snapshot {
        let snapshot = Snapshot {
            peers: self.peer_rows(),
            services: self.service_rows(),
            groups: self.group_rows(),
            members: self.member_rows(),
            kevent_sequence: self.bus.census().kevent_sequence,
            totals: counters(self.bus.totals()),
        };
        let census = self.bus.census();
        assert_eq!(census.peers as usize, snapshot.peers.len());
        assert_eq!(census.services as usize, snapshot.services.len());
        assert_eq!(census.groups as usize, snapshot.groups.len() - 1);
        assert_eq!(census.memberships as usize, snapshot.members.len());
        snapshot
    }

    fn generation(&mut self) -> u64 {
        self.bus.census().generation
    }
}

impl Driver {
    fn run(&mut self, operation: &Operation) -> Result<Answer, Error> {
        let bus = &self.bus;
        match operation {
            Operation::Open { port } => {
                self.sockets.insert(*port, Socket::new(self.queue_limit));
            }
            Operation::Shut { port } => self.sockets[port].close(),
            Operation::Notice { port } => bus.socket_closed(*port),
            Operation::Close { port } => {
                self.sockets[port].close();
                bus.socket_closed(*port);
            }
            Operation::Starve { port, starved } => self.sockets[port].starve(*starved),
            Operation::FailKevents { fail } => self.world.fail_kevents(*fail),
            Operation::AddPeer { port, control } => {
                let socket = &self.sockets[port];
                let peer = bus.add_peer(*port, socket.clone(), identity(*port), *control)?;
                self.peers.push((peer.id, socket.clone()));
            }
            Operation::Attach { port, peer } => {
                let socket = self.sockets[port].clone();
                let attached = bus.attach_control(*port, socket, identity(*peer), *peer)?;
                assert_eq!(attached.port, *peer);
            }
            Operation::RegisterService { port, name } => {
                let name = ServiceName::new(name.as_bytes())?;
                bus.register_service(&self.caller(*port)?, name)?;
                self.services.push(bus.service_named(name)?.id);
            }
            Operation::UnregisterService { port, name } => {
                let name = ServiceName::new(name.as_bytes())?;
                bus.unregister_service(&self.caller(*port)?, name)?;
            }
            Operation::FindService { name } => {
                let found = bus.service_named(ServiceName::new(name.as_bytes())?)?;
                return Ok(Answer::Found(found.peer.port));
            }
            Operation::RegisterGroup { port, name } => {
                let name = GroupName::new(name.as_bytes())?;
                bus.register_group(&self.caller(*port)?, name)?;
                self.groups.push(bus.group_view(name)?.group.id);
            }
            Operation::UnregisterGroup { port, name } => {
                let name = GroupName::new(name.as_bytes())?;
                bus.unregister_group(&self.caller(*port)?, name)?;
            }
            Operation::Join { port, name, replay } => {
                let name = GroupName::new(name.as_bytes())?;
                bus.join_group(&self.caller(*port)?, name, *replay)?;
            }
            Operation::Leave { port, name } => {
                let name = GroupName::new(name.as_bytes())?;
                bus.leave_group(&self.caller(*port)?, name)?;
            }
            Operation::Unicast {
                port,
                to,
                len,
                memory,
            } => {
                self.sends += 1;
                let data = payload(self.sends, *len);
                let from = self.caller(*port)?;
                self.bus.send_unicast(&from, *to, *len, || {
                    let memory = memory.then_some(()).ok_or(ipcon_core::seam::NoMemory);
                    memory.and_then(|()| Packet::unicast(from.port, &data))
                })?;
            }
            Operation::Multicast {
                port,
                name,
                len,
                memory,
            } => {
                self.sends += 1;
                let data = payload(self.sends, *len);
                let group = GroupName::new(name.as_bytes())?;
                let from = self.caller(*port)?;
                self.bus.send_multicast(&from, group, *len, || {
                    let memory = memory.then_some(()).ok_or(ipcon_core::seam::NoMemory);
                    memory.and_then(|()| Packet::multicast(from.port, name.as_bytes(), &data))
                })?;
            }
            Operation::Read { port, count } => {
                let socket = self.sockets[port].clone();
                let received = std::iter::from_fn(|| socket.receive()).take(*count);
                let messages = received.map(|packet| self.message(packet)).collect();
                return Ok(Answer::Messages(messages));
            }
        }
        Ok(Answer::Done)
    }

    fn caller(&self, port: Port) -> Result<Arc<Peer<Host>>, Error> {
        self.bus.caller(port, self.sockets[&port].key())
    }

    fn message(&mut self, packet: Received) -> Message {
        let content = match packet.body {
            Body::Data(data) => {
                let number = u64::from_le_bytes(data[..8].try_into().unwrap());
                let len = u32::try_from(data.len()).unwrap();
                assert_eq!(data, payload(number, len), "a message arrives whole");
                Content::Data { number, len }
            }
            Body::Kevent(kevent) => self.kevent(kevent),
        };
        Message {
            from: packet.from,
            group: packet.group.map(|name| String::from_utf8(name).unwrap()),
            content,
            replay: packet.marks.replay,
            lost: packet.marks.lost,
        }
    }

    fn kevent(&mut self, kevent: Kevent) -> Content {
        // A later kevent is not older. Each socket may show the same ones, so compare by number.
        if let Some(last) = self.last_kevent {
            assert_eq!(kevent.sequence > last.sequence, kevent.time > last.time);
        }
        self.last_kevent = Some(kevent);
        Content::Kevent {
            sequence: kevent.sequence,
            about: kevent.pid - identity(0).pid,
            event: self.event(kevent.event),
        }
    }

    fn event(&self, event: bus::Event) -> Event {
        let group = |id| ordinal(&self.groups, id);
        match event {
            bus::Event::ServiceAdded { name, port } => Event::ServiceAdded {
                name: text(name.as_bytes()),
                port,
            },
            bus::Event::ServiceRemoved { name, port } => Event::ServiceRemoved {
                name: text(name.as_bytes()),
                port,
            },
            bus::Event::GroupAdded { name, id } => Event::GroupAdded {
                name: text(name.as_bytes()),
                group: group(id),
            },
            bus::Event::GroupRemoved { name, id } => Event::GroupRemoved {
                name: text(name.as_bytes()),
                group: group(id),
            },
            bus::Event::PeerRemoved { port } => Event::PeerRemoved { port },
        }
    }

    fn peer_rows(&self) -> Vec<PeerRow> {
        let all = walk(|id| self.bus.peer_from(id), |peer| peer.id + 1);
        let row = |peer: Arc<Peer<Host>>| {
            let at = self
                .peers
                .iter()
                .position(|(id, _)| *id == peer.id)
                .unwrap();
            let open = !<Host as bus::Transport>::is_closed(&self.peers[at].1);
            PeerRow {
                peer: at as u64 + 1,
                port: peer.port,
                queued: open.then(|| peer.queue_fill().bytes as usize),
                lost: peer.unreported_losses(),
                counters: counters(&peer.counters),
            }
        };
        all.into_iter().map(row).collect()
    }

    fn service_rows(&self) -> Vec<ServiceRow> {
        let all = walk(|id| self.bus.service_from(id), |service| service.id + 1);
        let row = |service: Arc<bus::Service<Host>>| ServiceRow {
            service: ordinal(&self.services, service.id) + 1,
            name: text(service.name.as_bytes()),
            peer: self.peer_ordinal(service.peer.id),
            port: service.peer.port,
        };
        all.into_iter().map(row).collect()
    }

    fn group_rows(&self) -> Vec<GroupRow> {
        let all = walk(|id| self.bus.group_from(id), |view| view.group.id + 1);
        let row = |view: bus::GroupView<Host>| GroupRow {
            group: ordinal(&self.groups, view.group.id),
            name: text(view.group.name.as_bytes()),
            owner: self.peer_ordinal(view.group.owner),
            owner_port: view.group.owner_port,
            members: view.members as usize,
            last_len: view.last_len,
            counts: GroupCounts {
                sent: Traffic::new(view.counts.sent_messages, view.counts.sent_bytes),
                unheard: view.counts.unheard_messages,
                copies: copy_counts!(view.counts.copies),
            },
        };
        all.into_iter().map(row).collect()
    }

    fn member_rows(&self) -> Vec<MemberRow> {
        let next = |(group, peer)| self.bus.member_from(group, peer);
        let mut rows = Vec::new();
        let mut from = (0, 0);
        while let Some(view) = next(from) {
            from = (view.group.id, view.peer.id + 1);
            rows.push(MemberRow {
                group: ordinal(&self.groups, view.group.id),
                name: text(view.group.name.as_bytes()),
                peer: self.peer_ordinal(view.peer.id),
                port: view.peer.port,
                copies: copy_counts!(view.counts),
            });
        }
        rows
    }

    /// The nth peer is n + 1; 0 is the bus itself.
    fn peer_ordinal(&self, id: u64) -> u64 {
        let at = self.peers.iter().position(|(known, _)| *known == id);
        at.map_or(0, |at| at as u64 + 1)
    }
}

/// All objects of a list that is read one by one.
pub fn walk<O>(next: impl Fn(u64) -> Option<O>, after: impl Fn(&O) -> u64) -> Vec<O> {
    let mut from = 0;
    std::iter::from_fn(|| {
        let object = next(from)?;
        assert!(after(&object) > from, "a list goes on in order of ids");
        from = after(&object);
        Some(object)
    })
    .collect()
}

/// What the core counted.
pub fn counters(of: &bus::Counters) -> Counters {
    macro_rules! pair {
        ($field:ident) => {
            Traffic::new(of.$field.messages.get(), of.$field.bytes.get())
        };
    }
    Counters {
        sent_unicast: pair!(sent_unicast),
        sent_multicast: pair!(sent_multicast),
        delivered_unicast: pair!(delivered_unicast),
        delivered_multicast: pair!(delivered_multicast),
        refused_queue_full: pair!(refused_queue_full),
        refused_no_peer: pair!(refused_no_peer),
        refused_no_memory: pair!(refused_no_memory),
        dropped_queue_full: pair!(dropped_queue_full),
        dropped_no_memory: pair!(dropped_no_memory),
    }
}

fn ordinal(ids: &[u64], id: u64) -> u64 {
    let at = ids.iter().position(|known| *known == id);
    at.unwrap_or_else(|| panic!("id {id} belongs to nothing that was made")) as u64
}

fn text(name: &[u8]) -> String {
    String::from_utf8(name.to_vec()).unwrap()
}

fn payload(number: u64, len: u32) -> Vec<u8> {
    let filler = (8..len).map(|at| (number as u8).wrapping_add(at as u8));
    number.to_le_bytes().into_iter().chain(filler).collect()
}

fn refusal(error: Error) -> Refusal {
    match error {
        Error::BadName => Refusal::BadName,
        Error::ReservedName => Refusal::ReservedName,
        Error::NameTaken => Refusal::NameTaken,
        Error::Unknown => Refusal::Unknown,
        Error::NotOwner => Refusal::NotOwner,
        Error::AlreadyMember => Refusal::AlreadyMember,
        Error::NotPeer => Refusal::NotPeer,
        Error::AlreadyPeer => Refusal::AlreadyPeer,
        Error::NotInvited => Refusal::NotInvited,
        Error::NoSuchPeer => Refusal::NoSuchPeer,
        Error::QueueFull => Refusal::QueueFull,
        Error::QuotaExceeded(_) => panic!("there is no limit in these runs"),
        Error::NoMemory => Refusal::NoMemory,
    }
}
