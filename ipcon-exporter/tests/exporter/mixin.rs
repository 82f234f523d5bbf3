// SPDX-License-Identifier: MIT OR Apache-2.0
//! Alert rules and dashboard: Prometheus' own tool judges them, and they name nothing that is not exported.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use ipcon_observe::linter::{self, Objectives};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::golden::assert_known;
use crate::program::{Folder, promtool};

const ALERTS: &str = include_str!("../../mixin/alerts.yml");
const TESTS: &str = include_str!("../../mixin/alerts.test.yml");
const DASHBOARD: &str = include_str!("../../mixin/dashboard.json");

#[derive(Deserialize)]
struct Rules {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    rules: Vec<Alert>,
}

/// An alert, as its file has it.
#[derive(Deserialize)]
pub(crate) struct Alert {
    pub(crate) alert: String,
    pub(crate) expr: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) annotations: BTreeMap<String, String>,
}

/// All alerts, in the order of the file.
pub(crate) fn alerts() -> Vec<Alert> {
    let rules: Rules = serde_saphyr::from_str(ALERTS).unwrap();
    rules
        .groups
        .into_iter()
        .flat_map(|group| group.rules)
        .collect()
}

#[track_caller]
fn promtool_passes(words: &[&str], file: &Path) {
    if let Some(mut promtool) = promtool() {
        let judged = promtool.args(words).arg(file).output().unwrap();
        assert!(
            judged.status.success(),
            "{}{}",
            String::from_utf8_lossy(&judged.stdout),
            String::from_utf8_lossy(&judged.stderr)
        );
    }
}

#[test]
fn the_alerts_fire_when_they_should() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("mixin");
    promtool_passes(&["check", "rules"], &folder.join("alerts.yml"));
    promtool_passes(&["test", "rules"], &folder.join("alerts.test.yml"));
}

#[test]
fn every_alert_is_told_of_and_tested() {
    let tests: Value = serde_saphyr::from_str(TESTS).unwrap();
    let cases = tests["tests"].as_array().unwrap();
    let cases = cases
        .iter()
        .filter_map(|case| case["alert_rule_test"].as_array());
    let fired: BTreeSet<_> = cases
        .flatten()
        .filter(|case| case["exp_alerts"].is_array())
        .map(|case| case["alertname"].as_str().unwrap())
        .collect();
    let alerts = alerts();
    assert!(alerts.len() > 10);
    for alert in &alerts {
        let name = alert.alert.as_str();
        assert!(fired.contains(name), "no test lets {name} fire");
        for annotation in ["summary", "description"] {
            assert!(
                alert.annotations.contains_key(annotation),
                "{name}: {annotation}"
            );
        }
        let severity = alert.labels["severity"].as_str();
        assert!(
            ["critical", "warning", "info"].contains(&severity),
            "{name}"
        );
        // The one metric that Prometheus makes itself.
        if name != "IpconExporterDown" {
            assert_known(&alert.expr);
        }
    }
}

#[test]
fn the_alerts_have_the_bounds_of_the_warnings() {
    let objective = Objectives::default().queue_latency.as_secs_f64();
    let stalled = linter::STALLED.as_secs();
    let bounds = [
        ("IpconReceiverStalled", format!("_age_seconds > {stalled}")),
        (
            "IpconReceiverStalled",
            format!("_limit_bytes > {}", linter::QUEUE_WARNING),
        ),
        ("IpconQueueLatencyHigh", format!(") > {objective}")),
        ("IpconErrorStorm", format!(") > {}", linter::STORM)),
        (
            "IpconFlood",
            format!(
                "{} * sum by (job, instance) (rate(ipcon_sent_messages_total{{peer!=\"_departed\"}}[5m]))",
                linter::FLOOD_SHARE
            ),
        ),
        ("IpconFlood", format!("> {}", linter::FLOOD_LOSSES)),
        ("IpconChurn", format!(") > {}", linter::CHURN)),
        (
            "IpconProbeMapFull",
            format!("_limit > {}", linter::MAP_FULL),
        ),
    ];
    let alerts = alerts();
    for (name, bound) in bounds {
        let alert = alerts.iter().find(|alert| alert.alert == name).unwrap();
        let mut lines = alert.expr.lines();
        assert!(lines.any(|line| line.ends_with(&bound)), "{name}: {bound}");
    }
}

/// The panels of the dashboard.
fn panels() -> Vec<Value> {
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    dashboard["panels"].as_array().unwrap().clone()
}

fn expressions() -> Vec<String> {
    let panels = panels();
    let targets = panels
        .iter()
        .filter_map(|panel| panel["targets"].as_array());
    let expressions = targets
        .flatten()
        .map(|target| target["expr"].as_str().unwrap().to_owned());
    expressions.collect()
}

#[test]
fn the_dashboard_shows_what_there_is() {
    let expressions = expressions();
    assert!(expressions.len() > 20);
    for expression in &expressions {
        assert_known(expression);
    }
    // As rules, with what Grafana puts in, so that promtool parses them.
    let rules: Vec<_> = expressions
        .iter()
        .map(|text| text.replace("$__rate_interval", "5m"))
        .enumerate()
        .map(|(number, text)| json!({"record": format!("dashboard:{number}"), "expr": text}))
        .collect();
    let folder = Folder::new("dashboard");
    let file = folder.file("rules.yml");
    let rules = json!({"groups": [{"name": "dashboard", "rules": rules}]});
    std::fs::write(&file, rules.to_string()).unwrap();
    promtool_passes(&["check", "rules"], &file);
}

#[test]
fn the_panels_of_the_dashboard_fit() {
    let panels = panels();
    let ids: BTreeSet<_> = panels
        .iter()
        .map(|panel| panel["id"].as_u64().unwrap())
        .collect();
    assert_eq!(ids.len(), panels.len());
    let mut taken = BTreeSet::new();
    for panel in &panels {
        let title = panel["title"].as_str().unwrap();
        let at = |key: &str| panel["gridPos"][key].as_u64().unwrap();
        assert!(at("x") + at("w") <= 24, "{title}");
        for x in at("x")..at("x") + at("w") {
            for y in at("y")..at("y") + at("h") {
                assert!(taken.insert((x, y)), "{title} covers another panel");
            }
        }
        if panel["type"] != "row" {
            assert!(
                !panel["description"].as_str().unwrap().is_empty(),
                "{title}"
            );
            for target in panel["targets"].as_array().unwrap() {
                assert_eq!(target["datasource"]["uid"], "${datasource}", "{title}");
                let expression = target["expr"].as_str().unwrap();
                assert!(expression.contains("instance=~\"$instance\""), "{title}");
            }
        }
    }
}
