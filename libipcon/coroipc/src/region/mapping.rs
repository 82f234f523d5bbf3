// SPDX-License-Identifier: MIT OR Apache-2.0
//! A file in the address space, its ring twice in a row.
#![allow(unsafe_code)]

use std::os::fd::BorrowedFd;
use std::ptr::{NonNull, null_mut};

use rustix::io::Errno;
use rustix::mm::{MapFlags, ProtFlags, mlock, mmap, mmap_anonymous, munmap};

use super::Shape;

/// A mapped region.
///
/// # Invariants
/// `base` is the beginning of `shape.mapped()` bytes that stay mapped until this is dropped.
#[derive(Debug)]
pub(super) struct Mapping {
    base: NonNull<u8>,
    shape: Shape,
}

// SAFETY: The mapping belongs to no thread. All access is through methods of `Own` and `Peer`, which are for any thread.
unsafe impl Send for Mapping {}
// SAFETY: As above.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps a file that has at least `shape.file()` bytes, with all its pages reserved and no way to lose them.
    pub(super) fn new(
        file: BorrowedFd<'_>,
        shape: Shape,
        access: ProtFlags,
    ) -> Result<Self, Errno> {
        // SAFETY: A new mapping at an address of the kernel's choice takes nothing from anybody.
        let base = unsafe {
            if shape.ring == 0 {
                mmap(null_mut(), shape.file(), access, MapFlags::SHARED, file, 0)?
            } else {
                mmap_anonymous(
                    null_mut(),
                    shape.mapped(),
                    ProtFlags::empty(),
                    MapFlags::PRIVATE | MapFlags::NORESERVE,
                )?
            }
        };
        let base = NonNull::new(base.cast()).ok_or(Errno::FAULT)?;
        // From here on dropping it gives the addresses back.
        let mapping = Self { base, shape };
        if shape.ring != 0 {
            mapping.place(file, access, 0, shape.file())?;
            mapping.place(file, access, shape.file(), shape.ring)?;
        }
        Ok(mapping)
    }

    /// Maps the last `len` bytes of the file that end in it where `at` says.
    fn place(
        &self,
        file: BorrowedFd<'_>,
        access: ProtFlags,
        at: usize,
        len: usize,
    ) -> Result<(), Errno> {
        let offset = self.shape.file() - len;
        // SAFETY: `at + len` is at most `shape.mapped()`, so that only addresses of our own, which nothing was done
        // with so far, are mapped anew.
        unsafe {
            let address = self.base.as_ptr().add(at).cast();
            let flags = MapFlags::SHARED | MapFlags::FIXED;
            mmap(address, len, access, flags, file, offset as u64)?;
        }
        Ok(())
    }

    #[inline]
    pub(super) fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The address of a control word of `N` bytes.
    ///
    /// # Panics
    /// When it is not all among the control words.
    #[inline]
    pub(super) fn control<const N: usize>(&self, at: usize) -> NonNull<u8> {
        debug_assert!(at.is_multiple_of(N));
        assert!(at + N <= self.shape.control, "no control word at {at}");
        // SAFETY: The control words are the beginning of the mapping.
        unsafe { self.base.add(at) }
    }

    /// The address of `len` bytes from `at` on.
    ///
    /// # Panics
    /// When they are not all in the region: callers check what comes from outside.
    #[inline]
    pub(super) fn address(&self, at: usize, len: usize) -> NonNull<u8> {
        assert!(
            at <= self.shape.mapped() && len <= self.shape.mapped() - at,
            "{len} bytes at {at} are not in a region of {}",
            self.shape.mapped()
        );
        // SAFETY: Just checked to be within one mapping.
        unsafe { self.base.add(at) }
    }

    /// Keeps all pages in memory.
    pub(super) fn lock(&self) -> Result<(), Errno> {
        // SAFETY: Locking changes no content, and the range is mapped.
        unsafe { mlock(self.base.as_ptr().cast(), self.shape.file()) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: Nobody can have an address in it any more, since all of them borrow from this.
        let _ = unsafe { munmap(self.base.as_ptr().cast(), self.shape.mapped()) };
    }
}
