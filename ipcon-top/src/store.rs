// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is known of the bus over time: the newest snapshot, rates against the one before, who has just
//! gone, what was announced. Pure: time is that of the snapshots.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use ipcon_observe::fields::{
    BUS_FIELDS, CHANNEL_FIELDS, Field, GROUP_FIELDS, Kind, PEER_FIELDS, find,
};
use ipcon_observe::model::{Channel, Event, Group, Peer, Source, SourceState};
use ipcon_observe::{Rates, RowRates, Snapshot};

use crate::log_fields::LOG_FIELDS;

/// How long a row that is gone stays visible.
pub const RETAIN: Duration = Duration::from_secs(6);

/// Rates of the bus that are kept for the sparklines.
const HISTORY: usize = 60;

/// Lines of the event log that are kept.
const LOG: usize = 2000;

/// One row to show: what it is and how fast it moves.
#[derive(Debug)]
pub struct Row<'a, T> {
    /// The peer, the group or the line of the log.
    pub item: &'a T,
    /// Rates of its counters; `None` when there is nothing to compare with, and for those gone.
    pub rates: Option<&'a RowRates>,
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

impl<T> Row<'_, T> {
    /// The rate of a counter, per second.
    #[must_use]
    pub fn rate(&self, key: &str) -> Option<f64> {
        self.rates?.get(key)
    }
}

/// Things that a table can show.
pub trait Item: Sized + 'static {
    /// Number that tells it from all others of its sort, for as long as the program runs.
    fn id(&self) -> u64;

    /// Whether one of the texts it is known by holds `needle`, which is in lower case.
    fn matches(&self, needle: &str) -> bool;

    /// How many rows of this sort there are, those just gone included.
    fn count(store: &Store) -> usize;

    /// Row `index` of [`Item::count`], the living first.
    fn row(store: &Store, index: usize) -> Option<Row<'_, Self>>;

    /// What the filter, the choice of columns and the order can name. Empty when that is nothing.
    fn fields() -> &'static [Field<Self>] {
        &[]
    }

    /// Why there may be none, or not all. `None` when all there are can be seen.
    fn unseen(_: &Store) -> Option<String> {
        None
    }
}

/// A line of the event log.
#[derive(Debug, Clone, PartialEq)]
pub struct LogLine {
    /// Number of the line, from 1.
    pub number: u64,
    /// What it tells.
    pub what: Happened,
}

/// What a line of the event log tells.
#[derive(Debug, Clone, PartialEq)]
pub enum Happened {
    /// The kernel announced an arrival or a departure.
    Kevent(Event),
    /// Events were lost before they could be shown.
    Lost {
        /// Who lost them.
        source: Source,
        /// How many.
        events: u64,
        /// When it was noticed, `CLOCK_MONOTONIC`.
        noticed: Duration,
    },
    /// The module was loaded anew; all counters began again.
    Restarted {
        /// When it was noticed, `CLOCK_MONOTONIC`.
        noticed: Duration,
    },
    /// The bus cannot be read any more.
    BusGone {
        /// When it was noticed, `CLOCK_MONOTONIC`.
        noticed: Duration,
    },
    /// There is a bus now.
    BusFound {
        /// When it was noticed, `CLOCK_MONOTONIC`.
        noticed: Duration,
    },
}

#[derive(Debug, Clone)]
struct Departed<T> {
    item: T,
    noticed: Duration,
}

/// Everything the views draw from.
#[derive(Debug, Clone)]
pub struct Store {
    current: Arc<Snapshot>,
    rates: Rates,
    departed_peers: Vec<Departed<Peer>>,
    departed_groups: Vec<Departed<Group>>,
    departed_channels: Vec<Departed<Channel>>,
    history: VecDeque<RowRates>,
    log: VecDeque<LogLine>,
    logged: u64,
}

impl Store {
    /// Begins with a first snapshot.
    #[must_use]
    pub fn new(first: Arc<Snapshot>) -> Self {
        let mut store = Self {
            current: Arc::clone(&first),
            rates: Rates::default(),
            departed_peers: Vec::new(),
            departed_groups: Vec::new(),
            departed_channels: Vec::new(),
            history: VecDeque::new(),
            log: VecDeque::new(),
            logged: 0,
        };
        store.log_events(&first);
        store
    }

    /// Goes on to the next snapshot.
    pub fn absorb(&mut self, next: Arc<Snapshot>) {
        let before = std::mem::replace(&mut self.current, next);
        let now = Arc::clone(&self.current);
        match (&before.bus, &now.bus) {
            (Some(earlier), Some(bus)) if earlier.started_at == bus.started_at => {
                self.bury(&before, &now);
            }
            (None, None) => {}
            (earlier, bus) => {
                self.departed_peers.clear();
                self.departed_groups.clear();
                self.history.clear();
                let noticed = now.taken_at;
                self.push_log(match (earlier, bus) {
                    (None, _) => Happened::BusFound { noticed },
                    (_, None) => Happened::BusGone { noticed },
                    _ => Happened::Restarted { noticed },
                });
            }
        }
        self.bury_channels(&before, &now);
        self.rates = Rates::between(&before, &now);
        if !self.rates.bus().is_empty() {
            self.history.push_back(self.rates.bus().clone());
            if self.history.len() > HISTORY {
                self.history.pop_front();
            }
        }
        self.log_losses(&before, &now);
        self.log_events(&now);
    }

    /// The newest snapshot.
    #[must_use]
    pub fn snapshot(&self) -> &Snapshot {
        &self.current
    }

    /// Rates of the newest snapshot against the one before.
    #[must_use]
    pub fn rates(&self) -> &Rates {
        &self.rates
    }

    /// A counter of the bus as a whole.
    #[must_use]
    pub fn bus_total(&self, key: &str) -> Option<u64> {
        find(BUS_FIELDS, key)?.counter(self.current.bus.as_ref()?)
    }

    /// A counter of the bus per second; `None` before the second snapshot.
    #[must_use]
    pub fn bus_rate(&self, key: &str) -> Option<f64> {
        self.rates.bus().get(key)
    }

    /// What [`Store::bus_rate`] was, oldest first.
    pub fn bus_history<'a>(&'a self, key: &'a str) -> impl DoubleEndedIterator<Item = f64> + 'a {
        self.history
            .iter()
            .map(move |rates| rates.get(key).unwrap_or_default())
    }

    /// Why there is no bus to show; `None` while there is one.
    #[must_use]
    pub fn bus_absence(&self) -> Option<&str> {
        if self.current.bus.is_some() {
            return None;
        }
        Some(
            self.absence(Source::Dumps)
                .unwrap_or("the bus was not read"),
        )
    }

    /// Why a source tells nothing; `None` while it does.
    fn absence(&self, source: Source) -> Option<&str> {
        match &self.current.source(source)?.state {
            SourceState::On => None,
            SourceState::Off { reason } | SourceState::Failed { reason } => Some(reason),
        }
    }

    /// Events, counts and messages that the sources know to have lost.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.current.sources.iter().map(|source| source.lost).sum()
    }

    fn bury(&mut self, before: &Snapshot, now: &Snapshot) {
        let at = now.taken_at;
        retain(&mut self.departed_peers, at);
        retain(&mut self.departed_groups, at);
        let peers = before.peers.iter().filter(|p| now.peer(p.id).is_none());
        self.departed_peers.extend(peers.map(|p| Departed {
            item: p.clone(),
            noticed: at,
        }));
        let groups = before.groups.iter().filter(|g| now.group(g.id).is_none());
        self.departed_groups.extend(groups.map(|g| Departed {
            item: g.clone(),
            noticed: at,
        }));
    }

    /// While channels are not read, nobody knows which are gone.
    fn bury_channels(&mut self, before: &Snapshot, now: &Snapshot) {
        retain(&mut self.departed_channels, now.taken_at);
        if now.channels.is_none() {
            return;
        }
        let gone = before
            .channels()
            .iter()
            .filter(|c| now.channel(c.id).is_none());
        self.departed_channels.extend(gone.map(|c| Departed {
            item: c.clone(),
            noticed: now.taken_at,
        }));
    }

    fn log_losses(&mut self, before: &Snapshot, now: &Snapshot) {
        for status in &now.sources {
            let earlier = before.source(status.name).map_or(0, |s| s.lost);
            if status.lost > earlier {
                let events = status.lost - earlier;
                let noticed = now.taken_at;
                self.push_log(Happened::Lost {
                    source: status.name,
                    events,
                    noticed,
                });
            }
        }
    }

    fn log_events(&mut self, snapshot: &Snapshot) {
        for event in &snapshot.events {
            self.push_log(Happened::Kevent(event.clone()));
        }
    }

    fn push_log(&mut self, what: Happened) {
        self.logged += 1;
        self.log.push_back(LogLine {
            number: self.logged,
            what,
        });
        if self.log.len() > LOG {
            self.log.pop_front();
        }
    }
}

fn retain<T>(departed: &mut Vec<Departed<T>>, now: Duration) {
    departed.retain(|d| now.saturating_sub(d.noticed) < RETAIN);
}

/// Row `index` of the living in `rows`, then of the departed.
fn pick<'a, T>(
    rows: &'a [T],
    departed: &'a [Departed<T>],
    rates: impl Fn(&T) -> Option<&'a RowRates>,
    index: usize,
    now: Duration,
) -> Option<Row<'a, T>> {
    if let Some(item) = rows.get(index) {
        return Some(Row {
            item,
            rates: rates(item),
            gone: None,
            now,
        });
    }
    let gone = departed.get(index - rows.len())?;
    let since = now.saturating_sub(gone.noticed);
    Some(Row {
        item: &gone.item,
        rates: None,
        gone: Some(since),
        now,
    })
}

impl Item for Peer {
    fn id(&self) -> u64 {
        self.id
    }

    fn fields() -> &'static [Field<Self>] {
        PEER_FIELDS
    }

    fn matches(&self, needle: &str) -> bool {
        self.services.iter().any(|s| holds(&s.name, needle))
            || holds(&self.comm, needle)
            || self.port.to_string().contains(needle)
            || self.pid.to_string().contains(needle)
    }

    fn count(store: &Store) -> usize {
        store.current.peers.len() + store.departed_peers.len()
    }

    fn row(store: &Store, index: usize) -> Option<Row<'_, Self>> {
        let now = store.current.taken_at;
        let rates = |p: &Self| store.rates.peer(p.id);
        pick(
            &store.current.peers,
            &store.departed_peers,
            rates,
            index,
            now,
        )
    }

    fn unseen(store: &Store) -> Option<String> {
        store.bus_absence().map(str::to_owned)
    }
}

impl Item for Group {
    fn id(&self) -> u64 {
        self.id
    }

    fn fields() -> &'static [Field<Self>] {
        GROUP_FIELDS
    }

    fn matches(&self, needle: &str) -> bool {
        holds(&self.name, needle)
            || self
                .owner_name
                .as_ref()
                .is_some_and(|name| holds(name, needle))
            || self.owner_port.to_string().contains(needle)
    }

    fn count(store: &Store) -> usize {
        store.current.groups.len() + store.departed_groups.len()
    }

    fn row(store: &Store, index: usize) -> Option<Row<'_, Self>> {
        let now = store.current.taken_at;
        let rates = |g: &Self| store.rates.group(g.id);
        pick(
            &store.current.groups,
            &store.departed_groups,
            rates,
            index,
            now,
        )
    }

    fn unseen(store: &Store) -> Option<String> {
        store.bus_absence().map(str::to_owned)
    }
}

impl Item for Channel {
    fn id(&self) -> u64 {
        self.id
    }

    fn fields() -> &'static [Field<Self>] {
        CHANNEL_FIELDS
    }

    fn matches(&self, needle: &str) -> bool {
        let numbers = [self.server_pid, self.client_pid, self.service.into()];
        holds(&self.server_comm, needle)
            || numbers
                .iter()
                .any(|number| number.to_string().contains(needle))
    }

    fn count(store: &Store) -> usize {
        store.current.channels().len() + store.departed_channels.len()
    }

    fn row(store: &Store, index: usize) -> Option<Row<'_, Self>> {
        let now = store.current.taken_at;
        let rates = |c: &Self| store.rates.channel(c.id);
        let living = store.current.channels();
        pick(living, &store.departed_channels, rates, index, now)
    }

    fn unseen(store: &Store) -> Option<String> {
        match &store.current.channels {
            None => store.absence(Source::Channels).map(str::to_owned),
            Some(channels) => channels.scan.gaps(),
        }
    }
}

impl Item for LogLine {
    fn id(&self) -> u64 {
        self.number
    }

    fn fields() -> &'static [Field<Self>] {
        LOG_FIELDS
    }

    fn matches(&self, needle: &str) -> bool {
        let Happened::Kevent(event) = &self.what else {
            // A loss concerns whatever the user is looking for.
            return true;
        };
        event.name.as_ref().is_some_and(|name| holds(name, needle))
            || event.kind.key().contains(needle)
            || event
                .port
                .is_some_and(|port| port.to_string().contains(needle))
            || event.pid.to_string().contains(needle)
    }

    fn count(store: &Store) -> usize {
        store.log.len()
    }

    fn row(store: &Store, index: usize) -> Option<Row<'_, Self>> {
        let item = store.log.get(index)?;
        Some(Row {
            item,
            rates: None,
            gone: None,
            now: store.current.taken_at,
        })
    }
}

fn holds(text: &str, needle: &str) -> bool {
    text.to_lowercase().contains(needle)
}

/// The counters of a table of fields.
pub fn counters<T>(fields: &'static [Field<T>]) -> impl Iterator<Item = &'static Field<T>> {
    fields.iter().filter(|field| field.kind == Kind::Counter)
}

/// The field table of peers, groups or connections.
pub trait Fielded: Item {
    /// The table.
    const FIELDS: &'static [Field<Self>];
}

impl Fielded for Peer {
    const FIELDS: &'static [Field<Self>] = PEER_FIELDS;
}

impl Fielded for Channel {
    const FIELDS: &'static [Field<Self>] = CHANNEL_FIELDS;
}

impl Fielded for Group {
    const FIELDS: &'static [Field<Self>] = GROUP_FIELDS;
}
