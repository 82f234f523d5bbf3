// SPDX-License-Identifier: MIT OR Apache-2.0

//! What is told to the host: JSON, one object a line.

use std::fs;
use std::io::{self, Write};

use anyhow::Context as _;
use serde::Serialize;

use crate::measure::Samples;

#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Line<'a> {
    Place {
        kernel: &'a str,
        cpus: usize,
        clocksource: &'a str,
    },
    Row {
        name: &'a str,
        times: u32,
        #[serde(skip_serializing_if = "Option::is_none")]
        unit: Option<&'static str>,
        ours: &'a [f64],
        peer: &'a [f64],
        #[serde(skip_serializing_if = "Option::is_none")]
        note: Option<&'a str>,
    },
    LeftOut {
        name: &'a str,
        why: &'a str,
    },
}

/// Tells where this runs.
pub(crate) fn place() -> anyhow::Result<()> {
    let read = |path: &str| fs::read_to_string(path).with_context(|| format!("reading {path}"));
    tell(&Line::Place {
        kernel: read("/proc/sys/kernel/osrelease")?.trim(),
        cpus: processors(&read("/proc/cpuinfo")?),
        clocksource: read("/sys/devices/system/clocksource/clocksource0/current_clocksource")?
            .trim(),
    })
}

/// Tells what a row took.
pub(crate) fn row(name: &str, samples: &Samples) -> anyhow::Result<()> {
    tell(&Line::Row {
        name,
        times: samples.times,
        unit: samples.unit,
        ours: &samples.ours,
        peer: &samples.peer,
        note: samples.note.as_deref(),
    })
}

/// Tells that a row is missing.
pub(crate) fn left_out(name: &str, why: &str) -> anyhow::Result<()> {
    tell(&Line::LeftOut { name, why })
}

fn tell(line: &Line<'_>) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, line).context("telling the host")?;
    writeln!(out).context("telling the host")
}

fn processors(cpuinfo: &str) -> usize {
    cpuinfo
        .lines()
        .filter(|line| line.starts_with("processor"))
        .count()
}
