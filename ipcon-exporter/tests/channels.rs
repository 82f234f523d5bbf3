// SPDX-License-Identifier: MIT OR Apache-2.0
//! The real program beside real servers and clients of coroipc: the totals are what the clients counted, and they do not
//! fall when clients and servers are killed.
#![allow(clippy::unwrap_used)]

#[path = "../../ebpf/observe/tests/support/served.rs"]
mod served;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use served::{Process, address, gate, service};

/// More than any test needs; a program that hangs fails the test instead of stopping it.
const DEADLINE: Duration = Duration::from_secs(60);

/// Not a test of its own: the processes that the others start.
#[test]
fn in_a_role() {
    served::play();
}

struct Exporter {
    process: Child,
    address: String,
}

impl Exporter {
    fn start(options: &[&str]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_ipcon-exporter"))
            .args([
                "--web.listen-address",
                "127.0.0.1:0",
                "--no-probes",
                "--no-kevents",
            ])
            .args(options)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(process.stderr.take().unwrap());
        let listening = |line: String| {
            let url = line.strip_prefix("listening on http://")?;
            Some(url.strip_suffix("/metrics")?.to_owned())
        };
        let address = stderr
            .lines()
            .map(Result::unwrap)
            .find_map(listening)
            .unwrap();
        Self { process, address }
    }

    fn metrics(&self) -> Metrics {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        write!(stream, "GET /metrics HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        Metrics(answer)
    }

    /// Scrapes until it holds.
    fn until(&self, what: &str, holds: impl Fn(&Metrics) -> bool) -> Metrics {
        let begun = Instant::now();
        loop {
            let metrics = self.metrics();
            if holds(&metrics) {
                return metrics;
            }
            assert!(begun.elapsed() < DEADLINE, "{what}: {}", metrics.0);
        }
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

struct Metrics(String);

impl Metrics {
    /// A family's value for the service of this test, with more labels; 0 where there is none.
    fn of_service(&self, family: &str, more: &str) -> u64 {
        self.sum(family, &format!("service=\"{}\"{more}}} ", service()))
    }

    /// A family's value for the servers of this test that are gates, with more labels; 0 where there is none.
    fn of_gate(&self, family: &str, more: &str) -> u64 {
        self.sum(family, &format!("{{server=\"{}\"{more}}} ", gate()))
    }

    /// The sum of a family's samples with these labels.
    fn sum(&self, family: &str, labels: &str) -> u64 {
        let lines = self
            .0
            .lines()
            .filter(|line| line.starts_with(&format!("{family}{{")) && line.contains(labels));
        lines
            .map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap())
            .sum()
    }

    fn has(&self, line: &str) -> bool {
        self.0.lines().any(|it| it == line)
    }
}

/// Which family has what a client counts.
const FAMILIES: [(&str, &str, &str); 8] = [
    ("requests", "ipcon_channel_requests_total", ""),
    ("responses", "ipcon_channel_responses_total", ""),
    ("dispatched", "ipcon_channel_events_total", ""),
    ("request_bytes", "ipcon_channel_request_bytes_total", ""),
    ("response_bytes", "ipcon_channel_response_bytes_total", ""),
    ("event_bytes", "ipcon_channel_event_bytes_total", ""),
    (
        "failed",
        "ipcon_channel_failed_requests_total",
        ",reason=\"failed\"",
    ),
    (
        "invalid_request",
        "ipcon_channel_refused_requests_total",
        ",reason=\"invalid_request\"",
    ),
];

#[test]
fn totals_are_what_the_clients_counted_and_do_not_fall() {
    let address = address("exporter");
    let server = Process::start("server", &address);
    let exporter = Exporter::start(&[]);
    let mut clients = [(), ()].map(|()| Process::start("client", &address));
    let counted = [clients[0].rounds(400), clients[1].rounds(50)];
    let connections = |metrics: &Metrics| metrics.of_service("ipcon_channel_connections", "");
    let metrics = exporter.until("both clients", |it| connections(it) == 2);
    let check = |metrics: &Metrics, counted: &[std::collections::BTreeMap<String, u64>]| {
        for (what, family, more) in FAMILIES {
            let told = metrics.of_service(family, more);
            assert_eq!(
                told,
                counted.iter().map(|it| it[what]).sum::<u64>(),
                "{what}"
            );
        }
        let timed: u64 = counted.iter().map(|it| it["requests"] / 16).sum();
        let family = "ipcon_channel_request_duration_seconds_count";
        assert_eq!(metrics.of_service(family, ""), timed);
    };
    check(&metrics, &counted);
    assert!(metrics.has("ipcon_exporter_collector_success{collector=\"channels\"} 1"));

    let [first, mut second] = clients;
    let counted = [counted[0].clone(), second.rounds(70)];
    check(&exporter.metrics(), &counted);
    first.kill();
    let metrics = exporter.until("one client less", |it| connections(it) == 1);
    check(&metrics, &counted);
    server.kill();
    let metrics = exporter.until("no server", |it| connections(it) == 0);
    check(&metrics, &counted);

    // Another server of that name goes on where the other one was.
    let _server = Process::start("server", &address);
    let mut client = Process::start("client", &address);
    let [first, second] = counted;
    let counted = [first, second, client.rounds(30)];
    check(
        &exporter.until("the next", |it| connections(it) == 1),
        &counted,
    );
}

/// Clients that are refused are counted one by one, by reason, and no end of a server takes them back.
#[test]
fn refusals_are_what_the_refused_counted_and_do_not_fall() {
    let address = address("refused");
    let server = Process::start("gate", &address);
    let exporter = Exporter::start(&[]);
    let mut stranger = Process::start("stranger", &address);
    let endpoints = |metrics: &Metrics| metrics.of_gate("ipcon_channel_endpoints", "");
    let check = |metrics: &Metrics, counted: &std::collections::BTreeMap<String, u64>, in_all| {
        let refused = |reason: &str| {
            let family = "ipcon_channel_refused_connections_total";
            metrics.of_gate(family, &format!(",reason=\"{reason}\""))
        };
        assert_eq!(refused("denied"), counted["refused_denied"]);
        assert_eq!(
            refused("no_such_service"),
            counted["refused_no_such_service"]
        );
        assert_eq!(refused("protocol"), 0);
        let accepted = metrics.of_gate("ipcon_channel_accepted_connections_total", "");
        assert_eq!(accepted, counted["accepted"] + in_all);
        let established = metrics.of_gate("ipcon_channel_established_connections_total", "");
        assert_eq!(established, in_all);
    };

    let counted = stranger.rounds(2);
    assert_eq!(counted["refused_denied"], 2);
    check(
        &exporter.until("the server", |it| endpoints(it) == 1),
        &counted,
        0,
    );

    let client = Process::start("client", &address);
    let counted = stranger.rounds(5);
    let open = |metrics: &Metrics| metrics.of_gate("ipcon_channel_open_connections", "");
    let metrics = exporter.until("only the client", |it| open(it) == 1);
    check(&metrics, &counted, 1);
    assert!(metrics.of_gate("ipcon_channel_memory_bytes", "") > 0);
    client.kill();
    let metrics = exporter.until("nobody", |it| open(it) == 0);
    assert_eq!(metrics.of_gate("ipcon_channel_memory_bytes", ""), 0);

    server.kill();
    let metrics = exporter.until("no server", |it| endpoints(it) == 0);
    check(&metrics, &counted, 1);

    // Another server of that name goes on where the other one was.
    let _server = Process::start("gate", &address);
    let counted = stranger.rounds(1);
    let metrics = exporter.until("the next", |it| endpoints(it) == 1);
    check(&metrics, &counted, 1);
}

#[test]
fn who_does_not_want_channels_gets_none() {
    let metrics = Exporter::start(&["--no-channels"]).metrics();
    assert!(!metrics.0.contains("ipcon_channel_"), "{}", metrics.0);
    assert!(metrics.0.contains("\nipcon_up "), "{}", metrics.0);
}
