// SPDX-License-Identifier: MIT OR Apache-2.0
//! The event log: what came and went, what went wrong, and what the observer missed.

use std::time::Duration;

use ipcon_observe::Snapshot;
use ipcon_observe::fields::Field;
use ipcon_observe::model::{Event, Source};

use super::exceptions::Mishap;
use super::log_fields::LOG_FIELDS;
use super::{Item, Row, Store};
use crate::fielded::Fielded;

/// Lines of the log that are kept.
const LOG: usize = 2000;

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

impl Store {
    pub(super) fn log_losses(&mut self, before: &Snapshot, now: &Snapshot) {
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

    pub(super) fn log_events(&mut self, snapshot: &Snapshot) {
        for event in &snapshot.events {
            self.push_log(Happened::Kevent(event.clone()));
        }
    }

    pub(super) fn push_log(&mut self, what: Happened) {
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
