// SPDX-License-Identifier: MIT OR Apache-2.0
//! How the figures are shown: as a table for a terminal, as Markdown, as JSON.

use std::fmt::Write as _;

use serde::Serialize;

use super::bus::Goal;
use super::figures::{Figures, Spread, Unit};

/// Where it was measured.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Place {
    /// Release of the kernel in the VM.
    pub(super) kernel: String,
    /// `kvm`, or `tcg`: code is translated.
    pub(super) accel: &'static str,
    /// Processors of the VM.
    pub(super) cpus: usize,
    /// What the kernel of the VM reads the time from.
    pub(super) clocksource: String,
    /// The host's processor.
    pub(super) processor: String,
}

/// All that was measured.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) place: Place,
    pub(super) rows: Vec<Figures>,
    /// Rows that were not measured, and why.
    pub(super) left_out: Vec<(String, String)>,
}

#[derive(Serialize)]
struct Json<'a> {
    place: &'a Place,
    rows: Vec<JsonRow<'a>>,
    left_out: Vec<JsonLeftOut<'a>>,
}

#[derive(Serialize)]
struct JsonLeftOut<'a> {
    name: &'a str,
    why: &'a str,
}

#[derive(Serialize)]
struct JsonRow<'a> {
    name: &'a str,
    /// What the times are counted in.
    unit: Unit,
    /// Median.
    ours: f64,
    peer: f64,
    /// Median of our time by the peer's in the same round.
    ratio: f64,
    /// Our shortest round by the peer's shortest.
    ratio_of_shortest: f64,
    /// The largest ratio that is good enough.
    goal: Option<f64>,
    met: Option<bool>,
    rounds: usize,
    times: u32,
    ours_spread: Spread,
    peer_spread: Spread,
    ratio_spread: Spread,
}

impl Report {
    /// One JSON object.
    pub(super) fn json(&self) -> anyhow::Result<String> {
        let rows = self.rows.iter().map(|figures| JsonRow {
            name: figures.row.name,
            unit: figures.unit,
            ours: figures.ours.median,
            peer: figures.peer.median,
            ratio: figures.ratio.median,
            ratio_of_shortest: figures.shortest(),
            goal: figures.row.goal.ratio(),
            met: figures.met(),
            rounds: figures.rounds,
            times: figures.times,
            ours_spread: figures.ours,
            peer_spread: figures.peer,
            ratio_spread: figures.ratio,
        });
        let left_out = self.left_out.iter();
        let json = Json {
            place: &self.place,
            rows: rows.collect(),
            left_out: left_out
                .map(|(name, why)| JsonLeftOut { name, why })
                .collect(),
        };
        Ok(serde_json::to_string_pretty(&json)?)
    }

    /// A table for a terminal.
    pub(super) fn text(&self) -> String {
        let mut text = format!("{}\n", self.place());
        let _ = writeln!(
            text,
            "{:<24}{:>12}{:>12}{:>8}  {:<13}{:>8}  {:<8}met",
            "row", "ours", "peer", "ratio", "quartiles", "shortest", "goal"
        );
        for figures in &self.rows {
            let _ = writeln!(
                text,
                "{:<24}{:>12}{:>12}{:>8.3}  {:<13}{:>8.3}  {:<8}{}",
                figures.row.name,
                time(figures.unit, figures.ours.median),
                time(figures.unit, figures.peer.median),
                figures.ratio.median,
                quartiles(&figures.ratio),
                figures.shortest(),
                goal(figures.row.goal),
                met(figures.met())
            );
        }
        for (name, why) in &self.left_out {
            let _ = writeln!(text, "{name:<24}not measured: {why}");
        }
        text
    }

    /// What goes into the page.
    pub(super) fn markdown(&self) -> String {
        let mut text = format!("{}\n\n", self.place());
        text.push_str("| row | ours | peer | ratio | of the shortest | goal | met |\n|---|---|---|---|---|---|---|\n");
        for figures in &self.rows {
            let _ = writeln!(
                text,
                "| `{}` | {} | {} | **{:.3}** ({}) | {:.3} | {} | {} |",
                figures.row.name,
                spread(figures.unit, &figures.ours),
                spread(figures.unit, &figures.peer),
                figures.ratio.median,
                quartiles(&figures.ratio),
                figures.shortest(),
                goal(figures.row.goal),
                met(figures.met())
            );
        }
        for (name, why) in &self.left_out {
            let _ = writeln!(text, "| `{name}` | not measured: {why} | | | | | |");
        }
        for figures in &self.rows {
            let row = figures.row;
            let _ = write!(
                text,
                "\n`{}`: {}; against: {}. {} rounds of {}.",
                row.name, row.ours, row.peer, figures.rounds, figures.times
            );
            if !row.limit.is_empty() {
                let _ = write!(text, " What limits it now: {}", row.limit);
            }
            text.push('\n');
        }
        text
    }

    fn place(&self) -> String {
        let Place {
            kernel,
            accel,
            cpus,
            processor,
            ..
        } = &self.place;
        let accel = match *accel {
            "tcg" => "translated (TCG)",
            other => other,
        };
        format!(
            "Kernel {kernel} in a VM with {cpus} processors, {accel}, on {processor}. Times are in \
             microseconds (µs), or in thousands of instructions (k)."
        )
    }
}

fn spread(unit: Unit, spread: &Spread) -> String {
    let Spread {
        median, min, max, ..
    } = *spread;
    let [median, min, max] = [median, min, max].map(|value| time(unit, value));
    format!("{median} ({min} – {max})")
}

fn quartiles(spread: &Spread) -> String {
    format!("{:.3}–{:.3}", spread.lower, spread.upper)
}

/// A time as a person reads it: in microseconds, or in thousands of instructions, and beyond in the next unit.
fn time(unit: Unit, value: f64) -> String {
    let (thousand, million) = match unit {
        Unit::Nanoseconds => ("µs", "ms"),
        Unit::Instructions => ("k", "M"),
    };
    match value {
        n if n < 10_000.0 => format!("{:.2} {thousand}", n / 1e3),
        n if n < 1e6 => format!("{:.1} {thousand}", n / 1e3),
        n => format!("{:.2} {million}", n / 1e6),
    }
}

fn goal(goal: Goal) -> String {
    match goal {
        Goal::AtMost(times) => format!("≤ {times}"),
        Goal::Faster(times) => format!("≤ 1/{times}"),
        Goal::Known => String::new(),
    }
}

fn met(met: Option<bool>) -> &'static str {
    match met {
        Some(true) => "yes",
        Some(false) => "no",
        None => "",
    }
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::bus;
    use super::super::figures::Samples;
    use super::*;

    pub(in super::super) fn report() -> Report {
        let samples = |name: &str, ours: &[f64], peer: &[f64]| Samples {
            name: name.to_owned(),
            times: 100,
            ours: ours.to_vec(),
            peer: peer.to_vec(),
        };
        let one_way = samples("one-way", &[13_000.0, 12_000.0], &[10_000.0, 10_000.0]);
        let connect = samples("connect", &[1_500_000.0], &[100_000.0]);
        Report {
            place: Place {
                kernel: "7.3.4".to_owned(),
                accel: "tcg",
                cpus: 2,
                clocksource: "tsc".to_owned(),
                processor: "a processor".to_owned(),
            },
            rows: [one_way, connect]
                .iter()
                .map(|it| Figures::of(bus::row(&it.name).unwrap(), it, Unit::Nanoseconds).unwrap())
                .collect(),
            left_out: vec![("look-up-dbus".to_owned(), "no broker".to_owned())],
        }
    }

    #[test]
    fn json_has_the_promised_keys() {
        let json: serde_json::Value = serde_json::from_str(&report().json().unwrap()).unwrap();
        let row = &json["rows"][0];
        assert_eq!(row["name"], "one-way");
        assert_eq!(row["ours"], 12_500.0);
        assert_eq!(row["peer"], 10_000.0);
        assert_eq!(row["ratio"], 1.25);
        assert_eq!(row["ratio_of_shortest"], 1.2);
        assert_eq!(row["goal"], 1.35);
        assert_eq!(row["met"], true);
        assert_eq!(json["rows"][1]["goal"], serde_json::Value::Null);
        assert_eq!(json["rows"][1]["met"], serde_json::Value::Null);
        assert_eq!(json["place"]["accel"], "tcg");
        assert_eq!(row["unit"], "nanoseconds");
        assert_eq!(json["left_out"][0]["name"], "look-up-dbus");
        assert_eq!(json["left_out"][0]["why"], "no broker");
    }

    #[test]
    fn instructions_are_not_shown_as_times() {
        let mut report = report();
        report.rows[0].unit = Unit::Instructions;
        assert!(report.text().contains("12.5 k"), "{}", report.text());
        assert!(!report.text().contains("12.5 µs"));
        assert!(report.markdown().contains("1.50 ms"));
    }

    #[test]
    fn tables_show_what_was_measured_and_what_was_not() {
        let text = report().text();
        assert!(
            text.contains("12.5 µs     10.0 µs   1.250  1.225–1.275     1.200  ≤ 1.35  yes"),
            "{text}"
        );
        assert!(text.contains("look-up-dbus            not measured: no broker"));
        let markdown = report().markdown();
        assert!(markdown.contains(
            "| `one-way` | 12.5 µs (12.0 µs – 13.0 µs) | 10.0 µs (10.0 µs – 10.0 µs) | **1.250** (1.225–1.275) | 1.200 | ≤ 1.35 | yes |"
        ), "{markdown}");
        assert!(markdown.contains("| `connect` | 1.50 ms"));
        assert!(markdown.contains("translated (TCG)"));
    }
}
