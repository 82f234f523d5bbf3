// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whether a filter of system calls lets bpf(2) through.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use serde::Serialize;

/// What becomes of a call of bpf(2) before the kernel's own rules are looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BpfCall {
    /// It comes through.
    #[default]
    Allowed,
    /// A filter answers it with an error.
    Refused,
    /// A filter kills who makes it.
    Fatal,
}

/// Makes a call that does nothing, in a process of its own, since it may be the last that it does.
pub(super) fn find_out() -> BpfCall {
    let mut child = Command::new("/proc/self/exe");
    child.stdin(Stdio::null()).stdout(Stdio::null());
    // SAFETY: the closure makes one system call and builds an error from its number: nothing that takes a lock or
    // allocates. It never succeeds, so the program is not started.
    unsafe { child.pre_exec(|| Err(call())) };
    match child.spawn() {
        Err(error) => answered(&error),
        // It did not come to tell.
        Ok(mut killed) => {
            _ = killed.wait();
            BpfCall::Fatal
        }
    }
}

/// The answer to a command that there is not, without arguments.
fn call() -> io::Error {
    // SAFETY: with a length of 0 the kernel reads nothing at the address.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            libc::c_int::MAX,
            std::ptr::null::<libc::c_void>(),
            0,
        )
    };
    match answer {
        -1 => io::Error::last_os_error(),
        _ => io::Error::from_raw_os_error(libc::EINVAL),
    }
}

fn answered(error: &io::Error) -> BpfCall {
    match error.raw_os_error() {
        // The kernel says so of commands that it does not know. Whatever else there is says nothing of a filter.
        Some(libc::EPERM | libc::EACCES | libc::ENOSYS) => BpfCall::Refused,
        _ => BpfCall::Allowed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_of_a_filter_is_told_from_that_of_the_kernel() {
        let answer = |number| answered(&io::Error::from_raw_os_error(number));
        assert_eq!(answer(libc::EINVAL), BpfCall::Allowed);
        assert_eq!(answer(libc::EAGAIN), BpfCall::Allowed);
        assert_eq!(answer(libc::EPERM), BpfCall::Refused);
        assert_eq!(answer(libc::ENOSYS), BpfCall::Refused);
    }
}
