// SPDX-License-Identifier: MIT OR Apache-2.0
//! Bytes in memory that another process may be writing.
#![allow(unsafe_code)]

use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ptr::NonNull;

/// A payload in memory of the other process, to be copied out.
///
/// The other process *should* leave it alone until it is given back, but nothing forces it to: two reads of the same
/// byte may differ. So there is no `&[u8]` to it. Copy what you decide by, check the copy, and use the copy.
#[derive(Clone, Copy)]
pub struct Bytes<'a> {
    address: NonNull<u8>,
    len: usize,
    region: PhantomData<&'a ()>,
}

// SAFETY: It is an address that any thread may read from.
unsafe impl Send for Bytes<'_> {}
// SAFETY: As above.
unsafe impl Sync for Bytes<'_> {}

impl<'a> Bytes<'a> {
    /// `len` bytes that are mapped for as long as `'a`.
    #[inline]
    pub(super) fn new(address: NonNull<u8>, len: usize) -> Self {
        Self {
            address,
            len,
            region: PhantomData,
        }
    }

    /// How many bytes there are. This does not change.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Copies the beginning of it to `to`, as much as both have, and returns how much that was.
    #[inline]
    pub fn copy_to(&self, to: &mut [u8]) -> usize {
        let len = self.len.min(to.len());
        // SAFETY: `len` bytes are mapped at `address` and are in `to`, which is not shared memory, since a mutable
        // reference to that is only ever to memory that no other process writes. The bytes may change meanwhile, then
        // the copy holds some of the old and some of the new ones; no decision is taken by them here. (The copy is the
        // same as in all virtual machine monitors: the language has no name for it yet.)
        unsafe { std::ptr::copy_nonoverlapping(self.address.as_ptr(), to.as_mut_ptr(), len) };
        len
    }

    /// Copies all of it to `to`, if that has exactly as many bytes, and tells whether it has. Then all of `to` is written.
    #[inline]
    pub(crate) fn fill<T>(&self, to: &mut [MaybeUninit<T>]) -> bool {
        if self.len != size_of_val(to) {
            return false;
        }
        // SAFETY: As in `copy_to`; any bytes may be where it is not said yet that they are a value.
        unsafe {
            let to = to.as_mut_ptr().cast::<u8>();
            std::ptr::copy_nonoverlapping(self.address.as_ptr(), to, self.len);
        }
        true
    }

    /// A copy of all of it.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut copy = vec![0; self.len];
        self.copy_to(&mut copy);
        copy
    }

    /// A copy of the first `N` bytes, if there are so many: the way to read a fixed-size value.
    #[inline]
    pub fn first<const N: usize>(&self) -> Option<[u8; N]> {
        let mut copy = [0; N];
        (self.copy_to(&mut copy) == N).then_some(copy)
    }

    /// The bytes from `at` on, none if there are not so many.
    #[inline]
    pub fn skip(&self, at: usize) -> Self {
        let at = at.min(self.len);
        // SAFETY: `at` is not beyond the end.
        Self::new(unsafe { self.address.add(at) }, self.len - at)
    }

    /// The first `len` bytes, fewer if there are not so many.
    #[inline]
    pub fn take(&self, len: usize) -> Self {
        Self::new(self.address, self.len.min(len))
    }

    /// The bytes themselves, for those who trust the other process.
    ///
    /// # Safety
    /// The other process must not write these bytes for as long as `'a`. Nothing but its good behaviour ensures it.
    #[inline]
    pub unsafe fn as_slice_trusted(&self) -> &'a [u8] {
        // SAFETY: They are mapped for as long as `'a`, and the caller promises that they stay as they are.
        unsafe { std::slice::from_raw_parts(self.address.as_ptr(), self.len) }
    }
}

impl std::fmt::Debug for Bytes<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Bytes({} bytes)", self.len)
    }
}

impl std::io::Read for Bytes<'_> {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        let copied = self.copy_to(to);
        *self = self.skip(copied);
        Ok(copied)
    }
}
