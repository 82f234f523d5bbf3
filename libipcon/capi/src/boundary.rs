// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where a call of the program begins and ends.

use std::ffi::c_int;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::errno::Errno;

/// Runs a call to its end, whatever happens in it. After a panic the library is as good as before the call: its
/// locks guard nothing that is ever half changed.
pub(crate) fn run<T>(body: impl FnOnce() -> Result<T, Errno>) -> Result<T, Errno> {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or(Err(Errno::NOTRECOVERABLE))
}

/// The same, with the result as most functions return it.
pub(crate) fn status(body: impl FnOnce() -> Result<(), Errno>) -> c_int {
    match run(body) {
        Ok(()) => 0,
        Err(errno) => errno.negative(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error_number() {
        assert_eq!(
            status(|| panic!("seen by this test")),
            -libc::ENOTRECOVERABLE
        );
        assert_eq!(status(|| Err(Errno::BADF)), -libc::EBADF);
        assert_eq!(status(|| Ok(())), 0);
    }
}
