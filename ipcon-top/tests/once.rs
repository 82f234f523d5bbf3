// SPDX-License-Identifier: MIT OR Apache-2.0
//! The report. The JSON form is a contract with programs: a recording that changes needs a reason, and a
//! key that goes or changes its meaning a new `schema_version`.
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::VecDeque;
use std::time::{Duration, SystemTime};

use anyhow::Context;
use insta::assert_snapshot;
use ipcon_observe::Snapshot;
use ipcon_observe::fields::{BUS_FIELDS, CHANNEL_FIELDS, GROUP_FIELDS, PEER_FIELDS};
use ipcon_observe::linter::{Objectives, Rule};
use ipcon_observe::model::Counters;
use ipcon_top::args::Format;
use ipcon_top::collect::SnapshotSource;
use ipcon_top::filter::Filter;
use ipcon_top::once::{Report, measure, measure_by};
use support::{bus, probed, without_bus};

/// A source that knows the future.
struct Script(VecDeque<Snapshot>);

impl SnapshotSource for Script {
    fn collect(&mut self) -> anyhow::Result<Snapshot> {
        self.0.pop_front().context("the bus cannot be read")
    }
}

fn report(first: Snapshot, second: Snapshot) -> Report {
    let mut waited = None;
    let mut source = Script([first, second].into());
    let interval = Duration::from_millis(1500);
    let mut report = measure(&mut source, interval, |span| waited = Some(span)).unwrap();
    assert_eq!(waited, Some(interval));
    report.at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    report
}

#[test]
fn the_text_is_calm_and_complete() {
    let report = report(probed(3), probed(4));
    assert_snapshot!("text", report.print(Format::Text).unwrap());
}

#[test]
fn without_probes_the_text_says_what_it_does_not_know() {
    let report = report(bus(0), bus(1));
    assert_snapshot!("text_without_probes", report.print(Format::Text).unwrap());
}

#[test]
fn without_a_bus_the_channels_are_told_and_nothing_of_the_bus() {
    let report = report(without_bus(2), without_bus(3));
    assert_snapshot!("text_without_bus", report.print(Format::Text).unwrap());
    let json: serde_json::Value =
        serde_json::from_str(&report.print(Format::Json).unwrap()).unwrap();
    for absent in ["bus", "peers", "groups", "probes", "kevents"] {
        assert!(json.get(absent).is_none(), "{absent}: absent and not zero");
    }
    assert_eq!(json["sources"][0]["state"], "off");
    assert_eq!(
        json["channels"]["connections"][0]["per_second"]["requests"],
        900.0
    );
    assert_eq!(json["channels"]["unreadable_processes"], 3);
}

#[test]
fn without_a_bus_nobody_says_that_there_are_no_warnings() {
    let quiet = |second| Snapshot {
        channels: None,
        ..without_bus(second)
    };
    let text = |report: Report| report.print(Format::Text).unwrap();
    let told = text(report(quiet(2), quiet(3)));
    let unknown =
        "\nwarnings\n  not known of the bus: cannot read the bus: the module is not loaded\n";
    assert!(told.contains(unknown), "{told}");
    // A bus that was there and went has a warning about that, and no others are known.
    let told = text(report(bus(2), quiet(3)));
    assert!(told.contains("\n  not known of the bus: "), "{told}");
    let told = text(report(bus(2), bus(3)));
    assert!(!told.contains("not known"), "{told}");
    let told = text(report(bus(0), bus(0)));
    assert!(told.contains("\nwarnings\n  none\n"), "{told}");
}

#[test]
fn a_bus_that_is_not_compared_is_told_with_the_reason() {
    let mut second = probed(4);
    let counts = &mut second.probes.as_mut().unwrap().counts;
    counts.peers.insert(999, Counters::default());
    let report = report(probed(3), second);
    let reason = "peers that the probes count and that are not on it: 1,";
    let text = report.print(Format::Text).unwrap();
    assert!(text.contains(reason), "{text}");
    let json: serde_json::Value =
        serde_json::from_str(&report.print(Format::Json).unwrap()).unwrap();
    let told = json["reconciliation"]["bus_skipped"].as_str().unwrap();
    assert!(told.contains(reason), "{told}");
}

#[test]
fn the_json_is_a_contract() {
    let report = report(probed(3), probed(4));
    assert_snapshot!("json", report.print(Format::Json).unwrap());
}

#[test]
fn the_json_has_every_field_of_the_field_table() {
    let report = report(bus(3), bus(4));
    let json: serde_json::Value =
        serde_json::from_str(&report.print(Format::Json).unwrap()).unwrap();
    assert_eq!(json["schema_version"], 1);
    assert!(json.get("probes").is_none(), "not measured is absent");
    assert!(json.get("reconciliation").is_none());
    let missing = |row: &serde_json::Value, keys: &mut dyn Iterator<Item = &str>| -> Vec<String> {
        keys.filter(|key| row.get(key).is_none())
            .map(str::to_owned)
            .collect()
    };
    let peer = &json["peers"][0];
    // Absent without probes, or while no message waits.
    let measured = |key: &&str| !(key.starts_with("queue_latency") || *key == "read_messages");
    let keys = PEER_FIELDS.iter().map(|f| f.key);
    let mut keys = keys.filter(|key| measured(key) && *key != "queue_oldest_seconds");
    assert!(missing(peer, &mut keys).is_empty(), "{peer}");
    let group = &json["groups"][1];
    assert!(
        missing(group, &mut GROUP_FIELDS.iter().map(|f| f.key)).is_empty(),
        "{group}"
    );
    assert!(missing(&json["bus"], &mut BUS_FIELDS.iter().map(|f| f.key)).is_empty());
    assert_eq!(peer["per_second"]["sent_unicast_messages"], 410.0);
    let channel = &json["channels"]["connections"][0];
    let keys = &mut CHANNEL_FIELDS.iter().map(|f| f.key);
    assert!(missing(channel, keys).is_empty(), "{channel}");
}

#[test]
fn warnings_come_first_and_name_who_does_it() {
    let report = report(probed(4), probed(5));
    let text = report.print(Format::Text).unwrap();
    let warning = text.find("does not read").unwrap();
    assert!(warning < text.find("\nbus\n").unwrap(), "{text}");
    let json: serde_json::Value =
        serde_json::from_str(&report.print(Format::Json).unwrap()).unwrap();
    let worst = &json["warnings"][0];
    assert_eq!(worst["key"], "receiver_stalled");
    assert_eq!(worst["severity"], "alarm");
    assert_eq!(worst["subject"], "peer");
    assert_eq!(worst["subject_id"], 3);
    assert_eq!(worst["subject_name"], "cand_logger");
    let reason = worst["reason"].as_str().unwrap();
    assert!(
        reason.contains("media.router +1 sends it 6.90k/s"),
        "{reason}"
    );
}

#[test]
fn warnings_are_judged_by_the_objective() {
    let slow = |milliseconds| {
        let objectives = Objectives {
            queue_latency: Duration::from_millis(milliseconds),
        };
        let mut source = Script([probed(1), probed(2)].into());
        let interval = Duration::from_secs(1);
        let report = measure_by(objectives, &mut source, interval, |_| {}).unwrap();
        let warnings = report.warnings.iter();
        warnings.filter(|it| it.rule == Rule::QueueLatency).count()
    };
    assert_eq!([100, 10_000].map(slow), [1, 0]);
}

#[test]
fn a_bus_that_cannot_be_read_is_an_error_and_not_an_empty_report() {
    let mut source = Script([bus(0)].into());
    let error = measure(&mut source, Duration::from_secs(1), |_| {}).unwrap_err();
    assert_eq!(error.to_string(), "the bus cannot be read");
}

#[test]
fn a_report_can_be_of_the_rows_that_pass_a_filter() {
    let only = |text: &str| report(probed(3), probed(4)).only(&Filter::parse(text).unwrap());
    let counts = |text: &str| {
        let report = only(text).unwrap();
        let snapshot = &report.snapshot;
        let channels = snapshot.channels.as_ref().unwrap();
        [
            snapshot.peers.len(),
            snapshot.groups.len(),
            snapshot.flows.len(),
            channels.connections.len(),
            channels.endpoints.len(),
        ]
    };
    assert_eq!(counts("drops/s>10"), [1, 1, 3, 1, 0]);
    assert_eq!(counts("logd"), [1, 0, 0, 0, 0]);
    assert_eq!(
        counts("lost/s>100"),
        [0, 0, 2, 0, 0],
        "lost of peers is no counter"
    );
    let report = only("rule:stalled").unwrap();
    assert_eq!(report.warnings.len(), 1);
    assert!(report.snapshot.peers.is_empty() && report.snapshot.bus.is_some());
    let text = report.print(Format::Text).unwrap();
    assert!(
        text.contains("  only rows that pass: rule:stalled\n"),
        "{text}"
    );
    let json = report.print(Format::Json).unwrap();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["filter"], "rule:stalled");
    assert_eq!(json["peers"], serde_json::json!([]));
    let error = only("dorps>1").unwrap_err();
    assert_eq!(error.to_string(), "no key dorps; is it drops?");
}
