// SPDX-License-Identifier: MIT OR Apache-2.0

//! The dashboard in a pseudo-terminal, with somebody who looks at it.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::num::NonZero;
use std::os::fd::AsFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

/// Lines and columns of the terminal.
const SIZE: (NonZero<u16>, NonZero<u16>) = match (NonZero::new(32), NonZero::new(120)) {
    (Some(lines), Some(columns)) => (lines, columns),
    _ => unreachable!(),
};
/// The longest that anything takes.
const PATIENCE: Duration = Duration::from_secs(120);

/// The dashboard of the bus of this thread's network namespace. It is killed when this is dropped.
pub(crate) struct Dashboard {
    child: Child,
    keyboard: File,
    screen: Arc<Mutex<vt100::Parser>>,
}

impl Dashboard {
    /// Starts it with this time between two refreshes, and waits until it shows numbers.
    pub(crate) fn start(interval: Duration) -> anyhow::Result<Self> {
        let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        grantpt(&terminal)?;
        unlockpt(&terminal)?;
        let name = ptsname(&terminal, Vec::new())?;
        let name = name.to_str().context("the terminal has a name")?;
        let theirs = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(libc::O_NOCTTY)
            .open(name)?;
        let (lines, columns) = SIZE;
        let size = Winsize {
            ws_row: lines.get(),
            ws_col: columns.get(),
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(theirs.as_fd(), size)?;
        // Who has no controlling terminal cannot ask for the size of it. This makes it that of a session of its own.
        let child = Command::new("setsid")
            .arg("--ctty")
            .arg(super::beside("ipcon-top")?)
            .arg(format!("--interval={}ms", interval.as_millis()))
            .env("TERM", "xterm-256color")
            .env("LANG", "C.UTF-8")
            .stdin(theirs.try_clone()?)
            .stdout(theirs.try_clone()?)
            .stderr(theirs)
            .spawn()
            .context("starting ipcon-top")?;
        let screen = Arc::new(Mutex::new(vt100::Parser::new(lines, columns, 0)));
        let keyboard = File::from(terminal);
        let (mut output, seen) = (keyboard.try_clone()?, Arc::clone(&screen));
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            // Ends with the terminal.
            while let Ok(len @ 1..) = output.read(&mut buffer) {
                let mut screen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                screen.process(&buffer[..len]);
            }
        });
        let mut dashboard = Self {
            child,
            keyboard,
            screen,
        };
        dashboard.wait_for_numbers()?;
        Ok(dashboard)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    fn wait_for_numbers(&mut self) -> anyhow::Result<()> {
        let begun = Instant::now();
        while self.lost().is_none() {
            if self.child.try_wait()?.is_some() || begun.elapsed() > PATIENCE {
                bail!("ipcon-top shows no numbers:\n{}", self.text());
            }
            // Nothing tells when a frame is complete; this only paces the looking.
            sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    fn text(&self) -> String {
        let screen = self.screen.lock().unwrap_or_else(PoisonError::into_inner);
        screen.screen().contents()
    }

    /// How many events were lost, as its first line tells.
    fn lost(&self) -> Option<u64> {
        let text = self.text();
        let (_, rest) = text.lines().next()?.split_once("lost ")?;
        let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
        digits.parse().ok()
    }

    /// Ends it; gives how many events it told that it lost.
    pub(crate) fn end(mut self) -> anyhow::Result<u64> {
        let lost = self.lost();
        let lost = lost.with_context(|| format!("no losses are told of in\n{}", self.text()))?;
        self.keyboard.write_all(b"q").context("pressing q")?;
        let status = self.child.wait().context("waiting for ipcon-top")?;
        if !status.success() {
            bail!("ipcon-top ended with {status}:\n{}", self.text());
        }
        Ok(lost)
    }
}

impl Drop for Dashboard {
    fn drop(&mut self) {
        // It may have ended already; either way it is gone afterwards.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
