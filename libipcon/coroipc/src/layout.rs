// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where in the two regions each word, room and ring is.
//!
//! `docs/coroipc.md` shows it as a table. A region begins with lines of control words, then come the rooms of the
//! slots, then, in the server's, the ring of events. Nothing here is read from memory that the other side can write.

use crate::region::Shape;
use crate::sizes::{LINE, Sizes};

/// The version of everything in this file and of the messages of the handshake.
pub(crate) const VERSION: u16 = 1;

const LINE_BYTES: usize = LINE as usize;

/// Words of the region that the client writes.
pub(crate) mod client {
    use super::LINE_BYTES;

    /// The processor of the thread that submitted last, plus one.
    pub(crate) const CPU: usize = 0;
    /// Bytes of the ring of events that were read and given back.
    pub(crate) const EVENTS_READ: usize = LINE_BYTES;
    /// How the thread that waits for events does so.
    pub(crate) const EVENTS_WAIT: usize = 2 * LINE_BYTES;
    /// How the thread that waits for the reply in a slot does so.
    pub(crate) const fn wait(slot: usize) -> usize {
        (3 + slot) * LINE_BYTES
    }
    /// The request of the slot that the client has given up, by its number.
    pub(crate) const fn cancelled(slot: usize) -> usize {
        wait(slot) + 4
    }
    /// A line of the queue of requests; see [`super::request`].
    pub(crate) const fn request(slots: usize, place: usize) -> usize {
        (3 + slots + place) * LINE_BYTES
    }
    pub(super) const fn lines(slots: usize) -> usize {
        3 + 2 * slots
    }
}

/// Words of a line in the queue of requests, in bytes from its beginning.
pub(crate) mod request {
    /// The number of the request, written last.
    pub(crate) const NUMBER: usize = 0;
    /// The slot whose room holds the payload.
    pub(crate) const SLOT: usize = 4;
    /// The command, and flags from bit 16 on.
    pub(crate) const COMMAND: usize = 8;
    /// Bytes of payload.
    pub(crate) const LENGTH: usize = 12;
    /// Nanoseconds on the monotonic clock by which the reply is wanted, low and high half; 0 for no limit.
    pub(crate) const DEADLINE: usize = 16;
    /// Where something came with it: the number of the message of that.
    pub(crate) const ATTACHMENT: usize = 24;
    /// Nobody waits for a reply.
    pub(crate) const ONE_WAY: u32 = 1 << 16;
    /// The payload is not in the slot's room, but in memory of its own.
    pub(crate) const LARGE: u32 = 1 << 17;
    /// Descriptors came with it.
    pub(crate) const DESCRIPTORS: u32 = 1 << 18;
}

/// Words of the region that the server writes.
pub(crate) mod server {
    use super::LINE_BYTES;

    /// How the thread that waits for requests does so.
    pub(crate) const WAIT: usize = 0;
    /// The processor of the thread that serves, plus one.
    pub(crate) const CPU: usize = LINE_BYTES;
    /// Bytes that were written to the ring of events.
    pub(crate) const EVENTS_WRITTEN: usize = 2 * LINE_BYTES;
    /// 1 while events are held back, since the ring is full.
    pub(crate) const EVENTS_HELD_BACK: usize = EVENTS_WRITTEN + 4;
    /// Events that wait for room.
    pub(crate) const EVENTS_QUEUED: usize = EVENTS_WRITTEN + 8;
    /// Events that were dropped.
    pub(crate) const EVENTS_DROPPED: usize = EVENTS_WRITTEN + 12;
    /// How the server waits for room in the ring.
    pub(crate) const EVENTS_WAIT: usize = 3 * LINE_BYTES;
    /// The line of a slot's reply; see [`super::reply`].
    pub(crate) const fn reply(slot: usize) -> usize {
        (4 + slot) * LINE_BYTES
    }
    pub(super) const fn lines(slots: usize) -> usize {
        4 + slots
    }
}

/// Words of the line of a reply, in bytes from its beginning.
pub(crate) mod reply {
    /// The number of the request that is answered, written last.
    pub(crate) const NUMBER: usize = 0;
    /// What became of the request; see [`crate::status`].
    pub(crate) const STATUS: usize = 4;
    /// Bytes of payload.
    pub(crate) const LENGTH: usize = 8;
    /// A number that belongs to the status.
    pub(crate) const DETAIL: usize = 12;
}

/// Words of the page that both sides write; see [`crate::region::Bells`].
pub(crate) mod bell {
    /// The thread that waits for requests sleeps on it.
    pub(crate) const REQUESTS: usize = 0;
    /// A thread of the server that waits for room in the ring of events sleeps on it.
    pub(crate) const ROOM: usize = 16;
    /// The thread of the client that waits for events sleeps on it.
    pub(crate) const EVENTS: usize = 32;
    /// The thread of the client that waits for the reply in a slot sleeps on it.
    pub(crate) const fn reply(slot: usize) -> usize {
        48 + 16 * slot
    }
    /// Room for the words of 64 slots.
    pub(crate) const BYTES: usize = 4096;
}

/// The memory of one payload that is longer than a room.
pub(crate) fn large(len: u32) -> Shape {
    Shape {
        control: 0,
        rooms: 1,
        room: len as usize,
        ring: 0,
    }
}

impl Sizes {
    /// The region that the client writes.
    pub(crate) fn client_region(self) -> Shape {
        Shape {
            control: client::lines(self.slots as usize) * LINE_BYTES,
            rooms: self.slots as usize,
            room: self.request as usize,
            ring: 0,
        }
    }

    /// The region that the server writes.
    pub(crate) fn server_region(self) -> Shape {
        Shape {
            control: server::lines(self.slots as usize) * LINE_BYTES,
            rooms: self.slots as usize,
            room: self.reply as usize,
            ring: self.events as usize,
        }
    }
}
