// SPDX-License-Identifier: MIT OR Apache-2.0
//! Types that are plain data.

use std::fmt::Debug;
use std::num::{NonZero, Wrapping};

use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes};

use super::fingerprint::Fingerprint;

/// A type whose values are what their bytes say, the same in each process: without padding, pointers or owners.
///
/// Numbers, `bool`, `char` and arrays of plain types are, and what stands below `types` in an
/// [`interface!`](crate::interface). For another type derive zerocopy's traits and say what tells it from others:
///
/// ```
/// use coroipc::typed::{Fingerprint, Plain};
/// use coroipc::zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes};
///
/// #[derive(Debug, Clone, Copy, PartialEq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
/// #[repr(C)]
/// # #[zerocopy(crate = "coroipc::zerocopy")]
/// struct Point {
///     x: f32,
///     y: f32,
/// }
///
/// impl Plain for Point {
///     const FINGERPRINT: u64 = Fingerprint::of("Point x y").size::<Self>().get();
/// }
/// ```
///
/// The derived code names the crate `zerocopy`; who does not depend on it adds
/// `#[zerocopy(crate = "coroipc::zerocopy")]`.
pub trait Plain:
    TryFromBytes
    + IntoBytes
    + Immutable
    + KnownLayout
    + Copy
    + PartialEq
    + Debug
    + Send
    + Sync
    + 'static
{
    /// What both sides must agree on: a [`Fingerprint`] of the name, size, alignment and parts.
    const FINGERPRINT: u64;
}

macro_rules! plain {
    ($($type:ty),+ $(,)?) => {
        $(impl Plain for $type {
            const FINGERPRINT: u64 = Fingerprint::of(stringify!($type)).size::<Self>().get();
        })+
    };
}

plain!(
    (),
    bool,
    char,
    u8,
    u16,
    u32,
    u64,
    u128,
    usize,
    i8,
    i16,
    i32,
    i64,
    i128,
    isize,
    f32,
    f64,
    NonZero<u8>,
    NonZero<u16>,
    NonZero<u32>,
    NonZero<u64>,
);

impl<T: Plain> Plain for Wrapping<T> {
    const FINGERPRINT: u64 = Fingerprint::of("Wrapping")
        .number(<T as Plain>::FINGERPRINT)
        .get();
}

impl<T: Plain, const N: usize> Plain for [T; N] {
    const FINGERPRINT: u64 = Fingerprint::of("array")
        .number(N as u64)
        .number(<T as Plain>::FINGERPRINT)
        .get();
}
