// SPDX-License-Identifier: MIT OR Apache-2.0
//! The C library of ipcon. `include/libipcon.h` is its documentation, as are the man pages; this says how it is
//! made.
//!
//! A handler is no pointer but the number of a handle in a table, with a generation: one that was freed, or never
//! was one, is told from a live one. Each function looks its handle up, holds on to it while it works, checks what
//! it was given, and calls `libipcon`. A panic would be a bug in here; it becomes `ENOTRECOVERABLE` and does not
//! reach the program's frames.

// All of it is in `exports`, `message` and `text`, which meet the program's memory.
#![deny(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod boundary;
mod errno;
mod exports;
mod handle;
mod message;
mod table;
mod text;

#[path = "../../src/wire/uapi.rs"]
mod uapi;

pub use exports::*;
