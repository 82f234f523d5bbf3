// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sleeping on a word of shared memory, and waking who does.

use std::time::Duration;

use rustix::thread::futex::{Flags, Timespec};

use crate::region::PeerWord;
use crate::sync::AtomicU32;

/// Sleeps for as long as the other side's word is `value`, is not woken, and `timeout` has not passed. It may also
/// return without any reason.
pub(super) fn sleep(word: PeerWord<'_>, value: u32, timeout: Option<Duration>) {
    let timeout = timeout.map(|timeout| Timespec {
        tv_sec: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: timeout.subsec_nanos().into(),
    });
    // Whatever it returns, the caller looks again. Not private: the sleeper and the waker are two processes.
    let _ = rustix::thread::futex::wait(word.futex(), Flags::empty(), value, timeout.as_ref());
}

/// Wakes whoever sleeps on a word of this side. Whether somebody did.
pub(super) fn wake(word: &AtomicU32) -> bool {
    rustix::thread::futex::wake(word, Flags::empty(), i32::MAX as u32).is_ok_and(|woken| woken > 0)
}

/// Wakes whoever of this process sleeps on a word of the other side.
pub(super) fn wake_peer_word(word: PeerWord<'_>) {
    wake(word.futex());
}
