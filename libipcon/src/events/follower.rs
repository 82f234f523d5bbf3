// SPDX-License-Identifier: MIT OR Apache-2.0
//! Following the kevents without gaps.
//!
//! The kernel numbers a kevent and puts it into the queues under the lock that also guards the generation, the
//! tables and the number that a look at the bus tells. So when such a look tells a number, each kevent up to it is
//! in the queue, or lost.

use super::{Snapshot, Update};
use crate::error::Result;
use crate::inspect::Inspector;
use crate::kevent::KEVENT_GROUP;
use crate::message::Message;
use crate::origin::Origin;
use crate::peer::{Peer, Replay};
use crate::wait::AT_ONCE;

/// Room for about a thousand kevents, or as many as this process may have, in bytes of kernel memory.
const QUEUE_LIMIT: usize = 1 << 20;

/// So many times it looks for a moment of rest, in which all lists are of one state.
const LOOKS: usize = 3;

/// Says what is next, without waiting.
#[derive(Debug)]
pub(crate) struct Follower {
    inspector: Inspector,
    /// Number of the next kevent to tell of; `None` before the first snapshot.
    next: Option<u64>,
    /// What is there now must be told before any change.
    is_behind: bool,
    /// Kevents were taken from the queue since it was last known that none is missing.
    is_unchecked: bool,
}

impl Follower {
    /// Joins the group before anything is looked at.
    pub(crate) fn open() -> Result<(Peer, Self)> {
        let peer = Peer::connect()?;
        // The default works as well.
        _ = peer.set_queue_limit(QUEUE_LIMIT);
        peer.join_group(KEVENT_GROUP, Replay::None)?;
        let follower = Self {
            inspector: Inspector::open()?,
            next: None,
            is_behind: true,
            is_unchecked: false,
        };
        Ok((peer, follower))
    }

    /// Whether there is something to tell although nothing is in the queue.
    #[cfg(feature = "tokio")]
    pub(crate) fn is_behind(&self) -> bool {
        self.is_behind
    }

    /// What is next; `None` when nothing is before something comes into the queue.
    pub(crate) fn step(&mut self, peer: &Peer) -> Result<Option<Update>> {
        let mut passed_over = 0;
        while !self.is_behind {
            // Anybody may fill the queue as fast as it is read. That must keep nobody waiting for ever, and what
            // is there now can be told at any time.
            if passed_over == AT_ONCE {
                self.is_behind = true;
                break;
            }
            passed_over += 1;
            match peer.try_recv()? {
                Some(message) => {
                    if let Some(update) = self.follow(&message)? {
                        return Ok(Some(update));
                    }
                }
                None if self.is_unchecked => {
                    // Whatever was lost found the queue full, and so before it was taken empty.
                    let newest = self.inspector.bus()?.kevent_sequence;
                    let message = peer.try_recv()?;
                    self.is_unchecked = false;
                    match message {
                        Some(message) => {
                            if let Some(update) = self.follow(&message)? {
                                return Ok(Some(update));
                            }
                        }
                        None => self.is_behind = self.next.is_none_or(|next| next <= newest),
                    }
                }
                None => return Ok(None),
            }
        }
        let snapshot = self.catch_up(peer)?;
        self.is_behind = false;
        Ok(Some(Update::Snapshot(snapshot)))
    }

    /// Takes in a message: the kevent that is next, or `None` when it is an older one or some before it are
    /// missing.
    fn follow(&mut self, message: &Message) -> Result<Option<Update>> {
        self.is_unchecked = true;
        // Others may send to the port of this peer; that is nothing to tell.
        let Origin::Kevent(about) = message.origin else {
            return Ok(None);
        };
        let next = self.next.unwrap_or(0);
        if about.sequence > next {
            self.is_behind = true;
        }
        if about.sequence != next {
            return Ok(None);
        }
        // Also when it cannot be read, or the one after it would look like a gap.
        self.next = Some(next + 1);
        message
            .kevent()
            .transpose()
            .map(|kevent| kevent.map(Update::Kevent))
    }

    /// Looks at everything.
    fn catch_up(&mut self, peer: &Peer) -> Result<Snapshot> {
        let mut looks = 0;
        loop {
            looks += 1;
            // What is in the queue is older than the look that follows, and is passed over later if it stays.
            for _ in 0..AT_ONCE {
                if peer.try_recv()?.is_none() {
                    break;
                }
            }
            let before = self.inspector.bus()?;
            let services = self.inspector.services()?;
            let groups = self.inspector.groups()?;
            let peers = self.inspector.peers()?;
            let after = self.inspector.bus()?;
            let is_whole = !(services.interrupted || groups.interrupted || peers.interrupted);
            let is_at_rest = is_whole && before.generation == after.generation;
            if !is_at_rest && looks < LOOKS {
                continue;
            }
            // The lists are in order of id, and a dump goes on behind the last one that it told. So what was there
            // all the time is in them, and what came or went meanwhile is told by the kevents since `before`.
            let sequence = before.kevent_sequence;
            let missed = match self.next {
                Some(next) => (sequence + 1).saturating_sub(next),
                None => 0,
            };
            self.next = Some(sequence + 1);
            self.is_unchecked = true;
            return Ok(Snapshot {
                services: services.items,
                groups: groups.items,
                peers: peers.items,
                sequence,
                missed,
            });
        }
    }
}
