// SPDX-License-Identifier: MIT OR Apache-2.0
//! On which processor a side runs, so that nobody spins for a side that the spinning keeps from running.
#![allow(unsafe_code)]

use crate::sync::{AtomicU32, Ordering};

/// The processor of the calling thread plus one, or 0 where it cannot be told.
#[inline]
pub(super) fn current() -> u32 {
    // SAFETY: It has no preconditions. (The C library reads it from memory that the kernel keeps up to date, which takes
    // a nanosecond; the function of the virtual DSO takes twenty.)
    let cpu = unsafe { libc::sched_getcpu() };
    u32::try_from(cpu).map_or(0, |cpu| cpu.wrapping_add(1))
}

/// Tells the other side where this thread runs. It is only written when it changes, so that the line stays shared.
#[inline]
pub(crate) fn publish_cpu(word: &AtomicU32) {
    let cpu = current();
    if word.load(Ordering::Relaxed) != cpu {
        word.store(cpu, Ordering::Relaxed);
    }
}
