// SPDX-License-Identifier: MIT OR Apache-2.0
//! How many connections there are and how much memory they have, of each user and of all.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use crate::handshake::{Reason, Refusal};
use crate::statistics::{EndpointCounter, EndpointPage};

/// Bounds of what clients may have.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) connections: usize,
    /// Bytes of both sides' memory.
    pub(super) memory: usize,
}

/// What clients have. A connection counts from being accepted until nothing of it is left in this process: no descriptor
/// either that it sent and that takes long to close.
#[derive(Debug)]
pub(super) struct Ledger {
    all: Limits,
    each: Limits,
    used: Mutex<Used>,
    statistics: Arc<EndpointPage>,
}

#[derive(Debug, Default)]
struct Used {
    all: Share,
    by_user: HashMap<u32, Share>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Share {
    connections: usize,
    memory: usize,
}

/// What one connection has.
#[derive(Debug)]
pub(super) struct Entry {
    ledger: Arc<Ledger>,
    pub(super) uid: u32,
    /// It is changed under the ledger's lock.
    memory: AtomicUsize,
}

impl Ledger {
    pub(super) fn new(all: Limits, each: Limits, statistics: Arc<EndpointPage>) -> Arc<Self> {
        Arc::new(Self {
            all,
            each,
            used: Mutex::default(),
            statistics,
        })
    }

    /// Shows others what is used now.
    fn show(&self, used: &Used) {
        use EndpointCounter::{Connections, ConnectionsHigh, Memory, MemoryHigh};
        let page = &self.statistics;
        page.set(Connections, ConnectionsHigh, used.all.connections);
        page.set(Memory, MemoryHigh, used.all.memory);
    }

    /// A connection more, of a user.
    pub(super) fn enter(self: &Arc<Self>, uid: u32) -> Result<Entry, Refusal> {
        let mut used = self.used.lock();
        let user = used.by_user.get(&uid).copied().unwrap_or_default();
        if used.all.connections >= self.all.connections {
            return Err(too_much("too many connections"));
        }
        if user.connections >= self.each.connections {
            return Err(too_much("too many connections of this user"));
        }
        used.all.connections += 1;
        used.by_user.entry(uid).or_default().connections += 1;
        self.show(&used);
        drop(used);
        Ok(Entry {
            ledger: self.clone(),
            uid,
            memory: AtomicUsize::new(0),
        })
    }
}

impl Entry {
    /// Memory for the connection, before it is reserved.
    pub(super) fn reserve(&self, bytes: usize) -> Result<(), Refusal> {
        let ledger = &self.ledger;
        let mut used = ledger.used.lock();
        let user = used.by_user.get(&self.uid).copied().unwrap_or_default();
        let fits = |share: Share, most: Limits| bytes <= most.memory.saturating_sub(share.memory);
        if !fits(used.all, ledger.all) {
            return Err(too_much("too much memory of all connections"));
        }
        if !fits(user, ledger.each) {
            return Err(too_much("too much memory of this user's connections"));
        }
        used.all.memory += bytes;
        used.by_user.entry(self.uid).or_default().memory += bytes;
        self.memory.fetch_add(bytes, Ordering::Relaxed);
        ledger.show(&used);
        Ok(())
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut used = self.ledger.used.lock();
        used.all.connections -= 1;
        let memory = *self.memory.get_mut();
        used.all.memory -= memory;
        if let Some(user) = used.by_user.get_mut(&self.uid) {
            user.connections -= 1;
            user.memory -= memory;
            if user.connections == 0 {
                used.by_user.remove(&self.uid);
            }
        }
        self.ledger.show(&used);
    }
}

fn too_much(what: &str) -> Refusal {
    let retry_after = Duration::from_millis(100);
    Refusal::new(Reason::Overloaded { retry_after }, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_user_leaves_room_for_others() {
        let limits = |connections, memory| Limits {
            connections,
            memory,
        };
        let statistics = Arc::new(EndpointPage::new(None));
        let ledger = Ledger::new(limits(3, 100), limits(2, 60), statistics);
        let first = ledger.enter(1).unwrap();
        let second = ledger.enter(1).unwrap();
        assert!(ledger.enter(1).is_err());
        first.reserve(60).unwrap();
        assert!(first.reserve(1).is_err());
        let other = ledger.enter(2).unwrap();
        assert!(other.reserve(41).is_err());
        other.reserve(40).unwrap();
        assert!(ledger.enter(3).is_err());
        drop((first, second));
        other.reserve(20).unwrap();
        drop(other);
        assert!(ledger.used.lock().by_user.is_empty());
    }
}
