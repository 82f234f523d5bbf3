// SPDX-License-Identifier: MIT OR Apache-2.0
//! Rows that tables show, and where in the store they are.

use std::time::Duration;

use ipcon_observe::RowRates;
use ipcon_observe::linter::{Rule, Subject, Warning};
use ipcon_observe::model::{Channel, Group, Peer, QueueLatency, Source};

use super::Store;
use super::departed::Departed;
use crate::fielded::Fielded;
use crate::trouble;

/// One row to show: what it is and how fast it moves.
#[derive(Debug)]
pub struct Row<'a, T> {
    /// The peer, the group or the line of the log.
    pub item: &'a T,
    /// Rates of its counters; `None` when there is nothing to compare with, and for those gone.
    pub rates: Option<&'a RowRates>,
    /// How long the messages waited that it read lately; `None` when that is not known.
    pub waits: Option<&'a QueueLatency>,
    /// What is wrong with it, the worst first.
    pub warnings: &'a [Warning],
    /// How long it has been gone; `None` while it lives.
    pub gone: Option<Duration>,
    /// Time of the snapshot.
    pub now: Duration,
}

impl<T> Clone for Row<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Row<'_, T> {}

impl<'a, T> Row<'a, T> {
    /// A row of something that is there and has no more than itself.
    pub(super) fn of(item: &'a T, store: &Store) -> Self {
        Self {
            item,
            rates: None,
            waits: None,
            warnings: &[],
            gone: None,
            now: store.current.taken_at,
        }
    }

    /// The rate of a counter, per second.
    #[must_use]
    pub fn rate(&self, key: &str) -> Option<f64> {
        self.rates?.get(key)
    }
}

/// Things that a table can show.
pub trait Item: Fielded {
    /// What tells it from all others of its sort, for as long as the program runs.
    type Key: Clone + Ord + Send;

    /// See [`Item::Key`].
    fn key(&self) -> Self::Key;

    /// How many rows of this sort there are, those just gone included.
    fn count(store: &Store) -> usize;

    /// Row `index` of [`Item::count`], the living first.
    fn row(store: &Store, index: usize) -> Option<Row<'_, Self>>;

    /// Why there may be none, or not all. `None` when all there are can be seen.
    fn unseen(_: &Store) -> Option<String> {
        None
    }

    /// What is said when there are none.
    fn none(store: &Store) -> String {
        match Self::unseen(store) {
            Some(reason) => format!("nothing: {reason}"),
            None => "nothing yet".to_owned(),
        }
    }
}

/// Item `index` of the living in `rows`, then of the departed, and how long it has been gone.
fn pick<'a, T>(
    rows: &'a [T],
    departed: &'a [Departed<T>],
    index: usize,
    store: &Store,
) -> Option<Row<'a, T>> {
    if let Some(item) = rows.get(index) {
        return Some(Row::of(item, store));
    }
    let gone = departed.get(index - rows.len())?;
    Some(Row {
        gone: Some(store.current.taken_at.saturating_sub(gone.noticed)),
        ..Row::of(&gone.item, store)
    })
}

impl<'a, T> Row<'a, T> {
    /// The row with what is known of it beside itself, unless it is gone.
    fn with(self, store: &'a Store, subject: Subject, rates: Option<&'a RowRates>) -> Self {
        if self.gone.is_some() {
            return self;
        }
        Self {
            rates,
            warnings: store.warnings_about(subject),
            ..self
        }
    }
}

impl Item for Peer {
    type Key = u64;

    fn key(&self) -> u64 {
        self.id
    }

    fn count(store: &Store) -> usize {
        store.current.peers.len() + store.departed_peers.len()
    }

    fn row(store: &Store, index: usize) -> Option<Row<'_, Self>> {
        let row = pick(&store.current.peers, &store.departed_peers, index, store)?;
        let id = row.item.id;
        let row = row.with(store, Subject::Peer(id), store.rates.peer(id));
        let waits = store.waits.peer(id).filter(|_| row.gone.is_none());
        Some(Row { waits, ..row })
    }

    fn unseen(store: &Store) -> Option<String> {
        store.bus_absence().map(str::to_owned)
    }
}

impl Item for Group {
    type Key = u64;

    fn key(&self) -> u64 {
        self.id
    }

    fn count(store: &Store) -> usize {
        store.current.groups.len() + store.departed_groups.len()
    }

    fn row(store: &Store, index: usize) -> Option<Row<'_, Self>> {
        let row = pick(&store.current.groups, &store.departed_groups, index, store)?;
        let id = row.item.id;
        let row = row.with(store, Subject::Group(id), store.rates.group(id));
        Some(row)
    }

    fn unseen(store: &Store) -> Option<String> {
        store.bus_absence().map(str::to_owned)
    }
}

impl Item for Channel {
    type Key = u64;

    fn key(&self) -> u64 {
        self.id
    }

    fn count(store: &Store) -> usize {
        store.current.channels().len() + store.departed_channels.len()
    }

    fn row(store: &Store, index: usize) -> Option<Row<'_, Self>> {
        let row = pick(
            store.current.channels(),
            &store.departed_channels,
            index,
            store,
        )?;
        let id = row.item.id;
        let row = row.with(store, Subject::Channel(id), store.rates.channel(id));
        Some(row)
    }

    fn unseen(store: &Store) -> Option<String> {
        match &store.current.channels {
            None => store.absence(Source::Channels).map(str::to_owned),
            Some(channels) => channels.scan.gaps(),
        }
    }
}

impl Item for Warning {
    type Key = (Rule, Subject, String);

    fn key(&self) -> Self::Key {
        Warning::key(self)
    }

    fn count(store: &Store) -> usize {
        store.warnings.len()
    }

    fn row(store: &Store, index: usize) -> Option<Row<'_, Self>> {
        let item = store.warnings.get(index)?;
        Some(Row {
            warnings: std::slice::from_ref(item),
            ..Row::of(item, store)
        })
    }

    fn none(store: &Store) -> String {
        let unknown = store.bus_absence().map(trouble::unknown);
        unknown.unwrap_or("no warnings".to_owned())
    }
}
