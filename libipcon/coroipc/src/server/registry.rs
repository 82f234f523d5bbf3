// SPDX-License-Identifier: MIT OR Apache-2.0
//! The connections of an endpoint.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use parking_lot::{Condvar, Mutex};

use super::channel::Channel;
use crate::handshake::{Reason, Refusal};

/// The connections of an endpoint, and how many there have been.
#[derive(Debug, Default)]
pub(super) struct Registry {
    connections: Mutex<HashMap<u64, Arc<Channel>>>,
    one_less: Condvar,
    last: AtomicU64,
    refused: AtomicU64,
}

impl Registry {
    pub(super) fn next_number(&self) -> u64 {
        self.last.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(super) fn refused(&self, _reason: Reason) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn add(&self, channel: Arc<Channel>) {
        self.connections.lock().insert(channel.number, channel);
    }

    pub(super) fn remove(&self, channel: &Channel) {
        self.connections.lock().remove(&channel.number);
        self.one_less.notify_all();
    }

    pub(super) fn count(&self) -> usize {
        self.connections.lock().len()
    }

    pub(super) fn all(&self) -> Vec<Arc<Channel>> {
        self.connections.lock().values().cloned().collect()
    }

    /// Ends all connections, those with calls that are not answered, or events that
    /// wait for room, only at the deadline, and waits until they are
    /// gone.
    pub(super) fn end(&self, deadline: Instant) {
        let mut idle_only = true;
        loop {
            for channel in self.all() {
                if !idle_only || channel.is_idle() {
                    channel.refuse(Refusal::new(Reason::ShuttingDown, ""));
                }
            }
            let mut connections = self.connections.lock();
            if connections.is_empty() {
                return;
            }
            // A call that is answered tells nobody, so look again soon while there are some.
            let soon = Instant::now() + std::time::Duration::from_millis(2);
            self.one_less
                .wait_until(&mut connections, soon.min(deadline.max(soon)));
            idle_only = Instant::now() < deadline;
        }
    }
}
