// SPDX-License-Identifier: MIT OR Apache-2.0
//! One measurement, printed: two snapshots and what lies between them.

mod filtered;
mod flows;
mod json;
mod text;

use std::path::Path;
use std::time::{Duration, SystemTime};

use ipcon_observe::linter::{Linter, Objectives, Warning};
use ipcon_observe::model::{Event, Exception};
use ipcon_observe::{Rates, Snapshot, reconcile, reconcile::Reconciliation};

use crate::args::Format;
use crate::collect::SnapshotSource;
use crate::history::Past;
use crate::recording::{Moment, Recorded};

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
    /// What the rows had to pass; `None` when all are there.
    pub filter: Option<String>,
    /// The second snapshot before the filter took rows out of it.
    unfiltered: Option<Box<Snapshot>>,
}

impl Report {
    /// Makes the report of two snapshots.
    #[must_use]
    pub fn new(first: &Snapshot, second: Snapshot, at: SystemTime) -> Self {
        Self::judging_by(Objectives::default(), first, second, at)
    }

    /// Makes the report of two snapshots, and judges the second by these objectives.
    #[must_use]
    pub fn judging_by(
        objectives: Objectives,
        first: &Snapshot,
        second: Snapshot,
        at: SystemTime,
    ) -> Self {
        let rates = Rates::between(first, &second);
        let mut linter = Linter::new(objectives);
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
            filter: None,
            unfiltered: None,
        }
    }

    /// The second snapshot with all its rows: who is hidden by the filter still has a name.
    fn whole(&self) -> &Snapshot {
        self.unfiltered.as_deref().unwrap_or(&self.snapshot)
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
    measure_by(Objectives::default(), source, interval, wait)
}

/// Reads the bus twice, `interval` apart, and judges it by these objectives.
///
/// # Errors
///
/// The bus cannot be read.
pub fn measure_by(
    objectives: Objectives,
    source: &mut dyn SnapshotSource,
    interval: Duration,
    wait: impl FnOnce(Duration),
) -> anyhow::Result<Report> {
    let first = source.collect()?;
    wait(interval);
    let second = source.collect()?;
    let now = SystemTime::now();
    Ok(Report::judging_by(objectives, &first, second, now))
}

/// What a recording has of a moment, or of its end, with the rates against the frame before, judged by these objectives.
///
/// # Errors
///
/// The recording cannot be read, or does not have that moment.
pub fn of_recording(
    file: &Path,
    moment: Option<Moment>,
    objectives: Objectives,
) -> anyhow::Result<Report> {
    let recorded = Recorded::open(file)?;
    for gap in recorded.gaps() {
        eprintln!("ipcon-top: {gap}");
    }
    let last = recorded.len() - 1;
    let index = moment.map_or(Ok(last), |moment| recorded.find(moment))?;
    let second = recorded.snapshot(index)?;
    let at = recorded.at(index);
    match index.checked_sub(1) {
        Some(before) => Ok(Report::judging_by(
            objectives,
            &*recorded.snapshot(before)?,
            (*second).clone(),
            at,
        )),
        // Nothing happened between a moment and itself, so there are no rates.
        None => {
            let taken_at = second.taken_at;
            let before = Snapshot {
                taken_at,
                ..Snapshot::default()
            };
            let second = (*second).clone();
            Ok(Report::judging_by(objectives, &before, second, at))
        }
    }
}
