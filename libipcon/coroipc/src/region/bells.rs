// SPDX-License-Identifier: MIT OR Apache-2.0
//! The page of words that threads sleep on, which both sides write.
//!
//! The kernel finds a futex much faster through a mapping for writing: through one for reading it first fails, and then
//! takes the slow path, for a microsecond more with each wait or wake. So the words to sleep on are in a page of their
//! own that both sides can write, and nothing else is. No decision is taken by what they hold, except by the kernel
//! whether a thread falls asleep: whoever writes nonsense there wakes the other side for nothing, or not at all, which
//! it could do as well by not answering.
//!
//! The client makes the page; the server maps it and then seals it, and both check it before they touch it. After the
//! seal nobody can take the page out of the file any more.
#![allow(unsafe_code)]

use std::os::fd::{AsFd, OwnedFd};

use rustix::io::Errno;
use rustix::mm::ProtFlags;

use super::mapping::Mapping;
use super::{BadMemory, Shape, file};
use crate::sync::AtomicU32;

/// The words that both sides' threads sleep on.
#[derive(Debug)]
pub(crate) struct Bells {
    mapping: Mapping,
}

const ACCESS: ProtFlags = ProtFlags::READ.union(ProtFlags::WRITE);

/// A page, or what is one elsewhere.
fn shape() -> Shape {
    Shape {
        control: crate::layout::bell::BYTES,
        rooms: 0,
        room: 0,
        ring: 0,
    }
}

/// The client's page, before the server has sealed it.
#[derive(Debug)]
pub(crate) struct Unsealed {
    mapping: Mapping,
    pub(crate) file: OwnedFd,
}

impl Unsealed {
    pub(crate) fn create() -> Result<Self, Errno> {
        let file = file::create("coroipc-bells", shape().file())?;
        file::seal_size(file.as_fd())?;
        let mapping = Mapping::new(file.as_fd(), shape(), ACCESS)?;
        Ok(Self { mapping, file })
    }

    /// The words, if the server has sealed the file.
    pub(crate) fn sealed(self) -> Result<Bells, BadMemory> {
        file::check(&self.file, shape().file())?;
        Ok(Bells {
            mapping: self.mapping,
        })
    }
}

impl Bells {
    /// Keeps the page in memory.
    pub(crate) fn lock(&self) -> Result<(), Errno> {
        self.mapping.lock()
    }

    /// Maps the page that the client sent, and seals it.
    pub(crate) fn open(file: &OwnedFd) -> Result<Self, BadMemory> {
        file::check_kind(file.as_fd(), shape().file())?;
        let mapping = Mapping::new(file.as_fd(), shape(), ACCESS)?;
        file::seal(file.as_fd())?;
        // Nothing was touched until here.
        file::check(file, shape().file())?;
        Ok(Self { mapping })
    }

    /// The word at a place of `layout`.
    #[inline]
    pub(crate) fn word(&self, at: usize) -> &AtomicU32 {
        // SAFETY: The word is in the mapping and aligned, and both processes touch it as an atomic only; if the other one
        // does not, that is as if it had stored whatever is found.
        unsafe { self.mapping.control::<4>(at).cast().as_ref() }
    }
}
