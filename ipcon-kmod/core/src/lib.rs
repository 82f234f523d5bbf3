// SPDX-License-Identifier: GPL-2.0

//! The bus of the ipcon kernel module, compiled for the host so that it can be tested there.
//!
//! The kernel module compiles the same [`bus`] files. Each of the two crates supplies a `seam`
//! module with the collections, locks and counters of its world; nothing else differs.
//!
//! Read [`bus`] first.

#![forbid(unsafe_code)]

pub mod bus;
pub mod seam;

// The limits of the wire, which the module's shell uses as well.
#[path = "../../src/uapi.rs"]
mod uapi;
