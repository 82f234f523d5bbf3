// SPDX-License-Identifier: GPL-2.0

//! The bus of ipcon, tested on the host: each behaviour by example, all of them together against a
//! small model, and with threads.

// Outside of a model nothing of loom's works: `tests/loom` has the models.
#![cfg(not(loom))]
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

mod driver;
mod dumps;
mod fixture;
mod groups;
mod kevents;
mod memory;
mod messages;
mod peers;
mod property;
mod quota;
mod services;
mod storm;
mod threads;
mod world;
