// SPDX-License-Identifier: GPL-2.0

//! One group: its members, its last message, and the handing out of a message to all of them.

use crate::locked;
use crate::seam::{Arc, Locked, Map};

use super::counters::Counters;
use super::delivery::DropReason;
use super::error::Error;
use super::name::GroupName;
use super::peer::Peer;
use super::quota::{Charge, Resource};
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
    /// What is paid for keeping the last message; the kernel's own group keeps it for free.
    cached: Option<Charge>,
    pub(super) counts: GroupCounts,
    _charge: Option<Charge>,
}

/// A membership.
pub(super) struct Member<T: Transport> {
    pub(super) peer: Arc<Peer<T>>,
    pub(super) joined_at: u64,
    pub(super) counts: CopyCounts,
    _charge: Charge,
}

/// What a group carried. The attribute set `group` of the wire says what each one means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct GroupCounts {
    pub sent_messages: u64,
    pub sent_bytes: u64,
    pub unheard_messages: u64,
    /// Of all that are or were members.
    pub copies: CopyCounts,
}

/// What became of the copies for one member, or for all of them. The attribute sets `group` and
/// `member` of the wire say what each one means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct CopyCounts {
    pub delivered_messages: u64,
    pub delivered_bytes: u64,
    pub replayed_messages: u64,
    pub replayed_bytes: u64,
    pub dropped_queue_full: u64,
    pub dropped_queue_full_bytes: u64,
    pub dropped_no_memory: u64,
    pub dropped_no_memory_bytes: u64,
}

impl CopyCounts {
    fn count(&mut self, outcome: Result<(), DropReason>, len: u32, replay: bool) {
        let (messages, bytes) = match outcome {
            Ok(()) if replay => (&mut self.replayed_messages, &mut self.replayed_bytes),
            Ok(()) => (&mut self.delivered_messages, &mut self.delivered_bytes),
            Err(DropReason::QueueFull) => (
                &mut self.dropped_queue_full,
                &mut self.dropped_queue_full_bytes,
            ),
            Err(DropReason::NoMemory) => (
                &mut self.dropped_no_memory,
                &mut self.dropped_no_memory_bytes,
            ),
            // A member that is just closing loses nothing: it will never read again.
            Err(DropReason::NoPeer) => return,
        };
        *messages += 1;
        *bytes += u64::from(len);
    }
}

impl<T: Transport> Group<T> {
    /// A group of `owner`, or of the kernel.
    pub(super) fn new(
        id: u64,
        name: GroupName,
        owner: Option<&Arc<Peer<T>>>,
    ) -> Result<Self, Error> {
        let charge = |owner: &Arc<Peer<T>>| Charge::one::<T>(&owner.payers, Resource::Groups);
        let nothing = |owner: &Arc<Peer<T>>| Charge::nothing(&owner.payers, Resource::CachedBytes);
        let state = State {
            open: true,
            members: Map::new(),
            last: None,
            cached: owner.map(nothing),
            counts: GroupCounts::default(),
            _charge: owner.map(charge).transpose()?,
        };
        Ok(Self {
            id,
            name,
            owner: owner.map_or(0, |peer| peer.id),
            owner_port: owner.map_or(0, |peer| peer.port),
            created_at: T::now(),
            state: locked!(state, "ipcon group")?,
        })
    }

    /// Hands a message to every member and keeps it for replay.
    ///
    /// # Errors
    ///
    /// [`Error::Unknown`] when the group was unregistered meanwhile, [`Error::QuotaExceeded`] when the
    /// owner may not keep so much.
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
            cached,
            counts,
            ..
        } = &mut *state;
        if !*open {
            return Err(Error::Unknown);
        }
        if let Some(charge) = cached {
            charge.resize::<T>(T::memory(&message))?;
        }
        let len = T::payload_len(&message);
        self.count_sent(counts, from, len, members.is_empty());
        for member in members.values_mut() {
            let outcome = member
                .peer
                .take_copy(from, self.id, &message, false, totals);
            member.counts.count(outcome, len, false);
            counts.copies.count(outcome, len, false);
        }
        *last = Some(message);
        Ok(())
    }

    /// Counts a message that could not be allocated: every member lost it, with the `len` bytes that
    /// it would have had. There is no last message then: the one before it is not the last.
    pub(super) fn lose(&self, from: u64, len: u32, totals: &Counters) {
        let mut state = self.state.lock();
        let State {
            members,
            last,
            counts,
            ..
        } = &mut *state;
        *last = None;
        self.count_sent(counts, from, len, members.is_empty());
        let outcome = DropReason::NoMemory;
        for member in members.values_mut() {
            member.peer.lose(from, self.id, len, outcome, totals);
            member.counts.count(Err(outcome), len, false);
            counts.copies.count(Err(outcome), len, false);
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
    /// [`Error::AlreadyMember`], [`Error::QuotaExceeded`], [`Error::NoMemory`].
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
        let mut own = CopyCounts::default();
        let charge = Charge::one::<T>(&peer.payers, Resource::Memberships)?;
        if let (true, Some(message)) = (replay, last.as_ref()) {
            let outcome = peer.take_copy(self.owner, self.id, message, true, totals);
            own.count(outcome, T::payload_len(message), true);
            counts.copies.count(outcome, T::payload_len(message), true);
        }
        members.put(
            slot,
            peer.id,
            Member {
                peer: peer.clone(),
                joined_at: T::now(),
                counts: own,
                _charge: charge,
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
        state.cached = None;
        core::mem::take(&mut state.members)
    }
}
