// SPDX-License-Identifier: MIT OR Apache-2.0
//! The parts of a region, and where each is.

/// The parts of a region, one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Bytes of control words.
    pub(crate) control: usize,
    /// How many rooms there are.
    pub(crate) rooms: usize,
    /// Bytes of each room.
    pub(crate) room: usize,
    /// Bytes of the ring, a multiple of the page size or 0. It is mapped twice in a row, so that no record in it is
    /// ever in two pieces.
    pub(crate) ring: usize,
}

impl Shape {
    /// Where a room begins.
    pub(super) fn room_at(&self, room: usize) -> usize {
        debug_assert!(room < self.rooms);
        self.control + room * self.room
    }

    /// Where the ring begins.
    pub(super) fn ring_at(&self) -> usize {
        (self.control + self.rooms * self.room).next_multiple_of(page())
    }

    /// Bytes of the file.
    pub(super) fn file(&self) -> usize {
        self.ring_at() + self.ring
    }

    /// Bytes of address space: the ring counts twice.
    pub(super) fn mapped(&self) -> usize {
        self.file() + self.ring
    }
}

fn page() -> usize {
    rustix::param::page_size()
}
