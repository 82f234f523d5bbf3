// SPDX-License-Identifier: MIT OR Apache-2.0
//! What kind of failure an error is, for programs that decide by it.

use crate::operation::Operation;

/// Why an operation failed, as far as a program may want to tell.
///
/// The same error number may mean different things: [`Error::errno`](crate::Error::errno) has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The module is not loaded, or is being unloaded (`ENOENT` and `ENODEV` from connecting).
    NoBus,
    /// There is no such service or group (`ENOENT`).
    NotFound,
    /// The name is taken (`EEXIST`).
    Taken,
    /// It belongs to another peer (`EPERM`).
    NotOwner,
    /// The peer is a member of the group already (`EALREADY`).
    AlreadyMember,
    /// No peer has the port (`ECONNREFUSED`).
    NoPeer,
    /// The receiver's queue has no room now (`EAGAIN`).
    QueueFull,
    /// The deadline passed (`ETIMEDOUT`).
    TimedOut,
    /// The message is longer than the bus, or the buffer, takes (`EMSGSIZE`).
    TooLong,
    /// A name or a payload that the bus does not take (`EINVAL`).
    Invalid,
    /// The user has as many of them as it may (`EDQUOT`).
    OverQuota,
    /// No memory or no descriptor is left (`ENOMEM`, `ENOBUFS`, `EMFILE`, `ENFILE`).
    NoResources,
    /// A signal handler ran meanwhile (`EINTR`).
    Interrupted,
    /// The kernel's answer is not one of the module that this library was made for (`EBADMSG`, `EPROTO`).
    Protocol,
    /// Anything else.
    Other,
}

impl ErrorKind {
    pub(super) fn of(operation: &Operation, errno: i32) -> Self {
        match errno {
            libc::ENOENT | libc::ENODEV if matches!(operation, Operation::Connect) => Self::NoBus,
            libc::ENOENT => Self::NotFound,
            libc::EEXIST => Self::Taken,
            libc::EPERM => Self::NotOwner,
            libc::EALREADY => Self::AlreadyMember,
            libc::ECONNREFUSED => Self::NoPeer,
            libc::EAGAIN => Self::QueueFull,
            libc::ETIMEDOUT => Self::TimedOut,
            libc::EMSGSIZE => Self::TooLong,
            libc::EINVAL => Self::Invalid,
            libc::EDQUOT => Self::OverQuota,
            libc::ENOMEM | libc::ENOBUFS | libc::EMFILE | libc::ENFILE => Self::NoResources,
            libc::EINTR => Self::Interrupted,
            libc::EBADMSG | libc::EPROTO => Self::Protocol,
            _ => Self::Other,
        }
    }
}
