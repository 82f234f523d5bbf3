// SPDX-License-Identifier: MIT OR Apache-2.0

//! A dbus-broker of our own, on a machine without systemd.

use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::symlink;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

use anyhow::{Context as _, bail};
use rustix::process::Pid;

use super::connection::Connection;
use crate::place;

/// Where it lives; nothing else of the VM is there.
const FOLDER: &str = "/run/ipcon-bench";
/// The launcher writes its log to systemd's journal, and does not start without it.
const JOURNAL: &str = "/run/systemd/journal/socket";
/// The place that the launcher starts the broker from.
const BROKER: &str = "/usr/bin/dbus-broker";

/// A bus that lets everybody talk to everybody, with the rules of the session bus. The broker says that eavesdropping
/// is ignored, yet delivers nothing without the rule that allows it.
const CONFIG: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path=/run/ipcon-bench/bus</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"#;

/// Gives the launcher the listening socket, which is this shell's standard input, as systemd would.
const ACTIVATE: &str =
    r#"exec 3<&0 </dev/null; LISTEN_FDS=1 LISTEN_PID=$$; export LISTEN_FDS LISTEN_PID; exec "$@""#;

/// A broker that runs; it is killed when this is dropped.
pub(crate) struct Broker {
    launcher: Child,
    address: PathBuf,
}

impl Broker {
    /// Starts the broker of a package that was unpacked to `package`.
    pub(crate) fn start(package: &Path) -> anyhow::Result<Self> {
        let folder = Path::new(FOLDER);
        fs::create_dir_all(folder).with_context(|| format!("making {FOLDER}"))?;
        let config = folder.join("config.xml");
        fs::write(&config, CONFIG).with_context(|| format!("writing {}", config.display()))?;
        put_in_place(&package.join("usr/bin/dbus-broker"))?;
        keep_journal_empty()?;

        let address = folder.join("bus");
        let listener = UnixListener::bind(&address)
            .with_context(|| format!("listening on {}", address.display()))?;
        let launcher = Command::new("sh")
            .args(["-c", ACTIVATE, "sh"])
            .arg(package.join("usr/bin/dbus-broker-launch"))
            .args(["--scope", "user"])
            .arg(format!("--config-file={}", config.display()))
            .env("XDG_RUNTIME_DIR", folder)
            .env(
                "DBUS_SESSION_BUS_ADDRESS",
                format!("unix:path={}", address.display()),
            )
            .env("LD_LIBRARY_PATH", libraries(package))
            .stdin(OwnedFd::from(listener))
            .stdout(Stdio::null())
            .spawn()
            .context("starting dbus-broker-launch")?;
        let broker = Self { launcher, address };
        // The socket listens already, so this waits until somebody answers on it.
        Connection::open(&broker.address).context("waiting for dbus-broker")?;
        Ok(broker)
    }

    /// The socket that it listens on.
    pub(crate) fn address(&self) -> &Path {
        &self.address
    }

    /// Lets the broker run on these processors only.
    pub(crate) fn place(&self, cpus: &[usize]) -> anyhow::Result<()> {
        let launcher = self.launcher.id();
        let path = format!("/proc/{launcher}/task/{launcher}/children");
        let children = fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
        let mut pids = children.split_whitespace();
        let (Some(pid), None) = (pids.next(), pids.next()) else {
            bail!("dbus-broker-launch has the children {children:?} instead of one broker");
        };
        place::place(Pid::from_raw(pid.parse()?), cpus)
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // The broker ends when its launcher is gone.
        let _ = self.launcher.kill();
        let _ = self.launcher.wait();
    }
}

/// The launcher has the broker's path built in. This is a VM, whose changes to `/usr` go with it.
fn put_in_place(broker: &Path) -> anyhow::Result<()> {
    if Path::new(BROKER).exists() {
        return Ok(());
    }
    symlink(broker, BROKER).with_context(|| format!("linking {BROKER} to {}", broker.display()))
}

fn libraries(package: &Path) -> String {
    ["usr/lib", "lib"]
        .map(|folder| package.join(folder).join("x86_64-linux-gnu"))
        .map(|folder| folder.display().to_string())
        .join(":")
}

/// Reads what is logged, so that no logger ever waits.
fn keep_journal_empty() -> anyhow::Result<()> {
    let path = Path::new(JOURNAL);
    if path.exists() {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    }
    let journal = UnixDatagram::bind(path).with_context(|| format!("binding {JOURNAL}"))?;
    thread::spawn(move || {
        let mut entry = vec![0; 64 * 1024];
        while journal.recv(&mut entry).is_ok() {}
    });
    Ok(())
}
