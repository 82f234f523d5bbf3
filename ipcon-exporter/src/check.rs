// SPDX-License-Identifier: MIT OR Apache-2.0
//! `--check`: reads everything once, as a scrape does, and tells what is measured, what is not, and why.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use ipcon_observe::ledger::Limits;
use ipcon_observe::model::{SourceState, SourceStatus};
use ipcon_observe::privilege::{
    Available, Dropping, Prediction, Remedy, SourcePrediction, Standing,
};
use ipcon_observe::{Collector, Ledger, Options};

use crate::metrics::{self, Parts, Scrape};
use crate::reader;
use crate::web::WebConfig;

/// The exit status when the bus can be read, and something else that was asked for cannot.
const PARTLY: u8 = 3;

/// Runs it. The exit status is 0 when all that was asked for is measured.
///
/// # Errors
///
/// The bus cannot be read, or the web configuration is wrong.
pub(crate) fn run(options: Options, limits: Limits, web: Option<&Path>) -> Result<ExitCode> {
    let mut report = String::new();
    if let Some(path) = web {
        let scheme = WebConfig::load(Some(path))?.scheme();
        writeln!(report, "{}: good, for {scheme}", path.display())?;
    }
    // What is known already helps, also if the bus cannot be read.
    tell(&report)?;
    _ = Dropping::begin(options, true);
    let prediction = Prediction::of(&Standing::detect());
    let mut collector = Collector::open(options)?;
    let snapshot = collector.collect()?;
    let mut ledger = Ledger::new(limits);
    ledger.apply(&snapshot);
    let scrape = Scrape {
        snapshot: Some(&snapshot),
        ledger: &ledger,
        probes_wanted: options.probes,
        process: None,
    };

    let mut whole = true;
    report.clear();
    for status in &snapshot.sources {
        let name = status.name.key();
        let said = match &status.state {
            SourceState::On => {
                let families = families(&scrape, status)?;
                format!("measured, {families} families of metrics")
            }
            SourceState::Off { reason } | SourceState::Failed { reason } => {
                whole &= !wanted(options, name);
                format!("not measured: {reason}")
            }
        };
        writeln!(report, "{name}: {said}")?;
        let predicted = prediction.source(status.name);
        for line in predicted
            .iter()
            .filter(|_| wanted(options, name))
            .flat_map(|it| advice(it))
        {
            writeln!(report, "{name}: {line}")?;
        }
        if status.lost > 0 {
            writeln!(report, "{name}: lost {} events meanwhile", status.lost)?;
        }
    }
    tell(&report)?;
    reader::bus_of(&snapshot).map_err(anyhow::Error::msg)?;
    Ok(if whole {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(PARTLY)
    })
}

/// What would let a source deliver all.
fn advice(predicted: &SourcePrediction) -> Vec<String> {
    let partly = (predicted.available == Available::Partly).then_some(&predicted.reasons);
    let reasons = partly
        .into_iter()
        .flatten()
        .map(|reason| format!("not whole: {reason}"));
    let remedies = predicted.remedies.iter().map(|remedy| match remedy {
        Remedy::Command(text) => format!("to change it, run: {text}"),
        Remedy::Unit(text) => format!("to change it, in the unit: {}", text.replace('\n', ", ")),
        Remedy::Advice(text) => format!("to change it: {text}"),
    });
    reasons.chain(remedies).collect()
}

/// Whether a source was not left out on the command line.
fn wanted(options: Options, source: &str) -> bool {
    match source {
        "kevents" => options.kevents,
        "probes" => options.probes,
        "channels" => options.channels,
        _ => true,
    }
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
