// SPDX-License-Identifier: GPL-2.0

//! How a message reaches a receive queue, or why it does not.

/// What whoever traces the bus is told of a message that is put into a receive queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivery {
    /// Id of the sender; 0 for the kernel.
    pub from: u64,
    /// Id of the receiver.
    pub to: u64,
    /// Id of the group; 0 for unicast.
    pub group: u64,
    /// Payload bytes.
    pub len: u32,
    /// Whether it is the last message of the group, for a new member.
    pub replay: bool,
}

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
