// SPDX-License-Identifier: MIT OR Apache-2.0

//! Groups and messages of the model.

use super::operation::{Content, Event, Message, Port, Refusal};
use super::snapshot::{Counters, GroupCounts};
use super::{Group, KEVENT_GROUP, Model, check_name};

/// Whether a message came into a queue.
enum Fate {
    Queued,
    Full,
    NoMemory,
    /// The socket is closed: nobody will ever miss the message.
    Closed,
}

impl Model {
    pub(super) fn register_group(&mut self, port: Port, name: &str) -> Result<(), Refusal> {
        check_name(name, 15)?;
        let peer = self.caller(port)?;
        if name == KEVENT_GROUP {
            return Err(Refusal::ReservedName);
        }
        if self.group_named(name).is_ok() {
            return Err(Refusal::NameTaken);
        }
        let group = self.groups.len() as u64;
        self.groups.push(Group::new(name, Some(peer)));
        let name = name.to_owned();
        self.announce(self.peers[peer].port, Event::GroupAdded { name, group });
        Ok(())
    }

    pub(super) fn unregister_group(&mut self, port: Port, name: &str) -> Result<(), Refusal> {
        check_name(name, 15)?;
        let peer = self.caller(port)?;
        let group = self.group_named(name)?;
        if self.groups[group].owner != Some(peer) {
            return Err(Refusal::NotOwner);
        }
        self.end_group(group);
        Ok(())
    }

    pub(super) fn join(&mut self, port: Port, name: &str, replay: bool) -> Result<(), Refusal> {
        check_name(name, 15)?;
        let peer = self.caller(port)?;
        let group = self.group_named(name)?;
        if self.groups[group].members.contains(&peer) {
            return Err(Refusal::AlreadyMember);
        }
        if replay && let Some((from, content)) = self.groups[group].last.clone() {
            self.hand_out(group, peer, from, &content, true);
        }
        self.groups[group].members.push(peer);
        Ok(())
    }

    pub(super) fn leave(&mut self, port: Port, name: &str) -> Result<(), Refusal> {
        check_name(name, 15)?;
        let peer = self.caller(port)?;
        let group = self.group_named(name)?;
        let members = &mut self.groups[group].members;
        let at = members.iter().position(|member| *member == peer);
        members.remove(at.ok_or(Refusal::Unknown)?);
        Ok(())
    }

    fn group_named(&self, name: &str) -> Result<usize, Refusal> {
        let named = |group: &Group| group.alive && group.name == name;
        self.groups.iter().position(named).ok_or(Refusal::Unknown)
    }

    pub(super) fn unicast(
        &mut self,
        port: Port,
        to: Port,
        len: u32,
        memory: bool,
    ) -> Result<(), Refusal> {
        self.sends += 1;
        let sender = self.caller(port)?;
        self.peers[sender].counters.sent_unicast.count(len);
        let content = Content::Data {
            number: self.sends,
            len,
        };
        let receiver = self.peer_at(to).ok().filter(|peer| self.peers[*peer].ready);
        let fate = match receiver {
            None => Fate::Closed,
            // Nothing is allocated for a queue that has no room.
            Some(peer) => match self.obstacle(peer) {
                Some(fate) => fate,
                None if !memory => Fate::NoMemory,
                None => self.put(peer, self.peers[sender].port, None, &content, false),
            },
        };
        let refused = &mut self.peers[sender].counters;
        match fate {
            Fate::Queued => {
                let receiver = receiver.expect("only a receiver takes a message");
                self.peers[receiver].counters.delivered_unicast.count(len);
                Ok(())
            }
            Fate::Full => {
                refused.refused_queue_full += 1;
                Err(Refusal::QueueFull)
            }
            Fate::NoMemory => {
                refused.refused_no_memory += 1;
                Err(Refusal::NoMemory)
            }
            Fate::Closed => {
                refused.refused_no_peer += 1;
                Err(Refusal::NoSuchPeer)
            }
        }
    }

    pub(super) fn multicast(
        &mut self,
        port: Port,
        name: &str,
        len: u32,
        memory: bool,
    ) -> Result<(), Refusal> {
        self.sends += 1;
        check_name(name, 15)?;
        let sender = self.caller(port)?;
        let group = self.group_named(name)?;
        if self.groups[group].owner != Some(sender) {
            return Err(Refusal::NotOwner);
        }
        if !memory {
            return Err(Refusal::NoMemory);
        }
        self.peers[sender].counters.sent_multicast.count(len);
        let content = Content::Data {
            number: self.sends,
            len,
        };
        self.publish(group, self.peers[sender].port, content);
        Ok(())
    }

    /// Gives a change its number and tells the kevent group.
    pub(super) fn announce(&mut self, about: Port, event: Event) {
        self.kevent_sequence += 1;
        let content = Content::Kevent {
            sequence: self.kevent_sequence,
            about,
            event,
        };
        if !self.kevents_fail {
            self.publish(0, 0, content);
            return;
        }
        let group = &mut self.groups[0];
        group.counts.sent.count(content.len());
        group.counts.unheard += u64::from(group.members.is_empty());
        for member in group.members.clone() {
            self.peers[member].lost += 1;
            self.peers[member].counters.dropped_no_memory += 1;
            self.groups[0].counts.dropped_no_memory += 1;
        }
    }

    fn publish(&mut self, group: usize, from: Port, content: Content) {
        let entry = &mut self.groups[group];
        entry.counts.sent.count(content.len());
        entry.counts.unheard += u64::from(entry.members.is_empty());
        for member in entry.members.clone() {
            self.hand_out(group, member, from, &content, false);
        }
        self.groups[group].last = Some((from, content));
    }

    /// Gives one member its copy, or counts it as lost.
    fn hand_out(&mut self, group: usize, peer: usize, from: Port, content: &Content, replay: bool) {
        let name = self.groups[group].name.clone();
        let fate = self.put(peer, from, Some(name), content, replay);
        let counts = &mut self.groups[group].counts;
        let peer = &mut self.peers[peer];
        match fate {
            Fate::Queued => {
                peer.counters.delivered_multicast.count(content.len());
                let of_group = if replay {
                    &mut counts.replayed
                } else {
                    &mut counts.delivered
                };
                of_group.count(content.len());
            }
            Fate::Full => {
                peer.lost += 1;
                peer.counters.dropped_queue_full += 1;
                counts.dropped_queue_full += 1;
            }
            Fate::NoMemory => {
                peer.lost += 1;
                peer.counters.dropped_no_memory += 1;
                counts.dropped_no_memory += 1;
            }
            Fate::Closed => {}
        }
    }

    /// Why no message at all can be put into the queue of a peer.
    fn obstacle(&self, peer: usize) -> Option<Fate> {
        let peer = &self.peers[peer];
        match self.sockets.get(&peer.port) {
            Some(socket) if socket.number == peer.socket && socket.open => {
                (socket.queue.len() >= self.queue_limit).then_some(Fate::Full)
            }
            _ => Some(Fate::Closed),
        }
    }

    fn put(
        &mut self,
        peer: usize,
        from: Port,
        group: Option<String>,
        content: &Content,
        replay: bool,
    ) -> Fate {
        if let Some(fate) = self.obstacle(peer) {
            return fate;
        }
        let peer = &mut self.peers[peer];
        let Some(socket) = self.sockets.get_mut(&peer.port) else {
            return Fate::Closed;
        };
        if socket.starved {
            return Fate::NoMemory;
        }
        let lost = std::mem::take(&mut peer.lost);
        let content = content.clone();
        socket.queue.push(Message {
            from,
            group,
            content,
            replay,
            lost,
        });
        Fate::Queued
    }

    /// The counters of all peers that are or were, in order.
    pub fn peer_history(&self) -> Vec<Counters> {
        self.peers.iter().map(|peer| peer.counters).collect()
    }

    /// The counts of all groups that are or were, in order; the first is the kevent group.
    pub fn group_history(&self) -> Vec<GroupCounts> {
        self.groups.iter().map(|group| group.counts).collect()
    }
}
