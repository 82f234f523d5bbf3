// SPDX-License-Identifier: MIT OR Apache-2.0
//! Values as bytes, and back from bytes that anybody may have written.
//!
//! Whole numbers are LEB128, so that small ones, which most are, take a byte. What follows its length never makes for
//! more memory than what is really there: a length that the rest of the bytes cannot hold is refused, and nothing is
//! reserved ahead.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use crate::model::SafeText;

/// Bytes that no value has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(pub(super) &'static str);

type Taken<T> = Result<T, Malformed>;

/// A value that can be written as bytes.
pub(super) trait Pack: Sized {
    /// Appends what it is made of, names included: two kinds of values with the same text have the same bytes.
    fn shape(out: &mut String);

    /// Appends its bytes.
    fn put(&self, out: &mut Vec<u8>);

    /// Takes it from the front.
    fn take(from: &mut &[u8]) -> Taken<Self>;

    /// One of all there can be, as the dice fall.
    #[cfg(test)]
    fn any(dice: &mut &[u8]) -> Self;
}

/// The next of the dice; zeros when there are no more, so that fewer dice make for simpler values.
#[cfg(test)]
fn roll(dice: &mut &[u8]) -> u8 {
    byte(dice).unwrap_or(0)
}

fn byte(from: &mut &[u8]) -> Taken<u8> {
    let (&first, rest) = from.split_first().ok_or(Malformed("it ends too early"))?;
    *from = rest;
    Ok(first)
}

fn put_number(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn take_number(from: &mut &[u8]) -> Taken<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let next = byte(from)?;
        let bits = u64::from(next & 0x7f);
        if (bits << shift) >> shift != bits || (next == 0 && shift > 0) {
            break;
        }
        number |= bits << shift;
        if next < 0x80 {
            return Ok(number);
        }
    }
    Err(Malformed("a number is too large or longer than it need be"))
}

/// The length of something each of whose parts takes at least one byte.
pub(super) fn take_length(from: &mut &[u8]) -> Taken<usize> {
    let length = usize::try_from(take_number(from)?);
    let length = length.ok().filter(|&length| length <= from.len());
    length.ok_or(Malformed("it ends before what it announces"))
}

macro_rules! numbers {
    ($($number:ty)*) => {$(
        impl Pack for $number {
            fn shape(out: &mut String) {
                out.push_str(stringify!($number));
            }

            fn put(&self, out: &mut Vec<u8>) {
                put_number((*self).into(), out);
            }

            fn take(from: &mut &[u8]) -> Taken<Self> {
                Self::try_from(take_number(from)?).map_err(|_| Malformed("a number is too large"))
            }

            #[cfg(test)]
            fn any(dice: &mut &[u8]) -> Self {
                match roll(dice) {
                    small @ 0..0xc0 => small.into(),
                    shift => Self::MAX >> (shift % 64).min(Self::BITS as u8 - 1),
                }
            }
        }
    )*};
}

numbers! { u16 u32 u64 }

impl Pack for bool {
    fn shape(out: &mut String) {
        out.push_str("bool");
    }

    fn put(&self, out: &mut Vec<u8>) {
        out.push((*self).into());
    }

    fn take(from: &mut &[u8]) -> Taken<Self> {
        match byte(from)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Malformed("a flag is neither yes nor no")),
        }
    }

    #[cfg(test)]
    fn any(dice: &mut &[u8]) -> Self {
        roll(dice) % 2 == 1
    }
}

/// In nanoseconds, of which 64 bits hold centuries: what is read back may be added to any time of day.
impl Pack for Duration {
    fn shape(out: &mut String) {
        out.push_str("nanoseconds");
    }

    fn put(&self, out: &mut Vec<u8>) {
        put_number(u64::try_from(self.as_nanos()).unwrap_or(u64::MAX), out);
    }

    fn take(from: &mut &[u8]) -> Taken<Self> {
        take_number(from).map(Self::from_nanos)
    }

    #[cfg(test)]
    fn any(dice: &mut &[u8]) -> Self {
        Self::from_nanos(u64::any(dice))
    }
}

impl Pack for SafeText {
    fn shape(out: &mut String) {
        out.push_str("text");
    }

    fn put(&self, out: &mut Vec<u8>) {
        put_number(self.len() as u64, out);
        out.extend_from_slice(self.as_bytes());
    }

    fn take(from: &mut &[u8]) -> Taken<Self> {
        let length = take_length(from)?;
        let (text, rest) = from.split_at(length);
        *from = rest;
        Ok(Self::escaped_before(text))
    }

    #[cfg(test)]
    fn any(dice: &mut &[u8]) -> Self {
        let length = roll(dice) % 5;
        let bytes: Vec<u8> = (0..length).map(|_| roll(dice)).collect();
        bytes.as_slice().into()
    }
}

/// Text of our own, such as a reason. In a file it may be anybody's, so it comes back as safe as a [`SafeText`].
impl Pack for String {
    fn shape(out: &mut String) {
        SafeText::shape(out);
    }

    fn put(&self, out: &mut Vec<u8>) {
        put_number(self.len() as u64, out);
        out.extend_from_slice(self.as_bytes());
    }

    fn take(from: &mut &[u8]) -> Taken<Self> {
        SafeText::take(from).map(|text| text.as_str().to_owned())
    }

    #[cfg(test)]
    fn any(dice: &mut &[u8]) -> Self {
        SafeText::any(dice).as_str().to_owned()
    }
}

impl<T: Pack> Pack for Option<T> {
    fn shape(out: &mut String) {
        out.push('?');
        T::shape(out);
    }

    fn put(&self, out: &mut Vec<u8>) {
        self.is_some().put(out);
        if let Some(value) = self {
            value.put(out);
        }
    }

    fn take(from: &mut &[u8]) -> Taken<Self> {
        if bool::take(from)? {
            T::take(from).map(Some)
        } else {
            Ok(None)
        }
    }

    #[cfg(test)]
    fn any(dice: &mut &[u8]) -> Self {
        bool::any(dice).then(|| T::any(dice))
    }
}

impl<T: Pack> Pack for Vec<T> {
    fn shape(out: &mut String) {
        out.push('*');
        T::shape(out);
    }

    fn put(&self, out: &mut Vec<u8>) {
        put_number(self.len() as u64, out);
        for value in self {
            value.put(out);
        }
    }

    fn take(from: &mut &[u8]) -> Taken<Self> {
        let length = take_length(from)?;
        let mut values = Self::new();
        for _ in 0..length {
            values.push(T::take(from)?);
        }
        Ok(values)
    }

    #[cfg(test)]
    fn any(dice: &mut &[u8]) -> Self {
        (0..roll(dice) % 4).map(|_| T::any(dice)).collect()
    }
}

impl<const N: usize> Pack for [u64; N] {
    fn shape(out: &mut String) {
        let _ = write!(out, "{N}u64");
    }

    fn put(&self, out: &mut Vec<u8>) {
        for value in self {
            value.put(out);
        }
    }

    fn take(from: &mut &[u8]) -> Taken<Self> {
        let mut values = [0; N];
        for value in &mut values {
            *value = u64::take(from)?;
        }
        Ok(values)
    }

    #[cfg(test)]
    fn any(dice: &mut &[u8]) -> Self {
        std::array::from_fn(|_| u64::any(dice))
    }
}

impl<T: Pack> Pack for BTreeMap<u64, T> {
    fn shape(out: &mut String) {
        out.push_str("*u64:");
        T::shape(out);
    }

    fn put(&self, out: &mut Vec<u8>) {
        put_number(self.len() as u64, out);
        for (key, value) in self {
            key.put(out);
            value.put(out);
        }
    }

    fn take(from: &mut &[u8]) -> Taken<Self> {
        let length = take_length(from)?;
        let mut values = Self::new();
        for _ in 0..length {
            let key = u64::take(from)?;
            if values
                .last_key_value()
                .is_some_and(|(&last, _)| last >= key)
            {
                return Err(Malformed("ids are not in ascending order"));
            }
            values.insert(key, T::take(from)?);
        }
        Ok(values)
    }

    #[cfg(test)]
    fn any(dice: &mut &[u8]) -> Self {
        let keys = Vec::<u64>::any(dice);
        keys.into_iter().map(|key| (key, T::any(dice))).collect()
    }
}

impl Pack for BTreeSet<u64> {
    fn shape(out: &mut String) {
        Vec::<u64>::shape(out);
    }

    fn put(&self, out: &mut Vec<u8>) {
        put_number(self.len() as u64, out);
        for value in self {
            value.put(out);
        }
    }

    fn take(from: &mut &[u8]) -> Taken<Self> {
        let values = Vec::<u64>::take(from)?;
        if !values.is_sorted_by(|a, b| a < b) {
            return Err(Malformed("ids are not in ascending order"));
        }
        Ok(values.into_iter().collect())
    }

    #[cfg(test)]
    fn any(dice: &mut &[u8]) -> Self {
        Vec::any(dice).into_iter().collect()
    }
}

impl<T: Pack> Pack for Arc<T> {
    fn shape(out: &mut String) {
        T::shape(out);
    }

    fn put(&self, out: &mut Vec<u8>) {
        T::put(self, out);
    }

    fn take(from: &mut &[u8]) -> Taken<Self> {
        T::take(from).map(Self::new)
    }

    #[cfg(test)]
    fn any(dice: &mut &[u8]) -> Self {
        Self::new(T::any(dice))
    }
}

/// Packs structures, field after field. One that is not listed does not compile. Those that are `elsewhere` are not packed and
/// not part of the shape; they come back as they are by default.
macro_rules! structures {
    ($($name:ident { $($field:ident),* $(,)? $(; elsewhere $($other:ident),*)? })*) => {$(
        impl Pack for $name {
            fn shape(out: &mut String) {
                out.push('{');
                $(
                    out.push_str(concat!(stringify!($field), "="));
                    shape_of(|it: &Self| &it.$field, out);
                    out.push(' ');
                )*
                out.push('}');
            }

            fn put(&self, out: &mut Vec<u8>) {
                let Self { $($field,)* $($($other: _),*)? } = self;
                $($field.put(out);)*
            }

            fn take(from: &mut &[u8]) -> Result<Self, Malformed> {
                Ok(Self { $($field: Pack::take(from)?,)* $($($other: Default::default()),*)? })
            }

            #[cfg(test)]
            fn any(dice: &mut &[u8]) -> Self {
                Self { $($field: Pack::any(dice),)* $($($other: Pack::any(dice)),*)? }
            }
        }
    )*};
}

/// Packs enumerations: a byte for the variant, then its fields. A variant or field that is not listed does not compile.
macro_rules! enumerations {
    ($($name:ident { $($number:literal $variant:ident { $($field:ident: $type:ty),* })* })*) => {$(
        impl Pack for $name {
            fn shape(out: &mut String) {
                out.push('[');
                $(
                    out.push_str(concat!($number, stringify!($variant), "{"));
                    $(
                        out.push_str(concat!(stringify!($field), "="));
                        <$type>::shape(out);
                        out.push(' ');
                    )*
                    out.push('}');
                )*
                out.push(']');
            }

            fn put(&self, out: &mut Vec<u8>) {
                match self {
                    $(Self::$variant { $($field),* } => {
                        out.push($number);
                        $(<$type as Pack>::put($field, out);)*
                    })*
                }
            }

            fn take(from: &mut &[u8]) -> Result<Self, Malformed> {
                match u16::take(from)? {
                    $($number => Ok(Self::$variant { $($field: Pack::take(from)?),* }),)*
                    _ => Err(Malformed(concat!("no such ", stringify!($name)))),
                }
            }

            #[cfg(test)]
            fn any(dice: &mut &[u8]) -> Self {
                let variants = [$($number),*];
                match variants[u16::any(dice) as usize % variants.len()] {
                    $($number => Self::$variant { $($field: Pack::any(dice)),* },)*
                    _ => unreachable!("all variants are listed"),
                }
            }
        }
    )*};
}

/// The shape of a field, told by a function that gets it: its type need not be named again.
pub(super) fn shape_of<R, F: Pack>(_get: impl Fn(&R) -> &F, out: &mut String) {
    F::shape(out);
}

pub(super) use {enumerations, structures};
