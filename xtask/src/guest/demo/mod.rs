// SPDX-License-Identifier: MIT OR Apache-2.0
//! The guest's part of `cargo xtask demo`: exporter, traffic and dashboard together.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use service::Service;

mod agree;
mod headless;
mod http;
mod service;
mod stopped;

/// Where the exporter listens inside the VM.
pub(crate) const EXPORTER_PORT: u16 = 9421;

/// Longest time for a program to become ready.
const READY: Duration = Duration::from_secs(60);

/// Options of the hidden command.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Folder of the programs.
    #[arg(long)]
    programs: PathBuf,
    /// Prints a report and the metrics after this many seconds instead of showing the dashboard.
    #[arg(long)]
    headless: Option<u64>,
    /// Stops one receiver, by a signal, after this many seconds.
    #[arg(long)]
    stop_archive: Option<u64>,
    /// The program that checks the metrics.
    #[arg(long)]
    promtool: Option<PathBuf>,
}

/// Runs the demonstration; the result is the exit status.
pub(crate) fn run(args: &Args) -> anyhow::Result<u8> {
    let mut exporter = Service::start(&args.programs.join("ipcon-exporter"), &[])?;
    wait_ready(&mut exporter)?;
    let traffic = start_traffic(args)?;
    match args.headless {
        Some(seconds) => {
            let shown = headless::Shown {
                top: args.programs.join("ipcon-top"),
                dump: args.programs.join("examples/dump"),
                promtool: args.promtool.clone(),
                seconds,
                stopped: args.stop_archive.is_some(),
            };
            headless::run(&shown, traffic, exporter)
        }
        None => interactive(&args.programs.join("ipcon-top"), traffic, exporter),
    }
}

fn start_traffic(args: &Args) -> anyhow::Result<Service> {
    let program = args.programs.join("examples/traffic");
    let Some(seconds) = args.stop_archive else {
        return Service::start(&program, &["--json"]);
    };
    let traffic = Service::start(&program, &["--json", &stopped::option()])?;
    stopped::stop_after(Duration::from_secs(seconds))?;
    Ok(traffic)
}

fn interactive(top: &Path, traffic: Service, exporter: Service) -> anyhow::Result<u8> {
    let status = Command::new(top)
        .status()
        .with_context(|| format!("starting {}", top.display()))?;
    // Whoever watched wants to know why the screen was empty.
    for mut service in [traffic, exporter] {
        if let Some(complaint) = service.complaint()? {
            eprintln!("{complaint}");
        }
    }
    Ok(u8::try_from(crate::process::shell_status(status)).unwrap_or(1))
}

/// Waits until the exporter answers.
fn wait_ready(exporter: &mut Service) -> anyhow::Result<()> {
    let deadline = Instant::now() + READY;
    loop {
        if http::get(EXPORTER_PORT, "/healthz").is_ok() {
            return Ok(());
        }
        if let Some(complaint) = exporter.complaint()? {
            bail!("{complaint}");
        }
        if Instant::now() > deadline {
            bail!(
                "the exporter does not answer at port {EXPORTER_PORT} after {} s",
                READY.as_secs()
            );
        }
        // Nothing tells when a port begins to listen; this only paces the asking.
        std::thread::sleep(Duration::from_millis(50));
    }
}
