// SPDX-License-Identifier: MIT OR Apache-2.0
//! Netlink attributes: a length, a number and a value, one after another.

use std::time::Duration;

use super::{ATTRIBUTE_HEADER, Malformed, align, u16_at};
use crate::name::Name;
use crate::port::Port;

/// The number of an attribute without the two flags in its highest bits.
const TYPE_MASK: u16 = 0x3fff;

/// The attributes in a piece of a message.
#[derive(Debug, Clone)]
pub(crate) struct Attributes<'a> {
    rest: &'a [u8],
}

/// One attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Attribute<'a> {
    pub(crate) number: u16,
    pub(crate) value: &'a [u8],
}

impl<'a> Attributes<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    fn take_one(&mut self) -> Result<Attribute<'a>, Malformed> {
        let wrong = Malformed::AttributeLength;
        let len = usize::from(u16_at(self.rest, 0).ok_or(wrong)?);
        let number = u16_at(self.rest, 2).ok_or(wrong)? & TYPE_MASK;
        let value = self.rest.get(ATTRIBUTE_HEADER..len).ok_or(wrong)?;
        self.rest = self.rest.get(align(len)..).unwrap_or_default();
        Ok(Attribute { number, value })
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Result<Attribute<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let attribute = self.take_one();
        if attribute.is_err() {
            self.rest = &[];
        }
        Some(attribute)
    }
}

/// Readings of a value; `name` is what an error calls it.
impl<'a> Attribute<'a> {
    pub(crate) fn u16(&self, name: &'static str) -> Result<u16, Malformed> {
        self.array(name).map(u16::from_ne_bytes)
    }

    pub(crate) fn u32(&self, name: &'static str) -> Result<u32, Malformed> {
        self.array(name).map(u32::from_ne_bytes)
    }

    pub(crate) fn u64(&self, name: &'static str) -> Result<u64, Malformed> {
        self.array(name).map(u64::from_ne_bytes)
    }

    /// A point in time, in nanoseconds of the monotonic clock.
    pub(crate) fn time(&self, name: &'static str) -> Result<Duration, Malformed> {
        self.u64(name).map(Duration::from_nanos)
    }

    /// The port of a peer, which is never 0.
    pub(crate) fn port(&self, name: &'static str) -> Result<Port, Malformed> {
        Port::new(self.u32(name)?).ok_or(Malformed::Value(name))
    }

    /// The name of a service or group of at most `limit` bytes.
    pub(crate) fn name(&self, name: &'static str, limit: usize) -> Result<Name, Malformed> {
        let text = self.value.strip_suffix(&[0]).unwrap_or(self.value);
        if text.len() > limit {
            return Err(Malformed::Value(name));
        }
        Name::new(text).ok_or(Malformed::Value(name))
    }

    /// Text for people, up to its first NUL.
    pub(crate) fn text(&self) -> String {
        let end = self
            .value
            .iter()
            .position(|&byte| byte == 0)
            .unwrap_or(self.value.len());
        String::from_utf8_lossy(&self.value[..end]).into_owned()
    }

    /// The attributes inside this one.
    pub(crate) fn nested(&self) -> Attributes<'a> {
        Attributes::new(self.value)
    }

    fn array<const N: usize>(&self, name: &'static str) -> Result<[u8; N], Malformed> {
        self.value.try_into().map_err(|_| Malformed::Value(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_that_do_not_fit_end_the_reading() {
        // Shorter than a header, a length below the header's own, a length beyond the end.
        for bytes in [&[8_u8, 0][..], &[3, 0, 1, 0], &[9, 0, 1, 0, 1, 2, 3, 4]] {
            let read: Vec<_> = Attributes::new(bytes).collect();
            assert_eq!(read, [Err(Malformed::AttributeLength)], "{bytes:?}");
        }
    }

    #[test]
    fn the_last_attribute_may_lack_its_padding() {
        let read: Vec<_> = Attributes::new(&[5, 0, 7, 0, 9]).collect();
        assert_eq!(
            read,
            [Ok(Attribute {
                number: 7,
                value: &[9]
            })]
        );
    }

    #[test]
    fn flags_are_no_part_of_the_number() {
        let mut read = Attributes::new(&[4, 0, 11, 0xc0]);
        assert_eq!(read.next().unwrap().unwrap().number, 11);
    }

    #[test]
    fn values_have_their_exact_size() {
        let of = |value| Attribute { number: 1, value };
        assert_eq!(of(&[0; 3]).u32("x"), Err(Malformed::Value("x")));
        assert_eq!(of(&[0; 5]).u32("x"), Err(Malformed::Value("x")));
        assert_eq!(of(&[0; 4]).u64("x"), Err(Malformed::Value("x")));
        assert_eq!(of(&[0; 4]).port("x"), Err(Malformed::Value("x")));
        assert_eq!(of(&1_u32.to_ne_bytes()).port("x").unwrap().get(), 1);
    }

    #[test]
    fn names_are_neither_empty_nor_too_long_nor_cut_by_a_nul() {
        let of = |value| Attribute { number: 1, value };
        assert_eq!(of(b"abc\0").name("x", 3).unwrap(), "abc");
        assert_eq!(of(b"abc").name("x", 3).unwrap(), "abc");
        for wrong in [&b""[..], b"\0", b"abcd\0", b"a\0c\0"] {
            assert_eq!(
                of(wrong).name("x", 3),
                Err(Malformed::Value("x")),
                "{wrong:?}"
            );
        }
    }
}
