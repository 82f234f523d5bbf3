// SPDX-License-Identifier: MIT OR Apache-2.0
//! Announcements of the kernel.

use std::time::Duration;

use crate::name::Name;
use crate::port::Port;
use crate::wire::uapi;

/// The group on which the kernel announces arrivals and departures. Any peer may join it.
pub const KEVENT_GROUP: &str = uapi::KEVENT_GROUP;

/// One announcement of the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kevent {
    /// Number of the kevent, from 1 without gaps in its network namespace. A gap tells of lost ones.
    pub sequence: u64,
    /// When it happened, on the monotonic clock.
    pub time: Duration,
    /// Process of the peer that the event is about, as seen from the initial pid namespace.
    pub pid: u32,
    /// What happened.
    pub event: Event,
}

/// What came or went.
///
/// When a peer goes, the removal of each of its services is announced first, then that of each of its
/// groups, then that of the peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A peer registered a service.
    ServiceAdded {
        /// Name of the service.
        name: Name,
        /// Port of the peer that holds it.
        port: Port,
    },
    /// A service is no longer registered; its peer may live on.
    ServiceRemoved {
        /// Name of the service.
        name: Name,
        /// Port of the peer that held it.
        port: Port,
    },
    /// A peer registered a group.
    GroupAdded {
        /// Name of the group.
        name: Name,
        /// Low 32 bits of the group's id.
        group_id: u32,
    },
    /// A group ended, and with it all memberships.
    GroupRemoved {
        /// Name of the group.
        name: Name,
        /// Low 32 bits of the group's id.
        group_id: u32,
    },
    /// A peer is gone.
    PeerRemoved {
        /// The port it had.
        port: Port,
    },
}
