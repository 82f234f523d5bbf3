// SPDX-License-Identifier: MIT OR Apache-2.0
//! The hidden command `cargo xtask supervise`: stands between xtask and the VM.
//!
//! It holds the other end of a pipe of xtask's. When that ends, because xtask wants the VM to go or
//! has gone itself, even by SIGKILL, the whole process group of the VM (virtme-run, QEMU, virtiofsd)
//! is killed. It collects them all, also those whose parent ended first: nothing is left behind.

use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;
use rustix::process::{
    Pid, Signal, WaitOptions, getpid, kill_process_group, set_child_subreaper, wait,
};

use crate::process::{group_of, shell_status};

/// How long what is left of the VM may take to end by itself.
const GRACE: Duration = Duration::from_secs(3);

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
    set_child_subreaper(Some(getpid())).context("becoming the parent of orphans")?;
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .process_group(0)
        .spawn()
        .with_context(|| format!("starting {program}"))?;
    let group = group_of(&child)?;
    std::thread::spawn(move || {
        let mut nothing = [0];
        // Nobody writes to this pipe: reading ends when xtask has gone.
        while matches!(std::io::stdin().read(&mut nothing), Ok(1..)) {}
        kill(group);
    });
    let status = child.wait().context("waiting for the VM")?;
    collect(group);
    Ok(u8::try_from(shell_status(status)).unwrap_or(255))
}

/// Waits for what the program left running, virtiofsd most likely.
fn collect(group: Pid) {
    let deadline = Instant::now() + GRACE;
    loop {
        match wait(WaitOptions::NOHANG) {
            Ok(Some(_)) => {}
            Ok(None) if Instant::now() > deadline => kill(group),
            Ok(None) => std::thread::sleep(Duration::from_millis(10)),
            // No child is left.
            Err(_) => return,
        }
    }
}

fn kill(group: Pid) {
    // It may have ended by itself meanwhile.
    let _ = kill_process_group(group, Signal::KILL);
}
