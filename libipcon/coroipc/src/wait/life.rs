// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whether a connection lives, and how its end reaches who sleeps.

use std::time::Instant;

use super::{Mode, State, futex};
use crate::sync::{AtomicU32, Ordering, fence};

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
#[derive(Debug)]
pub(crate) struct Life {
    /// The process whose connection it is: one that was forked has only a copy of this side.
    pid: u32,
    /// 0 while it lives. Who sleeps for the other side sleeps on this word too, where that is guarded.
    ended: AtomicU32,
    guarded: bool,
}

impl Life {
    /// Where it is `guarded`, nothing that the other side does keeps a thread of this side from learning of the end.
    pub(crate) fn new(guarded: bool) -> Self {
        Self {
            pid: std::process::id(),
            ended: AtomicU32::new(0),
            guarded,
        }
    }

    /// Why it is over, if it is.
    #[inline]
    pub(crate) fn over(&self) -> Option<End> {
        End::of(self.ended.load(Ordering::SeqCst))
    }

    /// Whether it lives and is this process' to end: not so in one that was forked.
    pub(crate) fn is_ours(&self) -> bool {
        self.over().is_none() && self.pid == std::process::id()
    }

    /// Ends it. Only the first reason counts; whether this was it.
    pub(crate) fn end(&self, why: End) -> bool {
        if !self.is_ours() {
            return false;
        }
        let first = self
            .ended
            .compare_exchange(0, why as u32, Ordering::SeqCst, Ordering::SeqCst);
        first.is_ok()
    }

    /// Sleeps on a bell for as long as it is `value`, or until the connection is over, or until a deadline.
    pub(super) fn sleep(&self, bell: &AtomicU32, value: u32, until: Option<Instant>) {
        futex::sleep(bell, value, self.private(), until);
    }

    /// Wakes all who sleep at these places of this side, each a waiter's word and its bell, after [`Life::end`].
    ///
    /// Where it is guarded nothing that the other side does to the bells can keep it from that, or take time: who fell asleep
    /// sleeps on the word that says that it is over as well, and the kernel has nobody fall asleep there any more.
    pub(crate) fn rouse<'a>(&self, places: impl Iterator<Item = (&'a AtomicU32, &'a AtomicU32)>) {
        // SYNC POINT: the sleeper announces itself, and then looks whether it is over; here it is the other way round.
        fence(Ordering::SeqCst);
        let asleep =
            |state: &AtomicU32| State::of(state.load(Ordering::Relaxed)).mode() == Mode::Futex;
        let bells = places.filter_map(|(state, bell)| asleep(state).then_some(bell));
        futex::wake_all(self.private(), bells);
    }

    fn private(&self) -> Option<&AtomicU32> {
        self.guarded.then_some(&self.ended)
    }
}
