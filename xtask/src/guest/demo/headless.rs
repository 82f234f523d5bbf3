// SPDX-License-Identifier: MIT OR Apache-2.0
//! The demonstration without a terminal: a report while traffic flows, then a quiet bus whose
//! counters are compared, however they were obtained.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::Value;

use super::service::Service;
use super::{EXPORTER_PORT, agree, http, stopped};
use crate::process::{capture, describe};

/// Longest time for the traffic to come to rest and tell its counts.
const REST: Duration = Duration::from_secs(120);

/// What is shown and when.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) top: PathBuf,
    pub(super) dump: PathBuf,
    pub(super) promtool: Option<PathBuf>,
    pub(super) seconds: u64,
    /// Whether a receiver was stopped meanwhile.
    pub(super) stopped: bool,
}

/// Runs it; the result is the exit status, 1 when the counters disagree, or what
/// was stopped is not named.
pub(super) fn run(
    shown: &Shown,
    mut traffic: Service,
    mut exporter: Service,
) -> anyhow::Result<u8> {
    // The one wait that is a matter of time and of nothing else.
    std::thread::sleep(Duration::from_secs(shown.seconds));
    for service in [&mut traffic, &mut exporter] {
        if let Some(complaint) = service.complaint()? {
            bail!("{complaint}");
        }
    }
    let report = capture(Command::new(&shown.top).args(["once", "--format", "text"]))
        .context("taking the report")?;

    traffic.terminate()?;
    let counts = parse("the counts of the traffic program", &traffic.line(REST)?)?;
    // From here on the bus is quiet. The dump comes first, since a dashboard that listens to
    // kevents is a peer itself, whose coming and going the others hear. It is taken by another
    // program than the report, so that an error in the one does not agree with itself.
    let dump = capture(&mut Command::new(&shown.dump)).context("dumping the bus")?;
    let dump = parse("the dump", &dump)?;
    let metrics = http::get(EXPORTER_PORT, "/metrics")?;
    let quiet = capture(Command::new(&shown.top).args(["once", "--format", "json"]))
        .context("taking the report of the quiet bus")?;
    let quiet = parse("the report", &quiet)?;
    let rows = agree::compare(&counts, &dump, &quiet, &metrics);

    let mut out = io::stdout().lock();
    write!(out, "{report}\n{metrics}").context("printing")?;
    out.flush().context("printing")?;
    let mut good = true;
    if shown.stopped && !stopped::is_named(&report) {
        eprintln!("the report does not say that the archive is stopped, and who sends to it");
        good = false;
    }
    match &shown.promtool {
        Some(promtool) => good &= check_metrics(promtool, &metrics)?,
        None => eprintln!(
            "promtool is not set up, so it did not judge the metrics; run: cargo xtask setup"
        ),
    }
    good &= tell(&rows);
    Ok(u8::from(!good))
}

fn parse(what: &str, text: &str) -> anyhow::Result<Value> {
    serde_json::from_str(text).with_context(|| format!("{what} is no JSON: {text}"))
}

fn check_metrics(promtool: &Path, metrics: &str) -> anyhow::Result<bool> {
    let mut child = Command::new(promtool)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::from(io::stderr()))
        .spawn()
        .with_context(|| format!("starting {}", promtool.display()))?;
    let mut stdin = child.stdin.take().context("promtool without stdin")?;
    stdin
        .write_all(metrics.as_bytes())
        .context("handing the metrics to promtool")?;
    drop(stdin);
    let status = child.wait().context("waiting for promtool")?;
    let good = status.success();
    eprintln!(
        "promtool check metrics {}",
        if good {
            "passed".into()
        } else {
            describe(status)
        }
    );
    Ok(good)
}

fn tell(rows: &[agree::Row]) -> bool {
    let wrong: Vec<_> = rows.iter().filter(|row| !row.agrees()).collect();
    for row in rows.iter().filter(|row| row.is_total() || !row.agrees()) {
        eprintln!("{row}");
    }
    if rows.is_empty() {
        eprintln!("there is nothing to compare: the counters have other names than expected");
        return false;
    }
    if wrong.is_empty() {
        eprintln!(
            "traffic program, module's dump, report and metrics agree in all {} counters",
            rows.len()
        );
    } else {
        eprintln!("{} of {} counters DISAGREE", wrong.len(), rows.len());
    }
    wrong.is_empty()
}
