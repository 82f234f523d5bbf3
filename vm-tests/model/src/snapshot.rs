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
}

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
    pub refused_queue_full: u64,
    pub refused_no_peer: u64,
    pub refused_no_memory: u64,
    pub dropped_queue_full: u64,
    pub dropped_no_memory: u64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GroupCounts {
    pub sent: Traffic,
    pub delivered: Traffic,
    pub replayed: Traffic,
    pub dropped_queue_full: u64,
    pub dropped_no_memory: u64,
    pub unheard: u64,
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
    /// Unicast messages sent of which nothing is known; 0 on a quiet bus.
    pub fn balance(&self) -> i64 {
        let known = self.delivered_unicast.messages
            + self.refused_queue_full
            + self.refused_no_peer
            + self.refused_no_memory;
        self.sent_unicast.messages as i64 - known as i64
    }
}

impl Traffic {
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
