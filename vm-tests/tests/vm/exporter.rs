// SPDX-License-Identifier: MIT OR Apache-2.0

//! The exporter as its operators run it: with the capabilities of its unit, and under a real Prometheus with the
//! alerts that come with it.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use ipcon_vm_tests::process::{Process, program};
use ipcon_vm_tests::{Case, agree, cases, counters, pace, settings};
use libipcon::{Inspector, Peer, Replay};
use rustix::process::{Resource, Rlimit, Signal, setrlimit};
use serde_json::Value;

use crate::support::soon;

pub(crate) fn all() -> Vec<Case> {
    cases![
        a_check_tells_what_each_privilege_measures => on_the_initial_bus().within(120),
        ten_thousand_peers_give_bounded_series_and_memory
            => needs(settings::quick_kernel).within(180),
        prometheus_names_the_stalled_receiver_and_who_floods_it
            => on_the_initial_bus().needs(settings::quick_kernel).within(300),
    ]
}

/// `ipcon-exporter --check`, run by root or, with these capabilities alone, by nobody.
fn check(capabilities: Option<&str>) -> Output {
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
    command.arg("--check").output().unwrap()
}

fn a_check_tells_what_each_privilege_measures() {
    let measured = |output: &Output, source: &str| {
        let report = String::from_utf8_lossy(&output.stdout);
        let begin = format!("{source}: ");
        let said = report.lines().find_map(|line| line.strip_prefix(&begin));
        let said = said.unwrap_or_else(|| panic!("nothing of {source} in {output:?}"));
        said.starts_with("measured, ")
    };
    // Those that the unit gives are enough.
    for capabilities in [None, Some(",+bpf,+perfmon")] {
        let output = check(capabilities);
        for source in ["dumps", "kevents", "probes"] {
            assert!(measured(&output, source), "{source}: {output:?}");
        }
        assert_eq!(output.status.code(), Some(0), "{output:?}");
    }
    for (capabilities, missing) in [("", "CAP_BPF and CAP_PERFMON"), (",+bpf", "CAP_PERFMON")] {
        let output = check(Some(capabilities));
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

/// The rules as they are installed, but for how long something must last.
fn hasty_alerts() -> String {
    let rules = include_str!("../../../ipcon-exporter/mixin/alerts.yml");
    let lines = rules.lines().map(|line| match line.split_once("for: ") {
        Some((before, _)) => format!("{before}for: 2s\n"),
        None => format!("{line}\n"),
    });
    lines.collect()
}

struct Prometheus {
    _process: Process,
    address: String,
}

impl Prometheus {
    /// One that scrapes the exporter at an address. `None` where it is not set up.
    fn start(folder: &Path, exporter: &str) -> Option<Self> {
        let promtool = std::env::var_os("IPCON_PROMTOOL").map(PathBuf::from)?;
        let prometheus = promtool.with_file_name("prometheus");
        if !prometheus.is_file() {
            eprintln!("{} is not there: nobody scrapes", prometheus.display());
            return None;
        }
        fs::create_dir_all(folder).unwrap();
        fs::write(folder.join("alerts.yml"), hasty_alerts()).unwrap();
        let config = format!(
            "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: [alerts.yml]\n\
             scrape_configs:\n- {{job_name: ipcon, static_configs: [{{targets: ['{exporter}']}}]}}\n"
        );
        fs::write(folder.join("prometheus.yml"), config).unwrap();
        let mut process = Process::spawn_complaining(
            Command::new(prometheus)
                .arg(format!(
                    "--config.file={}",
                    folder.join("prometheus.yml").display()
                ))
                .arg(format!(
                    "--storage.tsdb.path={}",
                    folder.join("data").display()
                ))
                .arg("--web.listen-address=127.0.0.1:0"),
        );
        let address = loop {
            let line = process.line();
            if let Some((_, address)) = line.split_once("msg=\"Listening on\" address=") {
                break address.to_owned();
            }
        };
        Some(Self {
            _process: process,
            address,
        })
    }

    /// What a query gives now: the labels and the value of each series.
    fn query(&self, query: &str) -> Vec<(Value, f64)> {
        let query: String = query.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let mut connection = TcpStream::connect(&self.address).unwrap();
        // As HTTP/1.0, so that the answer ends with the connection.
        let request = format!("GET /api/v1/query?query={query} HTTP/1.0\r\n\r\n");
        connection.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        // Before it is ready, it answers with a text.
        let answer: Value = serde_json::from_str(body).unwrap_or_default();
        let series = answer["data"]["result"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let series = series.into_iter().map(|series| {
            let value = series["value"][1].as_str().unwrap().parse().unwrap();
            (series["metric"].clone(), value)
        });
        series.collect()
    }

    /// The peers that an alert fires for.
    fn fires_for(&self, alert: &str) -> Vec<String> {
        let firing = self.query(&format!(
            "ALERTS{{alertname='{alert}',alertstate='firing'}}"
        ));
        let peers = firing
            .iter()
            .map(|(labels, _)| labels["peer"].as_str().unwrap().to_owned());
        peers.collect()
    }
}

fn prometheus_names_the_stalled_receiver_and_who_floods_it() {
    let mut exporter = Process::spawn_complaining(
        program("ipcon-exporter").args(["--web.listen-address", "127.0.0.1:0"]),
    );
    let address = loop {
        let line = exporter.line();
        if let Some(place) = line.strip_prefix("listening on http://") {
            break place.trim_end_matches("/metrics").to_owned();
        }
    };
    let folder = std::env::temp_dir().join("ipcon-prometheus");
    let Some(prometheus) = Prometheus::start(&folder, &address) else {
        return;
    };

    // The archive reads nothing. The clock has somebody who listens.
    let [archive, camera, clock, user] = [(); 4].map(|()| Peer::connect().unwrap());
    archive.register_service("archive").unwrap();
    camera.register_service("camera").unwrap();
    clock.register_service("clock").unwrap();
    camera.register_group("pictures").unwrap();
    archive.join_group("pictures", Replay::None).unwrap();
    let flood = || {
        for _ in 0..50 {
            // Once the queue is full, it is refused.
            _ = camera.send(archive.port(), &[0; 1000]);
            camera.multicast("pictures", &[0; 1000]).unwrap();
        }
        for _ in 0..10 {
            clock.send(user.port(), b"tick").unwrap();
            user.recv_deadline(soon()).unwrap().unwrap();
        }
    };
    let deadline = pace::deadline(200);
    let wanted = [
        ("IpconReceiverStalled", "archive"),
        ("IpconFlood", "camera"),
        ("IpconDropping", "archive"),
    ];
    loop {
        flood();
        let fires = wanted.map(|(alert, _)| prometheus.fires_for(alert));
        if wanted
            .iter()
            .zip(&fires)
            .all(|((_, peer), fires)| fires == &[*peer])
        {
            break;
        }
        assert!(
            std::time::Instant::now() < deadline,
            "{wanted:?}: {fires:?}"
        );
        // A flood that goes on, and not one that takes the machine from Prometheus.
        std::thread::sleep(Duration::from_millis(100));
    }
    let refused = prometheus.query("rate(ipcon_send_errors_total{errno='EAGAIN'}[1m]) > 0");
    assert_eq!(refused.len(), 1, "{refused:?}");

    // On a quiet bus, Prometheus has what the module counted, to the message.
    let inspector = Inspector::open().unwrap();
    let (bus, _) = counters::assert_balanced_books(&inspector);
    for total in agree::totals(&bus.counters) {
        let told = || {
            prometheus
                .query(&total.query())
                .first()
                .map(|&(_, sum)| sum)
        };
        while told() != Some(total.count as f64) {
            assert!(
                std::time::Instant::now() < deadline,
                "{} is {:?} and does not become {}",
                total.query(),
                told(),
                total.count
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }
    exporter.signal(Signal::TERM);
    assert!(exporter.wait().success());
    fs::remove_dir_all(&folder).unwrap();
}
