// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keys and values of the maps that the ipcon probes share with user space.
//!
//! The BPF programs write these maps and the loader reads them, so both build this crate. Every value
//! here stands once for each processor; user space sums. All values begin as zero bytes and only grow.
//!
//! | map | kind | key | value |
//! |---|---|---|---|
//! | [`PEERS_MAP`] | per-CPU hash | peer id, `u64` | [`PeerCounts`] |
//! | [`GROUPS_MAP`] | per-CPU hash | group id, `u64` | [`GroupCounts`] |
//! | [`DROPS_MAP`] | per-CPU array | [`drop_slot`] | [`Count`] |
//! | [`SIZES_MAP`] | per-CPU array | [`size_slot`], [`size_sum_slot`] | `u64` |
//! | [`TALLIES_MAP`] | per-CPU array | [`ProgramIndex`] | [`TallyCounts`] |
//!
//! Each field is written by one program only. A program that interrupts another one on the same
//! processor can therefore never undo its addition.
#![no_std]

mod counts;
mod sizes;
mod tally;

pub use counts::{
    Count, GROUPS_MAP, GroupCounts, KNOWN_REASONS, MAX_GROUPS, MAX_PEERS, PEERS_MAP, PeerCounts,
    REASONS, reason_index,
};
pub use sizes::{
    Histogram, SIZE_BOUNDS, SIZE_BUCKETS, SIZE_SLOTS, SIZES_MAP, size_bucket, size_slot,
    size_sum_slot,
};
pub use tally::{
    DROP_SLOTS, DROPS_MAP, PROGRAMS, ProgramIndex, TALLIES_MAP, TallyCounts, drop_slot,
};

/// Whether a message went to one peer or to a group; the first part of [`drop_slot`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Kind {
    /// To one peer.
    Unicast = 0,
    /// To the members of a group.
    Multicast = 1,
}

impl Kind {
    /// Number of kinds.
    pub const COUNT: u32 = 2;

    /// The kind of a message, from the group id that the tracepoint tells (0: no group).
    #[inline(always)]
    #[must_use]
    pub const fn of_group(group: u64) -> Self {
        if group == 0 {
            Self::Unicast
        } else {
            Self::Multicast
        }
    }
}
