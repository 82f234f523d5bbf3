// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the probes measure, and how much room they have for it.

use std::time::Duration;

use ipcon_probes_abi::{EXCEPTIONS_BYTES, MAX_FLOWS, MAX_GROUPS, MAX_PEERS, MAX_STAMPS, slots_for};

/// What the probes measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How much room they have.
    pub limits: Limits,
    /// Whether they measure how long messages wait until they are read. For that they look at each datagram that any
    /// program of the machine reads.
    pub latency: bool,
    /// A message that waited longer than this is an exception.
    pub slow: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            latency: true,
            slow: Duration::from_secs(1),
        }
    }
}

/// How much room the probes have. The kernel allocates it at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Peers that can be counted at the same time, at least 1; 136 bytes for each possible processor, and 224 bytes for
    /// their waiting times.
    pub peers: u32,
    /// Groups that can be counted at the same time, at least 1; 88 bytes for each possible processor.
    pub groups: u32,
    /// Flows from peer to peer that can be told apart at the same time, and one for all others together, at least 1; 40
    /// bytes each.
    pub flows: u32,
    /// Messages that may wait at the same time, at least 1; 64 bytes each. There may be up to twice as many, if each finds
    /// a slot of its own. Of what is above it nobody knows how long it waits.
    pub messages: u32,
    /// Bytes of exceptions between two readings, 64 each: a power of two, and of whole pages.
    pub exceptions: u32,
}

impl Limits {
    /// Messages that may wait at the same time if each finds a slot of its own.
    pub(super) fn messages_and_slots(&self) -> u32 {
        self.messages.saturating_add(slots_for(self.messages))
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            peers: MAX_PEERS,
            groups: MAX_GROUPS,
            flows: MAX_FLOWS,
            messages: MAX_STAMPS,
            exceptions: EXCEPTIONS_BYTES,
        }
    }
}
