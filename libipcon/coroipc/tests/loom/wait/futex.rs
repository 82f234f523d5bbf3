// SPDX-License-Identifier: MIT OR Apache-2.0
//! A futex as a condition variable: every wake wakes all, who then look again.

use std::time::Duration;

use loom::sync::{Condvar, Mutex};

use crate::sync::{AtomicU32, Ordering};

loom::lazy_static! {
    static ref KERNEL: (Mutex<()>, Condvar) = (Mutex::new(()), Condvar::new());
}

pub(super) fn sleep(word: &AtomicU32, value: u32, _timeout: Option<Duration>) {
    let lock = KERNEL.0.lock().unwrap();
    if word.load(Ordering::SeqCst) == value {
        drop(KERNEL.1.wait(lock).unwrap());
    }
}

pub(super) fn wake(_word: &AtomicU32) {
    let _lock = KERNEL.0.lock().unwrap();
    KERNEL.1.notify_all();
}
