// SPDX-License-Identifier: GPL-2.0

//! Who holds what: the tables behind the control lock.

use crate::seam::{Arc, Map};

use super::error::Error;
use super::group::Group;
use super::name::ServiceName;
use super::peer::Peer;
use super::service::Service;
use super::transport::Transport;

/// All objects of the bus by their ids, which are in order of creation.
pub(super) struct Control<T: Transport> {
    pub(super) peers: Map<u64, Holding<T>>,
    pub(super) services: Map<u64, Arc<Service<T>>>,
    pub(super) groups: Map<u64, Arc<Group<T>>>,
    /// Changes with each object and membership that comes or goes.
    pub(super) generation: u64,
    /// Number of the newest kevent.
    pub(super) kevent_sequence: u64,
    pub(super) memberships: u32,
}

/// Which socket beside its own may act for a peer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ControlSocket {
    None,
    /// The peer named this port, which has not attached yet.
    Expected(u32),
    Attached(u32),
}

/// A peer and what goes with it.
pub(super) struct Holding<T: Transport> {
    pub(super) peer: Arc<Peer<T>>,
    pub(super) control: ControlSocket,
    pub(super) services: Map<u64, ServiceName>,
    pub(super) groups: Map<u64, Arc<Group<T>>>,
    pub(super) joined: Map<u64, Arc<Group<T>>>,
}

impl<T: Transport> Holding<T> {
    /// Whether others can have heard of the peer by what it holds.
    pub(super) fn is_used(&self) -> bool {
        !(self.services.is_empty() && self.groups.is_empty() && self.joined.is_empty())
    }
}

impl<T: Transport> Control<T> {
    pub(super) fn new() -> Self {
        Self {
            peers: Map::new(),
            services: Map::new(),
            groups: Map::new(),
            // An observer takes 0 for "not seen yet".
            generation: 1,
            kevent_sequence: 0,
            memberships: 0,
        }
    }

    /// What a peer holds.
    ///
    /// # Errors
    ///
    /// [`Error::NotPeer`] when the peer has ended since the caller looked it up.
    pub(super) fn holding(&mut self, peer: u64) -> Result<&mut Holding<T>, Error> {
        self.peers.get_mut(&peer).ok_or(Error::NotPeer)
    }
}
