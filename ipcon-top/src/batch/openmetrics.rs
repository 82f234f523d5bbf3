// SPDX-License-Identifier: MIT OR Apache-2.0
//! OpenMetrics 1.0 text: one exposition of all blocks, with time stamps.
//!
//! A family stands in one piece, so all samples are kept until the end. Prometheus takes such a file as a past
//! (`promtool tsdb create-blocks-from openmetrics`).

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io::{self, Write};
use std::time::{Duration, SystemTime};

use anyhow::ensure;
use ipcon_observe::fields::Kind;

use super::columns::Column;
use super::rows::{Cell, Rows, Table};
use super::{Printer, Seen};

/// Samples that are enough, about a hundred bytes each.
const SAMPLES: usize = 5_000_000;

pub(super) struct OpenMetrics {
    table: Table,
    families: Vec<Family>,
    /// The family of each column, and the labels that the column adds.
    places: Vec<(usize, Labels)>,
    samples: usize,
    /// With more samples than these it is enough.
    most: usize,
}

type Labels = &'static [(&'static str, &'static str)];

struct Family {
    /// Without the `_total` of a counter.
    name: String,
    help: &'static str,
    counter: bool,
    /// The samples of each row, in the order in which the rows were first seen; they must not be mixed.
    series: Vec<String>,
    /// Where the row with these labels is.
    places: HashMap<String, usize>,
}

impl OpenMetrics {
    pub(super) fn new(table: Table) -> anyhow::Result<Self> {
        ensure!(
            !matches!(table.rows, Rows::Events | Rows::Exceptions),
            "{} are no metrics: print them as text, json, jsonl or csv",
            table.rows.key()
        );
        let mut families: Vec<Family> = Vec::new();
        let mut places = Vec::new();
        for column in &table.columns {
            ensure!(
                column.kind != Kind::Info && !column.rate && !column.key.ends_with("_buckets"),
                "`{}` is no metric: choose counters and gauges, without /s; what a row is stands in the labels",
                column.key
            );
            let (name, help) = name_and_help(table.rows, column);
            let at = families.iter().position(|family| family.name == name);
            let at = at.unwrap_or_else(|| {
                families.push(Family {
                    name,
                    help,
                    counter: column.kind == Kind::Counter,
                    series: Vec::new(),
                    places: HashMap::new(),
                });
                families.len() - 1
            });
            places.push((at, column.metric.map_or(&[][..], |metric| metric.labels)));
        }
        Ok(Self {
            table,
            families,
            places,
            samples: 0,
            most: SAMPLES,
        })
    }

    /// The same, with room for other than the usual number of samples.
    #[cfg(test)]
    pub(super) fn with_most(self, most: usize) -> Self {
        Self { most, ..self }
    }
}

/// The family that the exporter has for the field, else one that is named after it.
fn name_and_help(rows: Rows, column: &Column) -> (String, &'static str) {
    if let Some(metric) = column.metric {
        let name = metric.family.name;
        return (
            name.trim_end_matches("_total").to_owned(),
            metric.family.help,
        );
    }
    let row = match rows {
        Rows::Bus => "bus",
        Rows::Peers => "peer",
        Rows::Groups => "group",
        Rows::Flows => "flow",
        Rows::Channels => "channel_connection",
        Rows::Endpoints => "channel_endpoint",
        Rows::Probes => "probe",
        Rows::Warnings => "warning",
        Rows::Events | Rows::Exceptions => rows.key(),
    };
    (format!("ipcon_{row}_{}", column.key), column.help)
}

impl Printer for OpenMetrics {
    fn block(&mut self, seen: &Seen, _: &mut dyn Write) -> io::Result<()> {
        let at = seen.at.duration_since(SystemTime::UNIX_EPOCH);
        let at = at.unwrap_or(Duration::ZERO);
        for line in self.table.lines(seen) {
            for ((family, more), cell) in self.places.iter().zip(&line.cells) {
                let Some(Cell::Value(value)) = cell else {
                    continue;
                };
                let number = match (value.as_u64(), value.as_f64()) {
                    (Some(whole), _) => whole.to_string(),
                    (None, Some(number)) => number.to_string(),
                    (None, None) => continue,
                };
                let row = line
                    .labels
                    .iter()
                    .map(|(name, text)| (*name, text.as_str()));
                let labels = labels(row.chain(more.iter().copied()));
                self.families[*family].add(labels, &number, at);
                self.samples += 1;
            }
        }
        if self.samples > self.most {
            let most = self.most;
            return Err(io::Error::other(format!(
                "what was seen until now is printed, since it has more than {most} samples: for more time choose fewer \
                 --fields or another --interval"
            )));
        }
        Ok(())
    }

    fn end(&mut self, out: &mut dyn Write) -> io::Result<()> {
        for family in self.families.iter().filter(|it| !it.series.is_empty()) {
            family.write(out)?;
        }
        out.write_all(b"# EOF\n")
    }
}

impl Family {
    fn add(&mut self, labels: String, number: &str, at: Duration) {
        let name = &self.name;
        let total = if self.counter { "_total" } else { "" };
        let (seconds, millis) = (at.as_secs(), at.subsec_millis());
        let line = format!("{name}{total}{labels} {number} {seconds}.{millis:03}\n");
        match self.places.entry(labels) {
            Entry::Occupied(place) => self.series[*place.get()].push_str(&line),
            Entry::Vacant(place) => {
                place.insert(self.series.len());
                self.series.push(line);
            }
        }
    }

    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let name = &self.name;
        let kind = if self.counter { "counter" } else { "gauge" };
        writeln!(out, "# TYPE {name} {kind}")?;
        for unit in ["seconds", "bytes"] {
            // A unit may only be named where the name ends in it.
            if name
                .strip_suffix(unit)
                .is_some_and(|rest| rest.ends_with('_'))
            {
                writeln!(out, "# UNIT {name} {unit}")?;
            }
        }
        writeln!(out, "# HELP {name} {}", escaped(self.help))?;
        self.series
            .iter()
            .try_for_each(|samples| out.write_all(samples.as_bytes()))
    }
}

fn labels<'a>(labels: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let labels: Vec<_> = labels
        .map(|(name, value)| format!("{name}=\"{}\"", escaped(value)))
        .collect();
    match labels.as_slice() {
        [] => String::new(),
        labels => format!("{{{}}}", labels.join(",")),
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}
