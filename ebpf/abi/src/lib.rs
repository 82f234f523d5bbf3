// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keys and values of the maps that the ipcon probes share with user space.
//!
//! The BPF programs write these maps and the loader reads them, so both build this crate. A value of a per-CPU map stands
//! once for each processor; user space sums. All counters begin as zero bytes and only grow.
//!
//! | map | kind | key | value |
//! |---|---|---|---|
//! | [`PEERS_MAP`] | per-CPU hash | peer id, `u64` | [`PeerCounts`] |
//! | [`GROUPS_MAP`] | per-CPU hash | group id, `u64` | [`GroupCounts`] |
//! | [`DROPS_MAP`] | per-CPU array | [`drop_slot`] | [`Count`] |
//! | [`SIZES_MAP`] | per-CPU array | [`size_slot`], [`size_sum_slot`] | `u64` |
//! | [`TALLIES_MAP`] | per-CPU array | [`ProgramIndex`] | [`TallyCounts`] |
//! | [`FLOWS_MAP`] | hash | [`FlowKey`] | [`FlowCounts`] |
//! | [`ERRORS_MAP`] | hash | [`error_key`] | `u64` |
//! | [`SLOTS_MAP`] | array | [`slot_of`] | [`Slot`] |
//! | [`STAMPS_MAP`] | hash | a message, `u64` | [`Stamp`] |
//! | [`STAMP_COUNTS_MAP`] | per-CPU array | 0 | [`StampCounts`] |
//! | [`WAITS_MAP`] | hash | peer id, `u64` | [`PeerWaits`] |
//! | [`KIND_WAITS_MAP`] | per-CPU array | [`Kind`] | [`Waits`] |
//! | [`EXCEPTIONS_MAP`] | ring buffer | | [`Exception`] |
//!
//! Each field of a per-CPU value is written by one program only. A program that interrupts another one on the same
//! processor can therefore never undo its addition. The counters in hashes that are not per CPU are added to atomically:
//! two processors rarely send from the same peer to the same peer at once, or read the messages of the same peer, and a
//! value for each processor would take hundreds of megabytes on large machines.
#![no_std]

mod counts;
mod exceptions;
mod flows;
mod sizes;
mod tally;
mod waits;

pub use counts::{
    Count, GROUPS_MAP, GroupCounts, KNOWN_REASONS, MAX_GROUPS, MAX_PEERS, PEERS_MAP, PeerCounts,
    REASONS, reason_index,
};
pub use exceptions::{
    EXCEPTIONS_BYTES, EXCEPTIONS_MAP, Exception, ExceptionKind, LATENCY_CONSTANT, SLOW_CONSTANT,
};
pub use flows::{
    ERRORS_MAP, FLOWS_MAP, FlowCounts, FlowKey, MAX_ERRORS, MAX_FLOWS, OTHER_ERRORS,
    command_and_errno, error_key,
};
pub use sizes::{
    Histogram, SIZE_BOUNDS, SIZE_BUCKETS, SIZE_SLOTS, SIZES_MAP, size_bucket, size_slot,
    size_sum_slot,
};
pub use tally::{
    DROP_SLOTS, DROPS_MAP, PROGRAMS, ProgramIndex, TALLIES_MAP, TallyCounts, drop_slot,
};
pub use waits::{
    KIND_WAITS_MAP, MAX_STAMPS, PeerWaits, SLOT_SHIFT_CONSTANT, SLOTS_MAP, STAMP_COUNTS_MAP,
    STAMPS_MAP, Slot, Stamp, StampCounts, WAIT_BOUNDS, WAIT_BUCKETS, WAITS_MAP, Waits, slot_of,
    slot_shift, slots_for, wait_bucket,
};

/// Whether a message went to one peer or to a group; the first part of [`drop_slot`], and the index of waits.
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
