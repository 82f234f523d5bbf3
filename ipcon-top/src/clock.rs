// SPDX-License-Identifier: MIT OR Apache-2.0
//! Time, as something that can be given.

use std::time::{Duration, SystemTime};

use rustix::time::{ClockId, clock_gettime};

/// A moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// `CLOCK_MONOTONIC`, the clock of the snapshots.
    pub monotonic: Duration,
    /// Wall-clock time when `CLOCK_MONOTONIC` was zero.
    pub epoch: SystemTime,
}

impl Now {
    /// Wall-clock time.
    #[must_use]
    pub fn wall(self) -> SystemTime {
        self.epoch + self.monotonic
    }
}

/// Tells the time.
pub trait Clock {
    /// Now.
    fn now(&self) -> Now;
}

/// The clocks of this machine.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    /// Taken once, so that the time shown for an event stays the same however often it is drawn.
    epoch: SystemTime,
}

impl SystemClock {
    /// Relates the two clocks.
    #[must_use]
    pub fn new() -> Self {
        let now = SystemTime::now();
        Self {
            epoch: now
                .checked_sub(monotonic())
                .unwrap_or(SystemTime::UNIX_EPOCH),
        }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Now {
        Now {
            monotonic: monotonic(),
            epoch: self.epoch,
        }
    }
}

fn monotonic() -> Duration {
    let time = clock_gettime(ClockId::Monotonic);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanos = u32::try_from(time.tv_nsec).unwrap_or(0);
    Duration::new(seconds, nanos)
}
