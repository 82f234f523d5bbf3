// SPDX-License-Identifier: MIT OR Apache-2.0
//! Descriptors that the runtime watches.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::sync::Arc;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::client::core::Core;
use crate::server::EndpointLoop;

/// What has one descriptor for as long as it lives.
///
/// # Safety
/// The descriptor stays the same, and open.
pub(super) unsafe trait Steady: AsFd {}

// SAFETY: The socket is a field that nothing replaces.
unsafe impl Steady for Arc<Core> {}

// SAFETY: The descriptor of its epoll is a field that nothing replaces, and nothing in this module replaces the loop.
unsafe impl Steady for EndpointLoop {}

// SAFETY: It is the descriptor.
unsafe impl Steady for OwnedFd {}

/// Something under the number of its descriptor, which is how tokio wants it.
pub(super) struct Descriptor<T>(pub(super) T);

impl<T: Steady> Descriptor<T> {
    /// Has the runtime watch it.
    pub(super) fn watch(it: T) -> io::Result<AsyncFd<Self>> {
        // SAFETY: It has the same open descriptor for as long as it lives, as the trait says, and stays in here until the
        // runtime watches it no more.
        let watched = unsafe { AsyncFd::register_with_interest(Self(it), Interest::READABLE) };
        watched.map_err(io::Error::from)
    }
}

impl<T: AsFd> AsRawFd for Descriptor<T> {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}
