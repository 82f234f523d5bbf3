// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where messages come from.

use std::time::Duration;

use crate::name::Name;
use crate::port::Port;

/// The sender of a message, on the kernel's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A peer sent it to this peer alone.
    Peer(Port),
    /// It was sent to all members of a group.
    Group {
        /// Name of the group.
        name: Name,
        /// Port of its owner.
        from: Port,
    },
    /// The kernel announces an arrival or departure.
    Kevent(KeventMeta),
}

/// What the kernel tells about a kevent beside the event itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeventMeta {
    /// Number of the kevent, from 1 without gaps in its network namespace. A gap tells of lost ones.
    pub sequence: u64,
    /// When it happened, on the monotonic clock.
    pub time: Duration,
    /// Process of the peer that the event is about, as seen from the initial pid namespace.
    pub pid: u32,
}
