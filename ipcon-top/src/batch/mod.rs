// SPDX-License-Identifier: MIT OR Apache-2.0
//! `ipcon-top batch`: rows for other programs, once an interval, or of each frame of a recording.
//!
//! Every form is made from the field table: `rows` looks up the fields that were asked for in each row, and one file
//! beside this one writes them in one form.

mod columns;
mod csv;
mod json;
mod listing;
mod openmetrics;
mod rows;
#[cfg(test)]
mod tests;
mod text;

use std::io::{self, BufWriter, ErrorKind, Write};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use ipcon_observe::linter::{Linter, Objectives, Warning};
use ipcon_observe::{Rates, Snapshot};

use crate::args::{Sources, interval};
use crate::collect::SnapshotSource;
use crate::complaint::Complaint;
use crate::history::Past;
use crate::judging::Judging;
use crate::pulse::Pulse;
use crate::recording::{From, Moment, Recorded};

pub use listing::{Fields, list};
pub use rows::{Rows, Table};

/// Options of `batch`.
#[derive(Debug, Clone, Args)]
pub struct Batch {
    /// Which rows
    #[arg(long, value_enum, value_name = "ROWS", default_value_t)]
    pub rows: Rows,
    /// In which form
    #[arg(short, long, value_enum, value_name = "FORM", default_value_t)]
    pub output: Output,
    /// Which fields, such as `name,sent_messages,sent_messages/s`, by any word that a filter has for them; `help` tells all
    /// there are
    #[arg(long, value_name = "FIELD,...")]
    pub fields: Option<String>,
    /// Only rows that this filter lets pass, as the dashboard has it
    #[arg(long, value_name = "FILTER")]
    pub filter: Option<String>,
    /// End after so many blocks
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub blocks: Option<u64>,
    /// Time from one block to the next, 250ms to 60s
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = interval)]
    pub interval: Duration,
    /// A recording to print instead of what is there now.
    #[command(flatten)]
    pub recording: From,
    /// By what is judged what is wrong; for warnings alone.
    #[command(flatten)]
    pub judging: Judging,
    /// Where the numbers come from.
    #[command(flatten)]
    pub sources: Sources,
}

/// In which form to print.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// Tables for people
    #[default]
    Text,
    /// One JSON object for each block
    Json,
    /// One JSON object for each row
    Jsonl,
    /// Comma-separated values as in RFC 4180
    Csv,
    /// One OpenMetrics exposition with time stamps of all blocks, at the end
    Openmetrics,
}

/// Wall-clock time as in RFC 3339, UTC.
fn wall_clock(at: SystemTime) -> String {
    humantime::format_rfc3339_millis(at).to_string()
}

/// What is printed as one block.
#[derive(Debug)]
pub struct Seen {
    /// Wall-clock time.
    pub at: SystemTime,
    /// The bus.
    pub snapshot: Arc<Snapshot>,
    /// Against the snapshot before; none for the first of a recording.
    pub rates: Rates,
    /// What is wrong, the worst first; empty when nobody asked for it.
    pub warnings: Vec<Warning>,
}

/// Writes blocks in one form.
pub trait Printer {
    /// Writes what comes before the first block.
    ///
    /// # Errors
    ///
    /// `out` cannot be written.
    fn begin(&mut self, _out: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }

    /// Writes one block.
    ///
    /// # Errors
    ///
    /// `out` cannot be written.
    fn block(&mut self, seen: &Seen, out: &mut dyn Write) -> io::Result<()>;

    /// Writes what comes after the last block.
    ///
    /// # Errors
    ///
    /// `out` cannot be written.
    fn end(&mut self, _out: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }
}

impl Batch {
    /// By what is judged, which matters for warnings alone: other rows are the same whatever the configuration file says.
    ///
    /// # Errors
    ///
    /// The configuration file cannot be read, or is wrong; or somebody says how to judge where nothing is judged.
    pub fn objectives(
        &self,
        variable: impl Fn(&str) -> Option<String>,
    ) -> anyhow::Result<Objectives> {
        if self.rows == Rows::Warnings {
            return self.judging.objectives(variable);
        }
        let Judging {
            latency_objective,
            config,
        } = &self.judging;
        if latency_objective.is_some() || config.is_some() {
            bail!("--latency-objective and --config say what is wrong: add --rows warnings");
        }
        Ok(Objectives::default())
    }

    /// What writes the form that was asked for.
    ///
    /// # Errors
    ///
    /// There is no such field, the filter is none, or these rows have no such form.
    pub fn printer(&self) -> anyhow::Result<Box<dyn Printer>> {
        let table = Table::new(
            self.rows,
            self.fields.as_deref(),
            self.filter.as_deref(),
            self.output,
        )?;
        Ok(match self.output {
            Output::Text => Box::new(text::Text::new(table)),
            Output::Json => Box::new(json::Json::blocks(table)),
            Output::Jsonl => Box::new(json::Json::lines(table)),
            Output::Csv => Box::new(csv::Csv::new(table)),
            Output::Openmetrics => Box::new(openmetrics::OpenMetrics::new(table)?),
        })
    }
}

/// Prints to `out`, and warnings by these objectives, until it is enough, a signal comes, or nobody reads any more.
///
/// # Errors
///
/// The options make no sense together, the bus or the recording cannot be read, or `out` cannot be written.
pub fn batch(
    options: &Batch,
    objectives: Objectives,
    open: impl FnOnce(Sources) -> anyhow::Result<Box<dyn SnapshotSource>>,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    if options.fields.as_deref() == Some("help") {
        return unless_nobody_reads(list(Some(options.rows), out).map_err(Into::into));
    }
    let mut run = Run {
        printer: options.printer()?,
        linter: (options.rows == Rows::Warnings).then(|| Linter::new(objectives)),
        out: BufWriter::new(out),
        left: options.blocks.unwrap_or(u64::MAX),
    };
    unless_nobody_reads(match &options.recording.from {
        Some(file) => run.recorded(&Recorded::open(file)?, options.recording.at),
        None => run.live(&mut *open(options.sources)?, Pulse::new(options.interval)?),
    })
}

/// `ipcon-top batch | head` has seen enough.
fn unless_nobody_reads(printed: anyhow::Result<()>) -> anyhow::Result<()> {
    let unread = |error: &anyhow::Error| {
        let cause = error.root_cause().downcast_ref::<io::Error>();
        cause.is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
    };
    match printed {
        Err(error) if unread(&error) => Ok(()),
        printed => printed,
    }
}

/// Frames of a recording before the first block that are looked at for what is wrong: some of it is so for a minute.
const LOOKED_AT: usize = 60;

struct Run<'a> {
    printer: Box<dyn Printer>,
    /// Looks at all that is read, where somebody asks what is wrong.
    linter: Option<Linter>,
    out: BufWriter<&'a mut dyn Write>,
    /// Blocks that are still to be printed.
    left: u64,
}

impl Run<'_> {
    /// Reads once before the first block, so that it has rates.
    fn live(&mut self, source: &mut dyn SnapshotSource, pulse: Pulse) -> anyhow::Result<()> {
        let before = source.collect()?;
        self.look(&before, &Rates::default());
        self.begin()?;
        let printed = self.live_blocks(source, pulse, before);
        self.end(printed)
    }

    /// A bus that cannot be read for a while, such as a module that is loaded anew, ends nothing.
    fn live_blocks(
        &mut self,
        source: &mut dyn SnapshotSource,
        mut pulse: Pulse,
        mut before: Snapshot,
    ) -> anyhow::Result<()> {
        let mut complaint = Complaint::default();
        while self.left > 0 && pulse.wait() {
            match source.collect() {
                Ok(snapshot) => {
                    complaint.look(&snapshot);
                    self.print(SystemTime::now(), &before, Arc::new(snapshot.clone()))?;
                    before = snapshot;
                }
                Err(error) => {
                    let cause = format!("{error:#}");
                    complaint.tell("nothing printed at this time", &cause, &error);
                }
            }
        }
        Ok(())
    }

    fn recorded(&mut self, recorded: &Recorded, from: Option<Moment>) -> anyhow::Result<()> {
        for gap in recorded.gaps() {
            eprintln!("ipcon-top: {gap}");
        }
        let first = from.map_or(Ok(0), |moment| recorded.find(moment))?;
        let before = recorded.snapshot(first.saturating_sub(1))?;
        self.look_back(recorded, first)?;
        self.begin()?;
        let printed = self.recorded_blocks(recorded, first, before);
        self.end(printed)
    }

    fn recorded_blocks(
        &mut self,
        recorded: &Recorded,
        first: usize,
        mut before: Arc<Snapshot>,
    ) -> anyhow::Result<()> {
        let mut complaint = Complaint::default();
        for index in first..recorded.len() {
            if self.left == 0 {
                break;
            }
            let snapshot = recorded.snapshot(index)?;
            complaint.look(&snapshot);
            self.print(recorded.at(index), &before, Arc::clone(&snapshot))?;
            before = snapshot;
        }
        Ok(())
    }

    /// Looks at what was recorded before the frame `first`.
    fn look_back(&mut self, recorded: &Recorded, first: usize) -> anyhow::Result<()> {
        if self.linter.is_none() {
            return Ok(());
        }
        let mut before: Option<Arc<Snapshot>> = None;
        for index in first.saturating_sub(LOOKED_AT)..first {
            let now = recorded.snapshot(index)?;
            let rates = before.map(|before| Rates::between(&before, &now));
            self.look(&now, &rates.unwrap_or_default());
            before = Some(now);
        }
        Ok(())
    }

    fn look(&mut self, now: &Snapshot, rates: &Rates) -> Vec<Warning> {
        let linter = self.linter.as_mut();
        linter.map_or_else(Vec::new, |linter| linter.look(now, rates))
    }

    fn begin(&mut self) -> anyhow::Result<()> {
        self.printer.begin(&mut self.out).context("printing")
    }

    fn print(
        &mut self,
        at: SystemTime,
        before: &Snapshot,
        snapshot: Arc<Snapshot>,
    ) -> anyhow::Result<()> {
        let rates = Rates::between(before, &snapshot);
        let seen = Seen {
            at,
            warnings: self.look(&snapshot, &rates),
            snapshot,
            rates,
        };
        self.left -= 1;
        let printed = self.printer.block(&seen, &mut self.out);
        printed.and_then(|()| self.out.flush()).context("printing")
    }

    /// Writes what was kept until the end, however it came to that: it may be that of hours.
    fn end(&mut self, printed: anyhow::Result<()>) -> anyhow::Result<()> {
        let ended = self.printer.end(&mut self.out);
        let ended = ended.and_then(|()| self.out.flush()).context("printing");
        printed.and(ended)
    }
}
