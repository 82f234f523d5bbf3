// SPDX-License-Identifier: MIT OR Apache-2.0

//! What observing takes: the exporter on small and large buses, and both observers while messages flow.

mod busy;
mod dashboard;
mod disturbed;
mod exporter;
mod flow;
mod plan;
mod scrape;
mod watched;

use std::path::PathBuf;

use anyhow::Context as _;

use crate::measure::Effort;
use crate::report;

/// Measures the rows of these names, or all; prints each as it is measured.
pub(crate) fn measure(names: &[String], effort: Effort, quick: bool) -> anyhow::Result<()> {
    report::place()?;
    let context = plan::Context::new(effort, quick);
    for row in plan::ROWS {
        if names.is_empty() || names.iter().any(|name| name == row.name) {
            let samples = (row.measure)(&context);
            let samples = samples.with_context(|| format!("measuring {}", row.name))?;
            report::row(row.name, &samples)?;
        }
    }
    Ok(())
}

/// A program that was built together with this one.
fn beside(name: &str) -> anyhow::Result<PathBuf> {
    let this = std::env::current_exe().context("looking for this program")?;
    Ok(this.with_file_name(name))
}
