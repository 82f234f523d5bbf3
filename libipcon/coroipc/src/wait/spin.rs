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

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::layout::server;
    use crate::region::{Own, Parts, Peer};
    use crate::sizes::Sizes;

    /// A processor that is none.
    const ELSEWHERE: u32 = u32::MAX;

    /// A server's region, and a client that waits.
    struct Waiter {
        theirs: Parts,
        peer: Peer,
        spin: Spin,
    }

    impl Waiter {
        /// `peer_cpu` is where the server says it runs.
        fn new(limit: Duration, peer_cpu: u32) -> Self {
            let shape = Sizes::MIN.server_region();
            let theirs = Own::create("coroipc-server", shape).unwrap();
            let peer = Peer::open(&theirs.file, shape).unwrap();
            let spin = Spin::new(limit);
            let waiter = Self { theirs, peer, spin };
            waiter.peer_moves_to(peer_cpu);
            waiter
        }

        fn peer_moves_to(&self, cpu: u32) {
            let word = self.theirs.words.word(server::CPU);
            word.store(cpu, Ordering::Relaxed);
        }

        fn look(&self, look: impl FnMut() -> Option<u32>) -> Option<u32> {
            self.spin.spin(self.peer.word(server::CPU), look)
        }

        /// One wait, and whether it spun for what came, or never came.
        fn spins(&self, comes: bool) -> bool {
            let mut looks = 0;
            let found = self.look(|| {
                looks += 1;
                comes.then_some(7)
            });
            assert_eq!(found, (comes && looks > 0).then_some(7));
            looks > 0
        }

        /// How many waits go without a spin before one that spins, in vain.
        fn skipped(&self) -> u32 {
            (0..).find(|_| self.spins(false)).unwrap()
        }
    }

    #[test]
    fn it_stops_after_spins_that_failed() {
        let waiter = Waiter::new(Duration::from_nanos(1), ELSEWHERE);
        // A credit of 8, of which each costs 2.
        for spin in 1..=4 {
            assert!(waiter.spins(false), "spin {spin}");
        }
        for skips in [8, 16, 32, 64, 128, 256, 512, 1024, 1024] {
            assert_eq!(waiter.skipped(), skips);
        }
    }

    #[test]
    fn it_spins_again_once_it_pays() {
        let waiter = Waiter::new(Duration::from_nanos(1), ELSEWHERE);
        for skips in [0, 0, 0, 0, 8, 16] {
            assert_eq!(waiter.skipped(), skips);
        }
        for _ in 0..32 {
            assert!(!waiter.spins(true));
        }
        // One that pays is followed by another at once, and if that is in vain, the patience is the least again.
        assert!(waiter.spins(true));
        for skips in [0, 8, 16] {
            assert_eq!(waiter.skipped(), skips);
        }
        // Many that pay are worth no more than the first credit.
        for _ in 0..32 {
            waiter.spins(true);
        }
        for _ in 0..100 {
            assert!(waiter.spins(true));
        }
        for skips in [0, 0, 0, 0, 8] {
            assert_eq!(waiter.skipped(), skips);
        }
    }

    #[test]
    fn it_never_spins_for_a_peer_on_its_processor() {
        // This thread stays where it is.
        let here = cpu::current();
        let mut only = rustix::thread::CpuSet::new();
        only.set(here as usize - 1);
        rustix::thread::sched_setaffinity(None, &only).unwrap();
        assert_eq!(cpu::current(), here);
        let waiter = Waiter::new(Duration::from_secs(60), here);
        assert!(!waiter.spins(true));
        // Nobody knows where the other side is.
        waiter.peer_moves_to(0);
        assert!(!waiter.spins(true));
        waiter.peer_moves_to(ELSEWHERE);
        assert!(waiter.spins(true));
        // Once it comes here, which this thread notices long before the limit, it costs as other spins in vain do.
        for _ in 0..4 {
            waiter.peer_moves_to(ELSEWHERE);
            let mut looks = 0;
            let found = waiter.look(|| {
                looks += 1;
                waiter.peer_moves_to(here);
                None
            });
            assert_eq!((found, looks), (None, LOOKS));
        }
        waiter.peer_moves_to(ELSEWHERE);
        assert!(!waiter.spins(true));
        // Who is not to spin does not.
        assert!(!Waiter::new(Duration::ZERO, ELSEWHERE).spins(true));
    }
}
