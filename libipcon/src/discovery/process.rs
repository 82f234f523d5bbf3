// SPDX-License-Identifier: MIT OR Apache-2.0
//! The number of a process that no other process has.

use std::os::fd::BorrowedFd;

use rustix::fs::{fstat, fstatfs};
use rustix::io::Errno;
use rustix::process::{PidfdFlags, getpid, pidfd_open};

/// `PID_FS_MAGIC` of `linux/magic.h`, for Linux 6.9 and newer. Before, the descriptors of all processes had one inode.
const PIDFS: u64 = 0x5049_4446;

/// The number of the process behind a descriptor of the kernel's: the inode, which is not used again before the next
/// boot. `NOTSUP` if processes have none here.
pub(super) fn number(pidfd: BorrowedFd<'_>) -> Result<u64, Errno> {
    if fstatfs(pidfd)?.f_type as u64 != PIDFS {
        return Err(Errno::NOTSUP);
    }
    Ok(fstat(pidfd)?.st_ino)
}

/// That of this process.
pub(super) fn own_number() -> Result<u64, Errno> {
    use std::os::fd::AsFd;
    number(pidfd_open(getpid(), PidfdFlags::empty())?.as_fd())
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;
    use std::process::{Command, Stdio};

    use rustix::process::Pid;

    use super::*;

    #[test]
    fn a_process_has_one_number_and_another_process_has_another() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let pidfd = pidfd_open(Pid::from_child(&child), PidfdFlags::empty()).unwrap();
        let again = pidfd_open(Pid::from_child(&child), PidfdFlags::empty()).unwrap();
        let numbers = [pidfd, again].map(|it| number(it.as_fd()));
        drop(child.stdin.take());
        child.wait().unwrap();
        // Older kernels have none.
        if numbers[0] == Err(Errno::NOTSUP) {
            return;
        }
        assert_eq!(numbers[0], numbers[1]);
        assert_eq!(own_number(), own_number());
        assert_ne!(numbers[0], own_number());
    }

    #[test]
    fn what_is_no_process_has_no_number() {
        let file = std::fs::File::open("/dev/null").unwrap();
        assert_eq!(number(file.as_fd()), Err(Errno::NOTSUP));
    }
}
