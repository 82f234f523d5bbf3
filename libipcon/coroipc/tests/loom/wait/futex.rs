// SPDX-License-Identifier: MIT OR Apache-2.0
//! A futex as a condition variable: every wake wakes all, who then look again.

use std::time::Instant;

use loom::sync::{Condvar, Mutex};

use crate::sync::{AtomicU32, Ordering};

loom::lazy_static! {
    static ref KERNEL: (Mutex<()>, Condvar) = (Mutex::new(()), Condvar::new());
}

pub(super) fn sleep(
    shared: &AtomicU32,
    value: u32,
    private: Option<&AtomicU32>,
    _until: Option<Instant>,
) {
    let lock = KERNEL.0.lock().unwrap();
    let lives = private.is_none_or(|private| private.load(Ordering::SeqCst) == 0);
    if shared.load(Ordering::SeqCst) == value && lives {
        drop(KERNEL.1.wait(lock).unwrap());
    }
}

pub(super) fn wake(_shared: &AtomicU32) {
    notify();
}

pub(super) fn wake_all<'a>(
    private: Option<&AtomicU32>,
    shared: impl Iterator<Item = &'a AtomicU32>,
) {
    if private.is_some() {
        return notify();
    }
    for shared in shared {
        shared.fetch_add(1, Ordering::Release);
        notify();
    }
}

fn notify() {
    let _lock = KERNEL.0.lock().unwrap();
    KERNEL.1.notify_all();
}
