// SPDX-License-Identifier: MIT OR Apache-2.0
//! A peer whose receive socket the runtime watches.

#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsFd as _, AsRawFd, RawFd};

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::peer::Peer;

/// A peer under the number of its receive socket, which is how tokio wants it.
#[derive(Debug)]
pub(super) struct Descriptor {
    peer: Peer,
}

impl Descriptor {
    /// Has the runtime watch the receive socket of the peer.
    pub(super) fn watch(peer: Peer) -> io::Result<AsyncFd<Self>> {
        // SAFETY: A peer owns its receive socket and keeps the same one for as long as it lives, and nothing but
        // `into_peer` moves it out of here, which takes a descriptor that the runtime does not watch any more.
        let watched = unsafe { AsyncFd::register_with_interest(Self { peer }, Interest::READABLE) };
        watched.map_err(io::Error::from)
    }

    pub(super) fn peer(&self) -> &Peer {
        &self.peer
    }

    pub(super) fn into_peer(self) -> Peer {
        self.peer
    }
}

impl AsRawFd for Descriptor {
    fn as_raw_fd(&self) -> RawFd {
        self.peer.as_fd().as_raw_fd()
    }
}
