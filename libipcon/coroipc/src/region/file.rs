// SPDX-License-Identifier: MIT OR Apache-2.0
//! The anonymous files behind the regions: how they are made, and what is checked of one that somebody else made.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{
    FallocateFlags, MemfdFlags, SealFlags, fallocate, fcntl_add_seals, fcntl_get_seals, fstat,
    fstatfs, memfd_create,
};
use rustix::io::Errno;

/// What a region must be sealed against. Without `FUTURE_WRITE` its maker, or whoever finds the descriptor below
/// `/proc`, could take pages out of it.
const SEALS: SealFlags = SealFlags::SHRINK
    .union(SealFlags::GROW)
    .union(SealFlags::FUTURE_WRITE)
    .union(SealFlags::SEAL);

/// The kind of file system that anonymous files of ordinary pages live in, as `statfs` tells it.
const TMPFS_MAGIC: u32 = 0x0102_1994;

/// Makes a file of so many bytes and reserves all its pages.
pub(super) fn create(name: &str, len: usize) -> Result<OwnedFd, Errno> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let file = match memfd_create(name, flags | MemfdFlags::NOEXEC_SEAL) {
        // Linux before 6.3 does not know it.
        Err(Errno::INVAL) => memfd_create(name, flags)?,
        made => made?,
    };
    // Writing to a page that could not be had later would be a SIGBUS; here it is an error.
    fallocate(&file, FallocateFlags::empty(), 0, len as u64)?;
    Ok(file)
}

/// Seals the file. Mappings for writing that exist stay, others are refused from here on.
pub(super) fn seal(file: BorrowedFd<'_>) -> Result<(), Errno> {
    fcntl_add_seals(file, SEALS)
}

/// Seals the size of the file, and lets the other side seal the rest.
pub(super) fn seal_size(file: BorrowedFd<'_>) -> Result<(), Errno> {
    fcntl_add_seals(file, SealFlags::SHRINK | SealFlags::GROW)
}

/// Why memory that the other side sent is not mapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadMemory {
    #[error("it is not an anonymous file of ordinary pages")]
    Kind,
    #[error("its seals {found:#x} lack some of {wanted:#x}")]
    Seals { found: u32, wanted: u32 },
    #[error("it has {found} bytes instead of {wanted}")]
    Size { found: u64, wanted: u64 },
    #[error("only {found} of its {wanted} bytes are reserved")]
    Reserved { found: u64, wanted: u64 },
    #[error("the kernel refused: {0}")]
    System(Errno),
}

impl From<Errno> for BadMemory {
    fn from(errno: Errno) -> Self {
        Self::System(errno)
    }
}

/// Checks a file of the other side. What is true when this returns stays true: the seals see to it.
pub(super) fn check(file: impl AsFd, len: usize) -> Result<(), BadMemory> {
    let file = file.as_fd();
    // Huge pages are reserved in another way, and a disk could be asked for pages.
    if fstatfs(file)?.f_type as u32 != TMPFS_MAGIC {
        return Err(BadMemory::Kind);
    }
    let seals = fcntl_get_seals(file).map_err(|_| BadMemory::Kind)?;
    if !seals.contains(SEALS) {
        return Err(BadMemory::Seals {
            found: seals.bits(),
            wanted: SEALS.bits(),
        });
    }
    let (stat, wanted) = (fstat(file)?, len as u64);
    let size = u64::try_from(stat.st_size).unwrap_or(0);
    if size != wanted {
        return Err(BadMemory::Size {
            found: size,
            wanted,
        });
    }
    // A page that is not there yet could fail to come.
    let reserved = u64::try_from(stat.st_blocks).unwrap_or(0) * 512;
    if reserved < wanted {
        return Err(BadMemory::Reserved {
            found: reserved,
            wanted,
        });
    }
    Ok(())
}
