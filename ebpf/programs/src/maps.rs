// SPDX-License-Identifier: MIT OR Apache-2.0
//! The maps. Their names are those that the abi crate tells user space.

use aya_ebpf::macros::map;
use aya_ebpf::maps::{PerCpuArray, PerCpuHashMap};
use ipcon_probes_abi::{
    Count, DROP_SLOTS, GroupCounts, MAX_GROUPS, MAX_PEERS, PROGRAMS, PeerCounts, SIZE_SLOTS,
    TallyCounts,
};

/// Counters by peer id. Allocated as a whole when it is made, so an entry is refused only when it is
/// full.
#[map]
pub(crate) static PEERS: PerCpuHashMap<u64, PeerCounts> =
    PerCpuHashMap::with_max_entries(MAX_PEERS, 0);

/// Counters by group id.
#[map]
pub(crate) static GROUPS: PerCpuHashMap<u64, GroupCounts> =
    PerCpuHashMap::with_max_entries(MAX_GROUPS, 0);

/// Drops by kind and reason.
#[map]
pub(crate) static DROPS: PerCpuArray<Count> = PerCpuArray::with_max_entries(DROP_SLOTS, 0);

/// Histograms of message sizes and their sums.
#[map]
pub(crate) static SIZES: PerCpuArray<u64> = PerCpuArray::with_max_entries(SIZE_SLOTS, 0);

/// Each program's account of its own events.
#[map]
pub(crate) static TALLIES: PerCpuArray<TallyCounts> = PerCpuArray::with_max_entries(PROGRAMS, 0);
