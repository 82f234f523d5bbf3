// SPDX-License-Identifier: MIT OR Apache-2.0
//! Requests to the kernel.

use neli::consts::nl::NlmF;

use super::{ATTRIBUTE_HEADER, GENERIC_HEADER, NETLINK_HEADER, align};

/// Where the sequence number stands in `struct nlmsghdr`.
pub(super) const SEQUENCE: usize = 8;

/// What the kernel is to do with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flags {
    /// Answer with an acknowledgement or an error.
    Acknowledged,
    /// Answer with a reply or an error.
    Replied,
    /// Answer with an error, or not at all.
    Silent,
    /// Answer with all objects.
    Dump,
}

/// A request that attributes are put to.
///
/// It is built in a vector that the caller keeps, so that a steady flow of requests allocates nothing.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    bytes: &'a mut Vec<u8>,
    /// Where it begins.
    start: usize,
}

/// Why an attribute cannot carry a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// Text with a NUL inside would end there.
    HoldsNul,
    /// It is longer than the 16 bits of an attribute's length allow.
    TooLong,
}

/// Bytes of a netlink message, of its generic header and of the attributes' own header before a value that is
/// the last of a request whose other attributes take `attributes` bytes, and of the value with its padding.
pub(crate) const fn request_len(attributes: usize, value: usize) -> usize {
    NETLINK_HEADER + GENERIC_HEADER + attributes + ATTRIBUTE_HEADER + align(value)
}

/// Bytes of an attribute with a value of `value` bytes.
pub(crate) const fn attribute_len(value: usize) -> usize {
    ATTRIBUTE_HEADER + align(value)
}

impl<'a> Request<'a> {
    pub(crate) fn new(
        bytes: &'a mut Vec<u8>,
        family: u16,
        version: u8,
        command: u8,
        flags: Flags,
        sequence: u32,
    ) -> Self {
        bytes.clear();
        Self::after(bytes, family, version, command, flags, sequence)
    }

    /// A request that follows others in the same vector; what is in it must have been finished.
    pub(crate) fn after(
        bytes: &'a mut Vec<u8>,
        family: u16,
        version: u8,
        command: u8,
        flags: Flags,
        sequence: u32,
    ) -> Self {
        let flags = NlmF::REQUEST
            | match flags {
                Flags::Acknowledged => NlmF::ACK,
                Flags::Replied | Flags::Silent => NlmF::empty(),
                Flags::Dump => NlmF::DUMP,
            };
        let start = bytes.len();
        debug_assert_eq!(start, align(start));
        let mut header = [0; NETLINK_HEADER + GENERIC_HEADER];
        header[4..6].copy_from_slice(&family.to_ne_bytes());
        header[6..8].copy_from_slice(&flags.bits().to_ne_bytes());
        header[SEQUENCE..SEQUENCE + 4].copy_from_slice(&sequence.to_ne_bytes());
        header[NETLINK_HEADER] = command;
        header[NETLINK_HEADER + 1] = version;
        bytes.extend(header);
        Self { bytes, start }
    }

    pub(crate) fn u32(self, number: u16, value: u32) -> Self {
        let mut attribute = [0; ATTRIBUTE_HEADER + 4];
        attribute[..ATTRIBUTE_HEADER].copy_from_slice(&attribute_header(number, 4));
        attribute[ATTRIBUTE_HEADER..].copy_from_slice(&value.to_ne_bytes());
        self.bytes.extend(attribute);
        self
    }

    pub(crate) fn flag(self, number: u16) -> Self {
        self.bytes.extend(attribute_header(number, 0));
        self
    }

    /// Text with a terminating NUL. The kernel judges whether it is a good name; only what an attribute
    /// cannot carry is refused here.
    pub(crate) fn text(self, number: u16, value: &[u8]) -> Result<Self, Unfit> {
        if value.contains(&0) {
            return Err(Unfit::HoldsNul);
        }
        let len = u16::try_from(value.len() + 1).map_err(|_| Unfit::TooLong)?;
        let header = checked_header(number, len).ok_or(Unfit::TooLong)?;
        self.bytes.extend(header);
        self.bytes.extend(value);
        self.bytes.push(0);
        self.bytes.resize(align(self.bytes.len()), 0);
        Ok(self)
    }

    /// A value that is copied.
    pub(crate) fn data(self, number: u16, value: &[u8]) -> Result<Self, Unfit> {
        let len = u16::try_from(value.len()).map_err(|_| Unfit::TooLong)?;
        let header = checked_header(number, len).ok_or(Unfit::TooLong)?;
        // Once, and not before each part.
        self.bytes.reserve(ATTRIBUTE_HEADER + align(value.len()));
        self.bytes.extend(header);
        self.bytes.extend(value);
        self.bytes.extend(padding(value.len()));
        Ok(self)
    }

    /// The whole request.
    pub(crate) fn finish(self) -> &'a [u8] {
        self.finish_before(0)
    }

    /// The request up to the value of its last attribute, which the caller sends after it: `value_len`
    /// bytes and then [`padding`].
    pub(crate) fn finish_with_data(self, number: u16, value_len: usize) -> Result<&'a [u8], Unfit> {
        let len = u16::try_from(value_len).map_err(|_| Unfit::TooLong)?;
        let header = checked_header(number, len).ok_or(Unfit::TooLong)?;
        self.bytes.extend(header);
        Ok(self.finish_before(align(value_len)))
    }

    fn finish_before(self, following: usize) -> &'a [u8] {
        // Attributes are below 64 KiB and a request has few of them.
        let request = &mut self.bytes[self.start..];
        let len = u32::try_from(request.len() + following).unwrap_or(u32::MAX);
        request[..4].copy_from_slice(&len.to_ne_bytes());
        request
    }
}

/// The zeros that follow a value of `len` bytes.
pub(crate) fn padding(len: usize) -> &'static [u8] {
    &[0; 3][..align(len) - len]
}

fn checked_header(number: u16, len: u16) -> Option<[u8; ATTRIBUTE_HEADER]> {
    len.checked_add(4).map(|_| attribute_header(number, len))
}

fn attribute_header(number: u16, len: u16) -> [u8; ATTRIBUTE_HEADER] {
    let [a, b] = (len + 4).to_ne_bytes();
    let [c, d] = number.to_ne_bytes();
    [a, b, c, d]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_these_bytes() {
        if cfg!(target_endian = "big") {
            return;
        }
        let mut bytes = vec![9; 3];
        let request = Request::new(&mut bytes, 0x1234, 1, 9, Flags::Acknowledged, 0x0a0b_0c0d);
        let bytes = request.text(1, b"hello").unwrap().flag(17).finish();
        assert_eq!(
            bytes,
            [
                36, 0, 0, 0, 0x34, 0x12, 5, 0, 0x0d, 0x0c, 0x0b, 0x0a, 0, 0, 0, 0, // netlink
                9, 1, 0, 0, // generic netlink
                10, 0, 1, 0, b'h', b'e', b'l', b'l', b'o', 0, 0, 0, // name
                4, 0, 17, 0, // replay
            ]
        );
    }

    #[test]
    fn data_follows_the_request_without_being_copied() {
        let mut bytes = Vec::new();
        let request = Request::new(&mut bytes, 20, 1, 14, Flags::Silent, 1);
        let head = request.u32(1, 7).finish_with_data(3, 5).unwrap();
        assert_eq!(head.len(), 32);
        assert_eq!(u32::from_ne_bytes(*head.first_chunk().unwrap()), 40);
        assert_eq!(padding(5), [0; 3]);
        assert_eq!(padding(8), []);
    }

    #[test]
    fn what_no_attribute_can_hold_is_refused() {
        let mut bytes = Vec::new();
        fn request(bytes: &mut Vec<u8>) -> Request<'_> {
            Request::new(bytes, 20, 1, 1, Flags::Silent, 1)
        }
        assert!(request(&mut bytes).finish_with_data(3, 65_531).is_ok());
        assert_eq!(
            request(&mut bytes).finish_with_data(3, 65_532),
            Err(Unfit::TooLong)
        );
        assert!(request(&mut bytes).text(1, &vec![b'n'; 65_530]).is_ok());
        for len in [65_531, 65_535, 65_536] {
            let refused = request(&mut bytes).text(1, &vec![b'n'; len]).map(drop);
            assert_eq!(refused, Err(Unfit::TooLong));
        }
        let refused = request(&mut bytes).text(1, b"a\0b").map(drop);
        assert_eq!(refused, Err(Unfit::HoldsNul));
    }
}
