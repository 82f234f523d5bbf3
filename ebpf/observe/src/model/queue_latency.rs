// SPDX-License-Identifier: MIT OR Apache-2.0
//! How long messages waited in receive queues.

use std::time::Duration;

use ipcon_probes_abi::{WAIT_BOUNDS, WAIT_BUCKETS, wait_bucket};

use super::buckets;

/// How long messages waited from their delivery into a receive queue until somebody read them, counted since the
/// probes were attached.
///
/// The bounds are powers of two of a second, which a Prometheus histogram carries exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueLatency {
    /// Messages by [`QueueLatency::bound`], not cumulative; the last one has all that waited longer.
    pub counts: [u64; Self::BUCKETS],
    /// Sum of all times, in nanoseconds.
    pub sum_nanos: u64,
}

impl QueueLatency {
    /// Number of buckets: 25 with a bound and one above them.
    pub const BUCKETS: usize = WAIT_BUCKETS;

    /// The first bound is 2^-20 seconds, a little less than a microsecond, and the last 2^4 seconds.
    const FIRST_BOUND_LOG2: i32 = -20;

    /// The inclusive upper bound of a bucket, in seconds. `None` for the last one, which has no bound.
    pub fn bound_seconds(bucket: usize) -> Option<f64> {
        let log2 = i32::try_from(bucket).ok()? + Self::FIRST_BOUND_LOG2;
        (bucket + 1 < Self::BUCKETS).then(|| f64::from(log2).exp2())
    }

    /// [`QueueLatency::bound_seconds`], rounded up to a nanosecond.
    pub fn bound(bucket: usize) -> Option<Duration> {
        WAIT_BOUNDS.get(bucket).copied().map(Duration::from_nanos)
    }

    /// The bucket of a message that waited so long.
    pub fn bucket(waited: Duration) -> usize {
        wait_bucket(u64::try_from(waited.as_nanos()).unwrap_or(u64::MAX)) as usize
    }

    /// Messages that were read.
    pub fn count(&self) -> u64 {
        buckets::count(&self.counts)
    }

    /// The least bound that this share of the messages did not exceed. `None` when none was read, or the bucket that
    /// decides has no bound.
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        Self::bound(buckets::of_share(&self.counts, share)?)
    }

    /// What was added since an earlier moment.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut growth = *self;
        for (count, before) in growth.counts.iter_mut().zip(&earlier.counts) {
            *count = count.saturating_sub(*before);
        }
        growth.sum_nanos = growth.sum_nanos.saturating_sub(earlier.sum_nanos);
        growth
    }
}

impl Default for QueueLatency {
    fn default() -> Self {
        Self {
            counts: [0; Self::BUCKETS],
            sum_nanos: 0,
        }
    }
}

impl std::ops::AddAssign for QueueLatency {
    fn add_assign(&mut self, other: Self) {
        for (count, more) in self.counts.iter_mut().zip(other.counts) {
            *count = count.saturating_add(more);
        }
        self.sum_nanos = self.sum_nanos.saturating_add(other.sum_nanos);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn waits(filled: &[(usize, u64)]) -> QueueLatency {
        let mut latency = QueueLatency::default();
        for &(bucket, count) in filled {
            latency.counts[bucket] = count;
        }
        latency
    }

    #[test]
    fn bounds_are_powers_of_two_of_a_second() {
        assert_eq!(QueueLatency::bound(0), Some(Duration::from_nanos(954)));
        assert_eq!(QueueLatency::bound(20), Some(Duration::from_secs(1)));
        assert_eq!(QueueLatency::bound_seconds(24), Some(16.0));
        assert_eq!(QueueLatency::bound(25), None);
        for bucket in 0..QueueLatency::BUCKETS - 1 {
            let seconds = QueueLatency::bound_seconds(bucket).unwrap();
            let nanos = (seconds * 1e9).ceil() as u64;
            assert_eq!(
                QueueLatency::bound(bucket),
                Some(Duration::from_nanos(nanos))
            );
        }
        assert_eq!(QueueLatency::bound(usize::MAX), None);
    }

    #[test]
    fn quantiles_are_bounds_that_hold() {
        let quick = waits(&[(3, 98), (20, 2)]);
        assert_eq!(quick.quantile(0.5), QueueLatency::bound(3));
        assert_eq!(quick.quantile(0.98), QueueLatency::bound(3));
        assert_eq!(quick.quantile(0.99), Some(Duration::from_secs(1)));
        assert_eq!(waits(&[(25, 1)]).quantile(0.5), None);
        assert_eq!(waits(&[]).quantile(0.5), None);
    }

    #[test]
    fn growth_and_sum_undo_each_other() {
        let earlier = waits(&[(3, 98)]);
        let mut later = waits(&[(3, 2), (20, 2)]);
        let growth = later;
        later += earlier;
        assert_eq!(later.since(&earlier), growth);
    }

    proptest! {
        #[test]
        fn a_bucket_is_the_first_whose_bound_is_not_exceeded(nanos in 0..40_000_000_000u64) {
            let waited = Duration::from_nanos(nanos);
            let bucket = QueueLatency::bucket(waited);
            prop_assert!(QueueLatency::bound(bucket).is_none_or(|bound| waited <= bound));
            let below = bucket.checked_sub(1).and_then(QueueLatency::bound);
            prop_assert!(below.is_none_or(|bound| waited > bound));
        }
    }
}
