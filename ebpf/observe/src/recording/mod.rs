// SPDX-License-Identifier: MIT OR Apache-2.0
//! Recordings: snapshots in a file, one after the other, to be looked at later.
//!
//! ```text
//! file    magic 8 │ format version 4 │ shape 4 │ CRC 4 │ frame │ frame │ …
//! frame   magic 4 │ length of the body 4 │ CRC of the body 4 │ wall-clock time 8 │ monotonic time 8 │ CRC of these 4 │ body
//! body    a snapshot, deflated
//! ```
//!
//! Numbers are little endian, times nanoseconds, those of the wall clock since 1970; a CRC is that of Ethernet and zip. The
//! shape is a CRC of all names and types of the model's fields: a file that was made with another model is refused and never
//! misread, but for the one before, which lacks only what stands behind the snapshot now.
//!
//! A file is only ever appended to, a frame in one piece, so that what is in there stays good whatever becomes of the
//! machine. The [`Reader`] takes a frame that is not whole at the end of the file as its end, and goes on behind a
//! damaged one at the next that is sound.
//!
//! Each frame stands alone. A file may come from anybody: whatever is in there, reading it takes memory in proportion
//! to what is there, and the text that comes out is safe to print.

mod frame;
mod pack;
mod reader;
mod shape;
#[cfg(test)]
mod tests;
mod writer;

pub use frame::{BODY_MAX, FrameError, HEADER_LEN, UNPACKED_MAX, VERSION, begins_like_one};
pub use pack::Malformed;
pub use reader::{Damage, Error, Found, Frame, Place, Reader};
pub use shape::{pack, unpack};
pub use writer::{frame, header};
