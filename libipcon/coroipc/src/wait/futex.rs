// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sleeping on a word of shared memory, and waking who does.

use std::time::Duration;

use rustix::thread::futex::{Flags, Timespec};

use crate::sync::AtomicU32;

/// Sleeps for as long as the word is `value`, is not woken, and `timeout` has not passed. It may also
/// return without any reason.
pub(super) fn sleep(word: &AtomicU32, value: u32, timeout: Option<Duration>) {
    let timeout = timeout.map(|timeout| Timespec {
        tv_sec: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: timeout.subsec_nanos().into(),
    });
    // Whatever it returns, the caller looks again. Not private: the sleeper and the waker are two processes.
    let _ = rustix::thread::futex::wait(word, Flags::empty(), value, timeout.as_ref());
}

/// Wakes whoever sleeps on the word.
pub(super) fn wake(word: &AtomicU32) {
    let _ = rustix::thread::futex::wake(word, Flags::empty(), i32::MAX as u32);
}
