// SPDX-License-Identifier: MIT OR Apache-2.0
//! Names of services and groups.

use std::borrow::Cow;
use std::fmt;

use crate::wire::uapi::SERVICE_NAME_MAX_LEN;

/// The name of a service or a group: 1 to 31 bytes without NUL.
///
/// The kernel refuses control characters in names but not bytes that are no UTF-8, so a name of another
/// program may hold such bytes. [`Display`](fmt::Display) shows them as U+FFFD.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name {
    // Zeros follow the name. No name holds a zero, so the derived order is that of the names.
    bytes: [u8; SERVICE_NAME_MAX_LEN],
    len: u8,
}

impl Name {
    /// A name of these bytes; `None` when there are none, more than 31, or a NUL among them.
    pub fn new(name: impl AsRef<[u8]>) -> Option<Self> {
        let name = name.as_ref();
        let len = u8::try_from(name.len()).ok()?;
        if name.is_empty() || name.contains(&0) {
            return None;
        }
        let mut bytes = [0; SERVICE_NAME_MAX_LEN];
        bytes.get_mut(..name.len())?.copy_from_slice(name);
        Some(Self { bytes, len })
    }

    /// The bytes of the name.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// The name as text; `None` when it is no UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        str::from_utf8(self.as_bytes()).ok()
    }

    /// The name as text, with U+FFFD for what is no UTF-8.
    pub fn to_string_lossy(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.as_bytes())
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.to_string_lossy())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.as_bytes().escape_ascii())
    }
}

impl AsRef<[u8]> for Name {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl PartialEq<str> for Name {
    fn eq(&self, other: &str) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl PartialEq<&str> for Name {
    fn eq(&self, other: &&str) -> bool {
        self == *other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_1_to_31_bytes_and_no_nul() {
        assert_eq!(Name::new(""), None);
        assert_eq!(Name::new("a\0b"), None);
        assert_eq!(Name::new("n".repeat(32)), None);
        assert_eq!(Name::new("n".repeat(300)), None);
        assert_eq!(Name::new("n".repeat(31)).unwrap(), *"n".repeat(31));
    }

    #[test]
    fn names_are_ordered_as_their_bytes() {
        let mut names = ["b", "a", "ab", "aa", "\u{e4}"].map(|name| Name::new(name).unwrap());
        names.sort_unstable();
        assert_eq!(
            names.map(|name| name.to_string()),
            ["a", "aa", "ab", "b", "\u{e4}"]
        );
    }

    #[test]
    fn bytes_that_are_no_text_are_kept_and_shown() {
        let name = Name::new(b"x\xff").unwrap();
        assert_eq!(name.as_bytes(), b"x\xff");
        assert_eq!(name.as_str(), None);
        assert_eq!(name.to_string(), "x\u{fffd}");
        assert_eq!(format!("{name:?}"), r#""x\xff""#);
        assert_eq!(format!("{name:>4}|"), "  x\u{fffd}|");
    }
}
