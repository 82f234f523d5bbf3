// SPDX-License-Identifier: GPL-2.0

//! What an observer can ask.
//!
//! Each list is read one object at a time, in order of ids, so that a dump of any length holds the
//! lock only for one object. The generation tells whether the list changed meanwhile.

use crate::seam::Arc;

use super::Bus;
use super::error::Error;
use super::group::{CopyCounts, Group, GroupCounts};
use super::name::GroupName;
use super::peer::Peer;
use super::routes::Endpoint;
use super::service::Service;
use super::transport::Transport;

/// How many of each there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Census {
    /// Changes with each object and membership that comes or goes; never 0.
    pub generation: u64,
    /// Number of the newest kevent.
    pub kevent_sequence: u64,
    /// Peers.
    pub peers: u32,
    /// Services.
    pub services: u32,
    /// Groups, without the kevent group.
    pub groups: u32,
    /// Memberships.
    pub memberships: u32,
}

/// A group with what changes.
pub struct GroupView<T: Transport> {
    /// The group.
    pub group: Arc<Group<T>>,
    /// Members now.
    pub members: u32,
    /// Payload bytes of the message kept for replay.
    pub last_len: Option<u32>,
    /// What it carried.
    pub counts: GroupCounts,
}

/// A membership.
pub struct MemberView<T: Transport> {
    /// The group.
    pub group: Arc<Group<T>>,
    /// The member.
    pub peer: Arc<Peer<T>>,
    /// CLOCK_MONOTONIC in nanoseconds.
    pub joined_at: u64,
    /// What became of its copies since then.
    pub counts: CopyCounts,
}

impl<T: Transport> Bus<T> {
    /// Counts of objects.
    pub fn census(&self) -> Census {
        let control = self.control.lock();
        Census {
            generation: control.generation,
            kevent_sequence: control.kevent_sequence,
            peers: control.peers.len() as u32,
            services: control.services.len() as u32,
            groups: control.groups.len() as u32 - 1,
            memberships: control.memberships,
        }
    }

    /// The peer at `port`, also one that cannot be sent to yet.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchPeer`].
    pub fn peer_at(&self, port: u32) -> Result<Arc<Peer<T>>, Error> {
        match self.routes.lock().ports.get(&port) {
            Some(Endpoint::Receive(peer)) => Ok(peer.clone()),
            _ => Err(Error::NoSuchPeer),
        }
    }

    /// The first peer whose id is not below `id`.
    pub fn peer_from(&self, id: u64) -> Option<Arc<Peer<T>>> {
        self.control
            .lock()
            .peers
            .at_or_after(&id)
            .map(|holding| holding.peer.clone())
    }

    /// The first service whose id is not below `id`.
    pub fn service_from(&self, id: u64) -> Option<Arc<Service<T>>> {
        self.control.lock().services.at_or_after(&id).cloned()
    }

    /// The group of that name.
    ///
    /// # Errors
    ///
    /// [`Error::Unknown`].
    pub fn group_view(&self, name: GroupName) -> Result<GroupView<T>, Error> {
        self.group_named(name).map(view)
    }

    /// The first group whose id is not below `id`.
    pub fn group_from(&self, id: u64) -> Option<GroupView<T>> {
        let group = self.control.lock().groups.at_or_after(&id).cloned();
        group.map(view)
    }

    /// The first membership not below this group id and peer id.
    pub fn member_from(&self, group: u64, peer: u64) -> Option<MemberView<T>> {
        let mut first_peer = peer;
        let mut id = group;
        loop {
            let group = self.control.lock().groups.at_or_after(&id).cloned()?;
            if group.id != id {
                first_peer = 0;
            }
            let found = {
                let state = group.state.lock();
                let member = state.members.at_or_after(&first_peer);
                member.map(|member| (member.peer.clone(), member.joined_at, member.counts))
            };
            if let Some((peer, joined_at, counts)) = found {
                return Some(MemberView {
                    group,
                    peer,
                    joined_at,
                    counts,
                });
            }
            id = group.id + 1;
            first_peer = 0;
        }
    }
}

fn view<T: Transport>(group: Arc<Group<T>>) -> GroupView<T> {
    let state = group.state.lock();
    let members = state.members.len() as u32;
    let last_len = state.last.as_ref().map(T::payload_len);
    let counts = state.counts;
    drop(state);
    GroupView {
        group,
        members,
        last_len,
        counts,
    }
}
