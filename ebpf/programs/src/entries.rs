// SPDX-License-Identifier: MIT OR Apache-2.0
//! Entries of the maps of peers and groups, made at the first event.

use core::ptr::NonNull;

use aya_ebpf::bindings::BPF_NOEXIST;
use aya_ebpf::maps::PerCpuHashMap;
use ipcon_probes_abi::{GroupCounts, PeerCounts};

use crate::maps::{GROUPS, PEERS};
use crate::tally::Lost;

/// What the kernel answers when a hash map has no room.
pub(crate) const E2BIG: i32 = 7;
/// What the kernel answers when another processor made the entry meanwhile.
pub(crate) const EEXIST: i32 = 17;

/// This processor's counters of a peer or group; empty when an event concerns none.
#[derive(Clone, Copy)]
pub(crate) struct Entry<V: 'static>(Option<NonNull<V>>);

impl<V> Entry<V> {
    /// The entry of `id`, if there is one.
    #[inline(always)]
    fn existing(map: &PerCpuHashMap<u64, V>, id: u64) -> Self {
        Self(map.get_ptr_mut(id).and_then(NonNull::new))
    }

    /// Lets `change` count, if there is an entry.
    #[inline(always)]
    pub(crate) fn with(self, change: impl FnOnce(&mut V)) {
        if let Some(mut value) = self.0 {
            // SAFETY: the pointer is this processor's value of an entry that the lookup found. The
            // kernel never gives the memory of the map back, and user space takes an entry out only
            // seconds after the last event of its peer or group. A program that interrupts this one
            // writes other fields.
            change(unsafe { value.as_mut() });
        }
    }
}

/// The entry of a peer, made if need be. Empty for id 0, which is no peer.
#[inline(always)]
pub(crate) fn peer(id: u64) -> Result<Entry<PeerCounts>, Lost> {
    existing_or_made(&PEERS, id, Lost::PeersFull)
}

/// The entry of a group, made if need be. Empty for id 0, which is no group.
#[inline(always)]
pub(crate) fn group(id: u64) -> Result<Entry<GroupCounts>, Lost> {
    existing_or_made(&GROUPS, id, Lost::GroupsFull)
}

#[inline(always)]
fn existing_or_made<V: Default>(
    map: &PerCpuHashMap<u64, V>,
    id: u64,
    full: Lost,
) -> Result<Entry<V>, Lost> {
    if id == 0 {
        return Ok(Entry(None));
    }
    let found = Entry::existing(map, id);
    if found.0.is_some() {
        return Ok(found);
    }
    match map.insert(id, &V::default(), u64::from(BPF_NOEXIST)) {
        Ok(()) => {}
        Err(error) if error == -EEXIST => {}
        Err(error) if error == -E2BIG => return Err(full),
        Err(_) => return Err(Lost::Refused),
    }
    let made = Entry::existing(map, id);
    if made.0.is_some() {
        Ok(made)
    } else {
        Err(Lost::Refused)
    }
}
