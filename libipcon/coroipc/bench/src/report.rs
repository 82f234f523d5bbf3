// SPDX-License-Identifier: MIT OR Apache-2.0

//! What is told: JSON, one object a line.

use std::fs;
use std::io::{self, Write as _};

use anyhow::Context as _;
use serde::Serialize;

use crate::measure::{Both, By};
use crate::plan::{Row, Unit};

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
        unit: Unit,
        times: u32,
        peer_times: u32,
        ours: &'a [f64],
        peer: &'a [f64],
        #[serde(skip_serializing_if = "Option::is_none")]
        percentiles: Option<Percentiles>,
    },
    LeftOut {
        name: &'a str,
        why: &'a str,
    },
}

/// What half, 99 %, and 99.9 % of all times did not exceed.
#[derive(Debug, Serialize)]
struct Percentiles {
    ours: [f64; 3],
    peer: [f64; 3],
}

/// Tells where this runs.
pub(crate) fn place() -> anyhow::Result<()> {
    let read = |path: &str| fs::read_to_string(path).with_context(|| format!("reading {path}"));
    tell(&Line::Place {
        kernel: read("/proc/sys/kernel/osrelease")?.trim(),
        cpus: std::thread::available_parallelism()
            .context("counting the processors")?
            .get(),
        clocksource: read("/sys/devices/system/clocksource/clocksource0/current_clocksource")?
            .trim(),
    })
}

/// Tells what a row took.
pub(crate) fn row(row: &Row, Both { ours, peer }: &Both) -> anyhow::Result<()> {
    let percentiles = || Percentiles {
        ours: ours.percentiles(),
        peer: peer.percentiles(),
    };
    tell(&Line::Row {
        name: row.name,
        unit: row.unit,
        times: ours.times,
        peer_times: peer.times,
        ours: &ours.rounds,
        peer: &peer.rounds,
        percentiles: (row.by == By::Median && row.unit == Unit::Nanoseconds).then(percentiles),
    })
}

/// Tells that a row is missing.
pub(crate) fn left_out(name: &str, why: &str) -> anyhow::Result<()> {
    tell(&Line::LeftOut { name, why })
}

fn tell(line: &Line<'_>) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, line).context("telling a row")?;
    writeln!(out).context("telling a row")
}
