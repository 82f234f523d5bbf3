// SPDX-License-Identifier: MIT OR Apache-2.0
//! Commands that only root may run: directly when this is root, through sudo otherwise.

use std::process::Command;

use anyhow::bail;

use crate::process::find_program;

/// A command that runs `program` as root.
pub(crate) fn as_root(program: &str) -> anyhow::Result<Command> {
    if rustix::process::geteuid().is_root() {
        return Ok(Command::new(program));
    }
    let Some(sudo) = find_program("sudo") else {
        bail!("`{program}` must run as root, and there is no sudo; run: cargo xtask setup as root");
    };
    let mut command = Command::new(sudo);
    command.arg("--").arg(program);
    Ok(command)
}

/// How a person gets root on this machine: what to write in front of a command.
pub(crate) fn prefix() -> &'static str {
    if rustix::process::geteuid().is_root() {
        ""
    } else {
        "sudo "
    }
}
