// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where facts come from beside [`crate::probes`]. Each source is one file that knows how to open and read it.

pub(crate) mod bus;
pub(crate) mod channels;
mod kevent_log;
pub(crate) mod kevents;
pub(crate) mod observer;
