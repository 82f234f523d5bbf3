// SPDX-License-Identifier: MIT OR Apache-2.0
//! Counters that cannot be lost: drops by reason, and each program's account of its own events.

use crate::Kind;
use crate::counts::REASONS;

/// Name of the per-CPU array of [`crate::Count`] by [`drop_slot`].
pub const DROPS_MAP: &str = "DROPS";

/// Name of the per-CPU array of [`TallyCounts`] by [`ProgramIndex`].
pub const TALLIES_MAP: &str = "TALLIES";

/// Entries of the array of drops.
pub const DROP_SLOTS: u32 = Kind::COUNT * REASONS as u32;

/// The entry that counts drops of `kind` for the reason with this [`crate::reason_index`].
#[inline(always)]
#[must_use]
pub const fn drop_slot(kind: Kind, reason_index: usize) -> u32 {
    kind as u32 * REASONS as u32 + reason_index as u32
}

/// Entries of the array of tallies.
pub const PROGRAMS: u32 = 8;

/// Where each program keeps its [`TallyCounts`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum ProgramIndex {
    /// Program `ipcon_send`.
    Send = 0,
    /// Program `ipcon_deliver`.
    Deliver = 1,
    /// Program `ipcon_drop`.
    Drop = 2,
    /// Program `ipcon_peer`.
    Peer = 3,
    /// Program `ipcon_group`.
    Group = 4,
    /// Program `ipcon_receive`.
    Receive = 5,
    /// Program `ipcon_unread`.
    Unread = 6,
    /// Program `ipcon_error`.
    Error = 7,
}

/// What became of the events of one program on one processor. An event is either counted for every peer
/// and group that it concerns or for none of them, so `seen` is always `counted` and the lost, but
/// for an event that is just being counted.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TallyCounts {
    /// Events for which the program ran. Of `ipcon_receive` and `ipcon_unread` those of stamped messages only.
    pub seen: u64,
    /// Events counted for their peers and groups.
    pub counted: u64,
    /// Events not counted because the map of peers was full.
    pub lost_peers_full: u64,
    /// Events not counted because the map of groups was full.
    pub lost_groups_full: u64,
    /// Events not counted because the kernel refused a map entry for another reason.
    pub lost_refused: u64,
    /// Events that were exceptions.
    pub exceptions: u64,
    /// Exceptions that found no room in the ring buffer.
    pub unreported: u64,
}

// As in `counts.rs`: both sides must see the same bytes.
const _: () = {
    use core::mem::{align_of, offset_of, size_of};
    assert!(size_of::<TallyCounts>() == 56 && align_of::<TallyCounts>() == 8);
    assert!(offset_of!(TallyCounts, seen) == 0);
    assert!(offset_of!(TallyCounts, counted) == 8);
    assert!(offset_of!(TallyCounts, lost_peers_full) == 16);
    assert!(offset_of!(TallyCounts, lost_groups_full) == 24);
    assert!(offset_of!(TallyCounts, lost_refused) == 32);
    assert!(offset_of!(TallyCounts, exceptions) == 40);
    assert!(offset_of!(TallyCounts, unreported) == 48);
    assert!(PROGRAMS == ProgramIndex::Error as u32 + 1);
    assert!(DROP_SLOTS == drop_slot(Kind::Multicast, REASONS - 1) + 1);
};

// SAFETY: `repr(C)` of `u64` only, so there is no padding and every bit pattern is a value.
#[cfg(feature = "user")]
unsafe impl aya::Pod for TallyCounts {}
