// SPDX-License-Identifier: MIT OR Apache-2.0
//! What was kept until the end is printed, however it comes to the end.

use std::collections::VecDeque;

use ipcon_observe::model::Bus;

use super::*;

/// A bus that can be read at some times. At its end it goes on as it was.
struct Script(VecDeque<anyhow::Result<Snapshot>>);

impl Script {
    fn new(seconds: impl IntoIterator<Item = Option<u64>>) -> Self {
        let read = |second: Option<u64>| {
            let taken_at = Duration::from_secs(second.context("the module is not loaded")?);
            Ok(Snapshot {
                taken_at,
                bus: Some(Bus::default()),
                ..Snapshot::default()
            })
        };
        Self(seconds.into_iter().map(read).collect())
    }
}

impl SnapshotSource for Script {
    fn collect(&mut self) -> anyhow::Result<Snapshot> {
        let next = self.0.pop_front();
        next.unwrap_or_else(|| anyhow::bail!("asked once more than the script goes"))
    }
}

fn of_bus(fields: &str, output: Output) -> Table {
    Table::new(Rows::Bus, Some(fields), None, output).unwrap()
}

/// How it ended, and what was printed.
fn live(printer: Box<dyn Printer>, mut script: Script, left: u64) -> (anyhow::Result<()>, String) {
    let mut out = Vec::new();
    let mut run = Run {
        linter: None,
        printer,
        out: BufWriter::new(&mut out),
        left,
    };
    let pulse = Pulse::new(Duration::from_millis(1)).unwrap();
    let ended = run.live(&mut script, pulse);
    drop(run);
    (ended, String::from_utf8(out).unwrap())
}

#[test]
fn a_bus_that_cannot_be_read_for_a_while_ends_nothing() {
    let table = of_bus("peers", Output::Jsonl);
    let script = Script::new([Some(1), Some(2), None, None, Some(5)]);
    let (ended, text) = live(Box::new(json::Json::lines(table)), script, 2);
    ended.unwrap();
    let lines: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let taken: Vec<_> = lines.iter().map(|it| &it["taken_at_seconds"]).collect();
    assert_eq!(taken, [2.0, 5.0]);
    assert_eq!(lines[1]["interval_seconds"], 3.0, "{text}");
}

#[test]
fn more_samples_than_there_is_room_for_are_an_error_and_printed() {
    let table = of_bus("sent_unicast_messages", Output::Openmetrics);
    let printer = openmetrics::OpenMetrics::new(table).unwrap().with_most(2);
    let script = Script::new((1..9).map(Some));
    let (ended, text) = live(Box::new(printer), script, 8);
    let told = format!("{:#}", ended.unwrap_err());
    assert!(told.contains("more than 2 samples"), "{told}");
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    assert_eq!(samples.count(), 3, "{text}");
    assert!(text.ends_with("# EOF\n"), "{text}");
}
