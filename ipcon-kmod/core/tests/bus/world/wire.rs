// SPDX-License-Identifier: GPL-2.0

//! Sockets and messages of the host's world, and the seam of the bus on top of them.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

#[cfg(loom)]
use loom::sync::{Condvar, Mutex, MutexGuard};
#[cfg(not(loom))]
use std::sync::{Condvar, Mutex, MutexGuard};

use ipcon_core::bus::{
    Delivery, DropReason, Kevent, Marks, QueueFill, Resource, SocketKey, Trace, Transport,
};
use ipcon_core::seam::{NoMemory, allocate};

use super::{Traced, World};

/// The seam of the bus on the host.
pub struct Host;

/// What a message says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// Bytes of a peer.
    Data(Vec<u8>),
    /// An announcement of the bus.
    Kevent(Kevent),
}

/// A message of one peer (`group` is none), of a group, or of the bus itself (`from` is 0).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    pub from: u32,
    pub group: Option<Vec<u8>>,
    pub body: Body,
    pub marks: Marks,
}

/// What is in a receive queue.
pub type Received = Packet;

/// A socket that can be held after it was closed, as in the kernel.
#[derive(Clone)]
pub struct Socket(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    arrived: Condvar,
}

#[derive(Debug)]
struct State {
    /// What waits, and when it was put there.
    queue: VecDeque<(Packet, u64)>,
    /// Messages that the queue takes.
    limit: usize,
    closed: bool,
    starved: bool,
}

impl Socket {
    /// An open socket whose queue takes `limit` messages.
    pub fn new(limit: usize) -> Self {
        let state = State {
            queue: VecDeque::new(),
            limit,
            closed: false,
            starved: false,
        };
        Self(Arc::new(Inner {
            state: Mutex::new(state),
            arrived: Condvar::new(),
        }))
    }

    /// Closes the socket. The bus learns of it by `Bus::socket_closed` only.
    pub fn close(&self) {
        self.state().closed = true;
        self.0.arrived.notify_all();
    }

    /// Whether nothing can be queued for want of memory.
    pub fn starve(&self, starved: bool) {
        self.state().starved = starved;
    }

    /// The next message, if there is one.
    pub fn receive(&self) -> Option<Received> {
        self.state().take()
    }

    /// The next message; waits for one. None when the socket is closed.
    pub fn wait(&self) -> Option<Received> {
        let mut state = self.state();
        while state.queue.is_empty() && !state.closed {
            state = self.0.arrived.wait(state).unwrap();
        }
        state.take()
    }

    /// All messages in the queue.
    pub fn drain(&self) -> Vec<Received> {
        let mut state = self.state();
        std::iter::from_fn(|| state.take()).collect()
    }

    /// What tells this socket from others.
    pub fn key(&self) -> SocketKey {
        SocketKey(Arc::as_ptr(&self.0) as usize)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take(&mut self) -> Option<Packet> {
        self.queue.pop_front().map(|(packet, _)| packet)
    }
}

impl Packet {
    /// A message from `from` to one peer.
    pub fn unicast(from: u32, data: &[u8]) -> Result<Self, NoMemory> {
        allocate()?;
        Ok(Self {
            from,
            group: None,
            body: Body::Data(data.to_vec()),
            marks: Marks::default(),
        })
    }

    /// A message from `from` to a group.
    pub fn multicast(from: u32, group: &[u8], data: &[u8]) -> Result<Self, NoMemory> {
        Ok(Self {
            group: Some(group.to_vec()),
            ..Self::unicast(from, data)?
        })
    }

    /// The bytes of a message of a peer.
    pub fn data(&self) -> &[u8] {
        match &self.body {
            Body::Data(data) => data,
            Body::Kevent(kevent) => panic!("{kevent:?} is no message of a peer"),
        }
    }
}

impl Transport for Host {
    type Socket = Socket;
    type Message = Packet;

    fn key(socket: &Socket) -> SocketKey {
        socket.key()
    }

    fn is_closed(socket: &Socket) -> bool {
        socket.state().closed
    }

    fn queue_fill(socket: &Socket) -> QueueFill {
        let state = socket.state();
        QueueFill {
            bytes: u32::try_from(state.queue.len()).unwrap(),
            limit: u32::try_from(state.limit).unwrap_or(u32::MAX),
        }
    }

    fn queue_oldest(socket: &Socket) -> Option<u64> {
        socket.state().queue.front().map(|&(_, time)| time)
    }

    fn queue(
        socket: &Socket,
        message: Packet,
        limit: u32,
        delivery: Delivery,
    ) -> Result<(), DropReason> {
        let mut state = socket.state();
        if state.closed {
            return Err(DropReason::NoPeer);
        }
        if state.queue.len() >= state.limit.min(limit as usize) {
            return Err(DropReason::QueueFull);
        }
        if state.starved {
            return Err(DropReason::NoMemory);
        }
        let time = World::current(|world| {
            world.note(Traced::Delivery(delivery));
            world.time()
        });
        state.queue.push_back((message, time));
        drop(state);
        socket.0.arrived.notify_all();
        Ok(())
    }

    fn leave_unread(socket: &Socket, peer: u64) {
        let state = socket.state();
        if !state.closed {
            return;
        }
        World::current(|world| {
            state
                .queue
                .iter()
                .for_each(|_| world.note(Traced::Unread(peer)));
        });
    }

    fn copy(message: &Packet, marks: Marks) -> Result<Packet, NoMemory> {
        if World::current(|world| world.copies_fail.load(Ordering::Relaxed)) {
            return Err(NoMemory);
        }
        allocate()?;
        assert_eq!(message.marks, Marks::default(), "a copy of a marked copy");
        Ok(Packet {
            marks,
            ..message.clone()
        })
    }

    fn payload_len(message: &Packet) -> u32 {
        match &message.body {
            Body::Data(data) => u32::try_from(data.len()).unwrap(),
            Body::Kevent(_) => 40,
        }
    }

    fn memory(message: &Packet) -> u64 {
        u64::from(Self::payload_len(message))
    }

    fn queue_bytes_per_peer() -> u32 {
        World::current(World::queue_bytes_per_peer)
    }

    fn quota(resource: Resource) -> u64 {
        World::current(|world| world.quota(resource))
    }

    fn kevent(kevent: &Kevent) -> Result<Packet, NoMemory> {
        if World::current(|world| world.kevents_fail.load(Ordering::Relaxed)) {
            return Err(NoMemory);
        }
        allocate()?;
        Ok(Packet {
            from: 0,
            group: Some(ipcon_core::bus::KEVENT_GROUP.to_vec()),
            body: Body::Kevent(*kevent),
            marks: Marks::default(),
        })
    }

    fn now() -> u64 {
        World::current(World::tick)
    }

    fn new_id() -> u64 {
        World::current(World::next_id)
    }

    fn trace(event: Trace) {
        World::current(|world| world.note(event));
    }
}
