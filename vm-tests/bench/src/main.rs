// SPDX-License-Identifier: MIT OR Apache-2.0

//! Measures the bus against its peers: Unix sockets, and D-Bus through dbus-broker.
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

mod bus;
mod churn;
mod dbus;
mod echo;
mod group;
mod measure;
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
struct BusArgs {
    /// Only these rows.
    #[arg(value_name = "ROW")]
    rows: Vec<String>,
    /// Only tries whether each row can be measured: few rounds of few operations.
    #[arg(long)]
    quick: bool,
    /// Rounds of each row.
    #[arg(long, default_value_t = 21)]
    rounds: usize,
    /// Folder with the unpacked package dbus-broker; without it its rows are left out.
    #[arg(long)]
    dbus_broker: Option<PathBuf>,
}

fn main() -> anyhow::Result<()> {
    match Args::parse().command {
        Command::Bus(args) => measure_bus(&args),
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

fn measure_bus(args: &BusArgs) -> anyhow::Result<()> {
    if !ipcon_vm_tests::in_vm() {
        bail!("this runs inside the VM, which has the module; use: cargo xtask bench bus");
    }
    place::raise_descriptor_limit()?;
    place::pin(place::FIRST)?;
    let effort = if args.quick {
        measure::Effort::quick()
    } else {
        measure::Effort::full(args.rounds)
    };
    let broker = match &args.dbus_broker {
        Some(folder) => Some(dbus::Broker::start(folder).context("starting dbus-broker")?),
        None => None,
    };
    report::place()?;
    let context = plan::Context::new(broker, args.quick);
    for row in plan::ROWS {
        if !args.rows.is_empty() && !args.rows.iter().any(|name| name == row.name) {
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
