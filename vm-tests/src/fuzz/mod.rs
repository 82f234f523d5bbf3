// SPDX-License-Identifier: MIT OR Apache-2.0

//! Requests of every shape, and a judge who says what the kernel must make of them.
//!
//! The [`Generator`] knows operations, attributes and limits from the definition of the wire, makes a request that
//! fits it, and then spoils it in known ways. The [`judge`] reads the bytes as the kernel does, knows nothing of what
//! the generator did, and says of each message whether it must be refused. The [`answer`] half reads what comes back,
//! down to the last byte of padding.

pub mod answer;
mod bytes;
mod cast;
mod generator;
pub mod judge;
mod mutation;
pub mod table;
pub mod wire;

pub use cast::Cast;
pub use generator::{Generator, Step};
pub use mutation::Mutation;
