// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is known of the bus over time: the newest snapshot, rates against the one before, who has just
//! gone, what was announced. Pure: time is that of the snapshots.

mod departed;
pub mod exceptions;
mod log;
mod log_fields;
mod row;
pub mod streams;
pub mod waits;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use ipcon_observe::fields::{BUS_FIELDS, find};
use ipcon_observe::linter::{Linter, Objectives, Subject, Warning};
use ipcon_observe::model::{Channel, Group, Peer, SafeText, Source};
use ipcon_observe::senders::Senders;
use ipcon_observe::{Rates, RowRates, Snapshot};

use departed::Departed;
use streams::Streams;
use waits::Waits;

pub use log::{Happened, LogLine};
pub use row::{Item, Row};

/// How long a row that is gone stays visible.
pub const RETAIN: Duration = Duration::from_secs(6);

/// Rates of the bus that are kept for the sparklines.
const HISTORY: usize = 60;

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

    /// What a person calls the peer with this id, as [`Snapshot::peer_label`], even when it has just gone.
    #[must_use]
    pub fn peer_label(&self, id: u64, told: Option<&SafeText>) -> String {
        let mut departed = self.departed_peers.iter().map(|it| &it.item);
        let gone = departed.find(|peer| peer.id == id && self.current.peer(id).is_none());
        gone.map_or_else(|| self.current.peer_label(id, told), Peer::label)
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
        self.current.bus_absence()
    }

    /// Why a source tells nothing; `None` while it does.
    #[must_use]
    pub fn absence(&self, source: Source) -> Option<&str> {
        self.current.absence(source)
    }

    /// Events, counts and messages that the sources know to have lost.
    #[must_use]
    pub fn lost(&self) -> u64 {
        let lost = self.current.sources.iter().map(|source| source.lost);
        // What a recording says may be anything.
        lost.fold(0, u64::saturating_add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ipcon_observe::model::{SourceState, SourceStatus};

    #[test]
    fn losses_that_no_number_can_hold_are_the_most_there_can_be() {
        let source = |name, lost| SourceStatus {
            name,
            state: SourceState::On,
            lost,
            duration: None,
        };
        let sources = vec![source(Source::Probes, u64::MAX), source(Source::Kevents, 5)];
        let snapshot = Snapshot {
            sources,
            ..Snapshot::default()
        };
        assert_eq!(Store::new(snapshot.into()).lost(), u64::MAX);
    }
}
