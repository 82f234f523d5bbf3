// SPDX-License-Identifier: GPL-2.0

//! Counters of a peer and of the whole bus.

use crate::seam::Counter;

use super::delivery::DropReason;

/// Whether a message went to one peer or to a group.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// To one peer.
    Unicast,
    /// To the members of a group.
    Multicast,
}

/// Messages and payload bytes.
#[derive(Default)]
pub struct Traffic {
    /// Messages.
    pub messages: Counter,
    /// Payload bytes.
    pub bytes: Counter,
}

impl Traffic {
    fn add(&self, len: u32) {
        self.messages.add(1);
        self.bytes.add(u64::from(len));
    }
}

/// What a peer sent, got and lost; also the sums over all peers that are or were on the bus.
///
/// The attribute set `counters` of the wire says what each one means.
#[derive(Default)]
pub struct Counters {
    /// Requests to one peer, those refused included.
    pub sent_unicast: Traffic,
    /// Requests to a group.
    pub sent_multicast: Traffic,
    /// Put into this peer's queue from one peer.
    pub delivered_unicast: Traffic,
    /// Put into this peer's queue from a group.
    pub delivered_multicast: Traffic,
    /// Unicast of this peer refused: the receiver's queue was full.
    pub refused_queue_full: Traffic,
    /// Unicast of this peer refused: there is no such peer.
    pub refused_no_peer: Traffic,
    /// Unicast of this peer refused: no memory.
    pub refused_no_memory: Traffic,
    /// Group messages this peer lost: its queue was full.
    pub dropped_queue_full: Traffic,
    /// Group messages this peer lost: no memory.
    pub dropped_no_memory: Traffic,
}

impl Counters {
    pub(super) fn sent(&self, kind: Kind, len: u32) {
        match kind {
            Kind::Unicast => self.sent_unicast.add(len),
            Kind::Multicast => self.sent_multicast.add(len),
        }
    }

    pub(super) fn delivered(&self, kind: Kind, len: u32) {
        match kind {
            Kind::Unicast => self.delivered_unicast.add(len),
            Kind::Multicast => self.delivered_multicast.add(len),
        }
    }

    pub(super) fn refused(&self, reason: DropReason, len: u32) {
        match reason {
            DropReason::QueueFull => self.refused_queue_full.add(len),
            DropReason::NoPeer => self.refused_no_peer.add(len),
            DropReason::NoMemory => self.refused_no_memory.add(len),
        }
    }

    /// A member that is just closing loses nothing: it will never read again.
    pub(super) fn dropped(&self, reason: DropReason, len: u32) {
        match reason {
            DropReason::QueueFull => self.dropped_queue_full.add(len),
            DropReason::NoMemory => self.dropped_no_memory.add(len),
            DropReason::NoPeer => {}
        }
    }
}
