// SPDX-License-Identifier: MIT OR Apache-2.0
//! How the figures are shown: as a table for a terminal, as Markdown, as JSON.

use std::fmt::Write as _;

use serde::Serialize;

use super::figures::{Figures, Percentiles, Spread, Unit};
use super::rows::Goal;

/// Where it was measured.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Place {
    /// Release of the kernel.
    pub(super) kernel: String,
    /// `kvm`, or `tcg`: code is translated; `none` without a VM.
    pub(super) accel: &'static str,
    /// Processors of the VM, or of the host without one.
    pub(super) cpus: usize,
    /// What the kernel reads the time from.
    pub(super) clocksource: String,
    /// The host's processor.
    pub(super) processor: String,
    /// Load average of the last minute before a measurement without a VM: what else ran there.
    pub(super) load: Option<f64>,
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
    peer_times: u32,
    ours_spread: Spread,
    peer_spread: Spread,
    ratio_spread: Spread,
    /// p50, p99 and p99.9 of single operations, where each was timed.
    percentiles: Option<Percentiles>,
    /// What else is to be known of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'a str>,
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
            peer_times: figures.peer_times,
            ours_spread: figures.ours,
            peer_spread: figures.peer,
            ratio_spread: figures.ratio,
            percentiles: figures.percentiles,
            note: figures.note.as_deref(),
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
            "{:<24}{:>12}{:>12}{:>8}  {:<17}{:>8}  {:<8}met",
            "row", "ours", "peer", "ratio", "quartiles", "shortest", "goal"
        );
        for figures in &self.rows {
            let _ = writeln!(
                text,
                "{:<24}{:>12}{:>12}{:>8}  {:<17}{:>8}  {:<8}{}",
                figures.row.name,
                time(figures.unit, figures.ours.median),
                time(figures.unit, figures.peer.median),
                ratio(figures.ratio.median),
                quartiles(&figures.ratio),
                ratio(figures.shortest()),
                goal(figures.row.goal),
                met(figures.met())
            );
        }
        for (name, why) in &self.left_out {
            let _ = writeln!(text, "{name:<24}not measured: {why}");
        }
        for (figures, note) in self
            .rows
            .iter()
            .filter_map(|it| Some((it, it.note.as_ref()?)))
        {
            let _ = writeln!(text, "{}: {note}", figures.row.name);
        }
        if self.timed().next().is_some() {
            let _ = writeln!(
                text,
                "\n{:<24}{:>12}{:>12}{:>12}  {:>12}{:>12}{:>12}",
                "single operations", "ours p50", "p99", "p99.9", "peer p50", "p99", "p99.9"
            );
        }
        for (figures, percentiles) in self.timed() {
            let [ours, peer] = each(figures.unit, percentiles);
            let _ = writeln!(
                text,
                "{:<24}{:>12}{:>12}{:>12}  {:>12}{:>12}{:>12}",
                figures.row.name, ours[0], ours[1], ours[2], peer[0], peer[1], peer[2]
            );
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
                "| `{}` | {} | {} | **{}** ({}) | {} | {} | {} |",
                figures.row.name,
                spread(figures.unit, &figures.ours),
                spread(figures.unit, &figures.peer),
                ratio(figures.ratio.median),
                quartiles(&figures.ratio),
                ratio(figures.shortest()),
                goal(figures.row.goal),
                met(figures.met())
            );
        }
        for (name, why) in &self.left_out {
            let _ = writeln!(text, "| `{name}` | not measured: {why} | | | | | |");
        }
        if self.timed().next().is_some() {
            text.push_str("\n| single operations | ours p50 | p99 | p99.9 | peer p50 | p99 | p99.9 |\n|---|---|---|---|---|---|---|\n");
        }
        for (figures, percentiles) in self.timed() {
            let [ours, peer] = each(figures.unit, percentiles).map(|three| three.join(" | "));
            let _ = writeln!(text, "| `{}` | {ours} | {peer} |", figures.row.name);
        }
        for figures in &self.rows {
            let row = figures.row;
            let _ = write!(
                text,
                "\n`{}`: {}; against: {}. {} rounds of {}",
                row.name, row.ours, row.peer, figures.rounds, figures.times
            );
            if figures.peer_times != figures.times {
                let _ = write!(text, ", the peer's of {}", figures.peer_times);
            }
            if let Some(note) = &figures.note {
                let _ = write!(text, "; {note}");
            }
            text.push('.');
            if !row.limit.is_empty() {
                let _ = write!(text, " What limits it now: {}", row.limit);
            }
            text.push('\n');
        }
        text
    }

    /// The rows whose single operations were timed.
    fn timed(&self) -> impl Iterator<Item = (&Figures, Percentiles)> {
        self.rows
            .iter()
            .filter_map(|figures| Some((figures, figures.percentiles?)))
    }

    fn place(&self) -> String {
        let Place {
            kernel,
            accel,
            cpus,
            processor,
            load,
            ..
        } = &self.place;
        if *accel == "none" {
            let load = load.map_or_else(String::new, |load| {
                format!("; the load average before was {load}")
            });
            return format!(
                "Kernel {kernel} on the host itself, {cpus} processors, {processor}{load}. Times are in microseconds (µs)."
            );
        }
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

/// The three of ours and of the peer's, as a person reads them.
fn each(unit: Unit, percentiles: Percentiles) -> [[String; 3]; 2] {
    [percentiles.ours, percentiles.peer].map(|three| three.map(|value| time(unit, value)))
}

fn quartiles(spread: &Spread) -> String {
    format!("{}–{}", ratio(spread.lower), ratio(spread.upper))
}

/// With three digits that say something, or nearly so.
fn ratio(value: f64) -> String {
    if value < 0.01 {
        format!("{value:.5}")
    } else {
        format!("{value:.3}")
    }
}

/// A time as a person reads it: in microseconds, or in thousands of instructions, and beyond in the next unit.
fn time(unit: Unit, value: f64) -> String {
    let (thousand, million) = match unit {
        Unit::Nanoseconds => ("µs", "ms"),
        Unit::Instructions => ("k", "M"),
        Unit::Calls => return format!("{value:.2} calls"),
        Unit::Bytes if value < 1e6 => return format!("{:.1} KiB", value / 1024.0),
        Unit::Bytes => return format!("{:.1} MiB", value / (1024.0 * 1024.0)),
        Unit::Series => return format!("{value:.0}"),
        Unit::Share => return format!("{:.2} %", value * 100.0),
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
            peer_times: None,
            unit: None,
            ours: ours.to_vec(),
            peer: peer.to_vec(),
            percentiles: None,
            note: None,
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
                load: None,
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
            text.contains("12.5 µs     10.0 µs   1.250  1.225–1.275         1.200  ≤ 1.35  yes"),
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

    #[test]
    fn single_operations_have_a_table_of_their_own() {
        let mut report = report();
        assert!(!report.text().contains("p99.9"));
        assert!(!report.markdown().contains("p99.9"));
        report.rows[0].percentiles = Some(Percentiles {
            ours: [1_000.0, 2_000.0, 3_000_000.0],
            peer: [4_000.0, 5_000.0, 6_000.0],
        });
        report.rows[0].peer_times = 7;
        let markdown = report.markdown();
        assert!(
            markdown.contains(
                "| `one-way` | 1.00 µs | 2.00 µs | 3.00 ms | 4.00 µs | 5.00 µs | 6.00 µs |"
            ),
            "{markdown}"
        );
        assert!(markdown.contains("2 rounds of 100, the peer's of 7."));
        assert!(report.text().contains("2.00 µs     3.00 ms       4.00 µs"));
        let json: serde_json::Value = serde_json::from_str(&report.json().unwrap()).unwrap();
        assert_eq!(json["rows"][0]["percentiles"]["ours"][1], 2_000.0);
        assert_eq!(json["rows"][1]["percentiles"], serde_json::Value::Null);
    }

    #[test]
    fn what_is_no_time_is_shown_as_what_it_is() {
        assert_eq!(time(Unit::Bytes, 2048.0), "2.0 KiB");
        assert_eq!(time(Unit::Bytes, 64.0 * 1024.0 * 1024.0), "64.0 MiB");
        assert_eq!(time(Unit::Series, 4321.0), "4321");
        assert_eq!(time(Unit::Share, 0.0123), "1.23 %");
    }

    #[test]
    fn a_note_stands_beside_the_row() {
        let mut report = report();
        report.rows[0].note = Some("none was lost".to_owned());
        assert!(report.text().contains("\none-way: none was lost\n"));
        assert!(
            report
                .markdown()
                .contains("2 rounds of 100; none was lost.")
        );
        let json: serde_json::Value = serde_json::from_str(&report.json().unwrap()).unwrap();
        assert_eq!(json["rows"][0]["note"], "none was lost");
        assert_eq!(json["rows"][1].get("note"), None);
    }

    #[test]
    fn calls_are_no_times_and_the_host_is_no_vm() {
        let mut report = report();
        report.rows[0].unit = Unit::Calls;
        report.rows[0].ours.median = 2.0;
        report.rows[0].ratio.median = 0.000_26;
        (report.place.accel, report.place.load) = ("none", Some(0.25));
        let text = report.text();
        assert!(text.contains("2.00 calls"), "{text}");
        assert!(text.contains(" 0.00026  "), "{text}");
        assert!(
            text.contains(
                "on the host itself, 2 processors, a processor; the load average before was 0.25."
            ),
            "{text}"
        );
    }
}
