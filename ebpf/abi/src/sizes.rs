// SPDX-License-Identifier: MIT OR Apache-2.0
//! Buckets of the histogram of message sizes.

/// Name of the per-CPU array of `u64` that holds the histograms.
pub const SIZES_MAP: &str = "SIZES";

/// Inclusive upper bounds in bytes: 16, 32, …, 65536. A message of 16 bytes is in the first bucket and
/// one of 17 bytes in the second, as `le` of a Prometheus histogram means it.
pub const SIZE_BOUNDS: [u32; 13] = {
    let mut bounds = [0; 13];
    let mut i = 0;
    while i < bounds.len() {
        bounds[i] = 1 << (FIRST_BOUND_LOG2 + i as u32);
        i += 1;
    }
    bounds
};

/// Buckets of one histogram: one for each bound, and one for what is above all of them.
pub const SIZE_BUCKETS: usize = SIZE_BOUNDS.len() + 1;

/// Entries of the array: for each histogram its buckets, then the sum of its sizes.
pub const SIZE_SLOTS: u32 = Histogram::ALL.len() as u32 * SLOTS_PER_HISTOGRAM;

const FIRST_BOUND_LOG2: u32 = 4;
const SLOTS_PER_HISTOGRAM: u32 = SIZE_BUCKETS as u32 + 1;

/// What a histogram of sizes is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Histogram {
    /// Messages to one peer.
    Unicast = 0,
    /// Messages of a peer to a group.
    Multicast = 1,
    /// Kevents, which the kernel sends to their group.
    Kevents = 2,
}

impl Histogram {
    /// All histograms.
    pub const ALL: [Self; 3] = [Self::Unicast, Self::Multicast, Self::Kevents];

    /// The histogram of a message, from the ids that `ipcon_send` tells (0: no peer, no group).
    #[inline(always)]
    #[must_use]
    pub const fn of(peer: u64, group: u64) -> Self {
        match (peer, group) {
            (_, 0) => Self::Unicast,
            (0, _) => Self::Kevents,
            _ => Self::Multicast,
        }
    }
}

/// The bucket that a payload of `len` bytes belongs to, below [`SIZE_BUCKETS`].
#[inline(always)]
#[must_use]
pub const fn size_bucket(len: u32) -> u32 {
    // The bounds are inclusive, so one is taken off first: the bucket is then the number of bits of
    // what is left above the first bound. Halving is cheaper than `leading_zeros`, which BPF lacks.
    let mut rest = len.saturating_sub(1) >> FIRST_BOUND_LOG2;
    let above_all = SIZE_BOUNDS.len() as u32;
    if rest >= 1 << (above_all - 1) {
        return above_all;
    }
    let mut bucket = 0;
    if rest >= 1 << 8 {
        rest >>= 8;
        bucket += 8;
    }
    if rest >= 1 << 4 {
        rest >>= 4;
        bucket += 4;
    }
    if rest >= 1 << 2 {
        rest >>= 2;
        bucket += 2;
    }
    if rest >= 1 << 1 {
        rest >>= 1;
        bucket += 1;
    }
    bucket + rest
}

/// The entry that counts the messages of a histogram in `bucket`.
#[inline(always)]
#[must_use]
pub const fn size_slot(of: Histogram, bucket: u32) -> u32 {
    of as u32 * SLOTS_PER_HISTOGRAM + bucket
}

/// The entry that holds the sum of all sizes of a histogram, in bytes.
#[inline(always)]
#[must_use]
pub const fn size_sum_slot(of: Histogram) -> u32 {
    size_slot(of, SIZE_BUCKETS as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What a histogram with inclusive bounds means, word for word.
    fn first_bound_not_below(len: u32) -> u32 {
        SIZE_BOUNDS
            .iter()
            .position(|&bound| len <= bound)
            .unwrap_or(SIZE_BOUNDS.len()) as u32
    }

    #[test]
    fn bounds_are_the_powers_of_two_from_16_to_65536() {
        assert_eq!(SIZE_BOUNDS[0], 16);
        assert_eq!(SIZE_BOUNDS[12], 65_536);
        assert!(SIZE_BOUNDS.windows(2).all(|pair| pair[1] == 2 * pair[0]));
    }

    #[test]
    fn every_length_that_the_bus_carries_has_the_naive_bucket() {
        for len in 0..=70_000 {
            assert_eq!(size_bucket(len), first_bound_not_below(len), "{len} bytes");
        }
    }

    #[test]
    fn a_bound_is_in_its_own_bucket_and_one_more_in_the_next() {
        for (bucket, &bound) in (0..).zip(&SIZE_BOUNDS) {
            assert_eq!(size_bucket(bound), bucket);
            assert_eq!(size_bucket(bound + 1), bucket + 1);
        }
    }

    #[test]
    fn slots_do_not_overlap_and_fill_the_array() {
        let mut seen = [0; SIZE_SLOTS as usize];
        for of in Histogram::ALL {
            for bucket in 0..SIZE_BUCKETS as u32 {
                seen[size_slot(of, bucket) as usize] += 1;
            }
            seen[size_sum_slot(of) as usize] += 1;
        }
        assert_eq!(seen, [1; SIZE_SLOTS as usize]);
    }

    #[test]
    fn only_the_kernel_sends_kevents() {
        assert_eq!(Histogram::of(1, 0), Histogram::Unicast);
        assert_eq!(Histogram::of(1, 2), Histogram::Multicast);
        assert_eq!(Histogram::of(0, 2), Histogram::Kevents);
    }

    /// Lengths anywhere, and more often next to a power of two, where the seams are.
    fn lengths() -> impl Strategy<Value = u32> {
        let seams = (0..32u32, 0..=2u32).prop_map(|(log2, above)| (1 << log2) - 1 + above);
        prop_oneof![any::<u32>(), seams]
    }

    proptest! {
        #[test]
        fn any_length_has_the_naive_bucket(len in lengths()) {
            prop_assert_eq!(size_bucket(len), first_bound_not_below(len));
        }
    }
}
