// SPDX-License-Identifier: GPL-2.0

//! Look-up tables of the sending paths.

use crate::seam::{Arc, Map};

use super::group::Group;
use super::name::{GroupName, ServiceName};
use super::peer::Peer;
use super::service::Service;
use super::transport::{SocketKey, Transport};

/// From ports and names to what they stand for.
pub(super) struct Routes<T: Transport> {
    pub(super) ports: Map<u32, Endpoint<T>>,
    pub(super) services: Map<ServiceName, Arc<Service<T>>>,
    pub(super) groups: Map<GroupName, Arc<Group<T>>>,
}

/// A socket that acts for a peer.
pub(super) enum Endpoint<T: Transport> {
    /// The receive socket, which is the peer's own.
    Receive(Arc<Peer<T>>),
    /// The control socket of the peer.
    Control(Arc<Peer<T>>, T::Socket),
}

impl<T: Transport> Endpoint<T> {
    pub(super) fn peer(&self) -> &Arc<Peer<T>> {
        match self {
            Endpoint::Receive(peer) | Endpoint::Control(peer, _) => peer,
        }
    }

    fn socket(&self) -> &T::Socket {
        match self {
            Endpoint::Receive(peer) => &peer.socket,
            Endpoint::Control(_, socket) => socket,
        }
    }

    pub(super) fn key(&self) -> SocketKey {
        T::key(self.socket())
    }

    pub(super) fn is_closed(&self) -> bool {
        T::is_closed(self.socket())
    }
}

impl<T: Transport> Routes<T> {
    pub(super) fn new() -> Self {
        Self {
            ports: Map::new(),
            services: Map::new(),
            groups: Map::new(),
        }
    }

    /// The peer that receives at `port`, once it is ready to.
    pub(super) fn receiver(&self, port: u32) -> Option<Arc<Peer<T>>> {
        match self.ports.get(&port) {
            Some(Endpoint::Receive(peer)) if peer.ready.get() => Some(peer.clone()),
            _ => None,
        }
    }
}
