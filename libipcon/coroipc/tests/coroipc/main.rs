// SPDX-License-Identifier: MIT OR Apache-2.0
//! Clients and servers, in one process and in two.
#![cfg(not(loom))]
#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a test says what it does by its name, and ends where something is missing"
)]

mod calls;
mod connecting;
mod death;
mod events;
mod hostile;
mod idle;
mod large;
mod looped;
mod overflow;
mod statistics;
mod users;
mod world;
