// SPDX-License-Identifier: MIT OR Apache-2.0

//! Measures coroipc against libqb, and against what the machine allows: two processes that pass a word of shared memory
//! to each other.
//!
//! `cargo xtask bench coroipc` starts it. It prints one JSON object a line: first the place, then each row as it is
//! measured, with what every round took. What is made of the numbers is decided there.
//!
//! Each side of a row is a client and a server, processes of their own (`pair`). A client is told how often to do its
//! work and tells how long each time took (`obey`); the clients of libqb, in C, do just the same (`libqb/client.c`).

// All of it is in `floor::map`.
#![deny(unsafe_code)]

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Parser, Subcommand};

use place::Cpu;

mod calls;
mod death;
mod floor;
mod measure;
mod obey;
mod ours;
mod pair;
mod place;
mod plan;
mod report;

#[derive(Debug, Parser)]
#[command(
    name = "coroipc-bench",
    about = "Measures coroipc against libqb and the machine"
)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measures the rows.
    Measure(MeasureArgs),
    /// Serves coroipc at an abstract name.
    #[command(hide = true)]
    Server {
        name: String,
        cpu: Cpu,
        spin: ours::Spin,
    },
    /// Is told how often to do something with that server.
    #[command(hide = true)]
    Client {
        name: String,
        cpu: Cpu,
        spin: ours::Spin,
        work: ours::Work,
    },
    /// Passes a word back that the other one passes.
    #[command(hide = true)]
    FloorServer {
        memory: PathBuf,
        cpu: Cpu,
        how: floor::How,
    },
    /// Is told how often to pass a word to and fro.
    #[command(hide = true)]
    FloorClient {
        memory: PathBuf,
        cpu: Cpu,
        how: floor::How,
    },
}

#[derive(Debug, clap::Args)]
struct MeasureArgs {
    /// Only these rows.
    #[arg(value_name = "ROW")]
    rows: Vec<String>,
    /// Only tries whether each row can be measured: few rounds of few operations.
    #[arg(long)]
    quick: bool,
    /// Rounds of each row.
    #[arg(long, default_value_t = 21)]
    rounds: usize,
    /// The program that drives libqb, made of the folder `libqb`; without it its rows are left out.
    #[arg(long, value_name = "PROGRAM")]
    libqb: Option<PathBuf>,
}

fn main() -> anyhow::Result<()> {
    match Args::parse().command {
        Command::Measure(args) => measure_rows(&args),
        Command::Server { name, cpu, spin } => {
            place::settle(cpu)?;
            ours::serve(&name, spin)
        }
        Command::Client {
            name,
            cpu,
            spin,
            work,
        } => {
            place::settle(cpu)?;
            ours::call(&name, spin, work)
        }
        Command::FloorServer { memory, cpu, how } => {
            place::settle(cpu)?;
            floor::serve(&memory, how)
        }
        Command::FloorClient { memory, cpu, how } => {
            place::settle(cpu)?;
            floor::call(&memory, how)
        }
    }
}

fn measure_rows(args: &MeasureArgs) -> anyhow::Result<()> {
    let effort = if args.quick {
        measure::Effort::quick()
    } else {
        measure::Effort::full(args.rounds)
    };
    report::place()?;
    for row in plan::ROWS {
        if !args.rows.is_empty() && !args.rows.iter().any(|name| name == row.name) {
            continue;
        }
        if row.needs_libqb && args.libqb.is_none() {
            report::left_out(row.name, "libqb is not there")?;
            continue;
        }
        if let (plan::Unit::Calls, Err(error)) = (row.unit, calls::permitted()) {
            report::left_out(row.name, &format!("only root may count: {error:#}"))?;
            continue;
        }
        let samples = (row.sides)(&plan::Context::new(args.libqb.clone()))
            .and_then(|sides| measure::interleaved(sides, &effort, row))
            .with_context(|| format!("measuring {}", row.name))?;
        report::row(row, &samples)?;
    }
    Ok(())
}
