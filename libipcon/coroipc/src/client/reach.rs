// SPDX-License-Identifier: MIT OR Apache-2.0
//! Waiting for a server that is not there yet, or not any more.

use std::ffi::OsStr;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use rustix::io::Errno;

use super::error::ConnectError;
use crate::handshake::{Address, Reason};

/// From trying to trying again, at first and at most.
const SHORTEST: Duration = Duration::from_millis(1);
const LONGEST: Duration = Duration::from_millis(100);

/// Whether an error says no more than that no server is there now: nobody listens, or who did is just about to go. Nothing
/// has happened then that trying again could do twice.
pub(super) fn nobody_is_there(error: &ConnectError) -> bool {
    match error {
        ConnectError::Unreachable { source, .. } => {
            matches!(
                Errno::from_io_error(source),
                Some(Errno::CONNREFUSED | Errno::NOENT)
            )
        }
        ConnectError::HungUp(_) => true,
        ConnectError::Refused(refusal) => refusal.reason() == Reason::ShuttingDown,
        _ => false,
    }
}

/// Pauses between tries: longer each time, and over at once when something appears where the server is to be.
#[derive(Debug)]
pub(super) struct Pauses {
    next: Duration,
    folder: Option<Folder>,
}

impl Pauses {
    /// Between tries to reach an address. What appears there from here on is not missed, so one has to try after this.
    pub(super) fn before(address: &Address) -> Self {
        Self {
            next: SHORTEST,
            folder: Folder::of(address),
        }
    }

    /// Waits until it is worth to try again, or until the deadline.
    pub(super) fn wait(&mut self, deadline: Instant) {
        let until = deadline.min(Instant::now() + self.next);
        self.next = LONGEST.min(self.next * 2);
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let Some(folder) = &self.folder else {
                std::thread::sleep(left);
                return;
            };
            if folder.has_changed(left) {
                // It has its name before it listens.
                self.next = SHORTEST;
                return;
            }
        }
    }
}

/// The folder of a path, being watched for what appears under that name.
#[derive(Debug)]
struct Folder {
    inotify: OwnedFd,
    name: Vec<u8>,
}

impl Folder {
    /// `None` where there is no path, or no such folder, or it cannot be watched.
    fn of(address: &Address) -> Option<Self> {
        let path = address.as_path()?;
        let folder = match path.parent()? {
            empty if empty.as_os_str().is_empty() => ".".as_ref(),
            folder => folder,
        };
        let inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).ok()?;
        let appears = WatchFlags::CREATE | WatchFlags::MOVED_TO | WatchFlags::ATTRIB;
        inotify::add_watch(&inotify, folder, appears).ok()?;
        let name = path.file_name().map(OsStr::as_bytes)?.to_vec();
        Some(Self { inotify, name })
    }

    /// Waits for so long at most. Whether something has appeared by that name; false also where it is something else.
    fn has_changed(&self, time: Duration) -> bool {
        let time = Timespec {
            tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: time.subsec_nanos().into(),
        };
        let mut fds = [PollFd::new(&self.inotify, PollFlags::IN)];
        if !matches!(poll(&mut fds, Some(&time)), Ok(1)) {
            return false;
        }
        let mut space = [MaybeUninit::uninit(); 4096];
        let mut events = inotify::Reader::new(&self.inotify, &mut space);
        let mut changed = false;
        // It does not wait.
        while let Ok(event) = events.next() {
            changed |= event
                .file_name()
                .is_some_and(|name| name.to_bytes() == self.name);
        }
        changed
    }
}
