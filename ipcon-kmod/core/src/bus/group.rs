// SPDX-License-Identifier: GPL-2.0

//! One group: its members, its last message, and the handing out of a message to all of them.

use crate::locked;
use crate::seam::{Arc, Locked, Map, NoMemory};

use super::counters::Counters;
use super::delivery::DropReason;
use super::error::Error;
use super::name::GroupName;
use super::peer::Peer;
use super::transport::{Trace, Transport};

/// A named multicast channel.
pub struct Group<T: Transport> {
    /// Number that is never used again.
    pub id: u64,
    /// Its name.
    pub name: GroupName,
    /// Id of the owner; 0 for the kernel.
    pub owner: u64,
    /// Port of the owner; 0 for the kernel.
    pub owner_port: u32,
    /// CLOCK_MONOTONIC in nanoseconds.
    pub created_at: u64,
    pub(super) state: Locked<State<T>>,
}

/// What changes with each message and membership.
pub(super) struct State<T: Transport> {
    /// False once the group was unregistered; a sender may still hold it then.
    open: bool,
    pub(super) members: Map<u64, Member<T>>,
    pub(super) last: Option<T::Message>,
    pub(super) counts: GroupCounts,
}

/// A membership.
pub(super) struct Member<T: Transport> {
    pub(super) peer: Arc<Peer<T>>,
    pub(super) joined_at: u64,
}

/// What a group carried. The attribute set `group` of the wire says what each one means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct GroupCounts {
    pub sent_messages: u64,
    pub sent_bytes: u64,
    pub delivered_messages: u64,
    pub delivered_bytes: u64,
    pub replayed_messages: u64,
    pub replayed_bytes: u64,
    pub dropped_queue_full: u64,
    pub dropped_no_memory: u64,
    pub unheard_messages: u64,
}

impl GroupCounts {
    fn count(&mut self, outcome: Result<(), DropReason>, len: u32, replay: bool) {
        match outcome {
            Ok(()) if replay => {
                self.replayed_messages += 1;
                self.replayed_bytes += u64::from(len);
            }
            Ok(()) => {
                self.delivered_messages += 1;
                self.delivered_bytes += u64::from(len);
            }
            Err(DropReason::QueueFull) => self.dropped_queue_full += 1,
            Err(DropReason::NoMemory) => self.dropped_no_memory += 1,
            Err(DropReason::NoPeer) => {}
        }
    }
}

impl<T: Transport> Group<T> {
    pub(super) fn new(
        id: u64,
        name: GroupName,
        owner: u64,
        owner_port: u32,
    ) -> Result<Self, NoMemory> {
        let state = State {
            open: true,
            members: Map::new(),
            last: None,
            counts: GroupCounts::default(),
        };
        Ok(Self {
            id,
            name,
            owner,
            owner_port,
            created_at: T::now(),
            state: locked!(state, "ipcon group")?,
        })
    }

    /// Hands a message to every member and keeps it for replay.
    ///
    /// # Errors
    ///
    /// [`Error::Unknown`] when the group was unregistered meanwhile.
    pub(super) fn publish(
        &self,
        from: u64,
        message: T::Message,
        totals: &Counters,
    ) -> Result<(), Error> {
        let mut state = self.state.lock();
        let State {
            open,
            members,
            last,
            counts,
        } = &mut *state;
        if !*open {
            return Err(Error::Unknown);
        }
        let len = T::payload_len(&message);
        self.count_sent(counts, from, len, members.is_empty());
        for member in members.values() {
            let outcome = member
                .peer
                .take_copy(from, self.id, &message, false, totals);
            counts.count(outcome, len, false);
        }
        *last = Some(message);
        Ok(())
    }

    /// Counts a message that could not be allocated: every member lost it.
    pub(super) fn lose(&self, from: u64, totals: &Counters) {
        let mut state = self.state.lock();
        let State {
            members, counts, ..
        } = &mut *state;
        self.count_sent(counts, from, 0, members.is_empty());
        for member in members.values() {
            member
                .peer
                .lose(from, self.id, 0, DropReason::NoMemory, totals);
            counts.count(Err(DropReason::NoMemory), 0, false);
        }
    }

    fn count_sent(&self, counts: &mut GroupCounts, from: u64, len: u32, unheard: bool) {
        counts.sent_messages += 1;
        counts.sent_bytes += u64::from(len);
        counts.unheard_messages += u64::from(unheard);
        T::trace(Trace::Send {
            peer: from,
            group: self.id,
            port: 0,
            len,
        });
    }

    /// Adds a member, after the last message when it asked for that. One step: no message of the
    /// group comes between the two, is missing or comes twice.
    ///
    /// # Errors
    ///
    /// [`Error::AlreadyMember`], [`Error::NoMemory`].
    pub(super) fn add_member(
        &self,
        peer: &Arc<Peer<T>>,
        replay: bool,
        totals: &Counters,
    ) -> Result<(), Error> {
        let slot = Map::slot()?;
        let mut state = self.state.lock();
        let State {
            members,
            last,
            counts,
            ..
        } = &mut *state;
        if members.get(&peer.id).is_some() {
            return Err(Error::AlreadyMember);
        }
        if let (true, Some(message)) = (replay, last.as_ref()) {
            let outcome = peer.take_copy(self.owner, self.id, message, true, totals);
            counts.count(outcome, T::payload_len(message), true);
        }
        members.put(
            slot,
            peer.id,
            Member {
                peer: peer.clone(),
                joined_at: T::now(),
            },
        );
        T::trace(Trace::Member {
            group: self.id,
            peer: peer.id,
            added: true,
        });
        Ok(())
    }

    /// Ends a membership; false when there was none.
    pub(super) fn remove_member(&self, peer: u64) -> bool {
        let removed = self.state.lock().members.remove(&peer);
        if removed.is_some() {
            T::trace(Trace::Member {
                group: self.id,
                peer,
                added: false,
            });
        }
        removed.is_some()
    }

    /// Refuses messages from now on, forgets the last one and gives out the members.
    pub(super) fn close(&self) -> Map<u64, Member<T>> {
        let mut state = self.state.lock();
        state.open = false;
        state.last = None;
        core::mem::take(&mut state.members)
    }
}
