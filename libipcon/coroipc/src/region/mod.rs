// SPDX-License-Identifier: MIT OR Apache-2.0
//! Memory that two processes share, each region written by one of them only.
//!
//! The side that writes a region makes it: an anonymous file ([`file`]) with all its pages reserved, mapped once for
//! writing, and then sealed, so that nobody can resize it, punch holes into it or map it for writing again, not even
//! with its descriptor at hand. The other side checks the seals and the size before it maps the file, for reading
//! only. So the reader cannot write, and what it reads cannot vanish: there is no `SIGBUS`. It may *change* at any
//! time, so that no Rust reference to it exists: words are loaded one at a time, and bytes are copied out of
//! [`Bytes`]. One page more, that of the [`bells`], is written by both, and believed by neither.
//!
//! This module and `sys` hold the `unsafe` of the crate.

mod bells;
mod bytes;
mod file;
mod mapping;
mod own;
mod peer;
mod shape;

pub(crate) use bells::{Bells, Unsealed};
pub use bytes::Bytes;
pub(crate) use file::BadMemory;
pub(crate) use own::{Own, Parts, RingRoom, Room};
pub(crate) use peer::{Peer, PeerWord};
pub(crate) use shape::Shape;
