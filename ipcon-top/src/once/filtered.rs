// SPDX-License-Identifier: MIT OR Apache-2.0
//! The rows of a report that pass a filter.

use std::time::Duration;

use ipcon_observe::RowRates;

use super::Report;
use crate::fielded::Fielded;
use crate::filter::{Filter, FilterError};
use crate::store::Row;

impl Report {
    /// The same with those rows only that pass a filter. Rows that do not have what it asks about do not pass; the bus as a
    /// whole, and what the sources and the probes say of themselves, stays.
    ///
    /// # Errors
    ///
    /// No rows have what it asks about.
    pub fn only(mut self, filter: &Filter) -> Result<Self, FilterError> {
        let now = self.snapshot.taken_at;
        self.unfiltered = Some(Box::new(self.snapshot.clone()));
        let mut sieve = Sieve {
            filter,
            now,
            error: None,
            fits: false,
        };
        let rates = &self.rates;
        let snapshot = &mut self.snapshot;
        sieve.sift(&mut snapshot.peers, |it| rates.peer(it.id));
        sieve.sift(&mut snapshot.groups, |it| rates.group(it.id));
        sieve.sift(&mut snapshot.flows, |it| rates.flow(it.key()));
        let mut none = (Vec::new(), Vec::new());
        let (connections, endpoints) = match &mut snapshot.channels {
            Some(found) => (&mut found.connections, &mut found.endpoints),
            None => (&mut none.0, &mut none.1),
        };
        sieve.sift(connections, |it| rates.channel(it.id));
        sieve.sift(endpoints, |it| rates.endpoint(it.id));
        sieve.sift(&mut self.events, |_| None);
        sieve.sift(&mut self.exceptions, |_| None);
        sieve.sift(&mut self.warnings, |_| None);
        if let (Some(error), false) = (sieve.error, sieve.fits) {
            return Err(error);
        }
        self.filter = Some(filter.text().to_owned());
        Ok(self)
    }
}

struct Sieve<'a> {
    filter: &'a Filter,
    /// Time of the report.
    now: Duration,
    /// Why the first rows that it makes no sense for cannot be asked.
    error: Option<FilterError>,
    /// Whether there are rows that can be.
    fits: bool,
}

impl Sieve<'_> {
    fn sift<'a, R: Fielded>(
        &mut self,
        rows: &mut Vec<R>,
        rates: impl Fn(&R) -> Option<&'a RowRates>,
    ) {
        match self.filter.compile::<R>() {
            Ok(filter) => {
                self.fits = true;
                rows.retain(|item| {
                    filter.matches(&Row {
                        item,
                        rates: rates(item),
                        waits: item.waits(),
                        warnings: &[],
                        gone: None,
                        now: self.now,
                    })
                });
            }
            Err(error) => {
                rows.clear();
                self.error.get_or_insert(error);
            }
        }
    }
}
