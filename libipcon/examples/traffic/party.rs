// SPDX-License-Identifier: MIT OR Apache-2.0

//! One simulated participant: a peer that counts everything it does.

use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use libipcon::{Message, Origin, Peer, Port};

use crate::counts::{Counts, add};

/// A peer with a name for the report and its counts.
#[derive(Debug)]
pub(crate) struct Party {
    pub(crate) name: String,
    pub(crate) peer: Peer,
    pub(crate) counts: Arc<Counts>,
}

/// How a send ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sent {
    Accepted,
    /// Refused, and counted as such: the queue is full, the receiver is gone or memory ran out.
    Refused,
}

impl Party {
    pub(crate) fn new(name: impl Into<String>, counts: Arc<Counts>) -> anyhow::Result<Self> {
        let name = name.into();
        let peer = Peer::connect().with_context(|| format!("{name} goes on the bus"))?;
        Ok(Self { name, peer, counts })
    }

    /// Sends to one peer. Only what the bus does not count as a refusal is an error.
    pub(crate) fn send(&self, to: Port, data: &[u8]) -> anyhow::Result<Sent> {
        let refusal = match self.peer.send(to, data) {
            Ok(()) => None,
            Err(error) => Some(match error.errno() {
                libc::EAGAIN => &self.counts.refused_queue_full,
                libc::ECONNREFUSED => &self.counts.refused_no_peer,
                libc::ENOMEM => &self.counts.refused_no_memory,
                _ => return Err(error).with_context(|| format!("{} sends", self.name)),
            }),
        };
        add(&self.counts.sent_unicast_messages, 1);
        add(&self.counts.sent_unicast_bytes, data.len() as u64);
        let Some(counter) = refusal else {
            return Ok(Sent::Accepted);
        };
        add(counter, 1);
        Ok(Sent::Refused)
    }

    /// Sends to a group that this party owns.
    pub(crate) fn multicast(&self, group: &str, data: &[u8]) -> anyhow::Result<()> {
        self.peer
            .multicast(group, data)
            .with_context(|| format!("{} publishes", self.name))?;
        add(&self.counts.sent_multicast_messages, 1);
        add(&self.counts.sent_multicast_bytes, data.len() as u64);
        Ok(())
    }

    /// The next message, or `None` at the deadline.
    pub(crate) fn receive(&self, deadline: Instant) -> anyhow::Result<Option<Message>> {
        let message = self.peer.recv_deadline(deadline);
        self.counted(message)
    }

    /// The next message, if there is one.
    pub(crate) fn try_receive(&self) -> anyhow::Result<Option<Message>> {
        let message = self.peer.try_recv();
        self.counted(message)
    }

    /// Receives everything that is queued.
    pub(crate) fn drain(&self) -> anyhow::Result<()> {
        while self.try_receive()?.is_some() {}
        Ok(())
    }

    fn counted(
        &self,
        message: libipcon::Result<Option<Message>>,
    ) -> anyhow::Result<Option<Message>> {
        let message = message.with_context(|| format!("{} receives", self.name))?;
        if let Some(message) = &message {
            self.count(message);
        }
        Ok(message)
    }

    fn count(&self, message: &Message) {
        let counts = &*self.counts;
        let bytes = message.data.len() as u64;
        add(&counts.lost, u64::from(message.lost));
        add(&counts.replayed_messages, u64::from(message.replay));
        if let Origin::Peer(_) = message.origin {
            add(&counts.delivered_unicast_messages, 1);
            add(&counts.delivered_unicast_bytes, bytes);
            return;
        }
        add(&counts.delivered_multicast_messages, 1);
        add(&counts.delivered_multicast_bytes, bytes);
        if let Origin::Kevent(_) = message.origin {
            add(&counts.delivered_kevents, 1);
        }
    }
}
