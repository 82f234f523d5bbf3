// SPDX-License-Identifier: MIT OR Apache-2.0
//! What threads and processes share. `tests/loom.rs` puts loom's in place of it, which tries every order.

pub(crate) use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};
