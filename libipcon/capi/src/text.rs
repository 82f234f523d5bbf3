// SPDX-License-Identifier: MIT OR Apache-2.0
//! Names that the program passes.

#![allow(unsafe_code)]

use std::ffi::c_char;

use crate::errno::Errno;
use crate::uapi::{GROUP_NAME_MAX_LEN, SERVICE_NAME_MAX_LEN};

/// Which kind of name it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Service,
    Group,
}

impl Kind {
    const fn longest(self) -> usize {
        match self {
            Self::Service => SERVICE_NAME_MAX_LEN,
            Self::Group => GROUP_NAME_MAX_LEN,
        }
    }
}

/// A name, copied: the program may change its own meanwhile.
#[derive(Debug)]
pub(crate) struct Name {
    bytes: [u8; SERVICE_NAME_MAX_LEN],
    len: usize,
}

impl Name {
    /// Reads a name, and no more than the bytes that the longest may have.
    ///
    /// # Safety
    ///
    /// Unless it is NULL, bytes can be read from `text` on up to a NUL, or as many as a name of this kind may have
    /// and one more.
    pub(crate) unsafe fn read(text: *const c_char, kind: Kind) -> Result<Self, Errno> {
        if text.is_null() {
            return Err(Errno::INVAL);
        }
        let mut bytes = [0; SERVICE_NAME_MAX_LEN];
        let mut len = 0;
        loop {
            // SAFETY: No byte before this one is a NUL, and there are at most `longest` of them.
            let byte = unsafe { text.cast::<u8>().add(len).read() };
            if byte == 0 {
                return Ok(Self { bytes, len });
            }
            if len == kind.longest() {
                return Err(Errno::INVAL);
            }
            bytes[len] = byte;
            len += 1;
        }
    }

    /// The bytes of the name, whatever they are: the kernel judges them.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], kind: Kind) -> Result<Vec<u8>, Errno> {
        // SAFETY: Each has a NUL, or as many bytes as the longest name and one more.
        let name = unsafe { Name::read(bytes.as_ptr().cast(), kind) }?;
        Ok(name.as_bytes().to_vec())
    }

    #[test]
    fn a_name_ends_at_its_nul() {
        assert_eq!(read(b"clock\0more", Kind::Service).unwrap(), b"clock");
        assert_eq!(read(b"\0", Kind::Group).unwrap(), b"");
    }

    #[test]
    fn nothing_is_read_beyond_the_longest_name() {
        for (kind, longest) in [(Kind::Service, 31), (Kind::Group, 15)] {
            let mut bytes = vec![b'n'; longest];
            bytes.push(0);
            assert_eq!(read(&bytes, kind).unwrap().len(), longest);
            bytes[longest] = b'n';
            // AddressSanitizer would tell of a byte more.
            assert_eq!(read(&bytes, kind), Err(Errno::INVAL));
        }
    }

    #[test]
    fn null_is_refused_and_what_is_no_text_is_passed_on() {
        // SAFETY: NULL is allowed.
        let null = unsafe { Name::read(std::ptr::null(), Kind::Group) };
        assert_eq!(null.unwrap_err(), Errno::INVAL);
        assert_eq!(read(b"\xff\0", Kind::Service).unwrap(), b"\xff");
    }
}
