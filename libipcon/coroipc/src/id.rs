// SPDX-License-Identifier: MIT OR Apache-2.0
//! Numbers of services and commands.

use std::fmt;

/// A service of an endpoint: any of 65,536.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServiceId(u16);

/// A command of a service: any of 65,536.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CommandId(u16);

macro_rules! number {
    ($name:ident, $what:literal) => {
        impl $name {
            #[doc = concat!("The ", $what, " with this number.")]
            pub const fn new(number: u16) -> Self {
                Self(number)
            }

            /// The number.
            pub const fn get(self) -> u16 {
                self.0
            }
        }

        impl From<u16> for $name {
            fn from(number: u16) -> Self {
                Self(number)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($what, " {}"), self.0)
            }
        }
    };
}

number!(ServiceId, "service");
number!(CommandId, "command");
