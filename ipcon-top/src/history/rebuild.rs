// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the dashboard knew at a moment, from the snapshots before it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use ipcon_observe::Snapshot;
use ipcon_observe::linter::Objectives;

use super::{Past, size_of_snapshot};
use crate::store::{RETAIN, Store};

/// Snapshots with all their rows that are gone through, beside those that [`RETAIN`] asks for: as many as there are
/// points in a sparkline.
const FULL: usize = 60;

/// Snapshots before those whose events go into the log.
const LOGGED: usize = 600;

/// Bytes of snapshots that are gone through, roughly: 20 of a bus with 10,000 peers. On a large bus a step back would take
/// too long otherwise.
pub(crate) const GONE_THROUGH_BYTES: usize = 160 << 20;

/// Most snapshots that are gone through for one moment.
pub(crate) const GONE_THROUGH: usize = FULL + LOGGED + 1;

/// What was known when snapshot `index` was the newest: rates against the one before, rows that had just gone, and the log
/// of the time before, as far as it can be told without reading all of the past. What was wrong is judged by `objectives`.
///
/// # Errors
///
/// There is no such snapshot, or it cannot be read. What cannot be read of those before is not gone through.
pub fn store_at(past: &dyn Past, index: usize, objectives: Objectives) -> anyhow::Result<Store> {
    let last = past.snapshot(index)?;
    let sparkline = index.saturating_sub(FULL);
    let full = sparkline.min(first_that_matters(past, index, last.taken_at));
    let mut bytes = size_of_snapshot(&last);
    let mut before = Vec::new();
    // However many were taken at one time, and however large those before are.
    for i in (sparkline.saturating_sub(LOGGED)..index).rev() {
        // There are no rates without one before.
        if bytes > GONE_THROUGH_BYTES && !before.is_empty() {
            break;
        }
        let Ok(snapshot) = past.snapshot(i) else {
            break;
        };
        bytes = bytes.saturating_add(size_of_snapshot(&snapshot));
        before.push(if i < full {
            Arc::new(without_rows(&snapshot))
        } else {
            snapshot
        });
    }
    let mut in_order = before.into_iter().rev().chain([last]);
    let first = in_order.next().context("there is no snapshot")?;
    let mut store = Store::judging_by(objectives, first);
    in_order.for_each(|snapshot| store.absorb(snapshot));
    Ok(store)
}

/// The last snapshot before those in which a row may have gone that is still shown at `time`.
fn first_that_matters(past: &dyn Past, index: usize, time: Duration) -> usize {
    let oldest = time.saturating_sub(RETAIN);
    super::at_or_before(past, oldest)
        .unwrap_or(0)
        .min(index.saturating_sub(1))
}

/// What goes into the log and the sparklines of the bus.
fn without_rows(snapshot: &Snapshot) -> Snapshot {
    Snapshot {
        taken_at: snapshot.taken_at,
        consistent: snapshot.consistent,
        bus: snapshot.bus.clone(),
        kevents: snapshot.kevents,
        events: snapshot.events.clone(),
        exceptions: snapshot.exceptions.clone(),
        sources: snapshot.sources.clone(),
        ..Snapshot::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Ring;
    use crate::store::{Happened, Item, LogLine};
    use ipcon_observe::model::{Bus, Counters, Event, Group, Peer, SourceState, SourceStatus};
    use std::cell::Cell;

    /// A bus in which peer `second` is there in its second and the next only, and peer 1000 always.
    fn snapshot(second: u64) -> Arc<Snapshot> {
        let peer = |id, sent| Peer {
            id,
            counters: Counters {
                sent_unicast_messages: sent,
                ..Counters::default()
            },
            ..Peer::default()
        };
        Arc::new(Snapshot {
            taken_at: Duration::from_secs(100 + second),
            bus: Some(Bus::default()),
            peers: vec![
                peer(second, 0),
                peer(second + 1, 0),
                peer(1000, second * second),
            ],
            events: vec![Event {
                sequence: second,
                ..Event::default()
            }],
            ..Snapshot::default()
        })
    }

    fn peers(store: &Store) -> Vec<(u64, bool, Option<f64>)> {
        let rows = (0..Peer::count(store)).filter_map(|i| Peer::row(store, i));
        rows.map(|row| (row.item.id, row.gone.is_some(), row.rate("sent_messages")))
            .collect()
    }

    fn log(store: &Store) -> Vec<u64> {
        let lines = (0..LogLine::count(store)).filter_map(|i| LogLine::row(store, i));
        let sequence = |line: &LogLine| match &line.what {
            Happened::Kevent(event) => event.sequence,
            other => panic!("{other:?}"),
        };
        lines.map(|row| sequence(row.item)).collect()
    }

    #[test]
    fn a_past_moment_is_what_was_shown_then() {
        let mut ring = Ring::new(Duration::from_secs(1000));
        ring.push(snapshot(0));
        let mut shown = Store::new(snapshot(0));
        for second in 1..150 {
            ring.push(snapshot(second));
            shown.absorb(snapshot(second));
            let again = store_at(&ring, second as usize, Objectives::default()).unwrap();
            assert_eq!(peers(&again), peers(&shown), "second {second}");
            assert_eq!(log(&again), log(&shown), "second {second}");
            let history = |store: &Store| store.bus_history("sent_messages").count();
            assert_eq!(history(&again), history(&shown), "second {second}");
        }
        assert_eq!(
            peers(&store_at(&ring, 0, Objectives::default()).unwrap())[2],
            (1000, false, None),
            "with nothing before it there is no rate"
        );
        assert!(store_at(&ring, 150, Objectives::default()).is_err());
    }

    /// As many moments as one wants, all with the same snapshot, of which some cannot be read.
    struct Same {
        snapshot: Arc<Snapshot>,
        count: usize,
        unreadable: Option<usize>,
        read: Cell<usize>,
    }

    impl Same {
        fn new(snapshot: Snapshot) -> Self {
            Self {
                snapshot: Arc::new(snapshot),
                count: 100_000,
                unreadable: None,
                read: Cell::new(0),
            }
        }
    }

    impl Past for Same {
        fn len(&self) -> usize {
            self.count
        }

        fn time(&self, _: usize) -> Duration {
            self.snapshot.taken_at
        }

        fn snapshot(&self, index: usize) -> anyhow::Result<Arc<Snapshot>> {
            anyhow::ensure!(self.unreadable != Some(index), "it cannot be read");
            self.read.set(self.read.get() + 1);
            Ok(Arc::clone(&self.snapshot))
        }
    }

    #[test]
    fn a_moment_of_very_many_snapshots_is_not_gone_through_to_its_beginning() {
        let past = Same::new(Snapshot::default());
        store_at(&past, 99_999, Objectives::default()).unwrap();
        assert_eq!(past.read.get(), 1 + FULL + LOGGED);
    }

    #[test]
    fn few_snapshots_are_gone_through_where_they_are_large() {
        let group = Group {
            member_ids: vec![1; GONE_THROUGH_BYTES / 3 / size_of::<u64>()],
            ..Group::default()
        };
        let past = Same::new(Snapshot {
            groups: vec![group],
            ..Snapshot::default()
        });
        store_at(&past, 99_999, Objectives::default()).unwrap();
        assert_eq!(past.read.get(), 3);
        let reason = "x".repeat(GONE_THROUGH_BYTES);
        let past = Same::new(Snapshot {
            sources: vec![SourceStatus {
                state: SourceState::Off { reason },
                ..SourceStatus::default()
            }],
            ..Snapshot::default()
        });
        store_at(&past, 99_999, Objectives::default()).unwrap();
        assert_eq!(past.read.get(), 2, "rates need one before");
    }

    #[test]
    fn a_snapshot_that_cannot_be_read_keeps_no_later_one_from_being_shown() {
        let mut past = Same::new(Snapshot::default());
        past.unreadable = Some(50);
        store_at(&past, 52, Objectives::default()).unwrap();
        assert_eq!(past.read.get(), 2);
        assert!(store_at(&past, 50, Objectives::default()).is_err());
    }
}
