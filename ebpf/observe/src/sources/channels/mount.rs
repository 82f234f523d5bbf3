// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where anonymous files of memory live.

use std::os::fd::{AsFd, AsRawFd};

use rustix::fs::{MemfdFlags, Mode, OFlags, memfd_create, open};
use rustix::io::{Errno, read};

/// The mount of the kernel's own that holds all anonymous files of ordinary pages. Nobody can mount it elsewhere or
/// put a file of another kind there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mount(u64);

impl Mount {
    /// Finds it by a file that is made for that.
    pub(super) fn find() -> Result<Self, Errno> {
        let file = memfd_create("ipcon-observe", MemfdFlags::CLOEXEC)?;
        id(&file)?.map(Self).ok_or(Errno::NOTSUP)
    }

    /// Whether a file is there. Asks nobody but the kernel, whatever the file is; it may be open as a path only.
    pub(super) fn has(self, file: impl AsFd) -> Result<bool, Errno> {
        Ok(id(file)? == Some(self.0))
    }
}

/// The mount that a file is in.
fn id(file: impl AsFd) -> Result<Option<u64>, Errno> {
    let path = format!("/proc/self/fdinfo/{}", file.as_fd().as_raw_fd());
    let info = open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    // Position, flags and mount come first, whatever else there is.
    let mut text = [0; 256];
    let length = read(&info, &mut text)?;
    let text = String::from_utf8_lossy(&text[..length]);
    let line = text.lines().find_map(|line| line.strip_prefix("mnt_id:"));
    Ok(line.and_then(|id| id.trim().parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_there_and_other_files_are_not() {
        let mount = Mount::find().unwrap();
        assert_eq!(Mount::find().unwrap(), mount);
        let memory = memfd_create("any", MemfdFlags::CLOEXEC).unwrap();
        assert!(mount.has(&memory).unwrap());
        let taken = format!("/proc/self/fd/{}", memory.as_raw_fd());
        let taken = open(taken, OFlags::PATH, Mode::empty()).unwrap();
        assert!(mount.has(&taken).unwrap());
        for other in [
            "/dev/null",
            "/proc/self/stat",
            "/tmp",
            "/dev/shm",
            "Cargo.toml",
        ] {
            if let Ok(file) = std::fs::File::open(other) {
                assert!(!mount.has(&file).unwrap(), "{other}");
            }
        }
        let (pipe, _) = std::io::pipe().unwrap();
        assert!(!mount.has(&pipe).unwrap());
    }
}
