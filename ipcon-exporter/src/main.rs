// SPDX-License-Identifier: MIT OR Apache-2.0
//! Prometheus exporter of an ipcon bus.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod args;
mod http;
mod metrics;
mod reader;

use std::io::Write;
use std::pin::pin;

use anyhow::{Context, Result};
use clap::Parser;
use ipcon_observe::Options;
use ipcon_observe::ledger::Limits;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use args::Args;
use http::Bounds;
use reader::Reader;

fn main() -> Result<()> {
    let args = Args::parse();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    runtime.block_on(run(args))
}

async fn run(args: Args) -> Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot handle SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot handle SIGINT")?;
    let mut stop = pin!(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    });

    let listener = TcpListener::bind(args.listen).await.with_context(|| {
        format!(
            "cannot listen at {}; choose another address with --web.listen-address",
            args.listen
        )
    })?;
    let address = listener
        .local_addr()
        .context("cannot tell the address listened at")?;
    let options = Options {
        probes: !args.no_probes,
        kevents: !args.no_kevents,
    };
    let limits = Limits {
        peers: args.limit_peers,
        groups: args.limit_groups,
        ..Limits::default()
    };
    let reader = Reader::start(options, limits)?;
    // The first reading opens the sources, so that what happens from here on is seen.
    let ready = reader.clone();
    tokio::select! {
        _ = ready.health() => {}
        () = tokio::time::sleep(Bounds::default().read) => {}
        () = &mut stop => return Ok(()),
    }
    _ = writeln!(std::io::stderr(), "listening on http://{address}/metrics");

    http::serve(listener, reader, Bounds::default(), stop).await;
    Ok(())
}
