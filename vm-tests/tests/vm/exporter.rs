// SPDX-License-Identifier: MIT OR Apache-2.0

//! The exporter as its operators run it: with the capabilities of its unit, and under a real Prometheus with the
//! alerts that come with it.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Output};
use std::thread;
use std::time::Instant;

use ipcon_vm_tests::process::{Process, program};
use ipcon_vm_tests::{Case, agree, cases, counters, pace, settings};
use libipcon::{Inspector, Peer};
use rustix::process::{Resource, Rlimit, Signal, setrlimit};
use serde_json::Value;

use crate::stopped::{ARCHIVE, Senders};
use crate::support::start_exporter;

use prometheus::{PAUSE, Prometheus};

mod prometheus;

pub(crate) fn all() -> Vec<Case> {
    cases![
        a_check_tells_what_each_privilege_measures => on_the_initial_bus().within(120),
        ten_thousand_peers_give_bounded_series_and_memory
            => needs(settings::quick_kernel).within(180),
        prometheus_names_the_stalled_receiver_and_who_floods_it
            => on_the_initial_bus().needs(a_prometheus).within(300),
        prometheus_has_the_rates_that_the_traffic_program_produced
            => on_the_initial_bus().needs(a_prometheus).within(240),
    ]
}

/// `ipcon-exporter --check`, run by root or, with these capabilities alone, by nobody.
fn check(capabilities: Option<&str>, options: &[&str]) -> Output {
    let exporter = program("ipcon-exporter");
    let mut command = match capabilities {
        None => exporter,
        Some(capabilities) => {
            let mut setpriv = Command::new("setpriv");
            setpriv.args([
                "--reuid=65534",
                "--regid=65534",
                "--clear-groups",
                "--no-new-privs",
            ]);
            for set in ["--inh-caps", "--ambient-caps", "--bounding-set"] {
                setpriv.arg(format!("{set}=-all{capabilities}"));
            }
            setpriv.arg(exporter.get_program());
            setpriv
        }
    };
    command.arg("--check").args(options).output().unwrap()
}

fn a_check_tells_what_each_privilege_measures() {
    let measured = |output: &Output, source: &str| {
        let report = String::from_utf8_lossy(&output.stdout);
        let begin = format!("{source}: ");
        let said = report.lines().find_map(|line| line.strip_prefix(&begin));
        let said = said.unwrap_or_else(|| panic!("nothing of {source} in {output:?}"));
        said.starts_with("measured, ")
    };
    // Those that the unit gives are enough for the bus.
    let of_unit = Some(",+bpf,+perfmon");
    for (capabilities, options, status) in [
        (None, &[] as &[&str], 0),
        (of_unit, &["--no-channels"], 0),
        (of_unit, &[], 3),
    ] {
        let output = check(capabilities, options);
        for source in ["dumps", "kevents", "probes"] {
            assert!(measured(&output, source), "{source}: {output:?}");
        }
        assert_eq!(output.status.code(), Some(status), "{output:?}");
    }
    for (capabilities, missing) in [("", "CAP_BPF and CAP_PERFMON"), (",+bpf", "CAP_PERFMON")] {
        let output = check(Some(capabilities), &[]);
        assert!(
            measured(&output, "dumps") && measured(&output, "kevents"),
            "{output:?}"
        );
        assert!(!measured(&output, "probes"), "{output:?}");
        let report = String::from_utf8_lossy(&output.stdout);
        assert!(
            report.contains(&format!("the probes need {missing};")),
            "{report}"
        );
        assert_eq!(output.status.code(), Some(3), "{output:?}");
    }
}

/// Lets this process have two descriptors for each of so many peers, and some.
fn allow_peers(count: u64) {
    let wanted = Rlimit {
        current: Some(3 * count),
        maximum: Some(3 * count),
    };
    setrlimit(Resource::Nofile, wanted).unwrap();
}

/// The page of an exporter that listens at a socket.
fn scrape(socket: &Path) -> String {
    let mut connection = UnixStream::connect(socket).unwrap();
    let request = b"GET /metrics HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n";
    connection.write_all(request).unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    let (head, page) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    page.to_owned()
}

/// The most resident memory that a process ever had, in KiB.
fn peak_memory(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.unwrap()
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .unwrap()
}

fn ten_thousand_peers_give_bounded_series_and_memory() {
    const PEERS: usize = 10_000;
    allow_peers(PEERS as u64);
    let socket = std::env::temp_dir().join("ipcon-ten-thousand.sock");
    let address = format!("--web.listen-address=unix:{}", socket.display());
    let mut exporter = Process::spawn_complaining(program("ipcon-exporter").arg(address));
    while !exporter.line().starts_with("listening on ") {}
    let series = |page: &str| page.lines().filter(|line| !line.starts_with('#')).count();
    let few = series(&scrape(&socket));

    let peers: Vec<_> = (0..PEERS).map(|_| Peer::connect().unwrap()).collect();
    for (number, peer) in peers.iter().enumerate() {
        peer.register_service(format!("peer-{number}")).unwrap();
        peer.send(peer.port(), b"to itself").unwrap();
    }
    // The first scrape finds them all at once, the second one as they were.
    for _ in 0..2 {
        let page = scrape(&socket);
        let sent = page.lines().filter(|line| {
            line.starts_with("ipcon_sent_messages_total{") && line.contains("kind=\"unicast\"")
        });
        let sent: Vec<u64> = sent
            .map(|line| line.rsplit(' ').next().unwrap().parse().unwrap())
            .collect();
        assert_eq!(sent.iter().sum::<u64>(), PEERS as u64, "none is lost");
        // 200 names, and _anonymous, _departed, _observer and _other.
        assert!(sent.len() <= 204, "{} labels", sent.len());
        let most = few + 204 * 25;
        assert!(series(&page) <= most, "{} series", series(&page));
        let folded = format!(
            "ipcon_exporter_series_folded_total{{label=\"peer\"}} {}",
            PEERS - 200
        );
        assert!(page.contains(&folded), "{folded}");
    }
    let peak = peak_memory(exporter.pid());
    println!("{PEERS} peers: {peak} KiB at most");
    assert!(peak <= 64 * 1024, "{peak} KiB");
    exporter.signal(Signal::TERM);
    assert!(exporter.wait().success());
}

/// What Prometheus takes a test on a slow kernel is shown by the stock ones in less time.
fn a_prometheus() -> Result<(), String> {
    settings::quick_kernel()?;
    settings::prometheus().map(drop)
}

fn prometheus_names_the_stalled_receiver_and_who_floods_it() {
    let (mut exporter, address) = start_exporter(&[]);
    let prometheus = Prometheus::start("ipcon-prometheus", &address);
    let (archive, senders) = Senders::with_archive();
    let deadline = pace::deadline(200);
    let flood_until = |what: &str, is_so: &dyn Fn() -> bool| {
        while !is_so() {
            senders.flood();
            assert!(Instant::now() < deadline, "{what}");
            // A flood that goes on, and not one that takes the machine from Prometheus.
            thread::sleep(PAUSE);
        }
    };
    let archive_stalls = || prometheus.fires_for("IpconReceiverStalled") == [ARCHIVE];

    // While it reads, nobody stalls.
    let read = format!("ipcon_read_messages_total{{peer='{ARCHIVE}'}} > 1000");
    flood_until("the archive reads", &|| prometheus.value(&read).is_some());
    assert_eq!(prometheus.fires_for("IpconReceiverStalled"), [""; 0]);

    archive.signal(Signal::STOP);
    let stopped = Instant::now();
    flood_until("the alert for the archive", &archive_stalls);
    println!("the alert fires after {:.1?}", stopped.elapsed());
    for (alert, peer) in [("IpconFlood", "camera"), ("IpconDropping", ARCHIVE)] {
        flood_until(alert, &|| prometheus.fires_for(alert) == [peer]);
    }
    let refused = prometheus.query("rate(ipcon_send_errors_total{errno='EAGAIN'}[1m]) > 0");
    assert_eq!(refused.len(), 1, "{refused:?}");

    archive.signal(Signal::CONT);
    flood_until("the end of the alert", &|| {
        prometheus.fires_for("IpconReceiverStalled").is_empty()
    });

    // On a quiet bus, Prometheus has what the module counted, to the message.
    let inspector = Inspector::open().unwrap();
    let (bus, _) = counters::assert_balanced_books(&inspector);
    for total in agree::totals(&bus.counters) {
        prometheus.wait_for(&total.query(), total.count as f64, deadline);
    }
    archive.end();
    exporter.signal(Signal::TERM);
    assert!(exporter.wait().success());
}

/// What the traffic program counts of a party, without the kind.
const OF_A_PARTY: [(&str, &str); 4] = [
    ("sent_{}_messages", "ipcon_sent_messages_total"),
    ("sent_{}_bytes", "ipcon_sent_bytes_total"),
    ("delivered_{}_messages", "ipcon_delivered_messages_total"),
    ("delivered_{}_bytes", "ipcon_delivered_bytes_total"),
];

/// Parties of the traffic program with a label of their own, that do the same all the time.
const PARTIES: [&str; 6] = ["camera", "clock", "mirror", "monitor", "store", "ticker"];

/// The series of each of those parties, and what it counted.
fn series(report: &Value) -> Vec<(String, f64)> {
    let rows = report["peers"].as_array().unwrap();
    let of_parties = rows
        .iter()
        .filter(|row| PARTIES.iter().any(|name| row["name"] == *name));
    let series = of_parties.flat_map(|row| {
        let name = row["name"].as_str().unwrap();
        let kinds = ["unicast", "multicast"].into_iter();
        kinds.flat_map(move |kind| {
            OF_A_PARTY.map(|(key, metric)| {
                let count = row[key.replace("{}", kind)].as_u64().unwrap();
                (
                    format!("{metric}{{peer='{name}',kind='{kind}'}}"),
                    count as f64,
                )
            })
        })
    });
    series.collect()
}

/// `rate` misses what a peer did before its first scrape, and takes it that what it saw went on up to the next one: a
/// scrape each, of twenty.
const TOLERANCE: f64 = 0.1;

fn prometheus_has_the_rates_that_the_traffic_program_produced() {
    const REFUSED: &str = "sum(ipcon_send_errors_total{errno='EAGAIN'})";
    /// Seconds that hold all of the run.
    const RANGE: f64 = 300.0;
    let (mut exporter, address) = start_exporter(&[]);
    let prometheus = Prometheus::start("ipcon-prometheus-rates", &address);
    prometheus.wait_for("ipcon_up", 1.0, pace::deadline(30));
    let refused_before = prometheus.value(REFUSED).unwrap();

    let mut command = program("examples/traffic");
    let mut traffic = Process::spawn(command.args(["--seconds", "40", "--rate", "2"]));
    let report: Value = serde_json::from_str(&traffic.line()).unwrap();
    let refused = report["refused_queue_full"].as_u64().unwrap() as f64;
    let deadline = pace::deadline(90);
    prometheus.wait_for(REFUSED, refused_before + refused, deadline);
    let mut produced = series(&report);
    assert_eq!(produced.len(), PARTIES.len() * 2 * OF_A_PARTY.len());
    for (series, count) in &produced {
        prometheus.wait_for(series, *count, deadline);
    }
    produced.push((
        "ipcon_send_errors_total{errno='EAGAIN',kind='unicast'}".to_owned(),
        refused,
    ));

    produced.retain(|(_, count)| *count > 0.0);
    println!("{} rates compared", produced.len());
    assert!(produced.len() > 20, "{produced:?}");
    for (series, count) in produced {
        let told = prometheus.value(&format!("rate({series}[{RANGE}s])"));
        let (told, rate) = (told.unwrap(), count / RANGE);
        assert!(
            (told - rate).abs() <= rate * TOLERANCE,
            "{series}: Prometheus has {told}/s, and {count} in {RANGE} s are {rate}/s; it has seen {}; {}",
            prometheus.answer(&format!("{series}[{RANGE}s]")),
            prometheus.answer(&format!("up[{RANGE}s]")),
        );
    }
    traffic.end();
    exporter.signal(Signal::TERM);
    assert!(exporter.wait().success());
}
