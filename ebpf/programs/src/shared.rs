// SPDX-License-Identifier: MIT OR Apache-2.0
//! Entries whose values all processors share.

use core::arch::asm;
use core::ptr::NonNull;

use aya_ebpf::bindings::BPF_NOEXIST;
use aya_ebpf::maps::HashMap;
use ipcon_probes_abi::{FlowCounts, FlowKey, OTHER_ERRORS, PeerWaits};

use crate::entries::{E2BIG, EEXIST};
use crate::maps::{ERRORS, FLOWS, WAITS};
use crate::tally::Lost;

/// An entry whose counters are added to atomically.
#[derive(Clone, Copy)]
pub(crate) struct Shared<V: 'static>(NonNull<V>);

impl<V> Shared<V> {
    /// Adds to the counter that `field` picks.
    #[inline(always)]
    pub(crate) fn add(self, field: impl FnOnce(*mut V) -> *mut u64, amount: u64) {
        let counter = field(self.0.as_ptr());
        // The instruction itself, since the target has no atomic types in Rust.
        // SAFETY: the pointer is the value of an entry that the lookup found, and `field` picks a counter within it,
        // which is aligned. The kernel never gives the memory of the map back, and user space takes an entry out only
        // seconds after the last event of its peers. All who count do so by this function.
        unsafe {
            asm!(
                "lock *(u64 *)({counter} + 0) += {amount}",
                counter = in(reg) counter,
                amount = in(reg) amount,
                options(nostack),
            );
        }
    }
}

/// The counters of what goes from one peer to another, or of all flows for which there is no room.
#[inline(always)]
pub(crate) fn flow(from: u64, to: u64) -> Result<Shared<FlowCounts>, Lost> {
    let key = FlowKey { from, to };
    existing_or_made(&FLOWS, &key, &FlowCounts::NONE)
        .or_else(|lost| existing(&FLOWS, &FlowKey::OTHERS).ok_or(lost))
}

/// The number of requests that failed so, or of all for which there is no room.
#[inline(always)]
pub(crate) fn errors(key: u64) -> Result<Shared<u64>, Lost> {
    existing_or_made(&ERRORS, &key, &0).or_else(|lost| existing(&ERRORS, &OTHER_ERRORS).ok_or(lost))
}

/// The waiting times of a peer.
#[inline(always)]
pub(crate) fn waits(peer: u64) -> Result<Shared<PeerWaits>, Lost> {
    existing_or_made(&WAITS, &peer, &PeerWaits::NONE)
}

#[inline(always)]
fn existing<K, V>(map: &HashMap<K, V>, key: &K) -> Option<Shared<V>> {
    map.get_ptr_mut(key).and_then(NonNull::new).map(Shared)
}

#[inline(always)]
fn existing_or_made<K, V>(map: &HashMap<K, V>, key: &K, zero: &V) -> Result<Shared<V>, Lost> {
    if let Some(found) = existing(map, key) {
        return Ok(found);
    }
    match map.insert(key, zero, u64::from(BPF_NOEXIST)) {
        Ok(()) => {}
        Err(error) if error == -EEXIST => {}
        Err(error) if error == -E2BIG => return Err(Lost::PeersFull),
        Err(_) => return Err(Lost::Refused),
    }
    existing(map, key).ok_or(Lost::Refused)
}
