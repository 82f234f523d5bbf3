// SPDX-License-Identifier: MIT OR Apache-2.0
//! Messages between their delivery and their receipt.

use core::arch::asm;
use core::ptr::{NonNull, addr_of_mut};

use aya_ebpf::bindings::{BPF_ANY, BPF_NOEXIST};
use aya_ebpf::helpers::bpf_ktime_get_ns;
use ipcon_probes_abi::{Kind, Slot, Stamp, slot_of, wait_bucket};

use crate::entries::{E2BIG, EEXIST};
use crate::maps::{KIND_WAITS, SLOT_SHIFT, SLOTS, STAMP_COUNTS, STAMPS};
use crate::shared;
use crate::tally::Outcome;

/// Notes that `message` is put into the receive queue of `peer` now. It is 0 when nobody will read it.
#[inline(always)]
pub(crate) fn stamp(message: u64, peer: u64, kind: Kind) {
    let Some(counts) = STAMP_COUNTS.get_ptr_mut(0) else {
        return;
    };
    // SAFETY: the map gives this processor's value; only `ipcon_deliver` writes it.
    let counts = unsafe { &mut *counts };
    if message == 0 {
        counts.filtered += 1;
        return;
    }
    let stamp = Stamp {
        // SAFETY: it has no requirements.
        at: unsafe { bpf_ktime_get_ns() },
        peer,
        kind: kind as u64,
    };
    if let Some(slot) = OwnSlot::of(message) {
        let before = slot.claim(message);
        if before == 0 || before == message {
            slot.write(stamp);
            counts.stamped += 1;
            counts.replaced += u64::from(before == message);
            return;
        }
    }
    let mut put = STAMPS.insert(message, &stamp, u64::from(BPF_NOEXIST));
    if put == Err(-EEXIST) {
        put = STAMPS.insert(message, &stamp, u64::from(BPF_ANY));
        counts.replaced += u64::from(put.is_ok());
    }
    match put {
        Ok(()) => counts.stamped += 1,
        Err(error) if error == -E2BIG => counts.full += 1,
        Err(_) => counts.refused += 1,
    }
}

/// Takes the stamp of a message, if it has one.
#[inline(always)]
pub(crate) fn take(message: u64) -> Option<Stamp> {
    if let Some(slot) = OwnSlot::of(message)
        && slot.message() == message
    {
        let stamp = slot.read();
        return slot.free(message).then_some(stamp);
    }
    // SAFETY: whoever takes the stamp out meanwhile has looked at the same message, and then this one finds nothing to
    // take out: what it copied, perhaps of another message by now, is not used.
    let stamp = *unsafe { STAMPS.get(message) }?;
    STAMPS.remove(message).ok()?;
    Some(stamp)
}

/// Where the stamp of a message is, unless another one is there.
#[derive(Clone, Copy)]
struct OwnSlot(NonNull<Slot>);

impl OwnSlot {
    #[inline(always)]
    fn of(message: u64) -> Option<Self> {
        let slot = SLOTS.get_ptr_mut(slot_of(message, SLOT_SHIFT.load()))?;
        NonNull::new(slot).map(Self)
    }

    /// Takes the slot for a message if it is free. Gives whose it was: 0 if it was free.
    #[inline(always)]
    fn claim(self, message: u64) -> u64 {
        self.exchange(0, message)
    }

    /// Frees the slot of a message. False if somebody else has.
    #[inline(always)]
    fn free(self, message: u64) -> bool {
        self.exchange(message, 0) == message
    }

    /// Puts `new` there if it is `old`. Gives what was there.
    #[inline(always)]
    fn exchange(self, old: u64, new: u64) -> u64 {
        let found;
        // The instruction itself, since the target has no atomic types in Rust.
        // SAFETY: the pointer is a value of the array, whose memory the kernel never gives back, and the message is its
        // first field.
        unsafe {
            asm!(
                "r0 = cmpxchg_64({slot} + 0, r0, {new})",
                slot = in(reg) self.0.as_ptr(),
                new = in(reg) new,
                inout("r0") old => found,
                options(nostack),
            );
        }
        found
    }

    #[inline(always)]
    fn message(self) -> u64 {
        // SAFETY: as above. Another processor may change it meanwhile, which `free` finds out.
        unsafe { (&raw const (*self.0.as_ptr()).message).read_volatile() }
    }

    /// What the slot says. It may be of another message by now, and then `free` fails.
    #[inline(always)]
    fn read(self) -> Stamp {
        // SAFETY: as above.
        unsafe { (&raw const (*self.0.as_ptr()).stamp).read_volatile() }
    }

    /// Writes what the slot says, which is this message's own until it is read.
    #[inline(always)]
    fn write(self, stamp: Stamp) {
        // SAFETY: as above.
        unsafe { (&raw mut (*self.0.as_ptr()).stamp).write_volatile(stamp) }
    }
}

/// Counts a message that was read after so many nanoseconds, for its kind and for its peer.
#[inline(always)]
pub(crate) fn count(stamp: &Stamp, waited: u64) -> Outcome {
    let bucket = wait_bucket(waited) as usize;
    if let Some(waits) = KIND_WAITS.get_ptr_mut(stamp.kind as u32) {
        // SAFETY: the map gives this processor's value; only `ipcon_receive` writes it.
        let waits = unsafe { &mut *waits };
        if let Some(count) = waits.counts.get_mut(bucket) {
            *count += 1;
        }
        waits.sum_nanos += waited;
    }
    let waits = shared::waits(stamp.peer)?;
    if bucket < ipcon_probes_abi::WAIT_BUCKETS {
        // SAFETY: the pointer is that of a value, and the bucket was just looked at.
        waits.add(
            |it| unsafe { addr_of_mut!((*it).waits.counts).cast::<u64>().add(bucket) },
            1,
        );
    }
    // SAFETY: the pointer is that of a value.
    waits.add(|it| unsafe { addr_of_mut!((*it).waits.sum_nanos) }, waited);
    Ok(())
}

/// Counts a message that its peer left unread.
#[inline(always)]
pub(crate) fn count_unread(stamp: &Stamp) -> Outcome {
    // SAFETY: the pointer is that of a value.
    shared::waits(stamp.peer)?.add(|it| unsafe { addr_of_mut!((*it).unread) }, 1);
    Ok(())
}
