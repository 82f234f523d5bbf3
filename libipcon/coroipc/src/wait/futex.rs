// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sleeping on a word of shared memory and on one of this process alone, and waking who does.
//!
//! The other side can do to the shared word whatever the kernel lets it: move the sleeper to a word of its own
//! (`FUTEX_REQUEUE`), or have each wake-up refused (`FUTEX_LOCK_PI`). It cannot reach the private one, and a wake-up there
//! ends the sleep in any case.

use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::thread::futex::{Flags, Timespec, Wait, WaitFlags, WaitPtr, WaitvFlags, waitv};
use rustix::time::ClockId;

use crate::sync::{AtomicU32, Ordering};

/// How long a thread sleeps at most where the kernel cannot have it sleep on two words (Linux before 5.16, or a filter
/// that does not know the call). Nothing but the shared word can wake it there.
const LONGEST: Duration = Duration::from_secs(1);

/// Whether the kernel cannot have a thread sleep on two words.
static ONE_WORD_ONLY: AtomicBool = AtomicBool::new(false);

/// Sleeps for as long as `shared` is `value` and `private` is 0, neither is woken, and `until` has not come. It may also
/// return without any reason.
pub(super) fn sleep(shared: &AtomicU32, value: u32, private: &AtomicU32, until: Option<Instant>) {
    let left = until.map(|until| until.saturating_duration_since(Instant::now()));
    if !ONE_WORD_ONLY.load(Ordering::Relaxed) {
        let words = [
            wait(shared, value, WaitFlags::SIZE_U32),
            wait(private, 0, WaitFlags::SIZE_U32 | WaitFlags::PRIVATE),
        ];
        let until = left.map(|left| timespec(Duration::from_nanos(crate::clock::now()) + left));
        let clock = ClockId::Monotonic;
        match waitv(&words, WaitvFlags::empty(), until.as_ref(), clock) {
            Err(Errno::NOSYS | Errno::PERM) => ONE_WORD_ONLY.store(true, Ordering::Relaxed),
            // Whatever it returns, the caller looks again.
            _ => return,
        }
    }
    let left = timespec(left.unwrap_or(LONGEST).min(LONGEST));
    // Not private: the sleeper and the waker are two processes.
    let _ = rustix::thread::futex::wait(shared, Flags::empty(), value, Some(&left));
}

/// Wakes the thread that sleeps on the shared word: there is one at most.
pub(super) fn wake(shared: &AtomicU32) {
    let _ = rustix::thread::futex::wake(shared, Flags::empty(), 1);
}

/// Wakes all who sleep on the private word, which is not 0 any more. Those who sleep on a shared word alone are woken
/// there, if the other side lets them.
pub(super) fn wake_all<'a>(private: &AtomicU32, shared: impl FnOnce() -> Vec<&'a AtomicU32>) {
    let all = i32::MAX as u32;
    let _ = rustix::thread::futex::wake(private, Flags::PRIVATE, all);
    if ONE_WORD_ONLY.load(Ordering::Relaxed) {
        for shared in shared() {
            let _ = rustix::thread::futex::wake(shared, Flags::empty(), all);
        }
    }
}

fn wait(word: &AtomicU32, value: u32, flags: WaitFlags) -> Wait {
    let mut wait = Wait::new();
    wait.val = value.into();
    wait.uaddr = WaitPtr::new(word.as_ptr().cast());
    wait.flags = flags;
    wait
}

fn timespec(time: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: time.subsec_nanos().into(),
    }
}
