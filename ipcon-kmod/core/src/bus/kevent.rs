// SPDX-License-Identifier: GPL-2.0

//! What the kernel announces on its own group.

use super::name::{GroupName, ServiceName};

/// Name of the group on which the kernel announces arrivals and departures.
pub const KEVENT_GROUP: &[u8] = crate::uapi::KEVENT_GROUP.as_bytes();

/// Payload bytes of each message of that group: one `struct ipcon_kevent`.
pub const KEVENT_LEN: u32 = 40;

/// An arrival or departure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // The fields of a variant are what its sentence names.
pub enum Event {
    /// A service was registered.
    ServiceAdded { name: ServiceName, port: u32 },
    /// A service was unregistered or its peer is gone.
    ServiceRemoved { name: ServiceName, port: u32 },
    /// A group was registered.
    GroupAdded { name: GroupName, id: u64 },
    /// A group was unregistered or its owner is gone.
    GroupRemoved { name: GroupName, id: u64 },
    /// A peer is gone.
    PeerRemoved { port: u32 },
}

/// An event with what tells an observer its place: sequence, time and process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kevent {
    /// Number of the event on this bus, without gaps from 1.
    pub sequence: u64,
    /// CLOCK_MONOTONIC in nanoseconds.
    pub time: u64,
    /// Process of the peer that the event is about.
    pub pid: u32,
    /// What happened.
    pub event: Event,
}
