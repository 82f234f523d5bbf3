// SPDX-License-Identifier: MIT OR Apache-2.0

//! What an observer is told about a bus. Objects are named by their ordinals: the nth peer, service
//! or group that was made, from 1. The kevent group is group 0 and has owner 0.

use std::ops::AddAssign;

use super::operation::Port;

/// Everything that the dumps say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    pub peers: Vec<PeerRow>,
    pub services: Vec<ServiceRow>,
    pub groups: Vec<GroupRow>,
    pub members: Vec<MemberRow>,
    pub kevent_sequence: u64,
    pub totals: Counters,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerRow {
    pub peer: u64,
    pub port: Port,
    /// Messages in the receive queue; none when the socket is closed and the bus not yet told.
    pub queued: Option<usize>,
    pub lost: u64,
    pub counters: Counters,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceRow {
    pub service: u64,
    pub name: String,
    pub peer: u64,
    pub port: Port,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupRow {
    pub group: u64,
    pub name: String,
    pub owner: u64,
    pub owner_port: Port,
    pub members: usize,
    pub last_len: Option<u32>,
    pub counts: GroupCounts,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberRow {
    pub group: u64,
    pub name: String,
    pub peer: u64,
    pub port: Port,
    /// Of this member since it joined.
    pub copies: CopyCounts,
}

/// Messages and payload bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    pub messages: u64,
    pub bytes: u64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    pub sent_unicast: Traffic,
    pub sent_multicast: Traffic,
    pub delivered_unicast: Traffic,
    pub delivered_multicast: Traffic,
    pub refused_queue_full: Traffic,
    pub refused_no_peer: Traffic,
    pub refused_no_memory: Traffic,
    pub dropped_queue_full: Traffic,
    pub dropped_no_memory: Traffic,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GroupCounts {
    pub sent: Traffic,
    pub unheard: u64,
    /// Of all that are or were members.
    pub copies: CopyCounts,
}

/// What became of the copies for one member, or for all of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CopyCounts {
    pub delivered: Traffic,
    pub replayed: Traffic,
    pub dropped_queue_full: Traffic,
    pub dropped_no_memory: Traffic,
}

/// The [`CopyCounts`] of whatever has the wire's names for them: the group and the member of the
/// core, and those of the library.
#[macro_export]
macro_rules! copy_counts {
    ($of:expr) => {{
        use $crate::snapshot::{CopyCounts, Traffic};
        let of = $of;
        CopyCounts {
            delivered: Traffic::new(of.delivered_messages, of.delivered_bytes),
            replayed: Traffic::new(of.replayed_messages, of.replayed_bytes),
            dropped_queue_full: Traffic::new(of.dropped_queue_full, of.dropped_queue_full_bytes),
            dropped_no_memory: Traffic::new(of.dropped_no_memory, of.dropped_no_memory_bytes),
        }
    }};
}

impl Snapshot {
    /// Which peers, services, groups and memberships there are, without what is counted.
    pub fn objects(&self) -> [Vec<(u64, u64)>; 4] {
        [
            self.peers.iter().map(|row| (row.peer, 0)).collect(),
            self.services.iter().map(|row| (row.service, 0)).collect(),
            self.groups.iter().map(|row| (row.group, 0)).collect(),
            self.members
                .iter()
                .map(|row| (row.group, row.peer))
                .collect(),
        ]
    }
}

impl Counters {
    /// The unicast messages of which it is known what became of them: on a quiet bus, all that were
    /// sent.
    pub fn accounted_unicast(&self) -> Traffic {
        let mut known = self.delivered_unicast;
        known += self.refused_queue_full;
        known += self.refused_no_peer;
        known += self.refused_no_memory;
        known
    }
}

impl Traffic {
    pub fn new(messages: u64, bytes: u64) -> Self {
        Self { messages, bytes }
    }

    pub fn count(&mut self, len: u32) {
        self.messages += 1;
        self.bytes += u64::from(len);
    }
}

impl AddAssign for Traffic {
    fn add_assign(&mut self, other: Self) {
        self.messages += other.messages;
        self.bytes += other.bytes;
    }
}

impl AddAssign for Counters {
    fn add_assign(&mut self, other: Self) {
        self.sent_unicast += other.sent_unicast;
        self.sent_multicast += other.sent_multicast;
        self.delivered_unicast += other.delivered_unicast;
        self.delivered_multicast += other.delivered_multicast;
        self.refused_queue_full += other.refused_queue_full;
        self.refused_no_peer += other.refused_no_peer;
        self.refused_no_memory += other.refused_no_memory;
        self.dropped_queue_full += other.dropped_queue_full;
        self.dropped_no_memory += other.dropped_no_memory;
    }
}
