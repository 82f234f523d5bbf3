// SPDX-License-Identifier: MIT OR Apache-2.0
//! What threads share beside sockets and locks, in every order in which they may run:
//! `cargo xtask test --only loom`.

#![cfg(loom)]
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

#[path = "../src/receiver/parked.rs"]
mod parked;

mod sync {
    pub(crate) use std::sync::PoisonError;

    pub(crate) use loom::sync::atomic::{AtomicUsize, Ordering};
    pub(crate) use loom::sync::{Mutex, MutexGuard};
}

use loom::sync::Arc;
use loom::thread;
use parked::Parked;

/// Each thread puts one back and takes one, as a receive with a small buffer and one after it do.
#[test]
fn what_is_put_back_is_taken_once() {
    loom::model(|| {
        let parked = Arc::new(Parked::new());
        let other = parked.clone();
        let thread = thread::spawn(move || {
            other.put_back(1);
            other.take()
        });
        parked.put_back(2);
        let ours = parked.take();
        let mut taken = vec![ours, thread.join().unwrap(), parked.take()];
        taken.sort_unstable();
        // Whoever has put one back finds one, and nothing is left or there twice.
        assert_eq!(taken, [None, Some(1), Some(2)]);
        assert!(parked.is_empty());
    });
}

/// Somebody who saw that nothing is there goes to the socket; what was put back before that must be seen.
#[test]
fn what_was_put_back_before_is_seen() {
    loom::model(|| {
        let parked = Arc::new(Parked::new());
        parked.put_back(1);
        let takers: Vec<_> = (0..2)
            .map(|_| {
                let parked = parked.clone();
                thread::spawn(move || parked.take())
            })
            .collect();
        let mut taken: Vec<_> = takers.into_iter().map(|it| it.join().unwrap()).collect();
        taken.sort_unstable();
        assert_eq!(taken, [None, Some(1)]);
    });
}
