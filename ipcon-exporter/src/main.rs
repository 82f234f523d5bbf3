// SPDX-License-Identifier: MIT OR Apache-2.0
//! Prometheus exporter of an ipcon bus.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod args;
mod check;
mod http;
mod listen;
mod reader;
mod web;

use std::io::Write;
use std::os::fd::OwnedFd;
use std::pin::pin;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use ipcon_exporter::{metrics, process};
use ipcon_observe::privilege::{Dropping, set_aside};
use sd_notify::NotifyState;
use tokio::signal::unix::{SignalKind, signal};

use args::Args;
use http::{Bounds, Site};
use listen::{Listeners, activated};
use reader::Reader;
use web::WebConfig;

/// Threads that read the web configuration and compare passwords; more would only let clients take more.
const BLOCKING_THREADS: usize = 4;

fn main() -> ExitCode {
    match start(Args::parse()) {
        Ok(status) => status,
        Err(error) => {
            // With its causes, and never with a backtrace, which says nothing to who runs it.
            _ = writeln!(std::io::stderr(), "ipcon-exporter: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn start(args: Args) -> Result<ExitCode> {
    set_aside();
    if args.check {
        let web = args.web_config.as_deref();
        return check::run(args.options(), args.limits(), web, args.keep_capabilities);
    }
    // Before anything else is opened, since these are told by their numbers.
    let passed = match args.systemd_socket {
        true => activated::take()?,
        false => Vec::new(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS)
        .build()
        .context("cannot start the runtime")?;
    runtime.block_on(run(args, passed))?;
    Ok(ExitCode::SUCCESS)
}

async fn run(args: Args, passed: Vec<OwnedFd>) -> Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot handle SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot handle SIGINT")?;
    let mut stop = pin!(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    });

    let web = WebConfig::load(args.web_config.as_deref(), args.keep_capabilities)?;
    let listeners = listeners(&args, passed).await?;
    let bounds = Bounds::for_scrapes(args.max_requests.into());
    let dropping = Dropping::begin(args.options(), args.keep_capabilities);
    let reader = Reader::start(args.options(), args.limits(), dropping)?;
    // Those for the bus are with its reader. This thread and those it starts from here on listen to the network.
    if let Err(error) = dropping.elsewhere() {
        _ = writeln!(std::io::stderr(), "cannot give up capabilities: {error}");
    }
    // The first reading opens the sources, so that what happens from here on is seen.
    let ready = reader.clone();
    tokio::select! {
        _ = ready.health() => {}
        () = tokio::time::sleep(bounds.read) => {}
        () = &mut stop => return Ok(()),
    }
    for place in listeners.places(web.scheme()) {
        _ = writeln!(std::io::stderr(), "listening on {place}");
    }

    tell_systemd(NotifyState::Ready);
    let site = Site::new(reader, web, bounds);
    http::serve(listeners, site, bounds, stop).await;
    tell_systemd(NotifyState::Stopping);
    Ok(())
}

async fn listeners(args: &Args, passed: Vec<OwnedFd>) -> Result<Listeners> {
    let mut listeners = Listeners::default();
    if args.systemd_socket {
        for socket in passed {
            listeners.adopt(socket)?;
        }
    } else {
        for address in &args.listen {
            listeners.bind(address, args.unix_mode).await?;
        }
    }
    Ok(listeners)
}

/// Tells the service manager, if there is one that asked for it.
fn tell_systemd(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        _ = writeln!(
            std::io::stderr(),
            "cannot tell systemd how it goes: {error}"
        );
    }
}
