// SPDX-License-Identifier: MIT OR Apache-2.0
//! Snapshots of a recording that were read a moment ago.

use std::collections::VecDeque;
use std::sync::Arc;

use ipcon_observe::Snapshot;

use crate::history::{GONE_THROUGH, GONE_THROUGH_BYTES, size_of_snapshot};

/// Most snapshots, however small: those of one moment and of some steps beside it.
const COUNT: usize = GONE_THROUGH + 64;

/// Most memory for them, in bytes, as far as that can be estimated: likewise.
const MEMORY: usize = GONE_THROUGH_BYTES + (64 << 20);

/// The snapshots that were read last, with their numbers. The dashboard goes through many of them for one moment, and
/// through nearly the same for the one beside it.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// The newest last.
    snapshots: VecDeque<(usize, Arc<Snapshot>)>,
    bytes: usize,
}

impl Kept {
    /// Snapshot `index`, if it is kept.
    pub(super) fn get(&self, index: usize) -> Option<Arc<Snapshot>> {
        let found = self.snapshots.iter().find(|(number, _)| *number == index);
        found.map(|(_, snapshot)| Arc::clone(snapshot))
    }

    /// Keeps one that is not kept yet, and drops those that were read first, as far as there is no room.
    pub(super) fn put(&mut self, index: usize, snapshot: Arc<Snapshot>) {
        self.bytes += size_of_snapshot(&snapshot);
        self.snapshots.push_back((index, snapshot));
        while self.snapshots.len() > 1 && self.is_full() {
            if let Some((_, dropped)) = self.snapshots.pop_front() {
                self.bytes -= size_of_snapshot(&dropped);
            }
        }
    }

    fn is_full(&self) -> bool {
        self.snapshots.len() > COUNT || self.bytes > MEMORY
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ipcon_observe::model::Peer;

    fn snapshot(peers: usize) -> Arc<Snapshot> {
        Arc::new(Snapshot {
            peers: vec![Peer::default(); peers],
            ..Snapshot::default()
        })
    }

    /// What is gone through for the moment before is there.
    #[test]
    fn a_step_back_finds_all_that_the_moment_took() {
        let mut kept = Kept::default();
        for index in 100..100 + GONE_THROUGH {
            kept.put(index, snapshot(0));
        }
        kept.put(99, snapshot(0));
        assert!((99..99 + GONE_THROUGH).all(|index| kept.get(index).is_some()));
        for index in 1000..1000 + COUNT {
            kept.put(index, snapshot(0));
        }
        assert!(kept.get(99).is_none());
        assert_eq!(kept.snapshots.len(), COUNT);
    }

    #[test]
    fn memory_bounds_them() {
        let one = size_of_snapshot(&snapshot(10_000));
        let fit = MEMORY / one;
        assert!((5..COUNT).contains(&fit), "{one} bytes");
        let mut kept = Kept::default();
        for index in 0..fit + 5 {
            kept.put(index, snapshot(10_000));
        }
        assert_eq!((kept.snapshots.len(), kept.bytes), (fit, fit * one));
        assert!(kept.get(4).is_none() && kept.get(5).is_some());
        kept.put(1_000, snapshot(fit * 10_001));
        assert_eq!(kept.snapshots.len(), 1, "the last one is always kept");
    }
}
