// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the module counts. Each number only grows while its peer, group or bus exists.

use serde::Serialize;

/// Makes a set of counters with what every such set can do, so that no counter is forgotten anywhere.
macro_rules! counter_set {
    ($(#[$doc:meta])* pub struct $name:ident { $($(#[$field_doc:meta])* pub $field:ident: u64,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
        pub struct $name { $($(#[$field_doc])* pub $field: u64,)* }

        impl $name {
            /// Every counter with its name.
            pub fn each(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($field), self.$field)),*].into_iter()
            }

            /// Growth since an earlier moment.
            #[must_use]
            pub fn since(&self, earlier: &Self) -> Self {
                Self { $($field: self.$field.saturating_sub(earlier.$field)),* }
            }
        }

        impl std::ops::AddAssign for $name {
            fn add_assign(&mut self, other: Self) {
                $(self.$field = self.$field.saturating_add(other.$field);)*
            }
        }
    };
}

pub(super) use counter_set;

counter_set! {
    /// Messages and payload bytes of one peer, or sums over all peers that are or were on the bus.
    pub struct Counters {
        /// Well-formed unicast requests, those refused included.
        pub sent_unicast_messages: u64,
        /// Payload bytes of `sent_unicast_messages`.
        pub sent_unicast_bytes: u64,
        /// Multicast requests accepted, however many members heard them.
        pub sent_multicast_messages: u64,
        /// Payload bytes of `sent_multicast_messages`.
        pub sent_multicast_bytes: u64,
        /// Unicast messages put into the receive queue.
        pub delivered_unicast_messages: u64,
        /// Payload bytes of `delivered_unicast_messages`.
        pub delivered_unicast_bytes: u64,
        /// Copies of group messages put into the receive queue, replays and kevents included.
        pub delivered_multicast_messages: u64,
        /// Payload bytes of `delivered_multicast_messages`.
        pub delivered_multicast_bytes: u64,
        /// Unicast requests answered with `EAGAIN`.
        pub refused_queue_full: u64,
        /// Unicast requests answered with `ECONNREFUSED`.
        pub refused_no_peer: u64,
        /// Unicast requests answered with `ENOMEM`.
        pub refused_no_memory: u64,
        /// Copies of group messages lost because the receive queue was full.
        pub dropped_queue_full: u64,
        /// Copies of group messages lost because the kernel could not allocate them.
        pub dropped_no_memory: u64,
    }
}

impl Counters {
    /// Requests of both kinds.
    pub fn sent_messages(&self) -> u64 {
        self.sent_unicast_messages
            .saturating_add(self.sent_multicast_messages)
    }

    /// Payload bytes of requests of both kinds.
    pub fn sent_bytes(&self) -> u64 {
        self.sent_unicast_bytes
            .saturating_add(self.sent_multicast_bytes)
    }

    /// Messages of both kinds put into the receive queue.
    pub fn delivered_messages(&self) -> u64 {
        self.delivered_unicast_messages
            .saturating_add(self.delivered_multicast_messages)
    }

    /// Payload bytes of both kinds put into the receive queue.
    pub fn delivered_bytes(&self) -> u64 {
        self.delivered_unicast_bytes
            .saturating_add(self.delivered_multicast_bytes)
    }

    /// Unicast requests answered with an error, for any reason.
    pub fn refused_messages(&self) -> u64 {
        self.refused_queue_full
            .saturating_add(self.refused_no_peer)
            .saturating_add(self.refused_no_memory)
    }

    /// Copies of group messages lost, for any reason.
    pub fn dropped_messages(&self) -> u64 {
        self.dropped_queue_full
            .saturating_add(self.dropped_no_memory)
    }
}

counter_set! {
    /// Messages and payload bytes of one group.
    pub struct GroupCounters {
        /// Messages published.
        pub sent_messages: u64,
        /// Payload bytes of `sent_messages`.
        pub sent_bytes: u64,
        /// Copies put into members' receive queues, without replays.
        pub delivered_messages: u64,
        /// Payload bytes of `delivered_messages`.
        pub delivered_bytes: u64,
        /// Last messages put into a new member's receive queue.
        pub replayed_messages: u64,
        /// Payload bytes of `replayed_messages`.
        pub replayed_bytes: u64,
        /// Copies lost because the member's receive queue was full.
        pub dropped_queue_full: u64,
        /// Copies lost because the kernel could not allocate them.
        pub dropped_no_memory: u64,
    }
}

impl GroupCounters {
    /// Copies lost, for any reason.
    pub fn dropped_messages(&self) -> u64 {
        self.dropped_queue_full
            .saturating_add(self.dropped_no_memory)
    }
}
