// SPDX-License-Identifier: MIT OR Apache-2.0

//! The other process of a round trip.

use std::io::Write;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, bail};
use clap::ValueEnum;
use ipcon_vm_tests::process::Process;

use crate::{bus, dbus, seqpacket};

/// By what messages go to and fro.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// A peer of the bus.
    Bus,
    /// A Unix socket of type `SOCK_SEQPACKET`.
    Seqpacket,
    /// A connection to a D-Bus broker.
    Dbus,
}

/// A process that answers; it is killed when this is dropped.
pub(crate) struct Echo {
    process: Process,
}

impl Echo {
    /// Starts it on a processor. `at` is where it connects to, if that is a path.
    pub(crate) fn start(kind: Kind, at: Option<&Path>, cpu: usize) -> Self {
        let mut command = Command::new("/proc/self/exe");
        let kind = kind.to_possible_value();
        command.arg("echo");
        command.args(kind.iter().map(|kind| kind.get_name()));
        command.arg(format!("--cpu={cpu}"));
        if let Some(at) = at {
            command.arg("--at").arg(at);
        }
        Self {
            process: Process::spawn(&mut command),
        }
    }

    /// The address under which it answers; waits until it does.
    pub(crate) fn address(&mut self) -> String {
        self.process.line()
    }
}

/// What that process does.
pub(crate) fn run(kind: Kind, at: Option<&Path>) -> anyhow::Result<()> {
    match (kind, at) {
        (Kind::Bus, _) => bus::echo(),
        (Kind::Seqpacket, Some(at)) => seqpacket::echo(at),
        (Kind::Dbus, Some(at)) => dbus::echo(at),
        (Kind::Seqpacket | Kind::Dbus, None) => bail!("--at says where to connect to"),
    }
}

/// Tells the address under which this process answers.
pub(crate) fn tell(address: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{address}")
        .and_then(|()| out.flush())
        .context("telling the address")
}
