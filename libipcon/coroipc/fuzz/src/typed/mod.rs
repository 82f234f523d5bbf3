// SPDX-License-Identifier: MIT OR Apache-2.0
//! The part of the typed payloads that reads them.

#[path = "../../../src/typed/fingerprint.rs"]
pub(crate) mod fingerprint;
#[path = "../../../src/typed/payload.rs"]
pub(crate) mod payload;
#[path = "../../../src/typed/plain.rs"]
pub(crate) mod plain;

use std::num::NonZero;

use payload::{Payload, WithTail};
use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes};

use crate::region::Bytes;

/// Several values that are not any bytes.
#[derive(Debug, Clone, Copy, PartialEq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct Odd {
    flag: bool,
    shade: Shade,
    rest: u16,
    letter: char,
    count: NonZero<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(u8)]
enum Shade {
    Light = 1,
    Dark = 2,
    Other = 7,
}

impl plain::Plain for Odd {
    const FINGERPRINT: u64 = 1;
}

/// Reads the bytes as several types. `sent` is what they are. What is a value is written as it was read.
pub(crate) fn read(bytes: Bytes<'_>, sent: &[u8]) {
    let written = |pieces: [&[u8]; 2]| assert_eq!(pieces.concat(), sent);
    let odd = Odd::read(bytes);
    assert_eq!(odd.is_ok(), sent.len() == 12 && is_odd(sent));
    if let Ok(odd) = odd {
        written(Odd::pieces(&odd));
    }
    let slice = <[Odd]>::read(bytes);
    let whole = sent.len().is_multiple_of(12);
    assert_eq!(slice.is_ok(), whole && sent.chunks(12).all(is_odd));
    if let Ok(slice) = slice {
        written(<[Odd]>::pieces(&slice));
    }
    let tailed = WithTail::<Odd, bool>::read(bytes);
    let is_tailed = |(head, tail): (_, &[u8])| is_odd(head) && tail.iter().all(|it| *it < 2);
    let expected = sent.split_at_checked(12).is_some_and(is_tailed);
    assert_eq!(tailed.is_ok(), expected);
    if let Ok((head, tail)) = tailed {
        written(WithTail::<Odd, bool>::pieces((&head, &tail)));
    }
}

/// Whether twelve bytes are an [`Odd`], by another way than the library's.
fn is_odd(bytes: &[u8]) -> bool {
    let word = |at: usize| u32::from_ne_bytes([0, 1, 2, 3].map(|next| bytes[at + next]));
    bytes[0] < 2
        && [1, 2, 7].contains(&bytes[1])
        && char::from_u32(word(4)).is_some()
        && word(8) != 0
}
