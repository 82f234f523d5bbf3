// SPDX-License-Identifier: GPL-2.0

//! Names of services and groups.

use crate::uapi;

use super::error::Error;

/// A name of 1 to `MAX` bytes without control characters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name<const MAX: usize> {
    // The bytes come before the length, so that the derived order is the order of the bytes: the
    // rest is zero.
    bytes: [u8; MAX],
    len: u8,
}

/// Name of a service.
pub type ServiceName = Name<{ uapi::SERVICE_NAME_MAX_LEN }>;

/// Name of a group.
pub type GroupName = Name<{ uapi::GROUP_NAME_MAX_LEN }>;

impl<const MAX: usize> Name<MAX> {
    /// Checks and takes a name.
    ///
    /// Control characters are the bytes below 0x20, 0x7f, and the UTF-8 forms of U+0080 to U+009F:
    /// a terminal that shows a name must not take orders from it.
    ///
    /// # Errors
    ///
    /// [`Error::BadName`] when it is empty, longer than `MAX` bytes or holds a control character.
    pub fn new(name: &[u8]) -> Result<Self, Error> {
        let c0 = |b: &u8| *b < 0x20 || *b == 0x7f;
        let c1 = |pair: &[u8]| pair[0] == 0xc2 && (0x80..0xa0).contains(&pair[1]);
        if name.is_empty() || name.len() > MAX {
            return Err(Error::BadName);
        }
        if name.iter().any(c0) || name.windows(2).any(c1) {
            return Err(Error::BadName);
        }
        let mut bytes = [0; MAX];
        bytes[..name.len()].copy_from_slice(name);
        Ok(Self {
            bytes,
            len: name.len() as u8,
        })
    }

    /// The bytes of the name.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len as usize]
    }
}

impl<const MAX: usize> core::fmt::Debug for Name<MAX> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "\"{}\"", self.as_bytes().escape_ascii())
    }
}
