// SPDX-License-Identifier: MIT OR Apache-2.0
//! A futex as a condition variable: every wake wakes all, who then look again.

use std::time::Instant;

use loom::sync::{Condvar, Mutex};

use crate::sync::{AtomicU32, Ordering};

loom::lazy_static! {
    static ref KERNEL: (Mutex<()>, Condvar) = (Mutex::new(()), Condvar::new());
}

pub(super) fn sleep(shared: &AtomicU32, value: u32, private: &AtomicU32, _until: Option<Instant>) {
    let lock = KERNEL.0.lock().unwrap();
    if shared.load(Ordering::SeqCst) == value && private.load(Ordering::SeqCst) == 0 {
        drop(KERNEL.1.wait(lock).unwrap());
    }
}

pub(super) fn wake(_shared: &AtomicU32) {
    let _lock = KERNEL.0.lock().unwrap();
    KERNEL.1.notify_all();
}

pub(super) fn wake_all<'a>(_private: &AtomicU32, _shared: impl FnOnce() -> Vec<&'a AtomicU32>) {
    let _lock = KERNEL.0.lock().unwrap();
    KERNEL.1.notify_all();
}
