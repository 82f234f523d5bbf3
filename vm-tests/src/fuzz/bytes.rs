// SPDX-License-Identifier: MIT OR Apache-2.0

//! Numbers in bytes, and a walk over attributes that trusts no length.

use super::wire::{ATTRIBUTE_HEADER, BYTE_ORDER, NESTED};

pub(crate) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_ne_bytes([bytes[at], bytes[at + 1]])
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

pub(crate) const fn align(len: usize) -> usize {
    (len + 3) & !3
}

/// One attribute where it stands.
pub(crate) struct Attribute<'a> {
    /// The number without the flags.
    pub(crate) number: u16,
    pub(crate) nested: bool,
    pub(crate) payload: &'a [u8],
    /// The bytes up to the next attribute; none after the last one of some senders.
    pub(crate) padding: &'a [u8],
}

/// The attributes at the start of `bytes`, and how many bytes after them are none.
pub(crate) fn attributes(mut bytes: &[u8]) -> (Vec<Attribute<'_>>, usize) {
    let mut found = Vec::new();
    while bytes.len() >= ATTRIBUTE_HEADER {
        let len = usize::from(u16_at(bytes, 0));
        if len < ATTRIBUTE_HEADER || len > bytes.len() {
            break;
        }
        let kind = u16_at(bytes, 2);
        let end = align(len).min(bytes.len());
        found.push(Attribute {
            number: kind & !(NESTED | BYTE_ORDER),
            nested: kind & NESTED != 0,
            payload: &bytes[ATTRIBUTE_HEADER..len],
            padding: &bytes[len..end],
        });
        bytes = &bytes[end..];
    }
    (found, bytes.len())
}
