// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a waiter says about itself in a word that the other side reads.

use crate::sync::{AtomicU32, Ordering};

/// How somebody waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// It does not: it works, or it spins.
    Awake,
    /// It sleeps on the futex.
    Futex,
    /// It is in a poll loop, and wants a message on the socket.
    Poll,
}

/// A waiter's word: its mode in the low two bits, and above them a number that grows with each wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct State(u32);

impl State {
    /// What a word means. The other side may have written anything; whatever it is, a wake-up too many or too few of
    /// its own threads is all that comes of it.
    #[inline]
    pub(crate) fn of(word: u32) -> Self {
        Self(word)
    }

    #[inline]
    pub(crate) fn mode(self) -> Mode {
        match self.0 & 3 {
            1 => Mode::Futex,
            2 => Mode::Poll,
            _ => Mode::Awake,
        }
    }

    /// Says in the waiter's own word that it waits, as nobody waited before. A fence is to follow.
    #[inline]
    pub(crate) fn announce(word: &AtomicU32, mode: Mode) {
        let wait = word.load(Ordering::Relaxed).wrapping_add(4) & !3;
        word.store(wait | mode as u32, Ordering::Relaxed);
    }

    /// Says in the waiter's own word that it is awake.
    #[inline]
    pub(crate) fn withdraw(word: &AtomicU32) {
        let wait = word.load(Ordering::Relaxed) & !3;
        word.store(wait, Ordering::Relaxed);
    }

    /// Tells this wait from all others, for the waker's own notes.
    #[inline]
    pub(crate) fn number(self) -> u32 {
        self.0
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn each_wait_is_another_one() {
        let word = AtomicU32::new(u32::MAX);
        let mut seen = Vec::new();
        for mode in [Mode::Futex, Mode::Poll, Mode::Futex] {
            State::announce(&word, mode);
            let state = State::of(word.load(Ordering::Relaxed));
            assert_eq!(state.mode(), mode);
            assert!(!seen.contains(&state.number()));
            seen.push(state.number());
            State::withdraw(&word);
            assert_eq!(State::of(word.load(Ordering::Relaxed)).mode(), Mode::Awake);
        }
    }
}
