// SPDX-License-Identifier: MIT OR Apache-2.0
//! The part of the handshake that reads messages.

#[path = "../../../src/handshake/refusal.rs"]
mod refusal;
#[path = "../../../src/handshake/wire.rs"]
pub(crate) mod wire;

pub use refusal::{Reason, Refusal};
