// SPDX-License-Identifier: MIT OR Apache-2.0

//! The exporter, and who scrapes it.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, bail};
use ipcon_vm_tests::process::Process;

/// An exporter of the bus of the network namespace in which it was started.
pub(crate) struct Exporter {
    process: Process,
    socket: PathBuf,
}

impl Exporter {
    /// Starts it, and waits until it has read the bus; `name` tells it from others.
    pub(crate) fn start(name: &str) -> anyhow::Result<Self> {
        let socket = std::env::temp_dir().join(format!("ipcon-bench-{name}.sock"));
        let mut command = Command::new(super::beside("ipcon-exporter")?);
        command.arg(format!("--web.listen-address=unix:{}", socket.display()));
        let mut process = Process::spawn_complaining(&mut command);
        while !process.line().starts_with("listening on ") {}
        let exporter = Self { process, socket };
        exporter
            .scrape()
            .context("reading the bus for the first time")?;
        Ok(exporter)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Who can scrape it, from any thread.
    pub(crate) fn scraper(&self) -> Scraper {
        Scraper(self.socket.clone())
    }

    pub(crate) fn scrape(&self) -> anyhow::Result<String> {
        self.scraper().scrape()
    }

    /// The most memory that it ever had, in bytes.
    pub(crate) fn peak_memory(&self) -> anyhow::Result<u64> {
        let path = format!("/proc/{}/status", self.pid());
        let status = fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
        let mut lines = status.lines();
        let line = lines.find_map(|line| line.strip_prefix("VmHWM:"));
        let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
        let kibibytes = kibibytes.with_context(|| format!("no VmHWM in {path}"))?;
        Ok(1024 * kibibytes.parse::<u64>()?)
    }
}

/// Scrapes an exporter, as Prometheus does but for the compression.
#[derive(Clone)]
pub(crate) struct Scraper(PathBuf);

impl Scraper {
    /// The page of metrics.
    pub(crate) fn scrape(&self) -> anyhow::Result<String> {
        let mut connection = UnixStream::connect(&self.0)
            .with_context(|| format!("connecting to {}", self.0.display()))?;
        let request = b"GET /metrics HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n";
        connection.write_all(request).context("asking to scrape")?;
        let mut answer = String::new();
        connection
            .read_to_string(&mut answer)
            .context("reading the page")?;
        match answer.split_once("\r\n\r\n") {
            Some((head, page)) if head.starts_with("HTTP/1.1 200 ") => Ok(page.to_owned()),
            _ => bail!("the exporter answered: {answer}"),
        }
    }
}

/// The values of all samples of a family.
pub(crate) fn values<'p>(page: &'p str, family: &'p str) -> impl Iterator<Item = f64> + 'p {
    let samples = page.lines().filter_map(move |line| {
        let rest = line.strip_prefix(family)?;
        rest.starts_with(['{', ' ']).then_some(rest)
    });
    samples.filter_map(|sample| sample.rsplit(' ').next()?.parse().ok())
}
