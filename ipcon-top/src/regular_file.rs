// SPDX-License-Identifier: MIT OR Apache-2.0
//! Regular files alone: a pipe without a writer would keep us waiting, and a device may never end.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

/// Opens a regular file to read it, and waits for nobody.
///
/// # Errors
///
/// There is none, or it may not be read.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let options = options.read(true).custom_flags(flags(OFlags::NONBLOCK));
    only(options.open(path)?)
}

/// The same file, if it is a regular one.
///
/// # Errors
///
/// It is none, or does not tell.
pub(crate) fn only(file: File) -> io::Result<File> {
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::other("it is no regular file")),
    }
}

/// The flags of `open` have 32 bits.
pub(crate) fn flags(flags: OFlags) -> i32 {
    flags.bits().cast_signed()
}
