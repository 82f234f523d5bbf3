// SPDX-License-Identifier: MIT OR Apache-2.0
//! Addresses of peers.

use std::fmt;
use std::num::NonZeroU32;

/// The address of a peer, unique in its network namespace while the peer lives. Never 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Port(NonZeroU32);

impl Port {
    /// The port of this number; `None` for 0, which is the kernel's own.
    pub const fn new(number: u32) -> Option<Self> {
        match NonZeroU32::new(number) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// The number of the port.
    pub const fn get(self) -> u32 {
        self.0.get()
    }
}

impl From<NonZeroU32> for Port {
    fn from(number: NonZeroU32) -> Self {
        Self(number)
    }
}

impl From<Port> for u32 {
    fn from(port: Port) -> Self {
        port.get()
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
