// SPDX-License-Identifier: MIT OR Apache-2.0

//! Measures the bus against its peers: Unix sockets, and D-Bus through dbus-broker; and what observing it takes.
//!
//! It runs inside the VM, started by `cargo xtask bench`, and prints one JSON object a line: first the place, then each
//! row as it is measured, with what every round took. What is made of the numbers is decided on the host.

// All of it is in `seqpacket::many`.
#![deny(unsafe_code)]

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::{Parser, Subcommand};

use churn::Work;
use echo::Kind;
use measure::Effort;

mod bus;
mod churn;
mod dbus;
mod echo;
mod group;
mod measure;
mod observe;
mod observed;
mod place;
mod plan;
mod report;
mod scale;
mod seqpacket;

#[derive(Debug, Parser)]
#[command(
    name = "ipcon-bench",
    about = "Measures the bus of ipcon inside the VM"
)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measures the rows of the bus.
    Bus(BusArgs),
    /// Measures the rows of observers.
    Observe(RowArgs),
    /// Answers each message with itself, as the other process of a round trip.
    #[command(hide = true)]
    Echo {
        kind: Kind,
        /// Where the other side listens, if that is a path.
        #[arg(long)]
        at: Option<PathBuf>,
        #[arg(long)]
        cpu: usize,
    },
    /// Keeps a processor busy.
    #[command(hide = true)]
    Churn {
        work: Work,
        /// Members of the group, or sockets.
        #[arg(long)]
        members: usize,
        #[arg(long)]
        cpu: usize,
    },
}

#[derive(Debug, clap::Args)]
struct RowArgs {
    /// Only these rows.
    #[arg(value_name = "ROW")]
    rows: Vec<String>,
    /// Only tries whether each row can be measured: few rounds of few operations.
    #[arg(long)]
    quick: bool,
    /// Rounds of each row.
    #[arg(long, default_value_t = 21)]
    rounds: usize,
}

#[derive(Debug, clap::Args)]
struct BusArgs {
    #[command(flatten)]
    rows: RowArgs,
    /// Folder with the unpacked package dbus-broker; without it its rows are left out.
    #[arg(long)]
    dbus_broker: Option<PathBuf>,
}

fn main() -> anyhow::Result<()> {
    match Args::parse().command {
        Command::Bus(args) => measure_bus(&args),
        Command::Observe(args) => {
            let effort = prepare(&args)?;
            observe::measure(&args.rows, effort, args.quick)
        }
        Command::Echo { kind, at, cpu } => {
            place::pin(cpu)?;
            echo::run(kind, at.as_deref())
        }
        Command::Churn { work, members, cpu } => {
            place::pin(cpu)?;
            work.run(members)
        }
    }
}

/// Prepares this process for measuring, and tells how much shall be measured.
fn prepare(args: &RowArgs) -> anyhow::Result<Effort> {
    if !ipcon_vm_tests::in_vm() {
        bail!("this runs inside the VM, which has the module; use: cargo xtask bench");
    }
    place::raise_descriptor_limit()?;
    place::pin(place::FIRST)?;
    Ok(if args.quick {
        Effort::quick()
    } else {
        Effort::full(args.rounds)
    })
}

fn measure_bus(args: &BusArgs) -> anyhow::Result<()> {
    let effort = prepare(&args.rows)?;
    let broker = match &args.dbus_broker {
        Some(folder) => Some(dbus::Broker::start(folder).context("starting dbus-broker")?),
        None => None,
    };
    report::place()?;
    let RowArgs { rows, quick, .. } = &args.rows;
    let context = plan::Context::new(broker, *quick);
    for row in plan::ROWS {
        if !rows.is_empty() && !rows.iter().any(|name| name == row.name) {
            continue;
        }
        if row.needs_broker && !context.has_broker() {
            report::left_out(row.name, "dbus-broker is not there")?;
            continue;
        }
        let samples = (row.sides)(&context)
            .and_then(|sides| measure::interleaved(sides, &effort, row.fewest))
            .with_context(|| format!("measuring {}", row.name))?;
        report::row(row.name, &samples)?;
    }
    Ok(())
}
