// SPDX-License-Identifier: MIT OR Apache-2.0
//! The real program and real connections, with or without a bus on this machine.
#![allow(clippy::unwrap_used)]

mod certificates;
mod documentation;
mod golden;
mod mixin;
mod program;
mod prometheus;
mod serve;
mod sockets;
mod systemd;
mod units;
mod web;
