// SPDX-License-Identifier: MIT OR Apache-2.0
//! `--check`: reads everything once, as a scrape does, and tells what is measured, what is not, and why.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use ipcon_observe::ledger::Limits;
use ipcon_observe::model::{Source, SourceState, SourceStatus};
use ipcon_observe::privilege::{
    Available, Dropping, Prediction, Remedy, Standing, Step, Verdict, channels_seen,
};
use ipcon_observe::{Collector, Ledger, Options, Snapshot};

use crate::metrics::{self, Parts, Scrape};
use crate::reader;
use crate::web::WebConfig;

/// Runs it. The web configuration is read as an exporter reads it that keeps its capabilities, or does not. The exit
/// status is that of the [`Verdict`], the same that `ipcon-top doctor --try` has.
///
/// # Errors
///
/// Nothing can be measured, or the web configuration is wrong.
pub(crate) fn run(
    options: Options,
    limits: Limits,
    web: Option<&Path>,
    keep_capabilities: bool,
) -> Result<ExitCode> {
    let mut report = String::new();
    if let Some(path) = web {
        let scheme = WebConfig::load(Some(path), keep_capabilities)?.scheme();
        writeln!(report, "{}: good, for {scheme}", path.display())?;
    }
    // What is known already helps, also if the bus cannot be read.
    tell(&report)?;
    _ = Dropping::begin(options, true);
    let prediction = Prediction::of(&Standing::detect(), options);
    let steps: String = prediction.steps.iter().map(advice).collect();
    let read = Collector::open(options).and_then(|mut collector| collector.collect());
    if read.is_err() {
        tell(&steps)?;
    }
    let snapshot = read?;
    let mut ledger = Ledger::new(limits);
    ledger.apply(&snapshot);
    let scrape = Scrape {
        snapshot: Some(&snapshot),
        ledger: &ledger,
        probes_wanted: options.probes,
        process: None,
    };

    let judged = judge(&snapshot, options);
    let verdict = Verdict::of(&judged);
    report.clear();
    for status in &snapshot.sources {
        let name = status.name.key();
        let said = match &status.state {
            SourceState::On => {
                let families = families(&scrape, status)?;
                format!("measured, {families} families of metrics")
            }
            SourceState::Off { reason } | SourceState::Failed { reason } => {
                format!("not measured: {reason}")
            }
        };
        writeln!(report, "{name}: {said}")?;
        if judged.contains(&(status.name, Available::Partly)) {
            for reason in gaps(&snapshot, &prediction, status.name) {
                writeln!(report, "{name}: not whole: {reason}")?;
            }
        }
        if status.lost > 0 {
            writeln!(report, "{name}: lost {} events meanwhile", status.lost)?;
        }
    }
    if verdict != Verdict::Whole {
        report += &steps;
    }
    tell(&report)?;
    if verdict == Verdict::Blind {
        reader::bus_of(&snapshot).map_err(anyhow::Error::msg)?;
    }
    Ok(ExitCode::from(verdict.exit_status()))
}

/// How much of each source that was asked for was read.
fn judge(snapshot: &Snapshot, options: Options) -> Vec<(Source, Available)> {
    let of = |source| match (snapshot.source(source), &snapshot.channels) {
        (Some(status), _) if status.state != SourceState::On => Available::No,
        (Some(_), Some(channels)) if source == Source::Channels => channels_seen(&channels.scan).0,
        (Some(_), _) => Available::Yes,
        // Without the bus nobody asks for what counts on it.
        (None, _) => Available::No,
    };
    let wanted = Source::ALL
        .into_iter()
        .filter(|source| options.include(*source));
    wanted.map(|source| (source, of(source))).collect()
}

/// Why a source that is measured is so in part: as it was foreseen, or else as it was found.
fn gaps(snapshot: &Snapshot, prediction: &Prediction, source: Source) -> Vec<String> {
    let foreseen = prediction.source(source);
    let foreseen = foreseen.into_iter().flat_map(|it| &it.reasons);
    let foreseen: Vec<_> = foreseen.map(ToString::to_string).collect();
    if !foreseen.is_empty() {
        return foreseen;
    }
    let channels = snapshot.channels.iter();
    channels
        .filter_map(|channels| channels_seen(&channels.scan).1)
        .collect()
}

/// How to change that, told once for all sources that need it.
fn advice(step: &Step) -> String {
    let sources: Vec<_> = step.sources.iter().map(|source| source.key()).collect();
    let ways = step.ways.iter().map(|remedy| match remedy {
        Remedy::Command(text) => format!("run: {text}"),
        Remedy::Unit(text) => format!("in the unit: {}", text.replace('\n', ", ")),
        Remedy::Advice(text) => text.clone(),
    });
    let mut or = "to measure all";
    ways.fold(String::new(), |mut lines, way| {
        lines += &format!("{}: {or}, {way}\n", sources.join(", "));
        or = "or";
        lines
    })
}

/// How many families there are because of a source.
fn families(scrape: &Scrape<'_>, status: &SourceStatus) -> Result<usize> {
    let count = |parts| -> Result<usize> {
        let page = metrics::page(scrape, parts).context("cannot encode the metrics")?;
        Ok(page
            .lines()
            .filter(|line| line.starts_with("# TYPE "))
            .count())
    };
    let with = Parts::named(status.name.key()).map_or(Ok(0), &count)?;
    Ok(with.saturating_sub(count(Parts::NONE)?))
}

fn tell(report: &str) -> Result<()> {
    io::stdout()
        .write_all(report.as_bytes())
        .context("cannot print the report")
}
