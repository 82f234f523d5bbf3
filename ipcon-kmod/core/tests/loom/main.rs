// SPDX-License-Identifier: GPL-2.0

//! The bus of ipcon in every order in which two or three threads may run: loom runs each model again
//! and again, with another order each time, and finds deadlocks and what is never freed on the way.
//!
//! `cargo xtask test --only loom` runs them. Models of two threads are run in every order there is.
//! `LOOM_MAX_PREEMPTIONS` bounds how often a thread is interrupted where it need not wait, which makes
//! a new model quick to try.

#![cfg(loom)]
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]
// The fixture and the world serve the tests in `tests/bus` as well, which use more of them.
#![allow(dead_code, unused_imports)]

#[path = "../bus/fixture.rs"]
mod fixture;
#[path = "../bus/world/mod.rs"]
mod world;

mod explore;
mod groups;
mod losses;
mod names;
mod ports;
mod quota;
