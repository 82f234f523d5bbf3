// SPDX-License-Identifier: MIT OR Apache-2.0
//! The hidden command `cargo xtask supervise`: stands between xtask and the VM.
//!
//! It leads the process group of the VM (virtme-run, QEMU, virtiofsd) and holds the other end of a
//! pipe of xtask's. When xtask goes, even by SIGKILL, the pipe ends and the whole group is killed:
//! no QEMU is ever left behind.

use std::io::Read;
use std::process::{Command, Stdio};

use anyhow::Context;
use rustix::process::{Signal, getpid, kill_process_group};

use crate::process::shell_status;

/// Options of the hidden command.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The program to watch over, and its arguments.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
    command: Vec<String>,
}

/// Runs the program until it ends, or until stdin does.
pub(crate) fn run(args: &Args) -> anyhow::Result<u8> {
    let (program, arguments) = args.command.split_first().context("no program was given")?;
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .spawn()
        .with_context(|| format!("starting {program}"))?;
    std::thread::spawn(|| {
        let mut nothing = [0];
        // Nobody writes to this pipe: reading ends when xtask has gone.
        while matches!(std::io::stdin().read(&mut nothing), Ok(1..)) {}
        // This program is part of the group; when that worked, nothing runs any more.
        let _ = kill_process_group(getpid(), Signal::KILL);
        std::process::exit(1);
    });
    let status = child.wait().context("waiting for the VM")?;
    Ok(u8::try_from(shell_status(status)).unwrap_or(255))
}
