// SPDX-License-Identifier: GPL-2.0

//! The sending paths.

use crate::seam::NoMemory;

use super::Bus;
use super::counters::Kind;
use super::delivery::DropReason;
use super::error::Error;
use super::name::GroupName;
use super::peer::Peer;
use super::transport::{Trace, Transport};

impl<T: Transport> Bus<T> {
    /// Sends one message of `len` bytes to the peer at `port`. `build` allocates it, and is asked
    /// only when there is somebody with room for it.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchPeer`], [`Error::QueueFull`], [`Error::NoMemory`]. Nothing was queued then.
    pub fn send_unicast(
        &self,
        from: &Peer<T>,
        port: u32,
        len: u32,
        build: impl FnOnce() -> Result<T::Message, NoMemory>,
    ) -> Result<(), Error> {
        self.count_sent(from, Kind::Unicast, len);
        T::trace(Trace::Send {
            peer: from.id,
            group: 0,
            port,
            len,
        });
        let receiver = self.routes.lock().receiver(port);
        let (to, outcome) = match receiver {
            None => (0, Err(DropReason::NoPeer)),
            Some(peer) => {
                let built = peer
                    .room()
                    .and_then(|()| build().map_err(|_| DropReason::NoMemory));
                let outcome = built.and_then(|m| peer.take_unicast(from.id, m, &self.totals));
                (peer.id, outcome)
            }
        };
        outcome.map_err(|reason| {
            from.counters.refused(reason, len);
            self.totals.refused(reason, len);
            T::trace(Trace::Drop {
                from: from.id,
                to,
                group: 0,
                len,
                reason,
            });
            Error::from(reason)
        })
    }

    /// Sends one message of `len` bytes to all members of a group of `from`.
    ///
    /// # Errors
    ///
    /// [`Error::Unknown`], [`Error::NotOwner`], [`Error::QuotaExceeded`] when the message is too much
    /// to keep for replay, [`Error::NoMemory`]. Success says nothing about members.
    pub fn send_multicast(
        &self,
        from: &Peer<T>,
        name: GroupName,
        len: u32,
        build: impl FnOnce() -> Result<T::Message, NoMemory>,
    ) -> Result<(), Error> {
        let group = self.group_named(name)?;
        if group.owner != from.id {
            return Err(Error::NotOwner);
        }
        group.publish(from.id, build()?, &self.totals)?;
        self.count_sent(from, Kind::Multicast, len);
        Ok(())
    }

    fn count_sent(&self, from: &Peer<T>, kind: Kind, len: u32) {
        from.counters.sent(kind, len);
        self.totals.sent(kind, len);
    }
}
