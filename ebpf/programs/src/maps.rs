// SPDX-License-Identifier: MIT OR Apache-2.0
//! The maps, and the constants that user space sets. Their names are those that the abi crate tells user space.

use aya_ebpf::Global;
use aya_ebpf::bindings::BPF_F_MMAPABLE;
use aya_ebpf::macros::map;
use aya_ebpf::maps::{Array, HashMap, PerCpuArray, PerCpuHashMap, RingBuf};
use ipcon_probes_abi::{
    Count, DROP_SLOTS, EXCEPTIONS_BYTES, FlowCounts, FlowKey, GroupCounts, Kind, MAX_ERRORS,
    MAX_FLOWS, MAX_GROUPS, MAX_PEERS, MAX_STAMPS, PROGRAMS, PeerCounts, PeerWaits, SIZE_SLOTS,
    Slot, Stamp, StampCounts, TallyCounts, Waits, slot_shift, slots_for,
};

/// How long a message must wait to be an exception, in nanoseconds.
#[unsafe(no_mangle)]
pub(crate) static SLOW_NANOS: Global<u64> = Global::new(1_000_000_000);

/// Whether messages are stamped. It never changes, so that the verifier leaves out what is not wanted.
#[unsafe(no_mangle)]
pub(crate) static LATENCY: Global<u8> = Global::new(1);

/// Counters by peer id. Allocated as a whole when it is made, as all maps here, so an entry is refused only when it is
/// full.
#[map]
pub(crate) static PEERS: PerCpuHashMap<u64, PeerCounts> =
    PerCpuHashMap::with_max_entries(MAX_PEERS, 0);

/// Counters by group id.
#[map]
pub(crate) static GROUPS: PerCpuHashMap<u64, GroupCounts> =
    PerCpuHashMap::with_max_entries(MAX_GROUPS, 0);

/// Counters by sender and receiver.
#[map]
pub(crate) static FLOWS: HashMap<FlowKey, FlowCounts> = HashMap::with_max_entries(MAX_FLOWS, 0);

/// Refused requests by command and error.
#[map]
pub(crate) static ERRORS: HashMap<u64, u64> = HashMap::with_max_entries(MAX_ERRORS, 0);

/// By how much the slot of a message is shifted.
#[unsafe(no_mangle)]
pub(crate) static SLOT_SHIFT: Global<u32> = Global::new(slot_shift(MAX_STAMPS));

/// Messages that wait to be read, each in its own slot.
#[map]
pub(crate) static SLOTS: Array<Slot> =
    Array::with_max_entries(slots_for(MAX_STAMPS), BPF_F_MMAPABLE);

/// Messages that wait to be read, and found their slot taken.
#[map]
pub(crate) static STAMPS: HashMap<u64, Stamp> = HashMap::with_max_entries(MAX_STAMPS, 0);

/// What became of the stamps.
#[map]
pub(crate) static STAMP_COUNTS: PerCpuArray<StampCounts> = PerCpuArray::with_max_entries(1, 0);

/// Waiting times by peer id.
#[map]
pub(crate) static WAITS: HashMap<u64, PeerWaits> = HashMap::with_max_entries(MAX_PEERS, 0);

/// Waiting times by kind of message.
#[map]
pub(crate) static KIND_WAITS: PerCpuArray<Waits> = PerCpuArray::with_max_entries(Kind::COUNT, 0);

/// What did not go as it should.
#[map]
pub(crate) static EXCEPTIONS: RingBuf = RingBuf::with_byte_size(EXCEPTIONS_BYTES, 0);

/// Drops by kind and reason.
#[map]
pub(crate) static DROPS: PerCpuArray<Count> = PerCpuArray::with_max_entries(DROP_SLOTS, 0);

/// Histograms of message sizes and their sums.
#[map]
pub(crate) static SIZES: PerCpuArray<u64> = PerCpuArray::with_max_entries(SIZE_SLOTS, 0);

/// Each program's account of its own events.
#[map]
pub(crate) static TALLIES: PerCpuArray<TallyCounts> = PerCpuArray::with_max_entries(PROGRAMS, 0);
