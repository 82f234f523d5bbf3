// SPDX-License-Identifier: MIT OR Apache-2.0
//! The part of xtask that runs inside the VM: this same program, started there because the VM's
//! root file system is the host's.
//!
//! It runs one command for the host, carries its input and output over the virtio-serial port,
//! sends the kernel's log along, and powers the VM off.

use std::fs::{self, File};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use rustix::system::RebootCommand;

use crate::channel::{self, PORT_NAME, ToGuest, ToHost};
use crate::vm::splat::RUN_END;

mod child;
pub(crate) mod demo;
mod forward;
mod kernel_log;
pub(crate) mod leaks;
mod module;

/// Options of the hidden command `cargo xtask guest`.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Serves the host over the port of this VM; never returns.
    Agent,
    /// Exporter, traffic and dashboard together.
    Demo(demo::Args),
}

/// Runs the command; the result is the exit status.
pub(crate) fn run(command: &Command) -> anyhow::Result<u8> {
    match command {
        Command::Demo(args) => demo::run(args),
        Command::Agent => {
            if std::process::id() != 1 && !in_vm() {
                anyhow::bail!("this is no VM of ipcon's: there is no port {PORT_NAME}");
            }
            if let Err(error) = serve() {
                // The console is all that is left to tell it on; the host keeps what it says.
                eprintln!("xtask guest: {error:#}");
            }
            power_off()
        }
    }
}

/// The way to the host, shared by everything that has something to send.
#[derive(Debug, Clone)]
pub(crate) struct Host(Arc<Mutex<File>>);

impl Host {
    /// Sends one message. Waits while the host has no room.
    pub(crate) fn send(&self, message: &ToHost) -> io::Result<()> {
        let mut port = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        channel::write(&mut *port, message)
    }
}

fn serve() -> anyhow::Result<()> {
    let port = open_port()?;
    let host = Host(Arc::new(Mutex::new(
        port.try_clone().context("sharing the port")?,
    )));
    let log = kernel_log::Follower::start(host.clone())?;
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").context("reading osrelease")?;
    host.send(&ToHost::Ready(release.trim().to_owned()))
        .context("greeting the host")?;

    leaks::prepare();
    let mut requests = port;
    let (result, look_for_leaks) = loop {
        match channel::read(&mut requests).context("waiting for the host")? {
            Some(ToGuest::Start(start)) => {
                break (child::run(&start, &host, requests), start.look_for_leaks);
            }
            Some(_) => {}
            None => anyhow::bail!("the host hung up before it said what to run"),
        }
    };
    let last = match result {
        Ok(end) => ToHost::Ended(end),
        Err(error) => ToHost::Failed(format!("{error:#}")),
    };
    // First of all: whatever happens to the VM from here on, the command's end is known.
    host.send(&last).context("telling the host how it ended")?;
    if look_for_leaks {
        leaks::look(&host);
    }
    kernel_log::note(RUN_END);
    log.finish();
    Ok(())
}

/// Finds the port by its name; it needs no udev.
fn find_port() -> io::Result<Option<PathBuf>> {
    for entry in fs::read_dir("/sys/class/virtio-ports")? {
        let entry = entry?;
        let name = fs::read_to_string(entry.path().join("name")).unwrap_or_default();
        if name.trim() == PORT_NAME {
            return Ok(Some(PathBuf::from("/dev").join(entry.file_name())));
        }
    }
    Ok(None)
}

fn in_vm() -> bool {
    matches!(find_port(), Ok(Some(_)))
}

fn open_port() -> anyhow::Result<File> {
    let path = find_port()
        .context("looking for virtio-serial ports")?
        .with_context(|| format!("no virtio-serial port is named {PORT_NAME}"))?;
    File::options()
        .read(true)
        .write(true)
        .open(&path)
        .with_context(|| format!("opening {}", path.display()))
}

fn power_off() -> ! {
    rustix::fs::sync();
    let error = rustix::system::reboot(RebootCommand::PowerOff);
    eprintln!("xtask guest: powering off: {error:?}");
    std::process::exit(1)
}
