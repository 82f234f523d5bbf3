// SPDX-License-Identifier: MIT OR Apache-2.0
//! Set-up, build, VM and tests of the ipcon workspace.
//!
//! One module per command; `cargo xtask COMMAND --help` says what each does.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser;

mod account;
mod bench;
mod build;
mod cache;
mod channel;
mod codegen;
mod coverage;
mod demo;
mod doctor;
mod guest;
mod install;
mod interrupt;
mod process;
mod progress;
mod setup;
mod test;
mod vm;
mod vmtest;

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
    /// Tells what is needed, what was found, and the command that closes each gap.
    Doctor(doctor::Args),
    /// Installs and prepares everything the other commands need.
    Setup(setup::Args),
    /// Builds the module, the BPF object and the programs that run in the VM.
    Build(build::Args),
    /// Runs a command of the host inside the VM, with the module loaded.
    Vm(vm::Args),
    /// Runs the end-to-end tests in the VM.
    Vmtest(vmtest::Args),
    /// Installs the library, the programs, their manual and the module's source.
    Install(install::Args),
    /// Shows the whole of it: module, traffic, dashboard and metrics, in a VM.
    Demo(demo::Args),
    /// Sets up what is missing and runs every check and every test.
    Test(test::Args),
    /// Measures ipcon against its peers.
    #[command(subcommand)]
    Bench(bench::Command),
    /// Measures which lines of the core and of libipcon the tests on the host run.
    Coverage(coverage::Args),
    /// What runs inside the VM.
    #[command(hide = true, subcommand)]
    Guest(guest::Command),
    /// What stands between xtask and the VM.
    #[command(hide = true)]
    Supervise(vm::supervise::Args),
}

fn main() -> ExitCode {
    let result = match Command::parse() {
        Command::Codegen(args) => codegen::run(args).map(|()| 0),
        Command::Doctor(args) => doctor::run(&args),
        Command::Setup(args) => setup::run(&args).map(|()| 0),
        Command::Build(args) => build::run(&args).map(|()| 0),
        Command::Vm(args) => vm::run(args),
        Command::Vmtest(args) => vmtest::run(&args),
        Command::Install(args) => install::run(&args).map(|()| 0),
        Command::Demo(args) => demo::run(&args),
        Command::Test(args) => test::run(&args),
        Command::Bench(command) => bench::run(&command),
        Command::Coverage(args) => coverage::run(&args),
        Command::Guest(command) => guest::run(&command),
        Command::Supervise(args) => vm::supervise::run(&args),
    };
    match result {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::from(EX_UNAVAILABLE)
        }
    }
}

/// Something the command needs is broken or missing; no statement about the product itself.
const EX_UNAVAILABLE: u8 = 69;

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn every_command_has_help() {
        let mut xtask = <Command as CommandFactory>::command();
        xtask.build();
        xtask.clone().debug_assert();
        for command in xtask.get_subcommands().filter(|it| !it.is_hide_set()) {
            assert!(command.get_about().is_some(), "{}", command.get_name());
        }
    }
}
