// SPDX-License-Identifier: GPL-2.0

//! What the bus asks of the world around it: sockets, messages, time and tracing.

use crate::seam::NoMemory;

use super::delivery::{Delivery, DropReason, Marks, QueueFill};
use super::kevent::Kevent;
use super::quota::Resource;

/// Tells one open socket from another for as long as either is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SocketKey(pub usize);

/// One thing that happened, for whoever traces the bus, beside what [`Transport::queue`] and
/// [`Transport::leave_unread`] tell. `group` is 0 for unicast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // The fields of a variant are what its sentence names.
pub enum Trace {
    /// A request was counted as sent. `peer` is 0 for kevents, `port` is 0 for multicast.
    Send {
        peer: u64,
        group: u64,
        port: u32,
        len: u32,
    },
    /// A message was not put into the queue of `to`, or there is no `to`.
    Drop {
        from: u64,
        to: u64,
        group: u64,
        len: u32,
        reason: DropReason,
    },
    /// A peer came or went.
    Peer {
        id: u64,
        port: u32,
        pid: u32,
        uid: u32,
        added: bool,
    },
    /// A service came or went.
    Service { id: u64, peer: u64, added: bool },
    /// A group came or went.
    Group { id: u64, owner: u64, added: bool },
    /// A membership came or went.
    Member { group: u64, peer: u64, added: bool },
}

/// The world around the bus: the kernel's netlink, or a test.
pub trait Transport: Sized + 'static {
    /// A reference that keeps a socket's memory, though not the socket open.
    type Socket: Send + Sync + Unpin + 'static;
    /// A message ready to be queued.
    type Message: Send + Sync + Unpin + 'static;

    /// The identity of a socket.
    fn key(socket: &Self::Socket) -> SocketKey;

    /// Whether the program has closed the socket.
    fn is_closed(socket: &Self::Socket) -> bool;

    /// How full the receive queue is.
    fn queue_fill(socket: &Self::Socket) -> QueueFill;

    /// When the oldest message in the receive queue was put there, CLOCK_MONOTONIC in nanoseconds.
    fn queue_oldest(socket: &Self::Socket) -> Option<u64>;

    /// Puts a message into a receive queue that holds less than `limit` bytes, at once or not at all.
    /// Looking for room and taking it are one step, however many do it at once. A message that the
    /// receiver has thrown away on its way into the queue counts as put there.
    ///
    /// Whoever traces the bus is told `delivery` before anybody can read the message.
    ///
    /// # Errors
    ///
    /// Why it was not put there; the message is gone then.
    fn queue(
        socket: &Self::Socket,
        message: Self::Message,
        limit: u32,
        delivery: Delivery,
    ) -> Result<(), DropReason>;

    /// Tells whoever traces the bus of each message that the closed socket of this peer leaves
    /// unread.
    fn leave_unread(socket: &Self::Socket, peer: u64);

    /// Another message of the same content, with marks.
    ///
    /// # Errors
    ///
    /// [`NoMemory`] when it could not be allocated.
    fn copy(message: &Self::Message, marks: Marks) -> Result<Self::Message, NoMemory>;

    /// Payload bytes of a message.
    fn payload_len(message: &Self::Message) -> u32;

    /// Bytes of memory that a message takes, with all that is around its payload.
    fn memory(message: &Self::Message) -> u64;

    /// Bytes that the receive queue of a peer may hold, whatever its socket allows.
    fn queue_bytes_per_peer() -> u32;

    /// How much of something one user may have.
    fn quota(resource: Resource) -> u64;

    /// The message of the kevent group that announces `kevent`.
    ///
    /// # Errors
    ///
    /// [`NoMemory`] when it could not be allocated.
    fn kevent(kevent: &Kevent) -> Result<Self::Message, NoMemory>;

    /// CLOCK_MONOTONIC in nanoseconds.
    fn now() -> u64;

    /// A number that was never returned before, from 1.
    fn new_id() -> u64;

    /// Tells whoever traces the bus.
    fn trace(event: Trace);
}
