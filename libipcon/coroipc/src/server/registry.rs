// SPDX-License-Identifier: MIT OR Apache-2.0
//! The connections of an endpoint.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use parking_lot::{Condvar, Mutex};

use super::channel::Channel;
use super::endpoint::Shared;
use crate::handshake::{Reason, Refusal};
use crate::wait::End;

/// The connections of an endpoint, and how many there have been.
#[derive(Debug, Default)]
pub(super) struct Registry {
    connections: Mutex<HashMap<u64, Arc<Channel>>>,
    one_less: Condvar,
    last: AtomicU64,
}

/// A connection in the registry. When this goes, whyever that is, the connection is over and is taken out.
pub(super) struct Registered {
    shared: Arc<Shared>,
    pub(super) channel: Arc<Channel>,
}

impl Registered {
    pub(super) fn new(shared: Arc<Shared>, channel: Arc<Channel>) -> Self {
        let mut connections = shared.registry.connections.lock();
        connections.insert(channel.number, channel.clone());
        drop(connections);
        Self { shared, channel }
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.channel.end(End::Closed);
        self.shared.registry.remove(&self.channel);
    }
}

impl Registry {
    pub(super) fn next_number(&self) -> u64 {
        self.last.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn remove(&self, channel: &Channel) {
        self.connections.lock().remove(&channel.number);
        self.one_less.notify_all();
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
