// SPDX-License-Identifier: MIT OR Apache-2.0
//! Moments that have passed, to go back to: those of the running program, or those of a recording.
//!
//! What is shown at a moment is worked out anew from the frames before it ([`store_at`]), so that rates, rows that have
//! just gone and the log are what they were then.

mod rebuild;
mod ring;
mod size;

use std::sync::Arc;
use std::time::Duration;

use ipcon_observe::Snapshot;

pub use rebuild::store_at;
pub(crate) use rebuild::{GONE_THROUGH, GONE_THROUGH_BYTES};
pub use ring::{Ring, SPAN_DEFAULT};
pub(crate) use size::size_of_snapshot;

/// Snapshots in the order in which they were taken.
pub trait Past: Send {
    /// How many there are.
    fn len(&self) -> usize;

    /// When snapshot `index` was taken, `CLOCK_MONOTONIC`. Never before that of `index - 1`; zero beyond the last.
    fn time(&self, index: usize) -> Duration;

    /// Snapshot `index`.
    ///
    /// # Errors
    ///
    /// There is no such snapshot, or it cannot be read any more.
    fn snapshot(&self, index: usize) -> anyhow::Result<Arc<Snapshot>>;

    /// The snapshot to show first.
    fn beginning(&self) -> usize {
        0
    }

    /// Whether there is none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The last snapshot that was taken at `time` or before. `None` when all are later.
#[must_use]
pub fn at_or_before(past: &dyn Past, time: Duration) -> Option<usize> {
    later_than(past, time).checked_sub(1)
}

/// How many snapshots were taken at `time` or before: the index of the first that was taken later.
#[must_use]
pub fn later_than(past: &dyn Past, time: Duration) -> usize {
    let (mut low, mut high) = (0, past.len());
    while low < high {
        let middle = low + (high - low) / 2;
        if past.time(middle) <= time {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nothing but times, in seconds.
    struct Times(Vec<u64>);

    impl Past for Times {
        fn len(&self) -> usize {
            self.0.len()
        }

        fn time(&self, index: usize) -> Duration {
            Duration::from_secs(self.0.get(index).copied().unwrap_or_default())
        }

        fn snapshot(&self, _: usize) -> anyhow::Result<Arc<Snapshot>> {
            anyhow::bail!("there are only times")
        }
    }

    #[test]
    fn moments_are_found_by_their_time() {
        let past = Times(vec![10, 20, 20, 30]);
        let found = |seconds| at_or_before(&past, Duration::from_secs(seconds));
        assert_eq!(found(9), None);
        assert_eq!(found(10), Some(0));
        assert_eq!(found(19), Some(0));
        assert_eq!(found(20), Some(2));
        assert_eq!(found(99), Some(3));
        assert_eq!(at_or_before(&Times(vec![]), Duration::MAX), None);
        assert_eq!(later_than(&past, Duration::from_secs(20)), 3);
    }
}
