// SPDX-License-Identifier: MIT OR Apache-2.0
//! The newest snapshots of the running program.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use ipcon_observe::Snapshot;

use super::Past;
use super::size::size_of_snapshot;

/// How far one can go back unless told otherwise.
pub const SPAN_DEFAULT: Duration = Duration::from_secs(600);

/// Most memory for snapshots, in bytes, as far as that can be estimated.
const MEMORY: usize = 128 << 20;

/// Most snapshots, however small.
const COUNT: usize = 20_000;

/// The newest snapshots: those of a span of time, fewer when there is no memory for so many.
#[derive(Debug)]
pub struct Ring {
    frames: VecDeque<Frame>,
    span: Duration,
    bytes: usize,
}

#[derive(Debug)]
struct Frame {
    snapshot: Arc<Snapshot>,
    bytes: usize,
}

impl Ring {
    /// Keeps what was taken at most `span` before the newest. The newest is always kept.
    #[must_use]
    pub fn new(span: Duration) -> Self {
        Self {
            frames: VecDeque::new(),
            span,
            bytes: 0,
        }
    }

    /// Adds the newest, and drops what is too old or too much.
    pub fn push(&mut self, snapshot: Arc<Snapshot>) {
        let oldest = snapshot.taken_at.saturating_sub(self.span);
        let bytes = size_of_snapshot(&snapshot);
        self.bytes += bytes;
        self.frames.push_back(Frame { snapshot, bytes });
        while self.frames.len() > 1 && (self.is_full() || self.time(0) < oldest) {
            if let Some(dropped) = self.frames.pop_front() {
                self.bytes -= dropped.bytes;
            }
        }
    }

    fn is_full(&self) -> bool {
        self.bytes > MEMORY || self.frames.len() > COUNT
    }
}

impl Past for Ring {
    fn len(&self) -> usize {
        self.frames.len()
    }

    fn time(&self, index: usize) -> Duration {
        self.frames
            .get(index)
            .map_or(Duration::ZERO, |frame| frame.snapshot.taken_at)
    }

    fn snapshot(&self, index: usize) -> anyhow::Result<Arc<Snapshot>> {
        let frame = self.frames.get(index);
        frame
            .map(|frame| Arc::clone(&frame.snapshot))
            .context("that moment is not kept any more")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ipcon_observe::model::Peer;

    fn snapshot(second: u64, peers: usize) -> Arc<Snapshot> {
        Arc::new(Snapshot {
            taken_at: Duration::from_secs(second),
            peers: vec![Peer::default(); peers],
            ..Snapshot::default()
        })
    }

    #[test]
    fn what_is_older_than_the_span_goes() {
        let mut ring = Ring::new(Duration::from_secs(3));
        assert!(ring.is_empty());
        for second in 10..20 {
            ring.push(snapshot(second, 0));
        }
        let times: Vec<u64> = (0..ring.len()).map(|i| ring.time(i).as_secs()).collect();
        assert_eq!(times, [16, 17, 18, 19]);
        assert_eq!(ring.snapshot(0).unwrap().taken_at, Duration::from_secs(16));
        assert!(ring.snapshot(4).is_err());
        ring.push(snapshot(100, 0));
        assert_eq!(ring.len(), 1, "the newest is always there");
    }

    #[test]
    fn memory_bounds_it_however_long_the_span() {
        let mut ring = Ring::new(Duration::MAX);
        let one = size_of_snapshot(&snapshot(0, 10_000));
        let fit = MEMORY / one;
        assert!(fit > 5, "{one} bytes");
        for second in 0..fit as u64 + 5 {
            ring.push(snapshot(second, 10_000));
        }
        assert_eq!(ring.len(), fit);
        assert_eq!(ring.bytes, one * fit);
        assert_eq!(ring.time(0), Duration::from_secs(5));
    }
}
