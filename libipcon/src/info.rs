// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the kernel tells about the bus and its objects.

use std::time::Duration;

use crate::name::Name;
use crate::port::Port;

/// All objects of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dump<T> {
    /// The objects, in the order that the method says.
    pub items: Vec<T>,
    /// The bus changed meanwhile: an object may be missing, and two of them may be of different moments.
    /// Ask again for a consistent view.
    pub interrupted: bool,
}

/// Totals and limits of the bus of this network namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BusInfo {
    /// Changes with each peer, service, group and membership that comes or goes.
    pub generation: u64,
    /// Largest payload that the bus carries, in bytes.
    pub max_msg_len: u32,
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

/// A peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerInfo {
    /// Its address.
    pub port: Port,
    /// Its number, never used again while the module is loaded.
    pub id: u64,
    /// Process that made the peer, as seen from the initial pid namespace.
    pub pid: u32,
    /// User who pays for the peer: who opened its socket, or who made it on a socket that the superuser opened.
    /// By effective id, as seen from the initial user namespace.
    pub uid: u32,
    /// Command name of that process when it made the peer. A process chooses it freely.
    pub comm: String,
    /// When the peer was made, on the monotonic clock.
    pub created_at: Duration,
    /// Memory charged to the receive queue now, in bytes.
    pub queue_bytes: u32,
    /// Bound of `queue_bytes`.
    pub queue_limit: u32,
    /// When the oldest message in the receive queue was put there, `CLOCK_MONOTONIC`, exact to a tick of the kernel, some
    /// milliseconds. `None` when none waits.
    pub queue_oldest: Option<Duration>,
    /// Copies of group messages lost and not yet reported to the peer.
    pub lost: u64,
    /// Its messages.
    pub counters: Counters,
}

/// A registered service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceInfo {
    /// Its name.
    pub name: Name,
    /// Number of the registration, never used again while the module is loaded.
    pub id: u64,
    /// Port of the peer that holds the name.
    pub port: Port,
    /// Number of the peer that holds the name.
    pub peer_id: u64,
    /// When it was registered, on the monotonic clock.
    pub created_at: Duration,
}

/// A group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupInfo {
    /// Its name.
    pub name: Name,
    /// Its number, never used again while the module is loaded.
    pub id: u64,
    /// Port of the owner; `None` for the kevent group, which is the kernel's.
    pub owner_port: Option<Port>,
    /// Number of the owner; 0 for the kevent group.
    pub owner_id: u64,
    /// When it was registered, on the monotonic clock.
    pub created_at: Duration,
    /// Members now.
    pub members: u32,
    /// Payload bytes of the message kept for replay, if there is one.
    pub last_len: Option<u32>,
    /// Messages sent to the group.
    pub sent_messages: u64,
    /// Payload bytes of them.
    pub sent_bytes: u64,
    /// Copies put into members' receive queues, without replays.
    pub delivered_messages: u64,
    /// Payload bytes of them.
    pub delivered_bytes: u64,
    /// Last messages put into a new member's receive queue.
    pub replayed_messages: u64,
    /// Payload bytes of them.
    pub replayed_bytes: u64,
    /// Copies lost because a member's receive queue was full.
    pub dropped_queue_full: u64,
    /// Copies lost because the kernel could not allocate them.
    pub dropped_no_memory: u64,
    /// Messages sent while the group had no member.
    pub unheard_messages: u64,
    /// Payload bytes of `dropped_queue_full`.
    pub dropped_queue_full_bytes: u64,
    /// Payload bytes of `dropped_no_memory`.
    pub dropped_no_memory_bytes: u64,
}

/// A peer's membership in a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberInfo {
    /// Number of the group.
    pub group_id: u64,
    /// Name of the group.
    pub group_name: Name,
    /// Number of the peer.
    pub peer_id: u64,
    /// Port of the peer.
    pub port: Port,
    /// When it joined, on the monotonic clock.
    pub joined_at: Duration,
    /// Copies put into the receive queue of this member since it joined, without the replay.
    pub delivered_messages: u64,
    /// Payload bytes of them.
    pub delivered_bytes: u64,
    /// 1 when the group's last message was put into its receive queue as it joined.
    pub replayed_messages: u64,
    /// Payload bytes of it.
    pub replayed_bytes: u64,
    /// Copies that this member lost because its receive queue was full.
    pub dropped_queue_full: u64,
    /// Payload bytes of them.
    pub dropped_queue_full_bytes: u64,
    /// Copies that this member lost because the kernel could not allocate them.
    pub dropped_no_memory: u64,
    /// Payload bytes of them.
    pub dropped_no_memory_bytes: u64,
}

/// Messages and payload bytes. Each counter only grows.
///
/// On a quiet bus, summed over it, `sent_unicast_messages` equals `delivered_unicast_messages` plus the three
/// `refused` counters, and the same holds for their bytes. A refused or lost message counts with the bytes that
/// it has or would have had.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Well-formed unicast requests, those refused included.
    pub sent_unicast_messages: u64,
    /// Payload bytes of them.
    pub sent_unicast_bytes: u64,
    /// Multicast requests accepted, however many members heard them.
    pub sent_multicast_messages: u64,
    /// Payload bytes of them.
    pub sent_multicast_bytes: u64,
    /// Unicast messages put into this peer's receive queue.
    pub delivered_unicast_messages: u64,
    /// Payload bytes of them.
    pub delivered_unicast_bytes: u64,
    /// Copies of group messages put into this peer's receive queue, replays and kevents included.
    pub delivered_multicast_messages: u64,
    /// Payload bytes of them.
    pub delivered_multicast_bytes: u64,
    /// Unicast requests of this peer refused because the receiver's queue was full.
    pub refused_queue_full: u64,
    /// Unicast requests of this peer refused because no peer had the port.
    pub refused_no_peer: u64,
    /// Unicast requests of this peer refused because the kernel could not allocate the message.
    pub refused_no_memory: u64,
    /// Copies of group messages this peer lost because its receive queue was full.
    pub dropped_queue_full: u64,
    /// Copies of group messages this peer lost because the kernel could not allocate them.
    pub dropped_no_memory: u64,
    /// Payload bytes of `refused_queue_full`.
    pub refused_queue_full_bytes: u64,
    /// Payload bytes of `refused_no_peer`.
    pub refused_no_peer_bytes: u64,
    /// Payload bytes of `refused_no_memory`.
    pub refused_no_memory_bytes: u64,
    /// Payload bytes of `dropped_queue_full`.
    pub dropped_queue_full_bytes: u64,
    /// Payload bytes of `dropped_no_memory`.
    pub dropped_no_memory_bytes: u64,
}
