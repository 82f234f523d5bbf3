// SPDX-License-Identifier: GPL-2.0

//! One peer: its receive socket, who made it and what it sent and got.

use crate::seam::{Arc, Counter, Flag, Locked};

use super::counters::{Counters, Kind};
use super::delivery::{Delivery, DropReason, Marks, QueueFill};
use super::quota::{Charge, Payers, SUPERUSER};
use super::transport::{Trace, Transport};

/// The process that made a peer, and who pays for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// Process id in the initial pid namespace.
    pub pid: u32,
    /// Who pays: who opened the socket, or who made the peer on one that the superuser opened; the
    /// effective user id in the initial user namespace.
    pub uid: u32,
    /// Who answers for that user: the owner of the outermost user namespace that it was in below
    /// the initial one, or the user itself.
    pub sponsor: u32,
    /// Command name, padded with zeros.
    pub comm: [u8; 16],
}

/// A connection point.
pub struct Peer<T: Transport> {
    /// Number that is never used again.
    pub id: u64,
    /// Port of the receive socket.
    pub port: u32,
    /// Who made it.
    pub identity: Identity,
    /// CLOCK_MONOTONIC in nanoseconds.
    pub created_at: u64,
    /// What it sent and got.
    pub counters: Counters,
    /// Copies of group messages lost since the last message it was given.
    pub(super) lost: Counter,
    /// Held while a message that tells of losses is queued.
    pub(super) telling: Locked<()>,
    /// Whether it may be sent to: at once, or when its control socket has attached.
    pub(super) ready: Flag,
    pub(super) socket: T::Socket,
    /// Who pays for what the peer holds.
    pub(super) payers: Arc<Payers>,
    pub(super) _charge: Charge,
}

impl<T: Transport> Peer<T> {
    /// How full the receive queue is. A user may raise the bound of a socket to megabytes, which is
    /// too much for each of hundreds of peers, so that the bus has a bound of its own.
    pub fn queue_fill(&self) -> QueueFill {
        let mut fill = T::queue_fill(&self.socket);
        if self.identity.uid != SUPERUSER {
            fill.limit = fill.limit.min(T::queue_bytes_per_peer());
        }
        fill
    }

    /// When the oldest message that waits was put into the receive queue.
    pub fn queue_oldest(&self) -> Option<u64> {
        T::queue_oldest(&self.socket)
    }

    /// Copies of group messages lost and not yet reported to the peer.
    pub fn unreported_losses(&self) -> u64 {
        self.lost.get()
    }

    /// Puts a unicast message into the receive queue.
    pub(super) fn take_unicast(
        &self,
        from: u64,
        message: T::Message,
        totals: &Counters,
    ) -> Result<(), DropReason> {
        let len = T::payload_len(&message);
        let delivery = Delivery {
            from,
            to: self.id,
            group: 0,
            len,
            replay: false,
        };
        let queued = self.telling_losses(|lost| {
            let marks = Marks {
                replay: false,
                lost,
            };
            if marks.is_plain() {
                return self.queue(message, delivery);
            }
            let marked = T::copy(&message, marks).map_err(|_| DropReason::NoMemory)?;
            self.queue(marked, delivery)
        });
        if queued.is_ok() {
            self.count_delivery(Kind::Unicast, len, totals);
        }
        queued
    }

    /// Puts a copy of a group message into the receive queue, or counts it as lost.
    pub(super) fn take_copy(
        &self,
        from: u64,
        group: u64,
        message: &T::Message,
        replay: bool,
        totals: &Counters,
    ) -> Result<(), DropReason> {
        let len = T::payload_len(message);
        let delivery = Delivery {
            from,
            to: self.id,
            group,
            len,
            replay,
        };
        let queued = self.room().and_then(|()| {
            self.telling_losses(|lost| {
                let copy = T::copy(message, Marks { replay, lost });
                self.queue(copy.map_err(|_| DropReason::NoMemory)?, delivery)
            })
        });
        match queued {
            Ok(()) => self.count_delivery(Kind::Multicast, len, totals),
            Err(reason) => self.lose(from, group, len, reason, totals),
        }
        queued
    }

    fn queue(&self, message: T::Message, delivery: Delivery) -> Result<(), DropReason> {
        T::queue(&self.socket, message, self.queue_fill().limit, delivery)
    }

    /// Whether there is any use in making a message for the queue. Members that do not read are
    /// common and may be many, and a copy for each of them is the dear part of a group message.
    pub(super) fn room(&self) -> Result<(), DropReason> {
        if T::is_closed(&self.socket) {
            return Err(DropReason::NoPeer);
        }
        let fill = self.queue_fill();
        if fill.bytes >= fill.limit {
            return Err(DropReason::QueueFull);
        }
        Ok(())
    }

    /// Lets `queue` put a message into the queue that tells of this many losses.
    ///
    /// Whoever finds a loss waits for others that may be telling it, so that no message overtakes
    /// the one that tells; and a loss counts as told only when that one is in the queue, so that
    /// whoever finds none need not wait.
    fn telling_losses(
        &self,
        queue: impl FnOnce(u64) -> Result<(), DropReason>,
    ) -> Result<(), DropReason> {
        if self.lost.get() == 0 {
            return queue(0);
        }
        let _alone = self.telling.lock();
        let lost = self.lost.get();
        queue(lost)?;
        // More may have been lost meanwhile: take off what was told. Counters wrap around.
        self.lost.add(lost.wrapping_neg());
        Ok(())
    }

    /// Counts a group message that the peer does not get. One that is just closing loses nothing.
    pub(super) fn lose(
        &self,
        from: u64,
        group: u64,
        len: u32,
        reason: DropReason,
        totals: &Counters,
    ) {
        if reason == DropReason::NoPeer {
            return;
        }
        self.lost.add(1);
        self.counters.dropped(reason, len);
        totals.dropped(reason, len);
        T::trace(Trace::Drop {
            from,
            to: self.id,
            group,
            len,
            reason,
        });
    }

    fn count_delivery(&self, kind: Kind, len: u32, totals: &Counters) {
        self.counters.delivered(kind, len);
        totals.delivered(kind, len);
    }
}
