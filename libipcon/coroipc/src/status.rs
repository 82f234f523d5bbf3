// SPDX-License-Identifier: MIT OR Apache-2.0
//! What can become of a request, as a number in shared memory.

/// What became of a request. The number that goes with it is told in brackets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Status {
    /// The handler replied [descriptors that came with the reply].
    Replied = 0,
    /// The handler refused or failed [a code of its own].
    Failed = 1,
    /// The service has no such command.
    UnknownCommand = 2,
    /// This client may not use the command.
    Denied = 3,
    /// There is too much to do [microseconds after which to try again].
    Overloaded = 4,
    /// The handler ended without a reply.
    NoReply = 5,
    /// The reply is longer than its room [its bytes].
    ReplyTooLong = 6,
    /// It was too late to begin.
    Expired = 7,
    /// The handler panicked.
    Panicked = 8,
    /// The handler replied with more than fits into the room: it is in memory of its own [descriptors that came with it].
    RepliedLarge = 9,
    /// The server could not make memory for the reply, or send it [the kernel's error].
    NoMemory = 10,
    /// The handler replied with more descriptors than was agreed on [how many].
    TooManyDescriptors = 11,
    /// The payload is not of the command's type.
    InvalidRequest = 12,
}

impl Status {
    pub(crate) fn of(word: u32) -> Option<Self> {
        Some(match word {
            0 => Self::Replied,
            1 => Self::Failed,
            2 => Self::UnknownCommand,
            3 => Self::Denied,
            4 => Self::Overloaded,
            5 => Self::NoReply,
            6 => Self::ReplyTooLong,
            7 => Self::Expired,
            8 => Self::Panicked,
            9 => Self::RepliedLarge,
            10 => Self::NoMemory,
            11 => Self::TooManyDescriptors,
            12 => Self::InvalidRequest,
            _ => return None,
        })
    }
}
