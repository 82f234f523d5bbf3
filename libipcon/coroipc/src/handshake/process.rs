// SPDX-License-Identifier: MIT OR Apache-2.0
//! What `/proc` says of a process, while its descriptor says that it is the same one.
//!
//! A process is found there by its number, which another has once it is gone. So it must live before and after the look:
//! then it was the same all the time.

use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::stat;

/// A process that is known by a descriptor, and its number in this process' namespace.
#[derive(Debug, Clone, Copy)]
pub(super) struct Process<'a> {
    pub(super) pidfd: BorrowedFd<'a>,
    pub(super) pid: u32,
}

impl Process<'_> {
    /// The file that it runs.
    pub(super) fn executable(self) -> Option<PathBuf> {
        self.look("exe", |path| std::fs::read_link(path).ok())
    }

    /// Whether it is in this process' namespace of a kind, as `/proc/PID/ns` calls it.
    pub(super) fn shares_namespace(self, kind: &str) -> Option<bool> {
        let identity = |path: &Path| stat(path).ok().map(|it| (it.st_dev, it.st_ino));
        let ours = identity(&Path::new("/proc/self/ns").join(kind))?;
        let its = self.look(&format!("ns/{kind}"), identity)?;
        Some(its == ours)
    }

    /// What is found at a place below the process.
    fn look<T>(self, at: &str, look: impl FnOnce(&Path) -> Option<T>) -> Option<T> {
        // Numbers mean something only where it is this process' namespace that `/proc` shows.
        let own = std::fs::read_link("/proc/self").ok()?;
        if self.pid == 0 || own != Path::new(&std::process::id().to_string()) || !self.lives() {
            return None;
        }
        let found = look(&PathBuf::from(format!("/proc/{}/{at}", self.pid)));
        found.filter(|_| self.lives())
    }

    /// Whether it has not ended: its descriptor can be read from then on.
    fn lives(self) -> bool {
        let now = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        poll(&mut [PollFd::new(&self.pidfd, PollFlags::IN)], Some(&now)) == Ok(0)
    }
}
