// SPDX-License-Identifier: MIT OR Apache-2.0
//! The region that the other side writes, mapped for reading.
#![allow(unsafe_code)]

use std::os::fd::AsFd;

use rustix::io::Errno;
use rustix::mm::ProtFlags;

use super::bytes::Bytes;
use super::mapping::Mapping;
use super::{BadMemory, Shape, file};
use crate::sync::{AtomicU32, AtomicU64, Ordering, fence};

/// A region that the other side writes.
#[derive(Debug)]
pub(crate) struct Peer {
    mapping: Mapping,
}

impl Peer {
    /// Checks a file that the other side sent, and maps it.
    pub(crate) fn open(file: impl AsFd, shape: Shape) -> Result<Self, BadMemory> {
        file::check(&file, shape.file())?;
        let mapping = Mapping::new(file.as_fd(), shape, ProtFlags::READ)?;
        Ok(Self { mapping })
    }

    /// As [`Peer::open`], of a file that may be open for reading only.
    pub(crate) fn open_for_reading(file: impl AsFd, shape: Shape) -> Result<Self, BadMemory> {
        file::check_for_reading(&file, shape.file())?;
        let mapping = Mapping::new(file.as_fd(), shape, ProtFlags::READ)?;
        Ok(Self { mapping })
    }

    /// The word at a place of `layout`.
    #[inline]
    pub(crate) fn word(&self, at: usize) -> PeerWord<'_> {
        // SAFETY: The word is in the mapping and aligned, and only ever used as an atomic that is loaded.
        PeerWord(unsafe { self.mapping.control::<4>(at).cast().as_ref() })
    }

    /// What a counter of the statistics holds now.
    pub(crate) fn counter(&self, at: usize) -> u64 {
        // SAFETY: The counter is in the mapping and aligned, and only ever used as an atomic that is loaded.
        let counter: &AtomicU64 = unsafe { self.mapping.control::<8>(at).cast().as_ref() };
        counter.load(Ordering::Relaxed)
    }

    /// The first `len` bytes of a room.
    ///
    /// # Panics
    /// If there is no such room, or it is not that long.
    #[inline]
    pub(crate) fn room(&self, room: usize, len: usize) -> Bytes<'_> {
        let shape = self.mapping.shape();
        assert!(room < shape.rooms && len <= shape.room);
        Bytes::new(self.mapping.address(shape.room_at(room), len), len)
    }

    /// `len` bytes of the ring from a position on. Positions count bytes without end, modulo the size.
    ///
    /// # Panics
    /// If `len` is more than the size.
    #[inline]
    pub(crate) fn ring(&self, position: u32, len: usize) -> Bytes<'_> {
        let shape = self.mapping.shape();
        assert!(len <= shape.ring);
        let at = shape.ring_at() + position as usize % shape.ring;
        Bytes::new(self.mapping.address(at, len), len)
    }

    /// Keeps the region in memory.
    pub(crate) fn lock(&self) -> Result<(), Errno> {
        self.mapping.lock()
    }
}

/// A word that the other side may change at any time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PeerWord<'a>(&'a AtomicU32);

impl PeerWord<'_> {
    /// What is in there now. What the other side wrote before it stored that can be read after this.
    #[inline]
    pub(crate) fn load(self) -> u32 {
        // The memory is mapped for reading only, and of atomic loads only relaxed ones are sure not to write.
        let value = self.0.load(Ordering::Relaxed);
        fence(Ordering::Acquire);
        value
    }
}
