// SPDX-License-Identifier: MIT OR Apache-2.0
//! The two halves of waiting: the sleeper's and the waker's.

use std::time::Instant;

use super::{Life, Mode, Spin, State, futex};
use crate::region::PeerWord;
use crate::sync::{AtomicU32, Ordering, fence};

/// What somebody waits at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    /// The word of this side that says how it waits.
    pub(crate) state: &'a AtomicU32,
    /// The word to sleep on.
    pub(crate) bell: &'a AtomicU32,
    /// Where the other side says it runs.
    pub(crate) peer_cpu: PeerWord<'a>,
}

/// Why a wait ended without what was waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stopped {
    /// The connection is over.
    Over,
    /// It took too long.
    TimedOut,
}

/// Waits until `look` finds something. The other side makes it so, and then calls [`wake`] for the same place.
#[inline]
pub(crate) fn wait<T>(
    place: Place<'_>,
    spin: &Spin,
    life: &Life,
    until: Option<Instant>,
    mut look: impl FnMut() -> Option<T>,
) -> Result<T, Stopped> {
    if let Some(found) = look() {
        return Ok(found);
    }
    if let Some(found) = spin.spin(place.peer_cpu, &mut look) {
        return Ok(found);
    }
    sleep(place, life, until, look)
}

fn sleep<T>(
    place: Place<'_>,
    life: &Life,
    until: Option<Instant>,
    mut look: impl FnMut() -> Option<T>,
) -> Result<T, Stopped> {
    loop {
        let value = place.bell.load(Ordering::Acquire);
        State::announce(place.state, Mode::Futex);
        // SYNC POINT: the waker makes it so, and then looks at the state; here it is the other way round.
        fence(Ordering::SeqCst);
        // What was made so before the end is found after the end was seen.
        let over = life.over().is_some();
        if let Some(found) = look() {
            State::withdraw(place.state);
            return Ok(found);
        }
        let stopped = if over {
            Some(Stopped::Over)
        } else {
            let late = until.is_some_and(|until| until <= Instant::now());
            late.then_some(Stopped::TimedOut)
        };
        if let Some(stopped) = stopped {
            State::withdraw(place.state);
            return Err(stopped);
        }
        life.sleep(place.bell, value, until);
        State::withdraw(place.state);
        if let Some(found) = look() {
            return Ok(found);
        }
    }
}

/// Wakes a thread of this process that waits at a place for something of this process's own, which has just been made so.
pub(crate) fn nudge(bell: &AtomicU32) {
    // Who waits knew the bell before it looked.
    bell.fetch_add(1, Ordering::SeqCst);
    futex::wake(bell);
}

/// Wakes who waits for what has just been made so. `state` is the waiter's, `rung` this side's note of the last wait that
/// it ended, so that each is ended once. Whether a message on the socket is wanted.
#[inline]
pub(crate) fn wake(bell: &AtomicU32, state: PeerWord<'_>, rung: &AtomicU32) -> bool {
    // SYNC POINT: see `sleep`.
    fence(Ordering::SeqCst);
    let state = State::of(state.load());
    let mode = state.mode();
    if mode == Mode::Awake || rung.swap(state.number(), Ordering::Relaxed) == state.number() {
        return false;
    }
    if mode == Mode::Futex {
        // The waiter knew the bell before it announced this wait. So this ends the wait, also if it sleeps only later.
        bell.fetch_add(1, Ordering::Release);
        futex::wake(bell);
    }
    mode == Mode::Poll
}
