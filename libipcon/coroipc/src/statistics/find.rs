// SPDX-License-Identifier: MIT OR Apache-2.0
//! Finding pages among the descriptors of another process, which may be anybody's.
//!
//! Nothing here waits for that process: anything can have the name of a page and be something else by the time that it is
//! opened, such as a pipe, or a file in a file system of its own that never answers. So each is taken hold of without
//! being opened, must be in the kernel's own file system of anonymous files, and only then is opened, and checked as any
//! memory of others.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, MemfdFlags, Mode, OFlags, StatxFlags, memfd_create, open, statx};
use rustix::io::Errno;

use crate::region::{Peer, Shape};

/// Descriptors with the name of a page that are looked at of one process, and descriptors of any name: it may have as many as
/// it likes.
const MOST: usize = 1 << 16;
const MOST_OF_ALL: usize = 1 << 20;

/// What is read of each page of a process with this name.
pub(super) fn pages<T>(
    pid: u32,
    name: &str,
    shape: Shape,
    read: impl Fn(&Peer) -> Option<T>,
) -> io::Result<Vec<T>> {
    let entries = std::fs::read_dir(format!("/proc/{pid}/fd"))?;
    let memory = Device::of_memory()?;
    let link = format!("/memfd:{name} (deleted)");
    let (mut found, mut looked_at) = (Vec::new(), 0);
    for entry in entries.take(MOST_OF_ALL) {
        let path = entry?.path();
        // Descriptors may be closed meanwhile, and others are none of our business.
        let named = std::fs::read_link(&path).is_ok_and(|name| name == Path::new(&link));
        if !named {
            continue;
        }
        looked_at += 1;
        if looked_at > MOST {
            break;
        }
        if let Some(file) = memory.open(&path)
            && let Ok(page) = Peer::open_for_reading(&file, shape)
            && let Some(it) = read(&page)
        {
            found.push(it);
        }
    }
    Ok(found)
}

/// A file system, by the number of its device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Device(u32, u32);

impl Device {
    /// The one that all anonymous files of ordinary pages are in.
    fn of_memory() -> Result<Self, Errno> {
        let any = memfd_create("coroipc-any", MemfdFlags::CLOEXEC)?;
        Self::of(&any)
    }

    /// That of a file, as far as the kernel knows without asking who keeps the file.
    fn of(file: &OwnedFd) -> Result<Self, Errno> {
        let flags = AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC;
        let found = statx(file, "", flags, StatxFlags::TYPE)?;
        Ok(Self(found.stx_dev_major, found.stx_dev_minor))
    }

    /// Opens a file for reading if it is in this file system.
    fn open(self, path: &Path) -> Option<OwnedFd> {
        let held = open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).ok()?;
        if Self::of(&held) != Ok(self) {
            return None;
        }
        // What is held does not change any more. Its maker may have a lease on it, which is not waited for.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let path = format!("/proc/self/fd/{}", held.as_raw_fd());
        open(path, flags, Mode::empty()).ok()
    }
}
