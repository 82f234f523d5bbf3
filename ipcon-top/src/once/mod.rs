// SPDX-License-Identifier: MIT OR Apache-2.0
//! One measurement, printed: two snapshots and what lies between them.

mod flows;
mod json;
mod text;

use std::time::{Duration, SystemTime};

use ipcon_observe::linter::{Linter, Warning};
use ipcon_observe::model::{Event, Exception};
use ipcon_observe::{Rates, Snapshot, reconcile, reconcile::Reconciliation};

use crate::args::Format;
use crate::collect::SnapshotSource;

pub use json::SCHEMA_VERSION;

/// Everything a report is made of.
#[derive(Debug)]
pub struct Report {
    /// Wall-clock time of the second snapshot.
    pub at: SystemTime,
    /// The second snapshot.
    pub snapshot: Snapshot,
    /// From the first to the second.
    pub rates: Rates,
    /// What is wrong, the worst first.
    pub warnings: Vec<Warning>,
    /// Events of both, oldest first.
    pub events: Vec<Event>,
    /// Exceptions of both, oldest first.
    pub exceptions: Vec<Exception>,
    /// The module's counts held against those of the probes; `None` without probes.
    pub reconciliation: Option<Reconciliation>,
}

impl Report {
    /// Makes the report of two snapshots.
    #[must_use]
    pub fn new(first: &Snapshot, second: Snapshot, at: SystemTime) -> Self {
        let rates = Rates::between(first, &second);
        let mut linter = Linter::default();
        linter.look(first, &Rates::default());
        Self {
            at,
            warnings: linter.look(&second, &rates),
            rates,
            events: first.events.iter().chain(&second.events).cloned().collect(),
            exceptions: first
                .exceptions
                .iter()
                .chain(&second.exceptions)
                .cloned()
                .collect(),
            reconciliation: reconcile(&second),
            snapshot: second,
        }
    }

    /// The report as text, ending in a line feed.
    ///
    /// # Errors
    ///
    /// The JSON form cannot be made, which means that a number in it is not finite.
    pub fn print(&self, format: Format) -> anyhow::Result<String> {
        match format {
            Format::Text => Ok(text::print(self)),
            Format::Json => json::print(self),
        }
    }
}

/// Reads the bus twice, `interval` apart.
///
/// # Errors
///
/// The bus cannot be read.
pub fn measure(
    source: &mut dyn SnapshotSource,
    interval: Duration,
    wait: impl FnOnce(Duration),
) -> anyhow::Result<Report> {
    let first = source.collect()?;
    wait(interval);
    let second = source.collect()?;
    Ok(Report::new(&first, second, SystemTime::now()))
}
