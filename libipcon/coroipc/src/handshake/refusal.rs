// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why a server does not want a client.

use std::fmt;
use std::time::Duration;

/// Why a server refuses a client or ends its connection, as the client is told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}{}{text}", if text.is_empty() { "" } else { ": " })]
pub struct Refusal {
    reason: Reason,
    text: String,
}

/// The kind of a [`Refusal`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// This user, group or process may not.
    Denied,
    /// The endpoint has no such service.
    NoSuchService,
    /// There is too much to do. Try again after this time.
    Overloaded {
        /// In microseconds on the wire, so at most 71 minutes.
        retry_after: Duration,
    },
    /// The other side has another version of the protocol, namely this one.
    Version(u16),
    /// The other side has another interface; see `interface` of the builders.
    Interface,
    /// The other side broke the rules of the protocol.
    Protocol,
    /// It took too long.
    TooSlow,
    /// The server is shutting down.
    ShuttingDown,
    /// The server lacks memory, descriptors or threads.
    Resources,
    /// The client read its events too slowly.
    SlowConsumer,
    /// A handler panicked.
    Panicked,
    /// Any other, with a number of the application's own.
    Other(u32),
}

impl Refusal {
    /// A refusal with a text for people. Of the text 200 bytes arrive.
    pub fn new(reason: Reason, text: impl Into<String>) -> Self {
        Self {
            reason,
            text: text.into(),
        }
    }

    /// This user, group or process may not.
    pub fn denied(text: impl Into<String>) -> Self {
        Self::new(Reason::Denied, text)
    }

    /// The kind.
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// The text for people, perhaps empty.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl Reason {
    /// Its number on the wire, and the number that goes with it.
    pub(crate) fn to_wire(self) -> (u32, u32) {
        match self {
            Self::Denied => (1, 0),
            Self::NoSuchService => (2, 0),
            Self::Overloaded { retry_after } => (3, micros(retry_after)),
            Self::Version(version) => (4, version.into()),
            Self::Interface => (5, 0),
            Self::Protocol => (6, 0),
            Self::TooSlow => (7, 0),
            Self::ShuttingDown => (8, 0),
            Self::Resources => (9, 0),
            Self::SlowConsumer => (10, 0),
            Self::Panicked => (11, 0),
            Self::Other(number) => (12, number),
        }
    }

    pub(crate) fn of_wire(number: u32, detail: u32) -> Option<Self> {
        Some(match number {
            1 => Self::Denied,
            2 => Self::NoSuchService,
            3 => Self::Overloaded {
                retry_after: Duration::from_micros(detail.into()),
            },
            4 => Self::Version(u16::try_from(detail).ok()?),
            5 => Self::Interface,
            6 => Self::Protocol,
            7 => Self::TooSlow,
            8 => Self::ShuttingDown,
            9 => Self::Resources,
            10 => Self::SlowConsumer,
            11 => Self::Panicked,
            12 => Self::Other(detail),
            _ => return None,
        })
    }
}

/// A time as microseconds on the wire.
pub(crate) fn micros(time: Duration) -> u32 {
    u32::try_from(time.as_micros()).unwrap_or(u32::MAX)
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied => f.write_str("permission denied"),
            Self::NoSuchService => f.write_str("no such service"),
            Self::Overloaded { retry_after } => {
                write!(f, "overloaded, try again in {retry_after:?}")
            }
            Self::Version(version) => write!(f, "the other side has protocol version {version}"),
            Self::Interface => f.write_str("the other side has another interface"),
            Self::Protocol => f.write_str("rules of the protocol were broken"),
            Self::TooSlow => f.write_str("too slow"),
            Self::ShuttingDown => f.write_str("the server is shutting down"),
            Self::Resources => f.write_str("the server lacks resources"),
            Self::SlowConsumer => f.write_str("events were read too slowly"),
            Self::Panicked => f.write_str("a handler panicked"),
            Self::Other(number) => write!(f, "refused with {number}"),
        }
    }
}
