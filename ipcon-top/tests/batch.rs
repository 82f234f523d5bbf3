// SPDX-License-Identifier: MIT OR Apache-2.0
//! Rows for other programs. The forms are a contract: a recording of the output that changes needs a reason.
#![allow(clippy::unwrap_used)]

mod openmetrics;
mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, SystemTime};

use clap::{CommandFactory, Parser};
use insta::assert_snapshot;
use ipcon_observe::Snapshot;
use ipcon_observe::linter::Objectives;
use ipcon_observe::model::{Endpoint, Exception, Flow, Peer};
use ipcon_top::args::{self, Cli};
use ipcon_top::batch::batch;
use ipcon_top::fielded::Fielded;
use ipcon_top::filter::keys::names;
use ipcon_top::manual::{self, Completions, Man};
use ipcon_top::recording::Recorder;
use support::{probed, without_bus};

const ROWS: [&str; 10] = [
    "bus",
    "peers",
    "groups",
    "flows",
    "channels",
    "endpoints",
    "probes",
    "warnings",
    "events",
    "exceptions",
];

/// A recording of three seconds, gone afterwards.
struct Recording(PathBuf);

impl Recording {
    fn new(name: &str) -> Self {
        Self::of(name, probed)
    }

    fn of(name: &str, bus: impl Fn(u64) -> Snapshot) -> Self {
        let name = format!("ipcon-top-batch-{name}-{}.rec", std::process::id());
        let path = std::env::temp_dir().join(name);
        let mut recorder = Recorder::open(&path, None).unwrap();
        for second in 2..5 {
            let at = Duration::from_millis(1_000_000_000_250 + second * 1000);
            let at = SystemTime::UNIX_EPOCH + at;
            recorder.append(at, &bus(second)).unwrap();
        }
        Self(path)
    }

    fn batch(&self, words: &str) -> anyhow::Result<String> {
        let mut line = vec!["ipcon-top", "batch", "--from", self.0.to_str().unwrap()];
        line.extend(words.split_whitespace());
        let Some(args::Command::Batch(options)) = Cli::try_parse_from(line)?.command else {
            panic!("another command");
        };
        let mut out = Vec::new();
        let objectives = options.objectives(|_| None)?;
        batch(
            &options,
            objectives,
            |_| anyhow::bail!("nobody asked for what is there now"),
            &mut out,
        )?;
        Ok(String::from_utf8(out).unwrap())
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[test]
fn text_is_for_people() {
    let recording = Recording::new("text");
    assert_snapshot!("peers_text", recording.batch("-n 2").unwrap());
}

#[test]
fn json_lines_are_rows() {
    let recording = Recording::new("jsonl");
    let fields = "--fields name,sent_messages,sent_messages/s,services";
    let rows = recording.batch(&format!("-o jsonl -n 2 {fields}")).unwrap();
    assert_snapshot!("peers_jsonl", rows);
    for rows in ROWS {
        let text = recording.batch(&format!("-o jsonl --rows {rows}")).unwrap();
        for line in text.lines() {
            let row: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!(
                (&row["schema_version"], &row["rows"]),
                (&1.into(), &rows.into())
            );
        }
    }
}

#[test]
fn json_blocks_hold_what_the_lines_hold() {
    let recording = Recording::new("json");
    let text = recording.batch("-o json").unwrap();
    let blocks = serde_json::Deserializer::from_str(&text).into_iter::<serde_json::Value>();
    let blocks: Vec<_> = blocks.map(Result::unwrap).collect();
    assert_eq!(blocks.len(), 3);
    assert!(
        blocks[0].get("interval_seconds").is_none(),
        "nothing was before"
    );
    assert_eq!(blocks[1]["interval_seconds"], 1.0);
    assert_eq!(
        blocks[1]["items"][0]["per_second"]["sent_unicast_messages"],
        410.0
    );
    let lines = recording.batch("-o jsonl").unwrap();
    let items = blocks
        .iter()
        .map(|block| block["items"].as_array().unwrap().len());
    assert_eq!(lines.lines().count(), items.sum::<usize>());
}

#[test]
fn csv_has_one_header_and_every_row_its_cells() {
    let recording = Recording::new("csv");
    let fields = "--fields name,services,joined_groups,sent_messages,sent_messages/s";
    assert_snapshot!(
        "peers_csv",
        recording.batch(&format!("-o csv -n 2 {fields}")).unwrap()
    );
    for rows in ROWS {
        let text = recording.batch(&format!("-o csv --rows {rows}")).unwrap();
        let records = parse_csv(&text);
        assert_eq!(text.matches("taken_at_seconds").count(), 1);
        for record in &records {
            assert_eq!(record.len(), records[0].len(), "{record:?}");
        }
    }
}

/// RFC 4180, and nothing else.
fn parse_csv(text: &str) -> Vec<Vec<String>> {
    let mut records = vec![vec![String::new()]];
    let mut rest = text.chars().peekable();
    let mut quoted = false;
    while let Some(c) = rest.next() {
        let cell = records.last_mut().unwrap().last_mut().unwrap();
        match c {
            '"' if quoted && rest.peek() == Some(&'"') => cell.push(rest.next().unwrap()),
            '"' if quoted => quoted = false,
            '"' => {
                assert!(cell.is_empty(), "a quote within a cell");
                quoted = true;
            }
            c if quoted => cell.push(c),
            ',' => records.last_mut().unwrap().push(String::new()),
            '\r' => {
                assert_eq!(rest.next(), Some('\n'));
                records.push(vec![String::new()]);
            }
            c => cell.push(c),
        }
    }
    assert_eq!(
        records.pop(),
        Some(vec![String::new()]),
        "the last line has no end"
    );
    records
}

#[test]
fn openmetrics_is_strictly_that() {
    let recording = Recording::new("openmetrics");
    assert_snapshot!(
        "groups_openmetrics",
        recording
            .batch("-o openmetrics -n 2 --rows groups")
            .unwrap()
    );
    for rows in &ROWS[..7] {
        let text = recording
            .batch(&format!("-o openmetrics --rows {rows}"))
            .unwrap();
        let samples = openmetrics::check(&text);
        assert!(samples > 0 || *rows == "flows", "{rows}: {samples}");
        let again = backfill(&text);
        assert!(again, "promtool does not take {rows}");
    }
    let told = recording.batch("-o openmetrics --rows events").unwrap_err();
    assert!(
        told.to_string().starts_with("events are no metrics"),
        "{told}"
    );
    let told = recording.batch("-o openmetrics --fields name").unwrap_err();
    assert!(
        told.to_string().starts_with("`name` is no metric"),
        "{told}"
    );
}

/// Has Prometheus's own tool take it as a past.
fn backfill(text: &str) -> bool {
    let program = std::env::var_os("PROMTOOL").unwrap_or_else(|| "promtool".into());
    let name = format!("ipcon-top-backfill-{}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join("metrics");
    fs::write(&file, text).unwrap();
    let output = Command::new(program)
        .args(["tsdb", "create-blocks-from", "openmetrics"])
        .args([&file, &folder.join("data")])
        .output();
    let good = match &output {
        Ok(output) => output.status.success(),
        Err(error) => {
            eprintln!("not read by promtool ({error}): install the package prometheus");
            true
        }
    };
    if !good {
        eprintln!("{}", String::from_utf8_lossy(&output.unwrap().stderr));
    }
    fs::remove_dir_all(&folder).unwrap();
    good
}

#[test]
fn rows_can_be_filtered_and_mistakes_are_told() {
    let recording = Recording::new("mistakes");
    let filtered = recording
        .batch("-o jsonl -n 1 --fields name --filter sent_messages>1000")
        .unwrap();
    assert_eq!(filtered.lines().count(), 0, "{filtered}");
    let filtered = recording
        .batch("-o jsonl -n 1 --fields name --filter comm:logd")
        .unwrap();
    assert_eq!(filtered.lines().count(), 1, "{filtered}");
    let told = |words: &str| recording.batch(words).unwrap_err().to_string();
    assert_eq!(
        told("--fields name,sent_mesages"),
        "these rows have no field `sent_mesages`: did you mean `sent_messages`?"
    );
    assert_eq!(
        told("--fields name,dorps"),
        "these rows have no field `dorps`: did you mean `drops`?"
    );
    assert_eq!(
        told("--fields name,tx,tx/s,peer"),
        "`peer` is the field `name`, which is in the list already"
    );
    assert_eq!(
        told("--fields name/s"),
        "`name` is no counter and has no rate: leave `/s` out"
    );
    let wrong = told("--filter nonsense>1");
    assert!(wrong.starts_with("--filter, at character 1: "), "{wrong}");
    assert_eq!(
        told("--rows flows --filter form:a"),
        "--filter, at character 1: no key form; is it from?"
    );
    assert!(told("-t 23:59").contains("nothing of 23:59:00"));
}

/// How many rows of a recording there are in all, and how many pass.
fn passing(recording: &Recording, rows: &str, filter: &str) -> (usize, usize) {
    let count = |filter: &[&str]| {
        let mut line = vec!["ipcon-top", "batch", "-o", "jsonl", "--rows", rows];
        line.extend(["--from", recording.0.to_str().unwrap()]);
        line.extend(filter);
        let Some(args::Command::Batch(options)) = Cli::parse_from(line).command else {
            panic!("another command");
        };
        let mut out = Vec::new();
        batch(
            &options,
            Objectives::default(),
            |_| unreachable!(),
            &mut out,
        )
        .unwrap();
        String::from_utf8(out).unwrap().lines().count()
    };
    (count(&[]), count(&["--filter", filter]))
}

#[test]
fn rows_of_every_sort_can_be_filtered_by_words_fields_and_rates() {
    let recording = Recording::new("filters");
    let cases = [
        ("bus", "dropped/s>0", 2),
        ("bus", "peers>100", 0),
        ("peers", "tx/s>1 comm:logd", 2),
        ("groups", "unheard=0 frames", 3),
        ("flows", "kind=unicast lost/s>100", 4),
        ("flows", "to:logger", 15),
        ("channels", "req/s>0", 5),
        ("endpoints", "refused/s>0 or nobody", 2),
        ("events", "kind=service_remove", 1),
        ("exceptions", "reason=queue_full", 4),
        ("warnings", "severity=alarm rule:stalled", 2),
        ("warnings", "\"does not read\"", 4),
    ];
    let mut wrong = Vec::new();
    for (rows, filter, expected) in cases {
        let (all, passed) = passing(&recording, rows, filter);
        if passed != expected || passed == all && rows != "bus" {
            wrong.push(format!("{rows} {filter}: {passed} of {all}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn warnings_are_rows_with_rule_severity_subject_figures_and_advice() {
    let recording = Recording::new("warnings");
    let warnings = |words: &str| {
        recording
            .batch(&format!("--rows warnings {words}"))
            .unwrap()
    };
    assert_snapshot!("warnings_jsonl", warnings("-o jsonl -t +2s"));
    assert_snapshot!("warnings_csv", warnings("-o csv -t +2s"));
    assert_snapshot!("warnings_text", warnings("-t +2s"));
    assert_snapshot!("warnings_openmetrics", warnings("-o openmetrics"));
    // What began before the first block is known from the frames before it.
    let since = |words: &str| {
        let line = warnings(&format!("{words} -o jsonl --filter rule=member_loses"));
        let last: serde_json::Value = serde_json::from_str(line.lines().last().unwrap()).unwrap();
        last["since_seconds"].as_f64().unwrap()
    };
    assert_eq!(since("-t +2s"), since(""));
    assert!(since("") < probed(4).taken_at.as_secs_f64());
}

#[test]
fn warnings_of_a_bus_that_was_not_read_are_not_known() {
    let recording = Recording::of("unknown", |second| Snapshot {
        channels: None,
        ..without_bus(second)
    });
    let reason = "cannot read the bus: the module is not loaded\n";
    let told = recording.batch("-n 1 --rows warnings").unwrap();
    assert!(
        told.contains(&format!("  not known of the bus: {reason}")),
        "{told}"
    );
    for rows in ["peers", "flows", "events", "exceptions"] {
        let told = recording.batch(&format!("-n 1 --rows {rows}")).unwrap();
        assert!(
            told.contains(&format!("  nothing was read: {reason}")),
            "{told}"
        );
    }
    let told = Recording::new("known")
        .batch("-n 1 --rows warnings")
        .unwrap();
    assert!(!told.contains("not known"), "{told}");
}

#[test]
fn warnings_are_judged_by_the_objective() {
    let recording = Recording::of("objective", |second| probed(second - 2));
    let slow = |words: &str| {
        let filter = "-o jsonl --filter rule=queue_latency";
        let line = format!("--rows warnings {filter} {words}");
        recording.batch(&line).unwrap().lines().count()
    };
    assert!(slow("") > 0);
    assert_eq!(slow("--latency-objective 10s"), 0);
    let told = recording.batch("--rows peers --latency-objective 10s");
    let told = told.unwrap_err().to_string();
    assert!(told.contains("add --rows warnings"), "{told}");
}

/// Whatever a filter calls a field.
#[test]
fn fields_are_chosen_by_any_of_their_names() {
    let recording = Recording::new("words");
    let printed = |fields: &str| {
        recording
            .batch(&format!("-o csv --fields {fields}"))
            .unwrap()
    };
    assert_eq!(
        printed("peer,command,tx,tx_b/s,drops,p99,waits"),
        printed(
            "name,comm,sent_messages,sent_bytes/s,dropped_messages,queue_latency_p99_seconds,\
             queue_latency_buckets"
        ),
    );
    fn every_word<R: Fielded>(recording: &Recording, rows: &str) {
        for field in R::fields() {
            for name in names(R::fields(), field) {
                let line = format!("--rows {rows} -n 1 -o csv --fields {name}");
                let header = recording.batch(&line).unwrap();
                let header = header.lines().next().unwrap();
                assert!(
                    header.ends_with(&format!(",{}", field.key)),
                    "{name}: {header}"
                );
            }
        }
    }
    every_word::<Peer>(&recording, "peers");
    every_word::<Flow>(&recording, "flows");
    every_word::<Endpoint>(&recording, "endpoints");
    every_word::<Exception>(&recording, "exceptions");
}

#[test]
fn probes_are_rows_with_their_runs_and_the_time_of_each() {
    let recording = Recording::new("probes");
    let probes = |words: &str| recording.batch(&format!("--rows probes {words}")).unwrap();
    assert_snapshot!("probes_text", probes("-t +2s"));
    assert_snapshot!("probes_openmetrics", probes("-o openmetrics -t +2s"));
    let line = probes("-o jsonl -t +2s --filter name=ipcon_deliver");
    let row: serde_json::Value = serde_json::from_str(&line).unwrap();
    // 18,000 runs of 650 ns each second.
    assert_eq!(row["timed_runs"], 72_000);
    assert_eq!(row["run_time_mean_seconds"], 650e-9);
    let share = row["per_second"]["run_time_seconds"].as_f64().unwrap();
    assert!((share - 0.0117).abs() < 1e-9, "{share}");
    let line = probes("-o jsonl -t +2s --filter attached=no");
    assert!(
        !line.contains("run_time") && !line.contains("timed_runs"),
        "{line}"
    );
}

#[test]
fn the_fields_are_told() {
    let recording = Recording::new("fields");
    assert_snapshot!(
        "fields_of_groups",
        recording.batch("--fields help --rows groups").unwrap()
    );
}

/// Everything the documentation shows runs: each line of its shell blocks, on a recording of the name that it has there.
#[test]
fn the_commands_of_the_documentation_run() {
    let recording = Recording::new("docs");
    let page = include_str!("../../docs/batch.md");
    let mut run = BTreeMap::new();
    let mut shell = false;
    for line in page.lines() {
        if line.starts_with("```") {
            shell = line == "```sh";
        } else if shell && line.starts_with("ipcon-top ") {
            let command = line.replace("bus.rec", recording.0.to_str().unwrap());
            let words = shell_words(&command);
            let parsed = Cli::try_parse_from(&words);
            let parsed = parsed.unwrap_or_else(|error| panic!("{line}: {error}"));
            if let Some(args::Command::Batch(options)) = parsed.command
                && options.recording.from.is_some()
            {
                let mut out = Vec::new();
                let printed = batch(
                    &options,
                    Objectives::default(),
                    |_| unreachable!(),
                    &mut out,
                );
                printed.unwrap_or_else(|error| panic!("{line}: {error:#}"));
                run.insert(line, out.len());
            }
        }
    }
    assert!(
        run.len() >= 3 && run.values().all(|&bytes| bytes > 0),
        "{run:?}"
    );
}

/// The words of a line, up to a redirection or a pipe; quotes hold some together.
fn shell_words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '\'' => quoted = !quoted,
            '|' | '>' if !quoted => break,
            ' ' if !quoted => words.push(String::new()),
            c => words.last_mut().unwrap().push(c),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[test]
fn the_manual_page_and_the_completions_are_what_the_command_line_is() {
    let mut page = Vec::new();
    manual::man(&Man { to: None }, &mut page).unwrap();
    let page = String::from_utf8(page).unwrap();
    let version = Cli::command().render_version();
    assert_snapshot!("man", page.replace(version.trim_end(), "ipcon-top VERSION"));
    for shell in clap::ValueEnum::value_variants() {
        let mut script = Vec::new();
        manual::completions(&Completions { shell: *shell }, &mut script).unwrap();
        let script = String::from_utf8(script).unwrap();
        for word in ["record", "batch", "openmetrics", "--max-size"]
            .iter()
            .filter(|it| **it != "openmetrics" || !shell.to_string().contains("elvish"))
        {
            // What cannot complete values has no values.
            let told = script.contains(word.trim_start_matches("--"));
            assert!(
                told || *word == "openmetrics",
                "{shell} does not know {word}"
            );
        }
    }
}
