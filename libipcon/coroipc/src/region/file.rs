// SPDX-License-Identifier: MIT OR Apache-2.0
//! The anonymous files behind the regions: how they are made, and what is checked of one that somebody else made.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{
    FallocateFlags, MemfdFlags, SealFlags, fallocate, fcntl_add_seals, fcntl_get_seals, fstat,
    fstatfs, ftruncate, memfd_create,
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
    loop {
        match fallocate(&file, FallocateFlags::empty(), 0, len as u64) {
            // A signal came, and no page stays reserved.
            Err(Errno::INTR) => {}
            reserved => return reserved.map(|()| file),
        }
    }
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

/// Checks that a file of the other side is an anonymous one of ordinary pages and of this size for good, before anything
/// else is done with it. Nothing here asks a file system that could keep us waiting.
pub(super) fn check_kind(file: BorrowedFd<'_>, len: usize) -> Result<(), BadMemory> {
    // Whatever is no memory has no seals: not even a file of a server that is far away is asked.
    let seals = fcntl_get_seals(file).map_err(|_| BadMemory::Kind)?;
    // Huge pages are reserved in another way.
    if fstatfs(file)?.f_type as u32 != TMPFS_MAGIC {
        return Err(BadMemory::Kind);
    }
    let fixed = SealFlags::SHRINK | SealFlags::GROW;
    if !seals.contains(fixed) {
        return Err(lacking(seals, fixed));
    }
    let (size, wanted) = (fstat(file)?.st_size, len as u64);
    let found = u64::try_from(size).unwrap_or(0);
    if found != wanted {
        return Err(BadMemory::Size { found, wanted });
    }
    Ok(())
}

/// Checks a file of the other side. What is true when this returns stays true: the seals see to it.
pub(super) fn check(file: impl AsFd, len: usize) -> Result<(), BadMemory> {
    let file = file.as_fd();
    check_sealed(file, len)?;
    // Pages may have been reserved beyond the end, and would be counted below in place of others that are not. Setting the
    // size that it has lets go of them, and the seals keep new ones from coming.
    ftruncate(file, len as u64)?;
    check_reserved(file, len)
}

/// As [`check`], of a file that is open for reading only. A page of it may be missing still, and reading it fails where the
/// machine has no more memory.
pub(super) fn check_for_reading(file: impl AsFd, len: usize) -> Result<(), BadMemory> {
    let file = file.as_fd();
    check_sealed(file, len)?;
    check_reserved(file, len)
}

fn check_sealed(file: BorrowedFd<'_>, len: usize) -> Result<(), BadMemory> {
    check_kind(file, len)?;
    let seals = fcntl_get_seals(file)?;
    if !seals.contains(SEALS) {
        return Err(lacking(seals, SEALS));
    }
    Ok(())
}

/// A page that is not there yet could fail to come.
fn check_reserved(file: BorrowedFd<'_>, len: usize) -> Result<(), BadMemory> {
    let wanted = len as u64;
    let found = u64::try_from(fstat(file)?.st_blocks).unwrap_or(0) * 512;
    if found < wanted {
        return Err(BadMemory::Reserved { found, wanted });
    }
    Ok(())
}

fn lacking(found: SealFlags, wanted: SealFlags) -> BadMemory {
    BadMemory::Seals {
        found: found.bits(),
        wanted: wanted.bits(),
    }
}
