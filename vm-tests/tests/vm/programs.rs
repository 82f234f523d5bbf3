// SPDX-License-Identifier: MIT OR Apache-2.0

//! The programs of the project as their users start them: what each of them tells agrees with the module.

use std::io::Write;
use std::process::{Command, Stdio};

use ipcon_vm_tests::process::{Process, program};
use ipcon_vm_tests::{Case, cases, counters, settings};
use libipcon::{Counters, Inspector, Peer, PeerInfo, Replay};
use rustix::process::Signal;
use serde_json::Value;

use crate::support::{ask_exporter, drain, start_exporter};

pub(crate) fn all() -> Vec<Case> {
    cases![
        the_traffic_program_counts_what_the_module_counts => within(120),
        the_traffic_program_counts_with_its_archive_in_a_process_of_its_own => within(120),
        the_traffic_program_ends_with_its_second_signal,
        the_report_of_ipcon_top_agrees_with_the_dumps,
        a_recording_holds_what_the_module_counted,
        the_exporter_serves_what_the_dumps_hold => on_the_initial_bus().within(120),
        prometheus_own_tool_finds_no_fault_with_the_metrics => on_the_initial_bus().needs(promtool).within(120),
        the_bench_measures_every_row => needs(settings::quick_kernel).within(120),
        the_bench_measures_every_row_of_observers => needs(settings::quick_kernel).within(120),
    ]
}

/// Counters that the traffic program has under the same names as the module.
fn told(row: &Value) -> Counters {
    let number = |name: &str| {
        row[name]
            .as_u64()
            .unwrap_or_else(|| panic!("no {name} in {row}"))
    };
    Counters {
        sent_unicast_messages: number("sent_unicast_messages"),
        sent_unicast_bytes: number("sent_unicast_bytes"),
        sent_multicast_messages: number("sent_multicast_messages"),
        sent_multicast_bytes: number("sent_multicast_bytes"),
        delivered_unicast_messages: number("delivered_unicast_messages"),
        delivered_unicast_bytes: number("delivered_unicast_bytes"),
        delivered_multicast_messages: number("delivered_multicast_messages"),
        delivered_multicast_bytes: number("delivered_multicast_bytes"),
        refused_queue_full: number("refused_queue_full"),
        refused_no_peer: number("refused_no_peer"),
        refused_no_memory: number("refused_no_memory"),
        dropped_queue_full: number("lost"),
        ..Counters::default()
    }
}

/// The counters of the module that the traffic program has as well.
fn comparable(counters: &Counters) -> Counters {
    counters::without_undelivered_bytes(counters)
}

fn the_traffic_program_counts_what_the_module_counts() {
    assert_traffic_is_counted(&[], |_| {});
}

/// Also when that process was stopped, so that the program has to let it go on.
fn the_traffic_program_counts_with_its_archive_in_a_process_of_its_own() {
    let pid_file = std::env::temp_dir().join("the-archive-of-the-traffic.pid");
    let option = format!("--archive-pid-file={}", pid_file.display());
    assert_traffic_is_counted(&[&option], |traffic| {
        let pid = std::fs::read_to_string(&pid_file).unwrap();
        let pid: u32 = pid.trim().parse().unwrap();
        assert_ne!(pid, traffic.pid());
        let inspector = Inspector::open().unwrap();
        let port = Peer::connect().unwrap().find_service("archive").unwrap();
        assert_eq!(inspector.peer(port).unwrap().pid, pid);
    });
    assert!(!pid_file.exists(), "nobody has this id any more");
}

/// Runs the traffic program with these options as well. `look` comes while its peers are there, and nothing moves.
fn assert_traffic_is_counted(options: &[&str], look: impl Fn(&Process)) {
    let mut command = program("examples/traffic");
    command.args(["--seconds", "5", "--rate", "3", "--scale", "2"]);
    let mut traffic = Process::spawn(command.args(options));
    let report: Value = serde_json::from_str(&traffic.line()).unwrap();
    let inspector = Inspector::open().unwrap();
    let (bus, rows) = counters::assert_balanced_books(&inspector);
    let mut all = told(&report["departed"]);
    counters::add(&mut all, &comparable(&counters::sum(&rows)));
    assert_eq!(comparable(&bus.counters), all, "peers and the departed");
    assert_eq!(told(&report), comparable(&bus.counters));

    let peers = report["peers"].as_array().unwrap();
    assert_eq!(peers.len(), rows.len());
    for row in &rows {
        let found = peers.iter().find(|peer| peer["id"] == row.id).unwrap();
        assert_eq!(found["port"], row.port.get());
        assert_eq!(told(found), comparable(&row.counters), "{}", found["name"]);
        assert_eq!((row.queue_bytes, row.lost), (0, 0), "{}", found["name"]);
    }
    // It shows all that can happen.
    let totals = bus.counters;
    for (what, count) in [
        ("refused, full queue", totals.refused_queue_full),
        ("refused, no peer", totals.refused_no_peer),
        ("dropped", totals.dropped_queue_full),
        ("replays", report["replayed_messages"].as_u64().unwrap()),
        ("kevents", report["delivered_kevents"].as_u64().unwrap()),
        ("departed", report["departed"]["peers"].as_u64().unwrap()),
    ] {
        assert!(count > 0, "no {what}");
    }
    look(&traffic);
    traffic.end();
}

fn the_traffic_program_ends_with_its_second_signal() {
    let mut traffic = Process::spawn(&mut program("examples/traffic"));
    let inspector = Inspector::open().unwrap();
    while inspector.bus().unwrap().counters.delivered_unicast_messages < 10 {
        std::thread::yield_now();
    }
    traffic.signal(Signal::TERM);
    let report: Value = serde_json::from_str(&traffic.line()).unwrap();
    let totals = inspector.bus().unwrap().counters;
    assert_eq!(told(&report), comparable(&totals));
    traffic.signal(Signal::TERM);
    assert!(traffic.wait().success());
}

/// Two frames of a bus on which nothing moves, read back as rows.
fn a_recording_holds_what_the_module_counted() {
    let peers = exchange();
    let inspector = Inspector::open().unwrap();
    let bus = inspector.bus().unwrap().counters;
    let rows = inspector.peers().unwrap().items;
    let file = std::env::temp_dir().join("a-recording-of-the-bus.rec");
    let run = |words: &[&str]| {
        let output = program("ipcon-top").args(words).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{words:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    };
    let path = file.to_str().unwrap();
    let told = run(&["record", path, "-n", "2", "--interval", "250ms"]);
    assert!(told.starts_with("recorded 2 frames, "), "{told}");
    let lines = run(&["batch", "--from", path, "--rows", "peers", "-o", "jsonl"]);
    let recorded: Vec<Value> = lines
        .lines()
        .map(|it| serde_json::from_str(it).unwrap())
        .collect();
    for row in &rows {
        let found: Vec<_> = recorded.iter().filter(|it| it["id"] == row.id).collect();
        assert_eq!(found.len(), 2, "peer {} in each frame", row.id);
        for it in found {
            for (key, count) in [
                ("sent_unicast_messages", row.counters.sent_unicast_messages),
                (
                    "sent_multicast_messages",
                    row.counters.sent_multicast_messages,
                ),
                (
                    "delivered_unicast_bytes",
                    row.counters.delivered_unicast_bytes,
                ),
                ("refused_no_peer", row.counters.refused_no_peer),
            ] {
                assert_eq!(it[key], count, "{key} of peer {}", row.id);
            }
        }
    }
    let csv = run(&[
        "batch",
        "--from",
        path,
        "--rows",
        "bus",
        "-o",
        "csv",
        "--fields",
        "sent_messages",
    ]);
    let sent = bus.sent_unicast_messages + bus.sent_multicast_messages;
    let last = csv.lines().last().unwrap();
    assert!(last.ends_with(&format!(",{sent}")), "{csv}");
    std::fs::remove_file(file).unwrap();
    drop(peers);
}

fn the_report_of_ipcon_top_agrees_with_the_dumps() {
    let peers = exchange();
    let inspector = Inspector::open().unwrap();
    let before = inspector.bus().unwrap();
    let rows = inspector.peers().unwrap().items;
    let output = program("ipcon-top")
        .args(["once", "--format", "json"])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    for row in &rows {
        assert_row(&report, row);
    }
    // The program itself is a peer that listens to kevents, and sends nothing.
    assert_eq!(report["peers"].as_array().unwrap().len(), rows.len() + 1);
    assert_eq!(
        report["bus"]["sent_unicast_messages"],
        before.counters.sent_unicast_messages
    );
    assert_eq!(
        report["bus"]["refused_no_peer"],
        before.counters.refused_no_peer
    );
    let text = program("ipcon-top")
        .args(["once", "--format", "text"])
        .output()
        .unwrap();
    assert!(text.status.success());
    assert!(String::from_utf8(text.stdout).unwrap().contains("keeper"));
    drop(peers);
}

fn assert_row(report: &Value, row: &PeerInfo) {
    let found = report["peers"]
        .as_array()
        .unwrap()
        .iter()
        .find(|peer| peer["id"] == row.id)
        .unwrap();
    let expected = row.counters;
    for (name, value) in [
        ("sent_unicast_messages", expected.sent_unicast_messages),
        ("sent_unicast_bytes", expected.sent_unicast_bytes),
        ("sent_multicast_messages", expected.sent_multicast_messages),
        (
            "delivered_unicast_messages",
            expected.delivered_unicast_messages,
        ),
        (
            "delivered_multicast_bytes",
            expected.delivered_multicast_bytes,
        ),
        ("refused_no_peer", expected.refused_no_peer),
    ] {
        assert_eq!(found[name], value, "{name} of peer {}", row.id);
    }
}

fn the_exporter_serves_what_the_dumps_hold() {
    let (mut exporter, address) = start_exporter(&[]);
    let address = address.as_str();
    let peers = exchange();
    let inspector = Inspector::open().unwrap();
    let row = inspector.peer(peers.0.port()).unwrap();

    let health = ask_exporter(address, "/healthz");
    assert!(health.starts_with("HTTP/1.1 200"), "{health}");
    let answer = ask_exporter(address, "/metrics");
    let (head, metrics) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let of_keeper = |family: &str, kind: &str| -> u64 {
        let series = format!("{family}{{peer=\"keeper\",kind=\"{kind}\"}} ");
        let line = metrics.lines().find_map(|line| line.strip_prefix(&series));
        line.unwrap_or_else(|| panic!("no {series}:\n{metrics}"))
            .parse()
            .unwrap()
    };
    let counters = row.counters;
    for (family, unicast, multicast) in [
        (
            "ipcon_sent_messages_total",
            counters.sent_unicast_messages,
            counters.sent_multicast_messages,
        ),
        (
            "ipcon_sent_bytes_total",
            counters.sent_unicast_bytes,
            counters.sent_multicast_bytes,
        ),
        (
            "ipcon_delivered_bytes_total",
            counters.delivered_unicast_bytes,
            counters.delivered_multicast_bytes,
        ),
    ] {
        assert_eq!(of_keeper(family, "unicast"), unicast, "{family}");
        assert_eq!(of_keeper(family, "multicast"), multicast, "{family}");
    }
    exporter.signal(Signal::TERM);
    assert!(exporter.wait().success());
    drop(peers);
}

fn prometheus_own_tool_finds_no_fault_with_the_metrics() {
    let (mut exporter, address) = start_exporter(&[]);
    let peers = exchange();
    let answer = ask_exporter(&address, "/metrics");
    let (head, metrics) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(metrics.contains("peer=\"keeper\""), "{metrics}");

    let mut promtool = Command::new(settings::promtool().unwrap())
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    promtool
        .stdin
        .take()
        .unwrap()
        .write_all(metrics.as_bytes())
        .unwrap();
    let output = promtool.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    exporter.signal(Signal::TERM);
    assert!(exporter.wait().success());
    drop(peers);
}

fn promtool() -> Result<(), String> {
    settings::quick_kernel()?;
    settings::promtool().map(drop)
}

/// A named peer and another that have talked.
fn exchange() -> (Peer, Peer) {
    let (keeper, user) = (Peer::connect().unwrap(), Peer::connect().unwrap());
    keeper.register_service("keeper").unwrap();
    keeper.register_group("news").unwrap();
    user.join_group("news", Replay::None).unwrap();
    for len in [1, 20, 300] {
        user.send(keeper.port(), &vec![0; len]).unwrap();
        keeper.send(user.port(), &vec![0; len]).unwrap();
        keeper.multicast("news", &vec![0; len]).unwrap();
    }
    let gone = Peer::connect().unwrap().port();
    keeper.send(gone, b"too late").unwrap_err();
    drain(&keeper);
    drain(&user);
    (keeper, user)
}

/// Two rounds of a few operations each: the figures mean nothing, but every row must come to its end.
fn the_bench_measures_every_row() {
    let measured = bench("bus");
    assert!(measured.len() >= 10, "{measured:?}");
    assert!(
        measured
            .iter()
            .all(|row| row["ours"].as_array().unwrap().len() == 2)
    );
}

fn the_bench_measures_every_row_of_observers() {
    let measured = bench("observe");
    assert!(measured.len() >= 9, "{measured:?}");
}

/// The rows that the bench measures of one thing, each with as many rounds on both sides.
fn bench(of: &str) -> Vec<Value> {
    let output = program("ipcon-bench")
        .args([of, "--quick"])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    let mut lines = text.lines().map(|line| {
        let line: Value = serde_json::from_str(line).unwrap();
        line
    });
    let place = lines.next().unwrap();
    assert_eq!(place["kind"], "place");
    let mut measured = Vec::new();
    for line in lines {
        // dbus-broker is there for `cargo xtask bench bus` alone.
        if line["kind"] == "left_out" {
            assert_eq!(line["why"], "dbus-broker is not there", "{line}");
            continue;
        }
        assert_eq!(line["kind"], "row", "{line}");
        let [ours, peer] = ["ours", "peer"].map(|side| line[side].as_array().unwrap());
        assert_eq!(ours.len(), peer.len(), "{line}");
        for round in ours.iter().chain(peer) {
            assert!(round.as_f64().unwrap() > 0.0, "{line}");
        }
        measured.push(line);
    }
    measured
}
