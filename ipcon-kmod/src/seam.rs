// SPDX-License-Identifier: GPL-2.0

//! Collections, locks and counters of the kernel, with the interface that the bus is written against.
//!
//! `core/src/seam.rs` is its counterpart for the host.

use core::ptr::NonNull;

use kernel::alloc::AllocError;
use kernel::error::code;
use kernel::prelude::*;
use kernel::rbtree::{RBTree, RBTreeNodeReservation};
use kernel::sync::Mutex;
use kernel::sync::atomic::{Acquire, Atomic, AtomicFlag, Relaxed, Release};
use kernel::sync::lock::{Guard, mutex::MutexBackend};

pub(crate) use kernel::sync::Arc;

/// An allocation failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoMemory;

impl From<AllocError> for NoMemory {
    fn from(_: AllocError) -> Self {
        NoMemory
    }
}

impl From<NoMemory> for Error {
    fn from(_: NoMemory) -> Self {
        code::ENOMEM
    }
}

/// Owned or not at all: for what C allocates.
pub(crate) fn allocated<T>(pointer: *mut T) -> Result<NonNull<T>, NoMemory> {
    NonNull::new(pointer).ok_or(NoMemory)
}

/// Puts `value` into shared memory.
pub(crate) fn arc<T>(value: T) -> Result<Arc<T>, NoMemory> {
    Ok(Arc::new(value, GFP_KERNEL)?)
}

/// An ordered map whose insertion cannot fail once a [`Slot`] is there.
pub(crate) struct Map<K, V> {
    tree: RBTree<K, V>,
    len: usize,
}

/// Memory for one entry of a [`Map`].
pub(crate) struct Slot<K, V>(RBTreeNodeReservation<K, V>);

impl<K: Ord, V> Map<K, V> {
    /// An empty map.
    pub(crate) fn new() -> Self {
        Self {
            tree: RBTree::new(),
            len: 0,
        }
    }

    /// Allocates the memory for one entry.
    pub(crate) fn slot() -> Result<Slot<K, V>, NoMemory> {
        match RBTreeNodeReservation::new(GFP_KERNEL) {
            Ok(reservation) => Ok(Slot(reservation)),
            Err(_) => Err(NoMemory),
        }
    }

    /// Inserts an entry, replacing one of the same key.
    pub(crate) fn put(&mut self, slot: Slot<K, V>, key: K, value: V) {
        let replaced = self.tree.insert(slot.0.into_node(key, value));
        if replaced.is_none() {
            self.len += 1;
        }
    }

    /// The value of `key`.
    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.tree.get(key)
    }

    /// The value of `key`, to change.
    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.tree.get_mut(key)
    }

    /// Takes the entry of `key` out.
    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        let removed = self.tree.remove(key);
        if removed.is_some() {
            self.len -= 1;
        }
        removed
    }

    /// Takes the entry with the smallest key out.
    pub(crate) fn pop_first(&mut self) -> Option<(K, V)> {
        let (_, node) = self.tree.cursor_front_mut()?.remove_current();
        self.len -= 1;
        Some(node.to_key_value())
    }

    /// The value of the smallest key that is not below `key`.
    pub(crate) fn at_or_after(&self, key: &K) -> Option<&V>
    where
        K: Copy,
    {
        // The value that the cursor gives out lives no longer than the cursor, so look it up by its key.
        let found = *self.tree.cursor_lower_bound(key)?.current().0;
        self.tree.get(&found)
    }

    /// All values in order of their keys, to change.
    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.tree.values_mut()
    }

    /// Number of entries.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no entry.
    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl<K: Ord, V> Default for Map<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

/// A value behind a sleeping lock. Made by [`locked!`](crate::locked).
pub(crate) struct Locked<T>(Pin<KBox<Mutex<T>>>);

impl<T> Locked<T> {
    /// Wraps an initialiser. Use [`locked!`](crate::locked), which gives each lock its own class.
    pub(crate) fn from_init(init: impl PinInit<Mutex<T>>) -> Result<Self, NoMemory> {
        match KBox::pin_init(init, GFP_KERNEL) {
            Ok(mutex) => Ok(Self(mutex)),
            Err(_) => Err(NoMemory),
        }
    }

    /// Waits for the lock.
    pub(crate) fn lock(&self) -> Guard<'_, T, MutexBackend> {
        self.0.lock()
    }
}

/// Makes a [`Locked`](crate::seam::Locked) value; lockdep tells the locks apart by the place of the call.
#[macro_export]
macro_rules! locked {
    ($value:expr, $name:literal) => {
        $crate::seam::Locked::from_init(kernel::new_mutex!($value, $name))
    };
}

/// A number that several threads add to, without any order between its changes and others.
pub(crate) struct Counter(Atomic<u64>);

impl Counter {
    /// A counter at zero.
    pub(crate) const fn new() -> Self {
        Self(Atomic::new(0))
    }

    /// Adds `n`.
    pub(crate) fn add(&self, n: u64) {
        self.0.add(n, Relaxed);
    }

    /// Adds one and returns the sum.
    pub(crate) fn next(&self) -> u64 {
        self.0.fetch_add(1u64, Relaxed) + 1
    }

    /// The value now.
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

impl Default for Counter {
    fn default() -> Self {
        Self::new()
    }
}

/// An amount that is taken from a limited supply and given back.
pub(crate) struct Gauge(Atomic<u64>);

impl Gauge {
    /// Nothing taken.
    pub(crate) const fn new() -> Self {
        Self(Atomic::new(0))
    }

    /// Takes `n` more, unless the sum would be above `limit`.
    pub(crate) fn add_within(&self, n: u64, limit: u64) -> bool {
        let mut used = self.0.load(Relaxed);
        loop {
            let sum = match used.checked_add(n) {
                Some(sum) if sum <= limit => sum,
                _ => return false,
            };
            match self.0.cmpxchg(used, sum, Relaxed) {
                Ok(_) => return true,
                Err(now) => used = now,
            }
        }
    }

    /// Gives back `n` of what was taken.
    pub(crate) fn subtract(&self, n: u64) {
        self.0.fetch_sub(n, Relaxed);
    }
}

/// A truth that is set once and orders what was written before it.
pub(crate) struct Flag(AtomicFlag);

impl Flag {
    /// A flag with this value.
    pub(crate) fn new(value: bool) -> Self {
        Self(AtomicFlag::new(value))
    }

    /// Sets the flag.
    pub(crate) fn set(&self) {
        self.0.store(true, Release);
    }

    /// Whether the flag is set.
    pub(crate) fn get(&self) -> bool {
        self.0.load(Acquire)
    }
}
