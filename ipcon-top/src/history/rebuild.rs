// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the dashboard knew at a moment, from the snapshots before it.

use std::sync::Arc;
use std::time::Duration;

use ipcon_observe::Snapshot;

use super::Past;
use crate::store::{RETAIN, Store};

/// Snapshots with all their rows that are gone through, beside those that [`RETAIN`] asks for: as many as there are
/// points in a sparkline.
const FULL: usize = 60;

/// Snapshots before those whose events go into the log.
const LOGGED: usize = 600;

/// Rows that are gone through. On a large bus a step back would take too long otherwise.
const ROWS: usize = 200_000;

/// What was known when snapshot `index` was the newest: rates against the one before, rows that had just gone, and the log
/// of the time before, as far as it can be told without reading all of the past.
///
/// # Errors
///
/// There is no such snapshot, or one cannot be read.
pub fn store_at(past: &dyn Past, index: usize) -> anyhow::Result<Store> {
    let last = past.snapshot(index)?;
    let affordable = ROWS / rows(&last).max(1);
    let sparkline = index.saturating_sub(FULL.min(affordable));
    let full = sparkline.min(first_that_matters(past, index, last.taken_at));
    let logged = full.saturating_sub(LOGGED.min(affordable));

    let mut store: Option<Store> = None;
    for i in logged..=index {
        let snapshot = if i == index {
            Arc::clone(&last)
        } else if i < full {
            Arc::new(without_rows(&*past.snapshot(i)?))
        } else {
            past.snapshot(i)?
        };
        match &mut store {
            Some(store) => store.absorb(snapshot),
            None => store = Some(Store::new(snapshot)),
        }
    }
    Ok(store.unwrap_or_else(|| Store::new(last)))
}

/// The last snapshot before those in which a row may have gone that is still shown at `time`.
fn first_that_matters(past: &dyn Past, index: usize, time: Duration) -> usize {
    let oldest = time.saturating_sub(RETAIN);
    super::at_or_before(past, oldest)
        .unwrap_or(0)
        .min(index.saturating_sub(1))
}

fn rows(snapshot: &Snapshot) -> usize {
    snapshot.peers.len()
        + snapshot.groups.len()
        + snapshot.flows.len()
        + snapshot.channels().len()
        + snapshot.endpoints().len()
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
    use ipcon_observe::model::{Bus, Counters, Event, Peer};

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
            let again = store_at(&ring, second as usize).unwrap();
            assert_eq!(peers(&again), peers(&shown), "second {second}");
            assert_eq!(log(&again), log(&shown), "second {second}");
            let history = |store: &Store| store.bus_history("sent_messages").count();
            assert_eq!(history(&again), history(&shown), "second {second}");
        }
        assert_eq!(
            peers(&store_at(&ring, 0).unwrap())[2],
            (1000, false, None),
            "with nothing before it there is no rate"
        );
        assert!(store_at(&ring, 150).is_err());
    }
}
