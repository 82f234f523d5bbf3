// SPDX-License-Identifier: GPL-2.0

//! A bus with peers, for examples.

use std::ops::Deref;
use std::sync::Arc;

use ipcon_core::bus::{self, Accounts, Error, Event, GroupName, Identity, Marks, ServiceName};
use ipcon_core::seam;

use crate::world::{Body, Host, Packet, Socket, World};

pub type Bus = bus::Bus<Host>;

/// Messages that a queue takes unless a test says otherwise.
const ROOMY: usize = 1 << 20;

/// A bus in a world of its own.
#[derive(Clone)]
pub struct Fixture {
    pub world: Arc<World>,
    pub accounts: seam::Arc<Accounts>,
    pub bus: Arc<Bus>,
}

/// A peer, with the socket that it receives on.
#[derive(Clone)]
pub struct Client {
    pub peer: seam::Arc<bus::Peer<Host>>,
    pub socket: Socket,
    bus: Arc<Bus>,
}

impl Fixture {
    pub fn new() -> Self {
        let world = World::new();
        let accounts = seam::Arc::new(Accounts::new().unwrap());
        let bus = Arc::new(Bus::new(accounts.clone()).unwrap());
        Self {
            world,
            accounts,
            bus,
        }
    }

    /// A peer whose queue has room for all that a test sends.
    pub fn peer(&self, port: u32) -> Client {
        self.peer_with_room(port, ROOMY)
    }

    pub fn peer_with_room(&self, port: u32, messages: usize) -> Client {
        self.peer_of(identity(port), port, messages).unwrap()
    }

    /// A peer that this process makes.
    pub fn peer_of(&self, maker: Identity, port: u32, messages: usize) -> Result<Client, Error> {
        let socket = Socket::new(messages);
        let peer = self.bus.add_peer(port, socket.clone(), maker, None)?;
        Ok(Client {
            peer,
            socket,
            bus: Arc::clone(&self.bus),
        })
    }

    /// A peer that is a member of the kevent group.
    pub fn observer(&self, port: u32) -> Client {
        let observer = self.peer(port);
        observer.join(KEVENTS, false).unwrap();
        observer
    }
}

impl Deref for Fixture {
    type Target = Bus;

    fn deref(&self) -> &Bus {
        &self.bus
    }
}

/// The process that makes peers at `port`.
pub fn identity(port: u32) -> Identity {
    Identity {
        pid: 1000 + port,
        uid: 500,
        sponsor: 500,
        comm: *b"bus-test\0\0\0\0\0\0\0\0",
    }
}

pub const KEVENTS: &str = "ipcon_kevent";

pub fn service(name: &str) -> ServiceName {
    ServiceName::new(name.as_bytes()).unwrap()
}

pub fn group(name: &str) -> GroupName {
    GroupName::new(name.as_bytes()).unwrap()
}

impl Client {
    pub fn port(&self) -> u32 {
        self.peer.port
    }

    /// Closes the receive socket and lets the bus know, as the kernel does.
    pub fn die(&self) {
        self.socket.close();
        self.bus.socket_closed(self.port());
    }

    pub fn register(&self, name: &str) -> Result<(), Error> {
        self.bus.register_service(&self.peer, service(name))
    }

    pub fn unregister(&self, name: &str) -> Result<(), Error> {
        self.bus.unregister_service(&self.peer, service(name))
    }

    pub fn open_group(&self, name: &str) -> Result<(), Error> {
        self.bus.register_group(&self.peer, group(name))
    }

    pub fn close_group(&self, name: &str) -> Result<(), Error> {
        self.bus.unregister_group(&self.peer, group(name))
    }

    pub fn join(&self, name: &str, replay: bool) -> Result<(), Error> {
        self.bus.join_group(&self.peer, group(name), replay)
    }

    pub fn leave(&self, name: &str) -> Result<(), Error> {
        self.bus.leave_group(&self.peer, group(name))
    }

    pub fn send(&self, port: u32, data: &[u8]) -> Result<(), Error> {
        let build = || Packet::unicast(self.port(), data);
        self.bus
            .send_unicast(&self.peer, port, data.len() as u32, build)
    }

    pub fn publish(&self, name: &str, data: &[u8]) -> Result<(), Error> {
        let build = || Packet::multicast(self.port(), name.as_bytes(), data);
        self.bus
            .send_multicast(&self.peer, group(name), data.len() as u32, build)
    }

    /// Payload and marks of each message in the queue; none of them a kevent.
    pub fn heard(&self) -> Vec<(Vec<u8>, Marks)> {
        let drained = self.socket.drain().into_iter();
        drained
            .map(|packet| (packet.data().to_vec(), packet.marks))
            .collect()
    }

    /// The events in the queue, and nothing else.
    pub fn events(&self) -> Vec<Event> {
        let event = |packet: Packet| match packet.body {
            Body::Kevent(kevent) => kevent.event,
            Body::Data(data) => panic!("{data:?} is no kevent"),
        };
        self.socket.drain().into_iter().map(event).collect()
    }
}

/// A message as it was sent.
pub fn plain(data: &[u8]) -> (Vec<u8>, Marks) {
    (data.to_vec(), Marks::default())
}

/// A replay.
pub fn replayed(data: &[u8]) -> (Vec<u8>, Marks) {
    (
        data.to_vec(),
        Marks {
            replay: true,
            lost: 0,
        },
    )
}

/// The first message after `lost` others.
pub fn after_loss(data: &[u8], lost: u64) -> (Vec<u8>, Marks) {
    (
        data.to_vec(),
        Marks {
            replay: false,
            lost,
        },
    )
}
