// SPDX-License-Identifier: MIT OR Apache-2.0
//! `--check`: reads everything once, as a scrape does, and tells what is measured, what is not, and why.

use std::fmt::{Display, Write as _};
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use ipcon_observe::ledger::Limits;
use ipcon_observe::model::{SourceState, SourceStatus};
use ipcon_observe::privilege::{
    Available, Dropping, Prediction, Remedy, SourcePrediction, Standing, Step,
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
    let prediction = Prediction::of(&Standing::detect(), options);
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
                whole &= !options.include(status.name);
                format!("not measured: {reason}")
            }
        };
        writeln!(report, "{name}: {said}")?;
        let predicted = prediction.source(status.name);
        for reason in predicted.into_iter().flat_map(what_is_missing) {
            writeln!(report, "{name}: not whole: {reason}")?;
        }
        if status.lost > 0 {
            writeln!(report, "{name}: lost {} events meanwhile", status.lost)?;
        }
    }
    report.extend(prediction.steps.iter().map(advice));
    tell(&report)?;
    reader::bus_of(&snapshot).map_err(anyhow::Error::msg)?;
    Ok(if whole {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(PARTLY)
    })
}

/// Why a source that is measured delivers not all.
fn what_is_missing(predicted: &SourcePrediction) -> &[impl Display] {
    match predicted.available {
        Available::Partly => &predicted.reasons,
        Available::Yes | Available::No => &[],
    }
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
