// SPDX-License-Identifier: MIT OR Apache-2.0

//! Whether everything can be measured that needs no libqb, and is told as `cargo xtask bench` reads it.

use std::process::{Command, Stdio};

use serde_json::Value;

/// Rows that have nothing to do with libqb.
const OWN: [&str; 8] = [
    "floor-one-core",
    "floor-two-cores",
    "looking-two-cores",
    "floors-two-cores",
    "blocking-two-cores",
    "adaptive-one-core",
    "in-place-one-core",
    "in-place-two-cores",
];

#[test]
fn everything_can_be_measured() {
    if std::thread::available_parallelism().map_or(1, usize::from) < 2 {
        eprintln!("not tried: two cores are needed");
        return;
    }
    let output = Command::new(env!("CARGO_BIN_EXE_coroipc-bench"))
        .args(["measure", "--quick"])
        .stderr(Stdio::inherit())
        .output()
        .expect("starting coroipc-bench");
    assert!(output.status.success(), "{}", output.status);
    let said = String::from_utf8(output.stdout).expect("lines of text");
    let lines: Vec<Value> = said
        .lines()
        .map(|line| serde_json::from_str(line).expect("an object a line"))
        .collect();
    assert_eq!(lines[0]["kind"], "place");
    let named = |kind: &str| -> Vec<&str> {
        let of_kind = lines.iter().filter(|line| line["kind"] == kind);
        of_kind.filter_map(|line| line["name"].as_str()).collect()
    };
    assert_eq!(named("row"), OWN);
    assert!(named("left_out").contains(&"round-trip-one-core"));
    for row in lines.iter().filter(|line| line["kind"] == "row") {
        for side in ["ours", "peer"] {
            let rounds = row[side].as_array().expect("rounds");
            assert_eq!(rounds.len(), 2, "{row}");
            assert!(rounds.iter().all(|took| took.as_f64() > Some(0.0)), "{row}");
            let percentiles = &row["percentiles"][side];
            assert!(percentiles[0].as_f64() <= percentiles[2].as_f64(), "{row}");
        }
    }
}
