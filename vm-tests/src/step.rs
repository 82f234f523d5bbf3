// SPDX-License-Identifier: MIT OR Apache-2.0

//! Death at a chosen moment: a child that stops at each entry to and exit from the kernel, and is killed at one.

use std::io;
use std::ptr;

/// What these requests take neither as an address nor as data.
const NOTHING: *mut libc::c_void = ptr::null_mut();

/// Starts `body` in a child and kills it at its `stop`th stop, of which each system call has two: before the kernel
/// acts and before the program learns of it. Gives false when the child ended by itself before that.
///
/// # Panics
///
/// When the child cannot be traced, or fails.
///
/// # Safety
///
/// The process must have no other threads, because the child starts with only one of them and with what the others
/// held.
pub unsafe fn kill_at(stop: usize, body: impl FnOnce()) -> bool {
    // SAFETY: By the requirements of this function there is one thread, so the child may do what it likes.
    let child = checked(unsafe { libc::fork() }, "fork");
    if child == 0 {
        // SAFETY: These act on the calling process alone. It ends without running what the parent has to run at its
        // end.
        unsafe {
            libc::ptrace(libc::PTRACE_TRACEME, 0, NOTHING, NOTHING);
            libc::raise(libc::SIGSTOP);
            body();
            libc::_exit(0);
        }
    }
    assert!(libc::WIFSTOPPED(wait(child)), "the child asks to be traced");
    for _ in 0..stop {
        // SAFETY: The child is stopped and traced by this thread; no memory is touched.
        let outcome = unsafe { libc::ptrace(libc::PTRACE_SYSCALL, child, NOTHING, NOTHING) };
        checked(outcome as libc::c_int, "let the child go on");
        let status = wait(child);
        if libc::WIFEXITED(status) {
            assert_eq!(libc::WEXITSTATUS(status), 0, "the child failed");
            return false;
        }
        assert!(libc::WIFSTOPPED(status), "the child ended with {status:#x}");
        let signal = libc::WSTOPSIG(status);
        assert_eq!(signal, libc::SIGTRAP, "the child got signal {signal}");
    }
    // SAFETY: The child is there until it has been waited for.
    checked(
        unsafe { libc::kill(child, libc::SIGKILL) },
        "kill the child",
    );
    let status = wait(child);
    assert!(
        libc::WIFSIGNALED(status),
        "the child ended with {status:#x}"
    );
    true
}

fn wait(child: libc::pid_t) -> libc::c_int {
    let mut status = 0;
    // SAFETY: The pointer is that of a live int.
    checked(unsafe { libc::waitpid(child, &raw mut status, 0) }, "wait");
    status
}

fn checked(outcome: libc::c_int, doing: &str) -> libc::c_int {
    assert!(outcome >= 0, "{doing}: {}", io::Error::last_os_error());
    outcome
}
