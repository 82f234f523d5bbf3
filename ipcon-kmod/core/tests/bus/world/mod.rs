// SPDX-License-Identifier: GPL-2.0

//! A world for the bus on the host: sockets with bounded queues, a clock that ticks when it is
//! read, a trace log, and allocations that fail on demand.
//!
//! A [`Transport`] has no receiver to find its world by, so each thread [enters](World::enter) the
//! world of its test before it touches the bus.

mod wire;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use ipcon_core::bus::{Delivery, Resource, Trace};

pub use wire::{Body, Host, Packet, Received, Socket};

/// One thing that whoever traces the bus is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Traced {
    /// Something happened.
    Event(Trace),
    /// A message is put into a receive queue.
    Delivery(Delivery),
    /// This peer leaves a message unread.
    Unread(u64),
}

impl From<Trace> for Traced {
    fn from(event: Trace) -> Self {
        Self::Event(event)
    }
}

/// What the bus of one test sees beside its sockets.
#[derive(Debug, Default)]
pub struct World {
    clock: AtomicU64,
    ids: AtomicU64,
    traces: Mutex<Option<Vec<Traced>>>,
    kevents_fail: AtomicBool,
    copies_fail: AtomicBool,
    quotas: Mutex<BTreeMap<Resource, u64>>,
    queue_bytes_per_peer: Mutex<Option<u32>>,
}

thread_local! {
    static CURRENT: RefCell<Option<Arc<World>>> = const { RefCell::new(None) };
}

impl World {
    /// A new world, which the calling thread enters.
    pub fn new() -> Arc<Self> {
        let world = Arc::new(Self::default());
        world.enter();
        world
    }

    /// Makes this the world of the calling thread.
    pub fn enter(self: &Arc<Self>) {
        CURRENT.with(|current| *current.borrow_mut() = Some(Arc::clone(self)));
    }

    /// Keeps all trace events from now on.
    pub fn record(&self) {
        *self.traces.lock().unwrap() = Some(Vec::new());
    }

    /// Takes the events since the last call out of the log.
    pub fn take_traces(&self) -> Vec<Traced> {
        let mut traces = self.traces.lock().unwrap();
        let traces = traces.as_mut().expect("World::record comes first");
        std::mem::take(traces)
    }

    /// Whether messages of the kevent group cannot be allocated.
    pub fn fail_kevents(&self, fail: bool) {
        self.kevents_fail.store(fail, Ordering::Relaxed);
    }

    /// Whether copies of messages cannot be allocated.
    pub fn fail_copies(&self, fail: bool) {
        self.copies_fail.store(fail, Ordering::Relaxed);
    }

    /// Lets each user have so much of a resource; without a call there is no limit.
    pub fn limit(&self, resource: Resource, amount: u64) {
        self.quotas.lock().unwrap().insert(resource, amount);
    }

    /// Lets the queues of peers hold only so much.
    pub fn limit_queues(&self, bytes: u32) {
        *self.queue_bytes_per_peer.lock().unwrap() = Some(bytes);
    }

    fn queue_bytes_per_peer(&self) -> u32 {
        let bytes = self.queue_bytes_per_peer.lock();
        bytes
            .unwrap_or_else(PoisonError::into_inner)
            .unwrap_or(u32::MAX)
    }

    fn quota(&self, resource: Resource) -> u64 {
        let quotas = self.quotas.lock().unwrap_or_else(PoisonError::into_inner);
        quotas.get(&resource).copied().unwrap_or(u64::MAX)
    }

    fn current<R>(f: impl FnOnce(&Self) -> R) -> R {
        CURRENT.with(|current| match current.borrow().as_deref() {
            Some(world) => f(world),
            None => panic!("this thread has not entered a world: call World::enter in it"),
        })
    }

    fn tick(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// The time, which stays as it is.
    fn time(&self) -> u64 {
        self.clock.load(Ordering::Relaxed)
    }

    fn next_id(&self) -> u64 {
        self.ids.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn note(&self, event: impl Into<Traced>) {
        let mut traces = self.traces.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(traces) = traces.as_mut() {
            traces.push(event.into());
        }
    }
}
