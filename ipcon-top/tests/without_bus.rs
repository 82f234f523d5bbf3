// SPDX-License-Identifier: MIT OR Apache-2.0
//! The real program where the module is not loaded: what it prints, what it says on standard error, and how it ends. Where
//! there is a bus, these tests say that they are skipped.
#![allow(clippy::unwrap_used)]

use std::process::{Command, Output};

use ipcon_observe::{Collector, Options};

fn is_bus_there() -> bool {
    let dumps = Options {
        probes: false,
        latency: false,
        kevents: false,
        channels: false,
    };
    let there = Collector::open(dumps).is_ok();
    if there {
        eprintln!("skipped: there is a bus");
    }
    there
}

fn run(line: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ipcon-top"))
        .args(line.split(' '))
        .env("HOME", "/nonexistent")
        .env_remove("XDG_CONFIG_HOME")
        .output()
        .unwrap()
}

/// Exit status, standard output, standard error.
fn ended(line: &str) -> (i32, String, String) {
    let output = run(line);
    let [out, err] = [output.stdout, output.stderr].map(|it| String::from_utf8(it).unwrap());
    (output.status.code().unwrap(), out, err)
}

/// One line, however many blocks there were.
#[track_caller]
fn assert_says(told: &str, what: &str) {
    let [line] = told.lines().collect::<Vec<_>>()[..] else {
        panic!("not one line: {told}");
    };
    assert!(line.starts_with(&format!("ipcon-top: {what}: ")), "{line}");
    assert!(line.contains("modprobe ipcon"), "what to do: {line}");
}

#[test]
fn rows_go_on_and_the_missing_bus_is_told_once() {
    if is_bus_there() {
        return;
    }
    let batch = |options: &str| ended(&format!("batch -n 3 --interval 250ms {options}"));
    for options in ["--rows peers", "--rows warnings", "--rows bus -o json"] {
        let (status, out, err) = batch(options);
        assert_eq!(status, 0, "{options}: {err}");
        assert_says(&err, "nothing is known of the bus");
        let blocks = if options.contains("json") {
            out.matches("\"items\": []").count()
        } else {
            out.matches("of the bus: cannot read").count() + out.matches("nothing was read").count()
        };
        assert_eq!(blocks, 3, "{options}: {out}");
    }
    let (status, out, err) = batch("-o jsonl");
    assert_eq!((status, &*out), (0, ""), "{err}");
    assert_says(&err, "nothing is known of the bus");
}

#[test]
fn with_nothing_to_read_there_are_no_rows_and_a_failure() {
    if is_bus_there() {
        return;
    }
    for line in [
        "batch -n 1 --no-channels",
        "batch -n 1 --no-channels -o openmetrics",
        "--no-channels batch -n 1 --rows warnings",
        "once --no-channels",
        "--no-channels --no-probes once",
    ] {
        let (status, out, err) = ended(line);
        assert_eq!((status, &*out), (1, ""), "{line}: {err}");
        assert_says(&err, "cannot read the bus");
    }
}

#[test]
fn the_report_does_not_claim_that_all_is_well() {
    if is_bus_there() {
        return;
    }
    let (status, out, err) = ended("--interval 250ms once");
    assert_eq!((status, &*err), (0, ""));
    assert!(out.contains("\n  not known of the bus: "), "{out}");
    assert!(!out.contains("\nwarnings\n  none"), "{out}");
}

#[test]
fn a_wrong_command_line_is_told_before_anything_is_read() {
    for (line, status, what) in [
        ("batch --rows nonsense", 2, "possible values"),
        ("--theme light once", 2, "'--theme'"),
        ("batch --fields dorps", 1, "did you mean `drops`?"),
        ("batch --latency-objective 1s", 1, "add --rows warnings"),
    ] {
        let (ended, out, err) = ended(line);
        assert_eq!((ended, &*out), (status, ""), "{line}: {err}");
        assert!(
            err.contains(what) && !err.contains("the bus"),
            "{line}: {err}"
        );
    }
}
