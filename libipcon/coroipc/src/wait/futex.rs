// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sleeping on a word of shared memory and on one of this process alone, and waking who does.
//!
//! The other side can do to the shared word whatever the kernel lets it: move the sleeper to a word of its own
//! (`FUTEX_REQUEUE`), or have each wake-up refused (`FUTEX_LOCK_PI`). It cannot reach the private one, and a wake-up there
//! ends the sleep in any case. That costs about 0.4 µs a sleep, so it is left out towards those who could as well end this
//! process.

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

/// Sleeps for as long as `shared` is `value` and `private`, where there is one, is 0, neither is woken, and `until` has not
/// come. It may also return without any reason.
pub(super) fn sleep(
    shared: &AtomicU32,
    value: u32,
    private: Option<&AtomicU32>,
    until: Option<Instant>,
) {
    let mut left = until.map(|until| until.saturating_duration_since(Instant::now()));
    if let Some(private) = private {
        left = match sleep_on_both(shared, value, private, left) {
            Ok(()) => return,
            Err(OneWordOnly) => Some(left.unwrap_or(LONGEST).min(LONGEST)),
        };
    }
    let left = left.map(timespec);
    // Not private: the sleeper and the waker are two processes.
    let _ = rustix::thread::futex::wait(shared, Flags::empty(), value, left.as_ref());
}

/// The kernel cannot have a thread sleep on two words.
struct OneWordOnly;

fn sleep_on_both(
    shared: &AtomicU32,
    value: u32,
    private: &AtomicU32,
    left: Option<Duration>,
) -> Result<(), OneWordOnly> {
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
            _ => return Ok(()),
        }
    }
    Err(OneWordOnly)
}

/// Wakes the thread that sleeps on the shared word: there is one at most.
pub(super) fn wake(shared: &AtomicU32) {
    let _ = rustix::thread::futex::wake(shared, Flags::empty(), 1);
}

/// Wakes all who sleep on the private word, where there is one, which is not 0 any more. Those who sleep on a shared word
/// alone are woken there, if the other side lets them. Who is about to sleep does not any more.
pub(super) fn wake_all<'a>(
    private: Option<&AtomicU32>,
    shared: impl Iterator<Item = &'a AtomicU32>,
) {
    let all = i32::MAX as u32;
    if let Some(private) = private {
        let _ = rustix::thread::futex::wake(private, Flags::PRIVATE, all);
        if !ONE_WORD_ONLY.load(Ordering::Relaxed) {
            return;
        }
    }
    for shared in shared {
        shared.fetch_add(1, Ordering::Release);
        let _ = rustix::thread::futex::wake(shared, Flags::empty(), all);
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
