// SPDX-License-Identifier: MIT OR Apache-2.0

//! Groups and messages of the model.

use super::operation::{Content, Event, Message, Port, Refusal};
use super::snapshot::{CopyCounts, Counters, GroupCounts};
use super::{Group, KEVENT_GROUP, Member, Model, check_name};

/// Whether a message came into a queue.
#[derive(Clone, Copy, PartialEq)]
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
        let members = &mut self.groups[group].members;
        if members.iter().any(|member| member.peer == peer) {
            return Err(Refusal::AlreadyMember);
        }
        members.push(Member {
            peer,
            copies: CopyCounts::default(),
        });
        let newest = members.len() - 1;
        if replay && let Some((from, content)) = self.groups[group].last.clone() {
            self.hand_out(group, newest, from, &content, true);
        }
        Ok(())
    }

    pub(super) fn leave(&mut self, port: Port, name: &str) -> Result<(), Refusal> {
        check_name(name, 15)?;
        let peer = self.caller(port)?;
        let group = self.group_named(name)?;
        let members = &mut self.groups[group].members;
        let at = members.iter().position(|member| member.peer == peer);
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
                refused.refused_queue_full.count(len);
                Err(Refusal::QueueFull)
            }
            Fate::NoMemory => {
                refused.refused_no_memory.count(len);
                Err(Refusal::NoMemory)
            }
            Fate::Closed => {
                refused.refused_no_peer.count(len);
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
        // The one before it is not the last.
        self.groups[0].last = None;
        self.count_sent(0, &content);
        for member in 0..self.groups[0].members.len() {
            self.settle(0, member, Fate::NoMemory, &content, false);
        }
    }

    fn publish(&mut self, group: usize, from: Port, content: Content) {
        self.count_sent(group, &content);
        for member in 0..self.groups[group].members.len() {
            self.hand_out(group, member, from, &content, false);
        }
        self.groups[group].last = Some((from, content));
    }

    fn count_sent(&mut self, group: usize, content: &Content) {
        let group = &mut self.groups[group];
        group.counts.sent.count(content.len());
        group.counts.unheard += u64::from(group.members.is_empty());
    }

    /// Gives one member its copy, or counts it as lost.
    fn hand_out(
        &mut self,
        group: usize,
        member: usize,
        from: Port,
        content: &Content,
        replay: bool,
    ) {
        let entry = &self.groups[group];
        let (peer, name) = (entry.members[member].peer, entry.name.clone());
        let fate = self.put(peer, from, Some(name), content, replay);
        self.settle(group, member, fate, content, replay);
    }

    /// Counts what became of the copy for one member: for the peer, the membership and the group.
    fn settle(&mut self, group: usize, member: usize, fate: Fate, content: &Content, replay: bool) {
        let group = &mut self.groups[group];
        let member = &mut group.members[member];
        let peer = &mut self.peers[member.peer];
        let len = content.len();
        match fate {
            Fate::Queued => peer.counters.delivered_multicast.count(len),
            Fate::Full => peer.counters.dropped_queue_full.count(len),
            Fate::NoMemory => peer.counters.dropped_no_memory.count(len),
            Fate::Closed => return,
        }
        peer.lost += u64::from(fate != Fate::Queued);
        for copies in [&mut member.copies, &mut group.counts.copies] {
            let of_fate = match fate {
                Fate::Queued if replay => &mut copies.replayed,
                Fate::Queued => &mut copies.delivered,
                Fate::Full => &mut copies.dropped_queue_full,
                Fate::NoMemory => &mut copies.dropped_no_memory,
                Fate::Closed => return,
            };
            of_fate.count(len);
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
