// SPDX-License-Identifier: MIT OR Apache-2.0
//! Payloads: how a value becomes bytes, and bytes that the other process wrote become a value or an error.
#![allow(unsafe_code)]

use std::fmt::Debug;
use std::marker::PhantomData;
use std::mem::MaybeUninit;

use zerocopy::{IntoBytes, TryFromBytes};

use super::fingerprint::Fingerprint;
use super::plain::Plain;
use crate::region::Bytes;

/// What a request, a reply or an event may carry; see [the module](super).
pub trait Payload: 'static {
    /// What is given to be sent.
    type Sent<'a>: Copy;
    /// What is got.
    type Received: Clone + PartialEq + Debug + Send + 'static;

    /// What both sides must agree on.
    const FINGERPRINT: u64;

    /// The bytes, in two pieces. They are sent one after the other.
    fn pieces<'a>(sent: Self::Sent<'a>) -> [&'a [u8]; 2];

    /// The value, from a copy of the bytes.
    ///
    /// # Errors
    /// [`Malformed`] says why they are none.
    fn read(bytes: Bytes<'_>) -> Result<Self::Received, Malformed>;
}

/// What is given to be sent as `P`.
pub type Sent<'a, P> = <P as Payload>::Sent<'a>;

/// What is got as `P`.
pub type Received<P> = <P as Payload>::Received;

/// A payload of one `T`, and then any number of `U`. It is sent as `(&T, &[U])` and received as `(T, Vec<U>)`; there is no
/// value of it.
pub struct WithTail<T, U>(PhantomData<fn() -> (T, U)>);

/// Why bytes are not of a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Malformed {
    /// There are more or fewer bytes than the type has.
    #[error("{len} bytes, where the type has {wanted}")]
    Length {
        /// Bytes there are.
        len: usize,
        /// Bytes there must be; at least, if more follow that do not count here.
        wanted: usize,
    },
    /// The bytes are not a whole number of elements.
    #[error("{len} bytes, where each element has {size}")]
    Partial {
        /// Bytes of all elements.
        len: usize,
        /// Bytes of one element.
        size: usize,
    },
    /// They are as many as there should be, but no value of the type.
    #[error("{0} bytes that are no value of the type")]
    Value(usize),
    /// The interface has no event with this number.
    #[error("an event with the number {0}, which the interface does not have")]
    Event(u16),
}

impl<T: Plain> Payload for T {
    type Sent<'a> = &'a T;
    type Received = T;

    const FINGERPRINT: u64 = <T as Plain>::FINGERPRINT;

    #[inline]
    fn pieces<'a>(sent: Self::Sent<'a>) -> [&'a [u8]; 2] {
        [sent.as_bytes(), &[]]
    }

    #[inline]
    fn read(bytes: Bytes<'_>) -> Result<T, Malformed> {
        let mut copy = MaybeUninit::<T>::uninit();
        let copy = std::slice::from_mut(&mut copy);
        if !bytes.fill(copy) {
            let (len, wanted) = (bytes.len(), size_of::<T>());
            return Err(Malformed::Length { len, wanted });
        }
        // SAFETY: `fill` has written all of it.
        let copy = unsafe { written(copy) };
        let value = T::try_ref_from_bytes(copy);
        value.copied().map_err(|_| Malformed::Value(copy.len()))
    }
}

impl<T: Plain> Payload for [T] {
    type Sent<'a> = &'a [T];
    type Received = Vec<T>;

    const FINGERPRINT: u64 = Fingerprint::of("slice")
        .number(<T as Plain>::FINGERPRINT)
        .get();

    #[inline]
    fn pieces<'a>(sent: Self::Sent<'a>) -> [&'a [u8]; 2] {
        [sent.as_bytes(), &[]]
    }

    fn read(bytes: Bytes<'_>) -> Result<Vec<T>, Malformed> {
        let size = const {
            assert!(size_of::<T>() != 0, "elements of a slice must have bytes");
            size_of::<T>()
        };
        let len = bytes.len();
        let mut copy = Box::new_uninit_slice(len / size);
        if !bytes.fill(&mut copy) {
            return Err(Malformed::Partial { len, size });
        }
        // SAFETY: `fill` has written all of it.
        if <[T]>::try_ref_from_bytes(unsafe { written(&copy) }).is_err() {
            return Err(Malformed::Value(len));
        }
        // SAFETY: All of it was written, and what was written is values.
        Ok(unsafe { copy.assume_init() }.into_vec())
    }
}

impl<T: Plain, U: Plain> Payload for WithTail<T, U> {
    type Sent<'a> = (&'a T, &'a [U]);
    type Received = (T, Vec<U>);

    const FINGERPRINT: u64 = Fingerprint::of("tail")
        .number(<T as Plain>::FINGERPRINT)
        .number(<U as Plain>::FINGERPRINT)
        .get();

    #[inline]
    fn pieces<'a>((head, tail): Self::Sent<'a>) -> [&'a [u8]; 2] {
        [head.as_bytes(), tail.as_bytes()]
    }

    fn read(bytes: Bytes<'_>) -> Result<(T, Vec<U>), Malformed> {
        let head = <T as Payload>::read(bytes.take(size_of::<T>()))?;
        let tail = <[U]>::read(bytes.skip(size_of::<T>()))?;
        Ok((head, tail))
    }
}

/// The bytes of what was written.
///
/// # Safety
/// All bytes of it were written.
unsafe fn written<T>(copy: &[MaybeUninit<T>]) -> &[u8] {
    // SAFETY: They are in one piece, and the caller says that each was written. It is memory of this process, and while it is
    // borrowed nobody writes it.
    unsafe { std::slice::from_raw_parts(copy.as_ptr().cast::<u8>(), size_of_val(copy)) }
}

/// How many bytes both pieces have.
#[inline]
pub(super) fn total(pieces: [&[u8]; 2]) -> usize {
    pieces[0].len() + pieces[1].len()
}

/// Copies both pieces to a room that has exactly as many bytes.
#[inline]
pub(super) fn copy(pieces: [&[u8]; 2], room: &mut [u8]) {
    let (head, tail) = room.split_at_mut(pieces[0].len());
    head.copy_from_slice(pieces[0]);
    tail.copy_from_slice(pieces[1]);
}

impl<T, U> Debug for WithTail<T, U> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WithTail")
    }
}
