// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is written into the regions: requests, replies, events.
//!
//! Each position and number that a side goes by is in its own memory. What it reads of the other side's region it reads
//! once, and checks before it is used; what cannot be is a [`Violation`], and ends the connection.

mod events;
mod replies;
mod requests;

pub(crate) use events::{Consumer, Producer, Record};
pub(crate) use replies::{Answer, look_for_answer, prepare_answers, publish_answer};
pub(crate) use requests::{Inbox, Outbox, Submission};

/// What the other side wrote that it never writes when it keeps to the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// A request names a slot that the connection does not have.
    #[error("a request in slot {0}, which does not exist")]
    NoSuchSlot(u32),
    /// A request names a slot whose last request has not been answered.
    #[error("a request in slot {0}, whose last request is not answered yet")]
    SlotInUse(u32),
    /// A payload is longer than its room, or empty in memory of its own.
    #[error("a payload of {len} bytes in a room of {room}")]
    TooLong {
        /// What it was said to have.
        len: u32,
        /// What the room has.
        room: u32,
    },
    /// A request has flags that nobody knows.
    #[error("unknown flags {0:#x} in a request")]
    Flags(u32),
    /// A reply says that something became of a request that cannot become of any.
    #[error("unknown status {0} in a reply")]
    Status(u32),
    /// The ring of events cannot be filled as far as was said.
    #[error("a ring of events of {size} bytes is said to hold {held}")]
    Ring {
        /// Bytes that it was said to hold.
        held: u32,
        /// Bytes that it has.
        size: u32,
    },
    /// An event is longer than what the ring holds.
    #[error("an event of {len} bytes where the ring of events holds {held}")]
    Event {
        /// What it was said to have.
        len: u32,
        /// What was in the ring.
        held: u32,
    },
    /// The memory of a payload that is longer than a room did not come before it, or cannot be used.
    #[error("a large payload without memory of its kind")]
    Large,
    /// What should have come with a request or a reply did not come before it, or is more or less than was said.
    #[error("descriptors that did not come, or others than were announced")]
    Attachment,
    /// What came with replies, or with requests, is left on the socket.
    #[error("descriptors that are not taken from the socket")]
    Untaken,
    /// A message on the socket that has no place there.
    #[error("an unexpected message on the socket")]
    Message,
}
