// SPDX-License-Identifier: MIT OR Apache-2.0
//! Error numbers as C has them.

use std::ffi::c_int;

/// An error number as in `errno(3)`: positive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Errno(c_int);

impl Errno {
    pub(crate) const AGAIN: Self = Self(libc::EAGAIN);
    pub(crate) const BADF: Self = Self(libc::EBADF);
    pub(crate) const CONNREFUSED: Self = Self(libc::ECONNREFUSED);
    pub(crate) const INVAL: Self = Self(libc::EINVAL);
    pub(crate) const MSGSIZE: Self = Self(libc::EMSGSIZE);
    /// A bug in this library.
    pub(crate) const NOTRECOVERABLE: Self = Self(libc::ENOTRECOVERABLE);
    pub(crate) const TIMEDOUT: Self = Self(libc::ETIMEDOUT);

    /// The number itself.
    pub(crate) const fn positive(self) -> c_int {
        self.0
    }

    /// What a function returns that fails with it.
    pub(crate) const fn negative(self) -> c_int {
        -self.0
    }
}

impl From<libipcon::Error> for Errno {
    fn from(error: libipcon::Error) -> Self {
        match error.errno() {
            number @ 1.. => Self(number),
            // The kernel has no such numbers; a success it must not become.
            _ => Self(libc::EPROTO),
        }
    }
}

impl From<rustix::io::Errno> for Errno {
    fn from(errno: rustix::io::Errno) -> Self {
        Self(errno.raw_os_error())
    }
}
