// SPDX-License-Identifier: MIT OR Apache-2.0
//! The real program beside real servers and clients of coroipc: what it reports is what the clients counted.
#![allow(clippy::unwrap_used)]

#[path = "../../ebpf/observe/tests/support/served.rs"]
mod served;

use std::process::Command;

use serde_json::Value;
use served::{Process, address, gate, service};

/// Not a test of its own: the processes that the others start.
#[test]
fn in_a_role() {
    served::play();
}

/// What `ipcon-top once` prints with these options.
fn once(options: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_ipcon-top"))
        .args(["once", "--interval", "250ms", "--no-probes", "--no-kevents"])
        .args(options)
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    String::from_utf8(output.stdout).unwrap()
}

/// The connections of a server, as the JSON form has them.
fn connections(server: u32) -> Vec<Value> {
    let report: Value = serde_json::from_str(&once(&["--format", "json"])).unwrap();
    let rows = report["channels"]["connections"].as_array().unwrap();
    rows.iter()
        .filter(|row| row["server_pid"] == server)
        .cloned()
        .collect()
}

#[test]
fn the_report_has_what_the_clients_counted() {
    let address = address("top");
    let server = Process::start("server", &address);
    let mut clients = [(), ()].map(|()| Process::start("client", &address));
    let counted = [clients[0].rounds(333), clients[1].rounds(20)];

    let rows = connections(server.pid());
    assert_eq!(rows.len(), 2);
    for (client, counted) in clients.iter().zip(&counted) {
        let row = rows
            .iter()
            .find(|row| row["client_pid"] == client.pid())
            .unwrap();
        for (what, count) in counted {
            assert_eq!(row[what], *count, "{what}");
        }
        assert_eq!(row["service"], service());
        assert_eq!(row["per_second"]["requests"], 0.0, "it is quiet now");
        let timed = row["latency_buckets"].as_array().unwrap().iter();
        let timed: u64 = timed.map(|bucket| bucket["count"].as_u64().unwrap()).sum();
        assert_eq!(timed, counted["requests"] / 16);
    }

    let text = once(&[]);
    let line = text
        .lines()
        .find(|line| line.contains(&format!(" {} ", clients[0].pid())));
    let requests = counted[0]["requests"].to_string();
    assert!(
        line.unwrap()
            .split_whitespace()
            .any(|cell| cell == requests),
        "{text}"
    );

    let [first, second] = clients;
    first.kill();
    let left = connections(server.pid());
    assert!(
        left.iter()
            .all(|row| row["client_pid"] != second.pid()
                || row["requests"] == counted[1]["requests"])
    );
    server.kill();
    let gone = once(&["--format", "json"]);
    assert!(
        !gone.contains(&format!("\"client_pid\": {},", second.pid())),
        "{gone}"
    );
}

#[test]
fn the_report_has_who_was_refused_and_why() {
    let address = address("refused");
    let server = Process::start("gate", &address);
    let mut stranger = Process::start("stranger", &address);
    let counted = stranger.rounds(2);
    assert_eq!(counted["refused_denied"], 2);

    let report: Value = serde_json::from_str(&once(&["--format", "json"])).unwrap();
    let rows = report["channels"]["endpoints"].as_array().unwrap();
    let rows: Vec<_> = rows
        .iter()
        .filter(|row| row["server_pid"] == server.pid())
        .collect();
    assert_eq!(rows.len(), 1);
    let row = rows[0];
    for (what, count) in &counted {
        assert_eq!(row[what], *count, "{what}");
    }
    assert_eq!(row["connected"], 0);
    assert_eq!(row["address"], format!("@{address}"));
    assert_eq!(row["per_second"]["refused"], 0.0, "it is quiet now");

    let text = once(&[]);
    let line = format!(
        "  {} {} refused: 3 (denied 2, no_such_service 1)",
        gate(),
        server.pid()
    );
    assert!(text.lines().any(|it| it == line), "{text}");
}

#[test]
fn who_does_not_want_channels_gets_none() {
    let output = Command::new(env!("CARGO_BIN_EXE_ipcon-top"))
        .args([
            "once",
            "--interval",
            "250ms",
            "--no-channels",
            "--format",
            "json",
        ])
        .output()
        .unwrap();
    if output.status.success() {
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(report.get("channels").is_none());
    } else {
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(
            stderr.contains("modprobe ipcon"),
            "there is no bus either: {stderr}"
        );
    }
}
