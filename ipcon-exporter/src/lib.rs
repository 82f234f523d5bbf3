// SPDX-License-Identifier: MIT OR Apache-2.0
//! The page of metrics, as `ipcon-exporter` serves it. What tests whether observers agree makes it from what it saw itself.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod metrics;
pub mod process;
