// SPDX-License-Identifier: MIT OR Apache-2.0

//! A real Prometheus, that scrapes every two seconds and judges every second.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use ipcon_vm_tests::process::Process;
use ipcon_vm_tests::settings;
use serde_json::Value;

/// Between two questions, so that Prometheus has time for what is asked.
pub(super) const PAUSE: Duration = Duration::from_millis(100);

/// The rules as they are installed, but for how long something must last.
fn hasty_alerts() -> String {
    let rules = include_str!("../../../../ipcon-exporter/mixin/alerts.yml");
    let lines = rules.lines().map(|line| match line.split_once("for: ") {
        Some((before, _)) => format!("{before}for: 2s\n"),
        None => format!("{line}\n"),
    });
    lines.collect()
}

/// A real one.
pub(super) struct Prometheus {
    _process: Process,
    address: String,
    folder: PathBuf,
}

impl Prometheus {
    /// One that scrapes the exporter at an address, and keeps what it needs in a folder of its own.
    pub(super) fn start(name: &str, exporter: &str) -> Self {
        let folder = std::env::temp_dir().join(name);
        _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("alerts.yml"), hasty_alerts()).unwrap();
        let config = format!(
            "global: {{scrape_interval: 2s, evaluation_interval: 1s}}\nrule_files: [alerts.yml]\n\
             scrape_configs:\n- {{job_name: ipcon, static_configs: [{{targets: ['{exporter}']}}]}}\n"
        );
        fs::write(folder.join("prometheus.yml"), config).unwrap();
        let mut process = Process::spawn_complaining(
            Command::new(settings::prometheus().unwrap())
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
        Self {
            _process: process,
            address,
            folder,
        }
    }

    /// The answer to a query, as it came.
    pub(super) fn answer(&self, query: &str) -> String {
        let query: String = query.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let mut connection = TcpStream::connect(&self.address).unwrap();
        // As HTTP/1.0, so that the answer ends with the connection.
        let request = format!("GET /api/v1/query?query={query} HTTP/1.0\r\n\r\n");
        connection.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        body.to_owned()
    }

    /// What a query gives now: the labels and the value of each series.
    pub(super) fn query(&self, query: &str) -> Vec<(Value, f64)> {
        // Before it is ready, it answers with a text.
        let answer: Value = serde_json::from_str(&self.answer(query)).unwrap_or_default();
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

    /// The one value that a query gives; `None` when there is none now.
    ///
    /// # Panics
    ///
    /// There are several.
    pub(super) fn value(&self, query: &str) -> Option<f64> {
        let series = self.query(query);
        assert!(series.len() <= 1, "{query}: {series:?}");
        series.first().map(|&(_, value)| value)
    }

    /// Waits until a query gives one value, and this one.
    pub(super) fn wait_for(&self, query: &str, wanted: f64, deadline: Instant) {
        loop {
            let told = self.value(query);
            if told == Some(wanted) {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "{query} is {told:?} and does not become {wanted}"
            );
            thread::sleep(PAUSE);
        }
    }

    /// The peers that an alert fires for.
    pub(super) fn fires_for(&self, alert: &str) -> Vec<String> {
        let firing = self.query(&format!(
            "ALERTS{{alertname='{alert}',alertstate='firing'}}"
        ));
        let peers = firing
            .iter()
            .map(|(labels, _)| labels["peer"].as_str().unwrap().to_owned());
        peers.collect()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // It may still write there; the next one with this name begins anew.
        let _ = fs::remove_dir_all(&self.folder);
    }
}
