// SPDX-License-Identifier: MIT OR Apache-2.0
// Generated from ipcon-kmod/ipcon.yaml; do not edit: run `cargo xtask codegen`.
//! Numbers and limits of the wire.
//!
//! Packet IPC between processes of one network namespace: peers with ports, named services,
//! multicast groups with replay of the last message, and kernel events when anything comes or goes.
//!
//! A peer is made by its receive socket (peer-new). A second socket of the same program, the
//! control socket, may be attached to it (peer-attach), so that requests and their answers never
//! mix with messages. Each request acts for the peer of the socket that sends it.

// Each side of the wire uses only some of them.
#![allow(dead_code)]

/// Name of the generic netlink family.
pub(crate) const FAMILY_NAME: &str = "ipcon";
/// Version of the generic netlink family.
pub(crate) const FAMILY_VERSION: u8 = 1;
/// Bytes of a service name, without the terminating NUL.
pub(crate) const SERVICE_NAME_MAX_LEN: usize = 31;
/// Bytes of a group name, without the terminating NUL.
pub(crate) const GROUP_NAME_MAX_LEN: usize = 15;
/// Largest value of the module parameter max_msg_len, in bytes. A netlink attribute carries at most
/// 65,531 bytes.
pub(crate) const MAX_MSG_LEN_LIMIT: usize = 65_000;
/// Group on which the kernel announces arrivals and departures. Each message holds one struct
/// ipcon_kevent.
pub(crate) const KEVENT_GROUP: &str = "ipcon_kevent";

/// Why a message was not put into a receive queue.
pub(crate) mod drop_reason {
    /// The receive queue of the peer has no room.
    pub(crate) const QUEUE_FULL: u32 = 1;
    /// No peer has that port, or it is just closing.
    pub(crate) const NO_PEER: u32 = 2;
    /// The kernel could not allocate the message.
    pub(crate) const NO_MEMORY: u32 = 3;
}

/// The type field of struct ipcon_kevent.
pub(crate) mod kevent_type {
    pub(crate) const SRV_ADD: u32 = 0;
    pub(crate) const SRV_REMOVE: u32 = 1;
    pub(crate) const GRP_ADD: u32 = 2;
    pub(crate) const GRP_REMOVE: u32 = 3;
    pub(crate) const PEER_REMOVE: u32 = 4;
}

/// Commands.
pub(crate) mod cmd {
    /// Make the sending socket a peer. With ctl-port the peer receives messages only after that
    /// socket has sent peer-attach, so the answer is the first thing that arrives.
    pub(crate) const PEER_NEW: u8 = 1;
    /// Make the sending socket the control socket of a peer that named it in peer-new. Only the
    /// process that made the peer may.
    pub(crate) const PEER_ATTACH: u8 = 2;
    /// One peer by port, or all of them in order of id.
    pub(crate) const PEER_GET: u8 = 3;
    /// Give the peer a name.
    pub(crate) const SERVICE_REGISTER: u8 = 4;
    /// Take a name of the peer back.
    pub(crate) const SERVICE_UNREGISTER: u8 = 5;
    /// Look a name up, or list all in order of registration.
    pub(crate) const SERVICE_GET: u8 = 6;
    /// Make a group owned by the peer.
    pub(crate) const GROUP_REGISTER: u8 = 7;
    /// End a group of the peer and all its memberships.
    pub(crate) const GROUP_UNREGISTER: u8 = 8;
    /// Make the peer a member of a group.
    pub(crate) const GROUP_JOIN: u8 = 9;
    /// End a membership of the peer.
    pub(crate) const GROUP_LEAVE: u8 = 10;
    /// One group by name, or all in order of registration; the kevent group is the first.
    pub(crate) const GROUP_GET: u8 = 11;
    /// All memberships, in order of group id and peer id.
    pub(crate) const MEMBER_GET: u8 = 12;
    /// Totals and limits of the bus of this network namespace.
    pub(crate) const BUS_GET: u8 = 13;
    /// Send one message to one peer.
    pub(crate) const SEND_UNICAST: u8 = 14;
    /// Send one message to all members of a group of the peer.
    pub(crate) const SEND_MULTICAST: u8 = 15;
    /// A message, from the kernel to the receive socket of a peer.
    pub(crate) const MESSAGE: u8 = 16;
}

/// Attributes, by set.
pub(crate) mod attr {
    /// Messages and payload bytes. Each counter only grows. On a quiet bus sent-unicast-messages
    /// equals delivered-unicast-messages plus the three refused counters, summed over the bus, and
    /// the same holds for their bytes. A refused or lost message counts with the bytes that it has
    /// or would have had.
    pub(crate) mod counters {
        /// Well-formed unicast requests, those refused included.
        pub(crate) const SENT_UNICAST_MESSAGES: u16 = 1;
        pub(crate) const SENT_UNICAST_BYTES: u16 = 2;
        /// Multicast requests accepted, however many members heard them.
        pub(crate) const SENT_MULTICAST_MESSAGES: u16 = 3;
        pub(crate) const SENT_MULTICAST_BYTES: u16 = 4;
        /// Unicast messages put into this peer's receive queue.
        pub(crate) const DELIVERED_UNICAST_MESSAGES: u16 = 5;
        pub(crate) const DELIVERED_UNICAST_BYTES: u16 = 6;
        /// Copies of group messages put into this peer's receive queue, replays and kevents
        /// included.
        pub(crate) const DELIVERED_MULTICAST_MESSAGES: u16 = 7;
        pub(crate) const DELIVERED_MULTICAST_BYTES: u16 = 8;
        /// Unicast requests of this peer answered with EAGAIN.
        pub(crate) const REFUSED_QUEUE_FULL: u16 = 9;
        /// Unicast requests of this peer answered with ECONNREFUSED.
        pub(crate) const REFUSED_NO_PEER: u16 = 10;
        /// Unicast requests of this peer answered with ENOMEM.
        pub(crate) const REFUSED_NO_MEMORY: u16 = 11;
        /// Copies of group messages this peer lost because its receive queue was full.
        pub(crate) const DROPPED_QUEUE_FULL: u16 = 12;
        /// Copies of group messages this peer lost because the kernel could not allocate them.
        pub(crate) const DROPPED_NO_MEMORY: u16 = 13;
        /// Payload bytes of refused-queue-full.
        pub(crate) const REFUSED_QUEUE_FULL_BYTES: u16 = 14;
        /// Payload bytes of refused-no-peer.
        pub(crate) const REFUSED_NO_PEER_BYTES: u16 = 15;
        /// Payload bytes of refused-no-memory.
        pub(crate) const REFUSED_NO_MEMORY_BYTES: u16 = 16;
        /// Payload bytes of dropped-queue-full.
        pub(crate) const DROPPED_QUEUE_FULL_BYTES: u16 = 17;
        /// Payload bytes of dropped-no-memory.
        pub(crate) const DROPPED_NO_MEMORY_BYTES: u16 = 18;
    }

    /// Attributes of the set `peer`.
    pub(crate) mod peer {
        /// Netlink port of the receive socket, the address of the peer.
        pub(crate) const PORT: u16 = 1;
        /// Netlink port of the control socket that may attach to the peer.
        pub(crate) const CTL_PORT: u16 = 2;
        /// Number of the peer, never used again while the module is loaded.
        pub(crate) const ID: u16 = 3;
        /// Process that made the peer, as seen from the initial pid namespace.
        pub(crate) const PID: u16 = 4;
        /// User who opened the peer's socket, or who made the peer on a socket that the superuser
        /// opened; by effective id, as seen from the initial user namespace.
        pub(crate) const UID: u16 = 5;
        /// Command name of that process when it made the peer.
        pub(crate) const COMM: u16 = 6;
        /// CLOCK_MONOTONIC, nanoseconds.
        pub(crate) const CREATED_AT: u16 = 7;
        /// Memory charged to the receive queue now.
        pub(crate) const QUEUE_BYTES: u16 = 8;
        /// SO_RCVBUF of the receive socket, or the module parameter queue_bytes_per_peer when that
        /// is less and the peer is not the superuser's. A message is taken while queue-bytes is
        /// below it, so that the last one may exceed it.
        pub(crate) const QUEUE_LIMIT: u16 = 9;
        /// Copies of group messages lost and not yet reported to the peer.
        pub(crate) const LOST: u16 = 10;
        pub(crate) const COUNTERS: u16 = 11;
        pub(crate) const PAD: u16 = 12;
        /// Largest payload that the bus carries, in bytes.
        pub(crate) const MAX_MSG_LEN: u16 = 13;
        /// When the oldest message in the receive queue was put there, CLOCK_MONOTONIC,
        /// nanoseconds, exact to a tick of the kernel; absent when none waits.
        pub(crate) const QUEUE_OLDEST: u16 = 14;
    }

    /// Attributes of the set `service`.
    pub(crate) mod service {
        pub(crate) const NAME: u16 = 1;
        /// Number of the registration, never used again while the module is loaded.
        pub(crate) const ID: u16 = 2;
        /// Port of the peer that holds the name.
        pub(crate) const PORT: u16 = 3;
        pub(crate) const PEER_ID: u16 = 4;
        /// CLOCK_MONOTONIC, nanoseconds.
        pub(crate) const CREATED_AT: u16 = 5;
        pub(crate) const PAD: u16 = 6;
    }

    /// Attributes of the set `group`.
    pub(crate) mod group {
        pub(crate) const NAME: u16 = 1;
        /// Number of the group, never used again while the module is loaded.
        pub(crate) const ID: u16 = 2;
        /// Port of the owner; 0 for the kevent group.
        pub(crate) const OWNER_PORT: u16 = 3;
        /// Id of the owner; 0 for the kevent group.
        pub(crate) const OWNER_ID: u16 = 4;
        /// CLOCK_MONOTONIC, nanoseconds.
        pub(crate) const CREATED_AT: u16 = 5;
        /// Members now.
        pub(crate) const MEMBERS: u16 = 6;
        /// Payload bytes of the message kept for replay; absent when there is none.
        pub(crate) const LAST_LEN: u16 = 7;
        pub(crate) const SENT_MESSAGES: u16 = 8;
        pub(crate) const SENT_BYTES: u16 = 9;
        /// Copies put into members' receive queues, without replays.
        pub(crate) const DELIVERED_MESSAGES: u16 = 10;
        pub(crate) const DELIVERED_BYTES: u16 = 11;
        /// Last messages put into a new member's receive queue.
        pub(crate) const REPLAYED_MESSAGES: u16 = 12;
        pub(crate) const REPLAYED_BYTES: u16 = 13;
        pub(crate) const DROPPED_QUEUE_FULL: u16 = 14;
        pub(crate) const DROPPED_NO_MEMORY: u16 = 15;
        /// Messages sent while the group had no member.
        pub(crate) const UNHEARD_MESSAGES: u16 = 16;
        /// In group-join, deliver the last message of the group first.
        pub(crate) const REPLAY: u16 = 17;
        pub(crate) const PAD: u16 = 18;
        /// Payload bytes of dropped-queue-full.
        pub(crate) const DROPPED_QUEUE_FULL_BYTES: u16 = 19;
        /// Payload bytes of dropped-no-memory.
        pub(crate) const DROPPED_NO_MEMORY_BYTES: u16 = 20;
    }

    /// A membership, with what became of the copies of group messages for this member since it
    /// joined. Each counter of copies of a group is the sum over those that are or were its
    /// members.
    pub(crate) mod member {
        pub(crate) const GROUP_ID: u16 = 1;
        pub(crate) const GROUP_NAME: u16 = 2;
        pub(crate) const PEER_ID: u16 = 3;
        pub(crate) const PORT: u16 = 4;
        /// CLOCK_MONOTONIC, nanoseconds.
        pub(crate) const JOINED_AT: u16 = 5;
        pub(crate) const PAD: u16 = 6;
        /// Copies put into the receive queue of this member since it joined, without the replay.
        pub(crate) const DELIVERED_MESSAGES: u16 = 7;
        pub(crate) const DELIVERED_BYTES: u16 = 8;
        /// 1 when the last message was put into its receive queue as it joined.
        pub(crate) const REPLAYED_MESSAGES: u16 = 9;
        pub(crate) const REPLAYED_BYTES: u16 = 10;
        /// Copies that this member lost because its receive queue was full.
        pub(crate) const DROPPED_QUEUE_FULL: u16 = 11;
        /// Payload bytes of dropped-queue-full.
        pub(crate) const DROPPED_QUEUE_FULL_BYTES: u16 = 12;
        /// Copies that this member lost because the kernel could not allocate them.
        pub(crate) const DROPPED_NO_MEMORY: u16 = 13;
        /// Payload bytes of dropped-no-memory.
        pub(crate) const DROPPED_NO_MEMORY_BYTES: u16 = 14;
    }

    /// Attributes of the set `bus`.
    pub(crate) mod bus {
        /// Changes with each peer, service, group and membership that comes or goes.
        pub(crate) const GENERATION: u16 = 1;
        /// Largest payload that the bus carries, in bytes.
        pub(crate) const MAX_MSG_LEN: u16 = 2;
        pub(crate) const PEERS: u16 = 3;
        pub(crate) const SERVICES: u16 = 4;
        /// Groups now, without the kevent group.
        pub(crate) const GROUPS: u16 = 5;
        pub(crate) const MEMBERSHIPS: u16 = 6;
        /// Sequence number of the newest kevent; 0 before the first.
        pub(crate) const KEVENT_SEQUENCE: u16 = 7;
        /// Sums over all peers that are or were on the bus.
        pub(crate) const COUNTERS: u16 = 8;
        pub(crate) const PAD: u16 = 9;
    }

    /// A receiver that sets SO_PASSCRED gets SCM_CREDENTIALS with each message, also with those
    /// queued before. pid is the process that sent it, at the moment of sending and not when the
    /// peer was made, as seen from the initial pid namespace; uid and gid are its real ids then, as
    /// seen from the user namespace of the receiver. The kernel takes them from the sending
    /// process, whatever that one attaches to its request. A replayed message keeps those of its
    /// sender. Messages of the kevent group have pid 0 and the ids of root.
    pub(crate) mod message {
        /// In send-unicast the receiver; in message the sender, as stamped by the kernel. 0 on
        /// messages of the kevent group.
        pub(crate) const PORT: u16 = 1;
        pub(crate) const GROUP: u16 = 2;
        /// Payload, 1 byte to max-msg-len.
        pub(crate) const DATA: u16 = 3;
        /// The last message of the group, delivered because of group-join with replay.
        pub(crate) const REPLAY: u16 = 4;
        /// Copies of group messages that this receiver lost since the message before this one.
        pub(crate) const LOST: u16 = 5;
        /// Number of the kevent, without gaps from 1.
        pub(crate) const KEVENT_SEQUENCE: u16 = 6;
        /// CLOCK_MONOTONIC, nanoseconds.
        pub(crate) const KEVENT_TIME: u16 = 7;
        /// Process of the peer that the kevent is about.
        pub(crate) const KEVENT_PID: u16 = 8;
        pub(crate) const PAD: u16 = 9;
    }
}
