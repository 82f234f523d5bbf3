// SPDX-License-Identifier: MIT OR Apache-2.0

//! Network namespaces: each has a bus of its own.

use std::thread;

use rustix::thread::UnshareFlags;

/// Moves the calling thread into a new network namespace, together with the threads and processes that it starts from
/// now on.
pub fn enter_fresh_namespace() {
    // SAFETY: Only the network namespace changes; descriptors stay shared with the other threads.
    unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWNET) }
        .expect("make a network namespace");
}

/// Runs something on a thread of its own in a new network namespace.
pub fn elsewhere<T: Send>(body: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        let elsewhere = scope.spawn(|| {
            enter_fresh_namespace();
            body()
        });
        elsewhere
            .join()
            .expect("what ran in another network namespace panicked")
    })
}
