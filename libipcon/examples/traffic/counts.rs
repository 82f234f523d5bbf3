// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a party sent, was refused, received and lost, counted on its own side.

use std::ops::AddAssign;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

/// Declares the counters once: as atomics that a party adds to, and as plain numbers for the report.
macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Counters that are read while their party runs.
        #[derive(Debug, Default)]
        pub(crate) struct Counts {
            $($(#[$doc])* pub(crate) $name: AtomicU64,)*
        }

        /// The counters at one moment, or a sum of several.
        #[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        pub(crate) struct Totals {
            $($(#[$doc])* pub(crate) $name: u64,)*
        }

        impl Counts {
            pub(crate) fn totals(&self) -> Totals {
                Totals { $($name: self.$name.load(Ordering::Relaxed),)* }
            }
        }

        impl AddAssign for Totals {
            fn add_assign(&mut self, other: Self) {
                $(self.$name += other.$name;)*
            }
        }
    };
}

counters! {
    /// Unicast requests, those refused included.
    sent_unicast_messages,
    sent_unicast_bytes,
    sent_multicast_messages,
    sent_multicast_bytes,
    /// Messages received from one peer.
    delivered_unicast_messages,
    delivered_unicast_bytes,
    /// Group messages received, replays and kevents included.
    delivered_multicast_messages,
    delivered_multicast_bytes,
    refused_queue_full,
    refused_no_peer,
    refused_no_memory,
    /// Group messages lost, as told with the messages that did arrive.
    lost,
    /// Those of the group messages received that were kevents.
    delivered_kevents,
    /// Those of the group messages received that were a group's last message, delivered on joining.
    replayed_messages,
}

/// Adds to a counter.
pub(crate) fn add(counter: &AtomicU64, by: u64) {
    counter.fetch_add(by, Ordering::Relaxed);
}
