// SPDX-License-Identifier: MIT OR Apache-2.0
//! Messages that were received and put back.

use std::collections::VecDeque;

// loom's own in the models of this file.
use super::sync::{AtomicUsize, Mutex, MutexGuard, Ordering, PoisonError};

/// What comes before anything that the socket holds; any number of threads may put back and take.
#[derive(Debug)]
pub(crate) struct Parked<T> {
    queue: Mutex<VecDeque<T>>,
    /// Length of the queue, so that nobody takes the lock for nothing.
    count: AtomicUsize,
}

impl<T> Parked<T> {
    pub(crate) fn new() -> Self {
        Self {
            queue: Mutex::new(VecDeque::new()),
            count: AtomicUsize::new(0),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count.load(Ordering::Acquire) == 0
    }

    /// Makes it the first that is taken.
    pub(crate) fn put_back(&self, item: T) {
        let mut queue = self.lock();
        queue.push_front(item);
        self.count.store(queue.len(), Ordering::Release);
    }

    pub(crate) fn take(&self) -> Option<T> {
        if self.is_empty() {
            return None;
        }
        let mut queue = self.lock();
        let item = queue.pop_front();
        self.count.store(queue.len(), Ordering::Release);
        item
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<T>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
