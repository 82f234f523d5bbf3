// SPDX-License-Identifier: MIT OR Apache-2.0
//! Puts what the sources told into the one model. Pure.

mod dumps;
mod exceptions;
mod flows;
mod names;
mod probes;

pub(crate) use dumps::{Dumps, snapshot};
pub(crate) use exceptions::exceptions;
pub(crate) use probes::{add_rows, counts, probes};
