// SPDX-License-Identifier: MIT OR Apache-2.0
//! Set-up, build, VM and tests of the ipcon workspace.
//!
//! One module per command; `cargo xtask COMMAND --help` says what each does.

use clap::Parser;

mod codegen;

/// Set-up, build, VM and tests of ipcon.
#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    version,
    max_term_width = 100
)]
enum Command {
    /// Generates what follows from the wire definition `ipcon-kmod/ipcon.yaml`.
    Codegen(codegen::Args),
}

fn main() -> anyhow::Result<()> {
    match Command::parse() {
        Command::Codegen(args) => codegen::run(args),
    }
}
