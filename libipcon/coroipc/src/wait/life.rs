// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whether a connection lives, and how its end reaches who sleeps.

use super::futex;
use crate::sync::{AtomicU32, AtomicUsize, Ordering, fence, yield_now};

/// Why a connection is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum End {
    /// The other side closed its socket: it disconnected, or its process is gone.
    HungUp = 1,
    /// This side ended it.
    Closed = 2,
    /// The other side broke the rules.
    Violation = 3,
}

impl End {
    fn of(word: u32) -> Option<Self> {
        match word {
            0 => None,
            1 => Some(Self::HungUp),
            2 => Some(Self::Closed),
            _ => Some(Self::Violation),
        }
    }
}

/// The life of a connection, seen by one side. All of it is memory of this process alone.
#[derive(Debug, Default)]
pub(crate) struct Life {
    ended: AtomicU32,
    sleepers: AtomicUsize,
}

impl Life {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Why it is over, if it is.
    #[inline]
    pub(crate) fn over(&self) -> Option<End> {
        End::of(self.ended.load(Ordering::SeqCst))
    }

    /// Ends it. Only the first reason counts; whether this was it.
    pub(crate) fn end(&self, why: End) -> bool {
        let first = self
            .ended
            .compare_exchange(0, why as u32, Ordering::SeqCst, Ordering::SeqCst);
        first.is_ok()
    }

    /// Runs what sleeps on a futex, unless it is over already.
    pub(super) fn while_alive(&self, sleep: impl FnOnce()) {
        self.sleepers.fetch_add(1, Ordering::SeqCst);
        // SYNC POINT: who ends it says so, and then counts the sleepers; here it is the other way round.
        fence(Ordering::SeqCst);
        if self.over().is_none() {
            sleep();
        }
        self.sleepers.fetch_sub(1, Ordering::SeqCst);
    }

    /// Wakes all who sleep on these words, after [`Life::end`].
    ///
    /// Somebody may have looked whether it is over, then be woken, and only then fall asleep. The other side may write
    /// the words too, so that changing them proves nothing. But it has counted itself as a sleeper by then: this goes on
    /// until nobody is.
    pub(crate) fn rouse<'a>(&self, bells: impl Fn() -> Vec<&'a AtomicU32>) {
        // SYNC POINT: see `while_alive`.
        fence(Ordering::SeqCst);
        while self.sleepers.load(Ordering::SeqCst) != 0 {
            for bell in bells() {
                futex::wake(bell);
            }
            yield_now();
        }
    }
}
