// SPDX-License-Identifier: MIT OR Apache-2.0
//! What threads and processes share: with `cfg(loom)` it is loom's, which tries every order.

#[cfg(loom)]
pub(crate) use loom::sync::{
    Arc,
    atomic::{AtomicU32, AtomicUsize, Ordering, fence},
};
#[cfg(not(loom))]
pub(crate) use std::sync::{
    Arc,
    atomic::{AtomicU32, AtomicUsize, Ordering, fence},
};
