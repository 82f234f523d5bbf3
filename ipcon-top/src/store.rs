// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is known of the bus over time: the newest snapshot, rates against the one before, who has just
//! gone, what was announced. Pure: time is that of the snapshots.

pub mod exceptions;
pub mod streams;
pub mod waits;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use ipcon_observe::fields::{BUS_FIELDS, Field, find};
use ipcon_observe::linter::{Linter, Objectives, Rule, Subject, Warning};
use ipcon_observe::model::{Channel, Event, Group, Peer, QueueLatency, Source, SourceState};
use ipcon_observe::senders::Senders;
use ipcon_observe::{Rates, RowRates, Snapshot};

use crate::fielded::Fielded;
use crate::log_fields::LOG_FIELDS;
use exceptions::Mishap;
use streams::Streams;
use waits::Waits;

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
    fn of(item: &'a T, store: &Store) -> Self {
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
    /// A message or a request did not go as it should.
    Exception(Mishap),
    /// More of these than are shown.
    More {
        /// How many.
        exceptions: u64,
        /// When it was noticed, `CLOCK_MONOTONIC`.
        noticed: Duration,
    },
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
    senders: Senders,
    streams: Streams,
    waits: Waits,
    linter: Linter,
    /// The worst first.
    warnings: Vec<Warning>,
    /// The same by what they are about.
    warnings_about: BTreeMap<Subject, Vec<Warning>>,
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
        Self::judging_by(Objectives::default(), first)
    }

    /// Begins with a first snapshot, and judges it and those that follow by these objectives.
    #[must_use]
    pub fn judging_by(objectives: Objectives, first: Arc<Snapshot>) -> Self {
        let mut store = Self {
            current: Arc::clone(&first),
            rates: Rates::default(),
            senders: Senders::default(),
            streams: Streams::default(),
            waits: Waits::default(),
            linter: Linter::new(objectives),
            warnings: Vec::new(),
            warnings_about: BTreeMap::new(),
            departed_peers: Vec::new(),
            departed_groups: Vec::new(),
            departed_channels: Vec::new(),
            history: VecDeque::new(),
            log: VecDeque::new(),
            logged: 0,
        };
        store.judge(&first);
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
        self.waits.absorb(&before, &now, &self.rates);
        self.judge(&now);
        self.log_losses(&before, &now);
        self.log_events(&now);
        self.log_exceptions(&before, &now);
    }

    /// Works out who sends what to whom, and what is wrong.
    fn judge(&mut self, now: &Snapshot) {
        self.senders = Senders::of(now, &self.rates);
        self.streams = Streams::of(now, &self.rates);
        self.warnings = self.linter.look_with(now, &self.rates, &self.senders);
        self.warnings_about.clear();
        for warning in &self.warnings {
            let about = self.warnings_about.entry(warning.subject).or_default();
            about.push(warning.clone());
        }
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

    /// All that is wrong, the worst first.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// All that is wrong with one subject, the worst first.
    #[must_use]
    pub fn warnings_about(&self, subject: Subject) -> &[Warning] {
        self.warnings_about.get(&subject).map_or(&[], Vec::as_slice)
    }

    /// Who sends to whom.
    #[must_use]
    pub fn senders(&self) -> &Senders {
        &self.senders
    }

    /// How long messages waited until they were read.
    #[must_use]
    pub fn waits(&self) -> &Waits {
        &self.waits
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
    #[must_use]
    pub fn absence(&self, source: Source) -> Option<&str> {
        match &self.current.source(source)?.state {
            SourceState::On => None,
            SourceState::Off { reason } | SourceState::Failed { reason } => Some(reason),
        }
    }

    /// Events, counts and messages that the sources know to have lost.
    #[must_use]
    pub fn lost(&self) -> u64 {
        let lost = self.current.sources.iter().map(|source| source.lost);
        lost.fold(0, u64::saturating_add)
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

impl Fielded for LogLine {
    fn fields() -> &'static [Field<Self>] {
        LOG_FIELDS
    }

    fn matches(&self, needle: &str) -> bool {
        match &self.what {
            Happened::Kevent(event) => event.matches(needle),
            Happened::Exception(mishap) => mishap.matches(needle),
            // A loss concerns whatever the user is looking for.
            _ => true,
        }
    }
}

impl Item for LogLine {
    type Key = u64;

    fn key(&self) -> u64 {
        self.number
    }

    fn count(store: &Store) -> usize {
        store.log.len()
    }

    fn row(store: &Store, index: usize) -> Option<Row<'_, Self>> {
        Some(Row::of(store.log.get(index)?, store))
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
}
