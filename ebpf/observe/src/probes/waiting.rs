// SPDX-License-Identifier: MIT OR Apache-2.0
//! Messages between their delivery and their receipt: plain numbers, no I/O.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use crate::model::QueueLatency;

/// What became of messages after their delivery.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// By peer id; a peer of whose messages nothing has become has no row.
    pub peers: BTreeMap<u64, PeerWaiting>,
    /// Sum over the peers that ended and are not in `peers` any more.
    pub departed: PeerWaiting,
    /// How long unicast messages waited that were read. Complete even when a map is full.
    pub unicast: QueueLatency,
    /// How long copies of group messages waited that were read, kevents included. Complete even when a map is full.
    pub multicast: QueueLatency,
    /// The account of all deliveries.
    pub stamps: Stamps,
}

/// What became of the messages of one peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PeerWaiting {
    /// How long those waited that it read.
    pub latency: QueueLatency,
    /// Messages that it left unread as it ended.
    pub unread: u64,
}

impl AddAssign for PeerWaiting {
    fn add_assign(&mut self, other: Self) {
        self.latency += other.latency;
        self.unread += other.unread;
    }
}

/// What became of the deliveries that were seen. Each got a stamp, or is in `filtered`, `full` or `refused`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamps {
    /// Messages that got a stamp: the moment of their delivery.
    pub stamped: u64,
    /// Messages that the receiver's socket filter threw away, which nobody will read.
    pub filtered: u64,
    /// Messages without a stamp, since too many wait. Nobody knows how long they wait.
    pub full: u64,
    /// Messages without a stamp, since the kernel refused it for another reason.
    pub refused: u64,
    /// Stamps whose message was read.
    pub read: u64,
    /// Stamps whose message was left unread by a peer that ended.
    pub unread: u64,
    /// Stamps whose message must have been read unseen, since its buffer has become another one.
    pub replaced: u64,
    /// Stamps that were there still some seconds after their peers had ended.
    pub swept: u64,
    /// Stamps of messages that wait now. While messages flow this is about right.
    pub waiting: u64,
}

impl Stamps {
    /// Messages without a stamp of which nobody knows how long they wait.
    #[must_use]
    pub fn unstamped(&self) -> u64 {
        self.full + self.refused
    }

    /// Stamps that must still be there.
    #[must_use]
    pub fn outstanding(&self) -> u64 {
        let gone = self.read + self.unread + self.replaced + self.swept;
        self.stamped.saturating_sub(gone)
    }
}
