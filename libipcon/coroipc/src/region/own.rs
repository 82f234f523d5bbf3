// SPDX-License-Identifier: MIT OR Apache-2.0
//! The region that this side writes.
#![allow(unsafe_code)]

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use rustix::io::Errno;
use rustix::mm::ProtFlags;

use super::mapping::Mapping;
use super::{Shape, file};
use crate::sync::{AtomicU32, AtomicU64};

/// The control words of a region that this side writes.
#[derive(Debug)]
pub(crate) struct Own {
    mapping: Arc<Mapping>,
}

/// All of a new region.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) words: Own,
    /// Each room once, in order.
    pub(crate) rooms: Vec<Room>,
    /// The ring, if there is one.
    pub(crate) ring: Option<RingRoom>,
    /// The file, sealed, for the other side.
    pub(crate) file: OwnedFd,
}

impl Own {
    /// Makes a region, all of it zero. `name` shows in `/proc/PID/maps` only.
    pub(crate) fn create(name: &str, shape: Shape) -> Result<Parts, Errno> {
        let file = file::create(name, shape.file())?;
        let access = ProtFlags::READ | ProtFlags::WRITE;
        let mapping = Arc::new(Mapping::new(file.as_fd(), shape, access)?);
        file::seal(file.as_fd())?;
        let rooms = (0..shape.rooms)
            .map(|room| Room {
                mapping: mapping.clone(),
                at: shape.room_at(room),
                len: shape.room,
            })
            .collect();
        let ring = (shape.ring != 0).then(|| RingRoom {
            mapping: mapping.clone(),
        });
        Ok(Parts {
            words: Self { mapping },
            rooms,
            ring,
            file,
        })
    }

    /// The word at a place of `layout`.
    #[inline]
    pub(crate) fn word(&self, at: usize) -> &AtomicU32 {
        // SAFETY: The word is in the mapping and aligned. This process touches control words as atomics only, and the
        // other one cannot write them.
        unsafe { self.mapping.control::<4>(at).cast().as_ref() }
    }

    /// The counter at a place of the statistics.
    #[inline]
    pub(crate) fn counter(&self, at: usize) -> &AtomicU64 {
        // SAFETY: As in `word`; a region has counters or words, never both.
        unsafe { self.mapping.control::<8>(at).cast().as_ref() }
    }

    /// Keeps the region in memory.
    pub(crate) fn lock(&self) -> Result<(), Errno> {
        self.mapping.lock()
    }
}

/// The memory for one payload, which whoever has this may write.
///
/// # Invariants
/// There is one for each range of bytes, and no two ranges overlap.
#[derive(Debug)]
pub(crate) struct Room {
    mapping: Arc<Mapping>,
    at: usize,
    len: usize,
}

impl Room {
    /// The bytes. What was in there before is still there.
    #[inline]
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        let address = self.mapping.address(self.at, self.len);
        // SAFETY: The range is mapped for writing. In this process only this room reaches it, by the invariant, and the
        // other process cannot write it.
        unsafe { std::slice::from_raw_parts_mut(address.as_ptr(), self.len) }
    }
}

/// The memory of a ring, which whoever has this may write.
///
/// # Invariants
/// There is one for each ring.
#[derive(Debug)]
pub(crate) struct RingRoom {
    mapping: Arc<Mapping>,
}

impl RingRoom {
    /// Bytes of the ring.
    pub(crate) fn size(&self) -> usize {
        self.mapping.shape().ring
    }

    /// Has `len` bytes from a position on filled. Positions count bytes without end, modulo the size.
    ///
    /// # Panics
    /// If `len` is more than the size.
    #[inline]
    pub(crate) fn fill(&mut self, position: u32, len: usize, fill: impl FnOnce(&mut [u8])) {
        let shape = self.mapping.shape();
        assert!(len <= shape.ring);
        let at = shape.ring_at() + position as usize % shape.ring;
        let address = self.mapping.address(at, len);
        // SAFETY: At most `size` bytes from within the first half of a ring that is mapped twice are mapped, and no
        // byte occurs twice among them. In this process only this ring room reaches them, by the invariant, and the
        // other process cannot write them.
        fill(unsafe { std::slice::from_raw_parts_mut(address.as_ptr(), len) });
    }
}
