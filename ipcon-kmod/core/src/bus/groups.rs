// SPDX-License-Identifier: GPL-2.0

//! Groups and memberships coming and going.

use crate::seam::{Arc, Map, arc};

use super::Bus;
use super::control::Control;
use super::error::Error;
use super::group::Group;
use super::kevent::{Event, KEVENT_GROUP};
use super::name::GroupName;
use super::peer::Peer;
use super::transport::{Trace, Transport};

impl<T: Transport> Bus<T> {
    /// Makes a group owned by `peer`.
    ///
    /// # Errors
    ///
    /// [`Error::ReservedName`] for the kevent group, [`Error::NameTaken`], [`Error::NotPeer`],
    /// [`Error::QuotaExceeded`], [`Error::NoMemory`].
    pub fn register_group(&self, peer: &Arc<Peer<T>>, name: GroupName) -> Result<(), Error> {
        if name.as_bytes() == KEVENT_GROUP {
            return Err(Error::ReservedName);
        }
        let mut control = self.control.lock();
        if self.routes.lock().groups.get(&name).is_some() {
            return Err(Error::NameTaken);
        }
        let held = Map::slot()?;
        let slot = Map::slot()?;
        let route = Map::slot()?;
        let group = arc(Group::new(T::new_id(), name, Some(peer))?)?;
        control
            .holding(peer.id)?
            .groups
            .put(held, group.id, group.clone());
        control.groups.put(slot, group.id, group.clone());
        control.generation += 1;
        T::trace(Trace::Group {
            id: group.id,
            owner: peer.id,
            added: true,
        });
        self.routes.lock().groups.put(route, name, group.clone());
        let event = Event::GroupAdded { name, id: group.id };
        self.announce(&mut control, event, peer.identity.pid);
        Ok(())
    }

    /// Ends a group of `peer` and all its memberships. What was sent to it is in the members'
    /// queues already.
    ///
    /// # Errors
    ///
    /// [`Error::Unknown`], [`Error::NotOwner`], [`Error::NotPeer`].
    pub fn unregister_group(&self, peer: &Arc<Peer<T>>, name: GroupName) -> Result<(), Error> {
        let mut control = self.control.lock();
        let group = self.group_named(name)?;
        control
            .holding(peer.id)?
            .groups
            .remove(&group.id)
            .ok_or(Error::NotOwner)?;
        self.end_group(&mut control, &group, peer.identity.pid);
        Ok(())
    }

    /// Makes `peer` a member of a group, with its last message first when `replay` asks for it.
    ///
    /// # Errors
    ///
    /// [`Error::Unknown`], [`Error::AlreadyMember`], [`Error::NotPeer`], [`Error::QuotaExceeded`],
    /// [`Error::NoMemory`].
    pub fn join_group(
        &self,
        peer: &Arc<Peer<T>>,
        name: GroupName,
        replay: bool,
    ) -> Result<(), Error> {
        let mut control = self.control.lock();
        let group = self.group_named(name)?;
        let held = Map::slot()?;
        let holding = control.holding(peer.id)?;
        group.add_member(peer, replay, &self.totals)?;
        holding.joined.put(held, group.id, group.clone());
        control.memberships += 1;
        control.generation += 1;
        Ok(())
    }

    /// Ends a membership of `peer`.
    ///
    /// # Errors
    ///
    /// [`Error::Unknown`] when there is no such group or the peer is no member, [`Error::NotPeer`].
    pub fn leave_group(&self, peer: &Arc<Peer<T>>, name: GroupName) -> Result<(), Error> {
        let mut control = self.control.lock();
        let group = self.group_named(name)?;
        control
            .holding(peer.id)?
            .joined
            .remove(&group.id)
            .ok_or(Error::Unknown)?;
        group.remove_member(peer.id);
        control.memberships -= 1;
        control.generation += 1;
        Ok(())
    }

    pub(super) fn group_named(&self, name: GroupName) -> Result<Arc<Group<T>>, Error> {
        self.routes
            .lock()
            .groups
            .get(&name)
            .cloned()
            .ok_or(Error::Unknown)
    }

    /// Ends a group that its owner no longer holds.
    pub(super) fn end_group(&self, control: &mut Control<T>, group: &Arc<Group<T>>, pid: u32) {
        self.routes.lock().groups.remove(&group.name);
        control.groups.remove(&group.id);
        let mut members = group.close();
        while let Some((peer, _)) = members.pop_first() {
            // The owner that is just ending has been taken out of the table and has left all
            // groups.
            if let Ok(holding) = control.holding(peer) {
                holding.joined.remove(&group.id);
            }
            control.memberships -= 1;
            T::trace(Trace::Member {
                group: group.id,
                peer,
                added: false,
            });
        }
        control.generation += 1;
        T::trace(Trace::Group {
            id: group.id,
            owner: group.owner,
            added: false,
        });
        let event = Event::GroupRemoved {
            name: group.name,
            id: group.id,
        };
        self.announce(control, event, pid);
    }
}
