// SPDX-License-Identifier: GPL-2.0

//! One peer: its receive socket, who made it and what it sent and got.

use crate::seam::{Counter, Flag};

use super::counters::{Counters, Kind};
use super::transport::{DropReason, Marks, QueueFill, Trace, Transport};

/// The process that made a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// Process id in the initial pid namespace.
    pub pid: u32,
    /// Effective user id in the initial user namespace.
    pub uid: u32,
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
    /// Whether it may be sent to: at once, or when its control socket has attached.
    pub(super) ready: Flag,
    pub(super) socket: T::Socket,
}

impl<T: Transport> Peer<T> {
    /// How full the receive queue is.
    pub fn queue_fill(&self) -> QueueFill {
        T::queue_fill(&self.socket)
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
        let lost = self.lost.take();
        let queued = if lost == 0 {
            T::queue(&self.socket, message)
        } else {
            T::copy(
                &message,
                Marks {
                    replay: false,
                    lost,
                },
            )
            .map_err(|_| DropReason::NoMemory)
            .and_then(|marked| T::queue(&self.socket, marked))
        };
        match queued {
            Ok(()) => self.count_delivery(Kind::Unicast, len, totals),
            Err(_) => self.lost.add(lost),
        }
        if queued.is_ok() {
            T::trace(Trace::Deliver {
                from,
                to: self.id,
                group: 0,
                len,
                replay: false,
            });
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
        let lost = self.lost.take();
        let queued = T::copy(message, Marks { replay, lost })
            .map_err(|_| DropReason::NoMemory)
            .and_then(|copy| T::queue(&self.socket, copy));
        match queued {
            Ok(()) => {
                self.count_delivery(Kind::Multicast, len, totals);
                T::trace(Trace::Deliver {
                    from,
                    to: self.id,
                    group,
                    len,
                    replay,
                });
            }
            Err(reason) => {
                self.lost.add(lost);
                self.lose(from, group, len, reason, totals);
            }
        }
        queued
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
        self.counters.dropped(reason);
        totals.dropped(reason);
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
