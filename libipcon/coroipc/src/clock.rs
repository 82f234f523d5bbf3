// SPDX-License-Identifier: MIT OR Apache-2.0
//! The monotonic clock, which all processes of a machine share.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds now.
pub(crate) fn now() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    (now.tv_sec as u64)
        .wrapping_mul(1_000_000_000)
        .wrapping_add(now.tv_nsec as u64)
}

/// No time that somebody waits for is longer: a hundred years.
pub(crate) const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// The time after so long, or after [`LONGEST`].
pub(crate) fn after(time: Duration) -> Instant {
    Instant::now() + time.min(LONGEST)
}

/// A deadline as the other side can read it; 1 if it is over already.
pub(crate) fn at(deadline: Instant) -> u64 {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return 1;
    }
    now().saturating_add(u64::try_from(left.as_nanos()).unwrap_or(u64::MAX))
}
