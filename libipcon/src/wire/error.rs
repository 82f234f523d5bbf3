// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is wrong with bytes that do not follow the wire.

use std::fmt;

/// A message that does not follow the wire definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Malformed {
    /// A netlink or generic netlink header that does not fit its message.
    Header,
    /// An attribute whose length does not fit its message.
    AttributeLength,
    /// The attribute with this name has the wrong size or content.
    Value(&'static str),
    /// The attribute with this name is not there.
    Missing(&'static str),
    /// A kevent of a size or type that this library does not know.
    Kevent,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header => f.write_str("a header does not fit its message"),
            Self::AttributeLength => f.write_str("an attribute does not fit its message"),
            Self::Value(name) => write!(f, "the attribute {name} has a wrong size or content"),
            Self::Missing(name) => write!(f, "the attribute {name} is missing"),
            Self::Kevent => f.write_str("a kevent has an unknown size or type"),
        }
    }
}
