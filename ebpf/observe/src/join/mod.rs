// SPDX-License-Identifier: MIT OR Apache-2.0
//! Puts what the sources told into the one model. Pure.

mod dumps;
mod flows;
mod probes;

pub(crate) use dumps::{Dumps, snapshot};
pub(crate) use probes::{counts, probes};
