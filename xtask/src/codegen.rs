// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask codegen`: what follows from the wire definition.

/// Options of `cargo xtask codegen`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Changes nothing; fails when a checked-in file differs from what would be generated.
    #[arg(long)]
    pub(crate) check: bool,
}

/// Runs the command.
pub(crate) fn run(args: Args) -> anyhow::Result<()> {
    anyhow::bail!("there is no generator yet (check: {})", args.check)
}
