// SPDX-License-Identifier: MIT OR Apache-2.0
//! When to spin before sleeping, and for how long.

use std::time::{Duration, Instant};

use super::cpu;
use crate::region::PeerWord;
use crate::sync::{AtomicU32, Ordering};

/// Whether spinning has paid lately. Threads may share one: what they note about each other does no harm.
#[derive(Debug)]
pub(crate) struct Spin {
    /// Nothing pays beyond this. 0: never spin.
    limit: Duration,
    /// Spins that may fail before spinning ends.
    credit: AtomicU32,
    /// Waits without a spin that are left before another one is tried.
    skips: AtomicU32,
    /// How many waits go without a spin after one that failed.
    patience: AtomicU32,
}

const MOST_CREDIT: u32 = 8;
const LEAST_PATIENCE: u32 = 8;
const MOST_PATIENCE: u32 = 1024;
/// Looks at the word between two looks at the clock and at the processor of the other side.
const LOOKS: u32 = 32;

impl Spin {
    pub(crate) fn new(limit: Duration) -> Self {
        Self {
            limit,
            credit: AtomicU32::new(MOST_CREDIT),
            skips: AtomicU32::new(0),
            patience: AtomicU32::new(LEAST_PATIENCE),
        }
    }

    /// Looks again and again, for as long as that may pay. `peer_cpu` is where the other side says it runs.
    #[inline]
    pub(super) fn spin<T>(
        &self,
        peer_cpu: PeerWord<'_>,
        mut look: impl FnMut() -> Option<T>,
    ) -> Option<T> {
        if self.limit.is_zero() || same_cpu(peer_cpu) || !self.allowed() {
            return None;
        }
        // Most replies come within the first round, which needs no clock.
        let mut began = None;
        loop {
            for _ in 0..LOOKS {
                if let Some(found) = look() {
                    self.paid();
                    return Some(found);
                }
                std::hint::spin_loop();
            }
            // The other side may have come to this processor, and wait for it.
            if same_cpu(peer_cpu) || began.get_or_insert_with(Instant::now).elapsed() > self.limit {
                self.failed();
                return None;
            }
        }
    }

    #[inline]
    fn allowed(&self) -> bool {
        if self.credit.load(Ordering::Relaxed) > 0 {
            return true;
        }
        let skips = self.skips.load(Ordering::Relaxed);
        self.skips.store(skips.saturating_sub(1), Ordering::Relaxed);
        skips == 0
    }

    #[inline]
    fn paid(&self) {
        let credit = self.credit.load(Ordering::Relaxed);
        if credit < MOST_CREDIT {
            self.credit.store(credit + 1, Ordering::Relaxed);
            self.patience.store(LEAST_PATIENCE, Ordering::Relaxed);
        }
    }

    fn failed(&self) {
        let credit = self.credit.load(Ordering::Relaxed);
        self.credit
            .store(credit.saturating_sub(2), Ordering::Relaxed);
        if credit <= 2 {
            let patience = self.patience.load(Ordering::Relaxed);
            self.skips.store(patience, Ordering::Relaxed);
            self.patience
                .store((patience * 2).min(MOST_PATIENCE), Ordering::Relaxed);
        }
    }
}

/// Whether the other side last ran on this processor, or nobody knows.
#[inline]
fn same_cpu(peer: PeerWord<'_>) -> bool {
    let (ours, theirs) = (cpu::current(), peer.load());
    ours == theirs || ours == 0 || theirs == 0
}
