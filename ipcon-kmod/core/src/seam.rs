// SPDX-License-Identifier: GPL-2.0

//! Collections, locks and counters of the host, with the fallible interfaces of the kernel's.
//!
//! With `cfg(loom)` everything that threads share is loom's, which tries every order in which the
//! threads may run and reports what is never freed.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::PoisonError;

#[cfg(loom)]
use loom::sync as shared;
#[cfg(not(loom))]
use std::sync as shared;

pub use shared::Arc;
use shared::atomic::{AtomicBool, AtomicU64, Ordering};
use shared::{Mutex, MutexGuard};

/// An allocation failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoMemory;

thread_local! {
    static RATION: Cell<Option<u32>> = const { Cell::new(None) };
}

/// Lets the calling thread allocate that many times more, as often as it likes with `None`, so that
/// a test can make each allocation of an operation fail in turn.
pub fn ration(allocations: Option<u32>) {
    RATION.set(allocations);
}

/// One allocation of the calling thread.
///
/// # Errors
///
/// [`NoMemory`] when its [`ration`] is used up.
pub fn allocate() -> Result<(), NoMemory> {
    match RATION.get() {
        None => Ok(()),
        Some(0) => Err(NoMemory),
        Some(left) => {
            RATION.set(Some(left - 1));
            Ok(())
        }
    }
}

/// Puts `value` into shared memory.
///
/// # Errors
///
/// [`NoMemory`] when the [`ration`] is used up.
pub fn arc<T>(value: T) -> Result<Arc<T>, NoMemory> {
    allocate()?;
    Ok(Arc::new(value))
}

/// An ordered map whose insertion cannot fail once a [`Slot`] is there.
#[derive(Debug)]
pub struct Map<K, V>(BTreeMap<K, V>);

/// Memory for one entry of a [`Map`].
#[derive(Debug)]
pub struct Slot<K, V>(PhantomData<(K, V)>);

impl<K: Ord, V> Map<K, V> {
    /// An empty map.
    pub fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Allocates the memory for one entry.
    ///
    /// # Errors
    ///
    /// [`NoMemory`] when the [`ration`] is used up.
    pub fn slot() -> Result<Slot<K, V>, NoMemory> {
        allocate()?;
        Ok(Slot(PhantomData))
    }

    /// Inserts an entry, replacing one of the same key.
    pub fn put(&mut self, _slot: Slot<K, V>, key: K, value: V) {
        self.0.insert(key, value);
    }

    /// The value of `key`.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.0.get(key)
    }

    /// The value of `key`, to change.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.0.get_mut(key)
    }

    /// Takes the entry of `key` out.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        self.0.remove(key)
    }

    /// Takes the entry with the smallest key out.
    pub fn pop_first(&mut self) -> Option<(K, V)> {
        self.0.pop_first()
    }

    /// The value of the smallest key that is not below `key`.
    pub fn at_or_after(&self, key: &K) -> Option<&V> {
        self.0.range(key..).next().map(|(_, value)| value)
    }

    /// All values in order of their keys, to change.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.0.values_mut()
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<K: Ord, V> Default for Map<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

/// A value behind a sleeping lock. Made by [`locked!`](crate::locked).
#[derive(Debug)]
pub struct Locked<T>(Mutex<T>);

impl<T> Locked<T> {
    /// Wraps `value`. Use [`locked!`](crate::locked), which gives each lock its own class in the
    /// kernel.
    ///
    /// # Errors
    ///
    /// [`NoMemory`] when the [`ration`] is used up.
    pub fn from_value(value: T) -> Result<Self, NoMemory> {
        allocate()?;
        Ok(Self(Mutex::new(value)))
    }

    /// Waits for the lock. A holder that panicked fails its own test; the others go on.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes a [`Locked`] value; the kernel's lockdep tells the locks apart by the place of the call.
#[macro_export]
macro_rules! locked {
    ($value:expr, $name:literal) => {
        $crate::seam::Locked::from_value($value)
    };
}

/// A number that several threads add to, without any order between its changes and others.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// A counter at zero.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds `n`.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// The value now.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// An amount that is taken from a limited supply and given back.
#[derive(Debug, Default)]
pub struct Gauge(AtomicU64);

impl Gauge {
    /// Nothing taken.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes `n` more, unless the sum would be above `limit`.
    pub fn add_within(&self, n: u64, limit: u64) -> bool {
        let within = |used: u64| used.checked_add(n).filter(|sum| *sum <= limit);
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, within)
            .is_ok()
    }

    /// Gives back `n` of what was taken.
    pub fn subtract(&self, n: u64) {
        self.0.fetch_sub(n, Ordering::Relaxed);
    }

    /// What is taken now.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A truth that is set once and orders what was written before it.
#[derive(Debug, Default)]
pub struct Flag(AtomicBool);

impl Flag {
    /// A flag with this value.
    pub fn new(value: bool) -> Self {
        Self(AtomicBool::new(value))
    }

    /// Sets the flag.
    pub fn set(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether the flag is set.
    pub fn get(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}
