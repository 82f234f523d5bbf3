// SPDX-License-Identifier: GPL-2.0

//! How a message reaches a receive queue, or why it does not.

/// Why a message was not put into a receive queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DropReason {
    /// The receive queue has no room.
    QueueFull,
    /// The receive socket is closed.
    NoPeer,
    /// The message could not be allocated.
    NoMemory,
}

/// What a copy of a message says beside the message itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Marks {
    /// The copy is the last message of a group, for a new member.
    pub replay: bool,
    /// Copies of group messages that the receiver lost before this one.
    pub lost: u64,
}

impl Marks {
    /// Whether the copy is the message as it is.
    pub fn is_plain(&self) -> bool {
        *self == Marks::default()
    }
}

/// Fill of a receive queue, in bytes of kernel memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct QueueFill {
    /// Charged now.
    pub bytes: u32,
    /// Bound.
    pub limit: u32,
}
