// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask bench`: measures ipcon against its peers.
//!
//! `bus`, `coroipc` and `observe` name the rows with their goals, `run` has the ones measured in the VM and `host` the others on
//! the host, `told` hears of it, `figures` makes figures of what was measured, `table` shows them, and `page` keeps them in
//! the documentation.

use crate::vm::config::Clock;
use crate::vm::machine::Options;

mod bus;
mod coroipc;
mod figures;
mod host;
mod observe;
mod page;
mod processor;
mod rows;
mod run;
mod table;
mod told;

/// What is measured.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Measures the bus against Unix sockets and dbus-broker, in one VM.
    Bus(BusArgs),
    /// Measures coroipc against libqb, and against what the machine allows, on the host.
    Coroipc(CoroipcArgs),
    /// Measures what the exporter and the dashboard take, in one VM.
    Observe(ObserveArgs),
}

/// Options of `cargo xtask bench bus`.
///
/// Sets up and builds what is missing, boots the VM, measures, prints the table and writes it to
/// docs/benchmarks.md, which tells how to read it. Nothing else should run on the machine meanwhile. A goal
/// that is not met is no failure: the exit status is 0 when everything was measured, 3 when the
/// kernel complained in its log, 69 when it could not be measured, 124 when it took too long, 125 when the VM
/// died.
#[derive(Debug, clap::Args)]
pub(crate) struct BusArgs {
    #[command(flatten)]
    vm: VmArgs,
}

/// Options of `cargo xtask bench observe`.
///
/// Sets up and builds what is missing, boots the VM, has the exporter scraped on buses of up to 10,000 peers, has the
/// dashboard and the exporter look while messages flow, prints the table and writes it to docs/benchmarks.md, which tells
/// how to read it. Nothing else should run on the machine meanwhile. Exit statuses are as with `bus`.
#[derive(Debug, clap::Args)]
pub(crate) struct ObserveArgs {
    #[command(flatten)]
    vm: VmArgs,
}

/// What is measured in the VM, and how.
#[derive(Debug, clap::Args)]
struct VmArgs {
    #[command(flatten)]
    rows: RowArgs,
    /// What passes for time; without hardware virtualisation instructions are counted unless told otherwise.
    #[arg(long, value_enum)]
    clock: Option<Clock>,
    /// Debian mirror to set up from; the host's own apt configuration names the default.
    #[arg(long, value_name = "URL")]
    mirror: Option<String>,
    #[command(flatten)]
    options: Options,
}

/// Options of `cargo xtask bench coroipc`.
///
/// Fetches libqb's package if it is missing, which is unpacked and not installed, builds both sides, measures on this
/// machine, prints the table and writes it to docs/benchmarks.md, which tells how to read it. Nothing else should run on
/// the machine meanwhile. Needs no VM and no rights; without those to count system calls the rows that do are left
/// out. A goal that is not met is no failure: the exit status is 0 when everything was measured, 69 when it
/// could not be.
#[derive(Debug, clap::Args)]
pub(crate) struct CoroipcArgs {
    #[command(flatten)]
    rows: RowArgs,
}

/// What is measured, and how that is told.
#[derive(Debug, clap::Args)]
struct RowArgs {
    /// Measures only rows with this in their names, and leaves the page as it is.
    #[arg(value_name = "FILTER")]
    filter: Option<String>,
    /// What is printed.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Rounds of each row; both sides take turns.
    #[arg(long, value_name = "N", default_value_t = 21, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rounds: u32,
    /// Tries only whether everything can be measured: two rounds of a few operations, whose figures mean
    /// nothing. The page is left as it is.
    #[arg(long)]
    quick: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// A table.
    #[default]
    Text,
    /// One JSON object. Keys are added, never renamed.
    Json,
}

/// Runs the command; the result is the exit status.
pub(crate) fn run(command: &Command) -> anyhow::Result<u8> {
    match command {
        Command::Bus(args) => run::in_vm(&run::BUS, &args.vm),
        Command::Coroipc(args) => host::coroipc(args),
        Command::Observe(args) => run::in_vm(&run::OBSERVE, &args.vm),
    }
}

/// Prints all figures.
fn show(report: &table::Report, format: Format) -> anyhow::Result<()> {
    match format {
        Format::Text => print!("{}", report.text()),
        Format::Json => println!("{}", report.json()?),
    }
    Ok(())
}
