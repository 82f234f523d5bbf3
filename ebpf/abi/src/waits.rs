// SPDX-License-Identifier: MIT OR Apache-2.0
//! How long messages wait in receive queues: buckets, sums, and when each message was put there.

/// Name of the hash map from peer id to [`PeerWaits`].
pub const WAITS_MAP: &str = "WAITS";

/// Name of the per-CPU array of [`Waits`] by [`crate::Kind`].
pub const KIND_WAITS_MAP: &str = "KIND_WAITS";

/// Name of the array of [`Slot`], by [`slot_of`]. User space maps it into its memory.
pub const SLOTS_MAP: &str = "SLOTS";

/// Name of the constant by which [`slot_of`] finds a slot.
pub const SLOT_SHIFT_CONSTANT: &str = "SLOT_SHIFT";

/// Name of the hash map from a message to its [`Stamp`], for messages whose slot is taken. The key is what `ipcon_deliver`
/// tells, the address of its buffer.
pub const STAMPS_MAP: &str = "STAMPS";

/// Name of the per-CPU array with the one [`StampCounts`].
pub const STAMP_COUNTS_MAP: &str = "STAMP_COUNTS";

/// Messages that may wait at the same time unless the loader asks for another number. For as many more there is a slot
/// of their own, if no two want the same.
pub const MAX_STAMPS: u32 = 65_536;

/// Slots for so many messages: the next power of two, and at least two.
#[must_use]
pub const fn slots_for(messages: u32) -> u32 {
    let bits = slot_bits(messages);
    1 << bits
}

/// What [`SLOT_SHIFT_CONSTANT`] must be for so many messages.
#[must_use]
pub const fn slot_shift(messages: u32) -> u32 {
    u64::BITS - slot_bits(messages)
}

/// Bits of the number of a slot: at least one, since no machine shifts a word by all of its bits.
const fn slot_bits(messages: u32) -> u32 {
    let mut bits = 1;
    while bits < MOST_SLOT_BITS && 1 << bits < messages {
        bits += 1;
    }
    bits
}

/// Bits of the number of a slot, whatever the loader asks for.
const MOST_SLOT_BITS: u32 = 24;

/// The slot of a message. Buffers lie side by side, a few hundred bytes apart, and come back in any order; multiplying by
/// this number, 2^64 by the golden ratio, spreads evenly what is evenly spaced.
#[inline(always)]
#[must_use]
pub const fn slot_of(message: u64, slot_shift: u32) -> u32 {
    (message.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> slot_shift) as u32
}

/// Inclusive upper bounds in nanoseconds: 2^-20, 2^-19, …, 2^4 seconds, rounded up.
pub const WAIT_BOUNDS: [u64; WAIT_BUCKETS - 1] = {
    let mut bounds = [0; WAIT_BUCKETS - 1];
    let mut i = 0;
    while i < bounds.len() {
        bounds[i] = (NANOS_PER_SECOND << i).div_ceil(1 << FIRST_BOUND_SHIFT);
        i += 1;
    }
    bounds
};

/// Buckets: one for each bound, and one for what is above all of them.
pub const WAIT_BUCKETS: usize = 26;

const NANOS_PER_SECOND: u64 = 1_000_000_000;
/// The first bound is a second shifted right so often.
const FIRST_BOUND_SHIFT: u32 = 20;

/// The bucket of a message that waited for so many nanoseconds, below [`WAIT_BUCKETS`].
#[inline(always)]
#[must_use]
pub const fn wait_bucket(nanos: u64) -> u32 {
    // Not above a bound that is rounded up means, one taken off, below the bound itself. So the bucket is how often the
    // first bound must be doubled: the number of bits of how often it is contained.
    let below = nanos.saturating_sub(1);
    if below >= WAIT_BOUNDS[WAIT_BUCKETS - 2] {
        return WAIT_BUCKETS as u32 - 1;
    }
    let mut rest = (below << FIRST_BOUND_SHIFT) / NANOS_PER_SECOND;
    let mut bits = 0;
    if rest >= 1 << 16 {
        rest >>= 16;
        bits += 16;
    }
    if rest >= 1 << 8 {
        rest >>= 8;
        bits += 8;
    }
    if rest >= 1 << 4 {
        rest >>= 4;
        bits += 4;
    }
    if rest >= 1 << 2 {
        rest >>= 2;
        bits += 2;
    }
    if rest >= 1 << 1 {
        rest >>= 1;
        bits += 1;
    }
    bits + rest as u32
}

/// How long messages waited that were read.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waits {
    /// Messages by [`wait_bucket`].
    pub counts: [u64; WAIT_BUCKETS],
    /// Sum of all times in nanoseconds.
    pub sum_nanos: u64,
}

impl Waits {
    /// Nothing was read.
    pub const NONE: Self = Self {
        counts: [0; WAIT_BUCKETS],
        sum_nanos: 0,
    };
}

/// What became of the messages of one peer after their delivery, for all processors together.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerWaits {
    /// How long those waited that were read.
    pub waits: Waits,
    /// Messages that the peer left unread as it ended.
    pub unread: u64,
}

impl PeerWaits {
    /// Nothing has become of any.
    pub const NONE: Self = Self {
        waits: Waits::NONE,
        unread: 0,
    };
}

/// When a message was put into a receive queue, and whose.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    /// `CLOCK_MONOTONIC`, in nanoseconds.
    pub at: u64,
    /// Id of the receiver.
    pub peer: u64,
    /// A [`crate::Kind`].
    pub kind: u64,
}

/// The stamp of a message that has a slot of its own.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Slot {
    /// The message; 0 when the slot is free. Whoever takes the slot or frees it compares and exchanges this in one step.
    pub message: u64,
    /// What it says, unless the slot is free. It is written after the slot was taken, before anybody can read the message.
    pub stamp: Stamp,
}

/// What became of the stamps of deliveries on one processor; `ipcon_deliver` writes it. Each delivery is in one of the
/// fields, but for `replaced`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StampCounts {
    /// Messages that got a stamp.
    pub stamped: u64,
    /// Messages that the receiver's socket filter threw away, which nobody will read.
    pub filtered: u64,
    /// Messages without a stamp because the map was full.
    pub full: u64,
    /// Messages without a stamp because the kernel refused the entry for another reason.
    pub refused: u64,
    /// Stamps that took the place of an older one of the same buffer, whose receipt was missed.
    pub replaced: u64,
}

// As in `counts.rs`: both sides must see the same bytes.
const _: () = {
    use core::mem::{align_of, offset_of, size_of};
    assert!(size_of::<Waits>() == 216 && align_of::<Waits>() == 8);
    assert!(offset_of!(Waits, counts) == 0 && offset_of!(Waits, sum_nanos) == 208);
    assert!(size_of::<PeerWaits>() == 224 && align_of::<PeerWaits>() == 8);
    assert!(offset_of!(PeerWaits, waits) == 0 && offset_of!(PeerWaits, unread) == 216);
    assert!(size_of::<Stamp>() == 24 && align_of::<Stamp>() == 8);
    assert!(offset_of!(Stamp, at) == 0 && offset_of!(Stamp, peer) == 8);
    assert!(offset_of!(Stamp, kind) == 16);
    assert!(size_of::<Slot>() == 32 && align_of::<Slot>() == 8);
    assert!(offset_of!(Slot, message) == 0 && offset_of!(Slot, stamp) == 8);
    assert!(slots_for(MAX_STAMPS) == MAX_STAMPS);
    assert!(size_of::<StampCounts>() == 40 && align_of::<StampCounts>() == 8);
    assert!(offset_of!(StampCounts, stamped) == 0 && offset_of!(StampCounts, filtered) == 8);
    assert!(offset_of!(StampCounts, full) == 16 && offset_of!(StampCounts, refused) == 24);
    assert!(offset_of!(StampCounts, replaced) == 32);
};

// SAFETY: `repr(C)` of `u64` only, so there is no padding and every bit pattern is a value.
#[cfg(feature = "user")]
unsafe impl aya::Pod for Waits {}

// SAFETY: as for `Waits`.
#[cfg(feature = "user")]
unsafe impl aya::Pod for PeerWaits {}

// SAFETY: as for `Waits`.
#[cfg(feature = "user")]
unsafe impl aya::Pod for Stamp {}

// SAFETY: as for `Waits`.
#[cfg(feature = "user")]
unsafe impl aya::Pod for StampCounts {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What a histogram with inclusive bounds means, word for word.
    fn first_bound_not_below(nanos: u64) -> u32 {
        WAIT_BOUNDS
            .iter()
            .position(|&bound| nanos <= bound)
            .unwrap_or(WAIT_BOUNDS.len()) as u32
    }

    #[test]
    fn bounds_are_powers_of_two_of_a_second() {
        assert_eq!(WAIT_BOUNDS[..3], [954, 1908, 3815]);
        assert_eq!(WAIT_BOUNDS[20], NANOS_PER_SECOND);
        assert_eq!(WAIT_BOUNDS[24], 16 * NANOS_PER_SECOND);
    }

    #[test]
    fn a_bound_is_in_its_own_bucket_and_one_more_in_the_next() {
        for (bucket, &bound) in (0..).zip(&WAIT_BOUNDS) {
            assert_eq!(wait_bucket(bound), bucket);
            assert_eq!(wait_bucket(bound + 1), bucket + 1);
        }
        assert_eq!((wait_bucket(0), wait_bucket(u64::MAX)), (0, 25));
    }

    /// Times of any length, as many short ones as long ones, and more often next to a bound.
    fn times() -> impl Strategy<Value = u64> {
        let seams = (0..WAIT_BOUNDS.len(), 0..=2u64);
        prop_oneof![
            (any::<u64>(), 0..64u32).prop_map(|(nanos, shift)| nanos >> shift),
            seams.prop_map(|(bucket, above)| WAIT_BOUNDS[bucket] - 1 + above),
        ]
    }

    #[test]
    fn there_is_a_slot_for_each_message_and_no_message_is_beyond() {
        for (messages, slots) in [(0, 2), (1, 2), (2, 2), (3, 4), (4, 4), (1000, 1024)] {
            assert_eq!(slots_for(messages), slots);
            assert!(slot_of(u64::MAX, slot_shift(messages)) < slots);
        }
        assert_eq!(slots_for(u32::MAX), 1 << 24);
    }

    #[test]
    fn buffers_side_by_side_rarely_share_a_slot() {
        let shift = slot_shift(MAX_STAMPS);
        for size in [64, 256, 512, 640, 4096_u64] {
            let mut taken = [false; MAX_STAMPS as usize];
            let mut shared = 0;
            for number in 0..4096 {
                let slot = slot_of(0xffff_8880_1234_5600 + number * size, shift) as usize;
                shared += u32::from(core::mem::replace(&mut taken[slot], true));
            }
            assert!(shared < 410, "{shared} of 4096 at {size} bytes");
        }
    }

    proptest! {
        #[test]
        fn any_time_has_the_naive_bucket(nanos in times()) {
            prop_assert_eq!(wait_bucket(nanos), first_bound_not_below(nanos));
        }
    }
}
