// SPDX-License-Identifier: MIT OR Apache-2.0
//! Peers, groups and the bus as a whole.

use std::time::Duration;

use super::label::told_apart;
use super::{Counters, GroupCounters, KERNEL, QueueLatency, SafeText, Snapshot};

/// The bus of one network namespace.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bus {
    /// When the bus came into being, `CLOCK_MONOTONIC`. A different value means another bus: the module
    /// was loaded anew and all ids and counters began again. `None` when the dump did not tell.
    pub started_at: Option<Duration>,
    /// Changes with each peer, service, group and membership that comes or goes.
    pub generation: u64,
    /// Largest payload the bus carries, in bytes.
    pub max_message_len: u32,
    /// Peers now.
    pub peers: u32,
    /// Services now.
    pub services: u32,
    /// Groups now, without the kevent group.
    pub groups: u32,
    /// Memberships now.
    pub memberships: u32,
    /// Sequence number of the newest kevent; 0 before the first.
    pub kevent_sequence: u64,
    /// Sums over all peers that are or were on the bus.
    pub counters: Counters,
}

/// One peer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Peer {
    /// Number of the peer, never used again while the module is loaded.
    pub id: u64,
    /// Netlink port, the address of the peer.
    pub port: u32,
    /// Process that made the peer, as seen from the initial pid namespace.
    pub pid: u32,
    /// User who pays for it: who opened its socket, by effective id.
    pub uid: u32,
    /// Command name of that process.
    pub comm: SafeText,
    /// When the peer was made, `CLOCK_MONOTONIC`.
    pub created_at: Duration,
    /// Names the peer holds, oldest first.
    pub services: Vec<Service>,
    /// Names of the groups that the peer owns, oldest first.
    pub owned_groups: Vec<SafeText>,
    /// Names of the groups that the peer is a member of.
    pub joined_groups: Vec<SafeText>,
    /// Memory charged to the receive queue, in bytes.
    pub queue_bytes: u64,
    /// Bound of `queue_bytes`, in bytes.
    pub queue_limit: u64,
    /// How long the oldest message has been waiting in the receive queue. `None` when none waits.
    pub queue_oldest: Option<Duration>,
    /// How long messages waited that were read. `None` when that is not measured.
    pub queue_latency: Option<QueueLatency>,
    /// Copies of group messages lost and not yet reported to the peer.
    pub lost: u64,
    /// What the module counted for this peer.
    pub counters: Counters,
    /// True for the peer that this very observer is.
    pub observer: bool,
}

impl Peer {
    /// The name a person knows the peer by: its oldest service. `None` for an anonymous peer.
    pub fn name(&self) -> Option<&SafeText> {
        self.services.first().map(|service| &service.name)
    }

    /// What a person calls the peer: its oldest service and how many more it has; for one without a name the command,
    /// marked as a stand-in, and the number that tells it from others of the same program. A name that could be mistaken
    /// for something else is quoted, with that number behind it. Safe to print.
    pub fn label(&self) -> String {
        match (self.name(), self.services.len()) {
            (Some(name), 0 | 1) => told_apart(name, self.id),
            (Some(name), n) => format!("{} +{}", told_apart(name, self.id), n - 1),
            (None, _) => format!("~{}#{}", self.comm, self.id),
        }
    }

    /// How full the receive queue is, 0 to about 1. `None` when the limit is unknown.
    pub fn queue_fill(&self) -> Option<f64> {
        (self.queue_limit > 0).then(|| self.queue_bytes as f64 / self.queue_limit as f64)
    }
}

/// A name held by a peer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Service {
    /// Number of the registration, never used again while the module is loaded.
    pub id: u64,
    /// The name.
    pub name: SafeText,
    /// When it was registered, `CLOCK_MONOTONIC`.
    pub created_at: Duration,
}

/// One group.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Group {
    /// Number of the group, never used again while the module is loaded.
    pub id: u64,
    /// The name.
    pub name: SafeText,
    /// Id of the owner; 0 for the kernel, which owns the kevent group.
    pub owner_id: u64,
    /// Port of the owner; 0 for the kernel.
    pub owner_port: u32,
    /// Name of the owner: its oldest service. `None` when anonymous or the kernel.
    pub owner_name: Option<SafeText>,
    /// When the group was made, `CLOCK_MONOTONIC`.
    pub created_at: Duration,
    /// Members now, as the module counts them.
    pub members: u32,
    /// Ids of the members, ascending.
    pub member_ids: Vec<u64>,
    /// Payload bytes of the message kept for replay; `None` when there is none.
    pub last_len: Option<u32>,
    /// Messages published while the group had no member.
    pub unheard_messages: u64,
    /// What else the module counted for this group.
    pub counters: GroupCounters,
}

impl Group {
    /// What a person calls the owner. Safe to print.
    pub fn owner_label(&self, snapshot: &Snapshot) -> String {
        match self.owner_id {
            0 => KERNEL.to_owned(),
            id => snapshot.peer_label(id, self.owner_name.as_ref()),
        }
    }

    /// Copies made of a published message on average, lost ones included. `None` before the first message.
    pub fn fan_out(&self) -> Option<f64> {
        let copies = self
            .counters
            .delivered_messages
            .saturating_add(self.counters.dropped_messages());
        (self.counters.sent_messages > 0)
            .then(|| copies as f64 / self.counters.sent_messages as f64)
    }
}
