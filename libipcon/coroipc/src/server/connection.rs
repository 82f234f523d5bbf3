// SPDX-License-Identifier: MIT OR Apache-2.0
//! A client's connection, as the application sees it.

use std::io::IoSlice;
use std::sync::Arc;
use std::time::Instant;

use super::channel::Channel;
use super::overflow::EventError;
use crate::handshake::{Credentials, Refusal};
use crate::sizes::Sizes;

/// A client's connection. Copies are cheap, and may be kept and used by any thread, also when the client is
/// gone. One that is kept keeps the connection's memory.
#[derive(Debug, Clone)]
pub struct Connection {
    channel: Arc<Channel>,
}

impl Connection {
    pub(super) fn new(channel: Arc<Channel>) -> Self {
        Self { channel }
    }

    /// Its number: no other connection of the endpoint has or had it.
    pub fn number(&self) -> u64 {
        self.channel.number
    }

    /// Who the client is.
    pub fn credentials(&self) -> &Credentials {
        &self.channel.credentials
    }

    /// The memory that both sides agreed on.
    pub fn sizes(&self) -> Sizes {
        self.channel.sizes
    }

    /// Sends an event, a copy of all these pieces one after the other. Events arrive in the order in which they were
    /// sent, before and after replies as it happens.
    ///
    /// When the client's ring is full it waits in the service's queue, if there is one; when that is full too, the
    /// service's [`Overflow`](crate::Overflow) decides.
    ///
    /// # Errors
    /// [`EventError`] says why it was not sent.
    pub fn send_event(&self, payload: &[IoSlice<'_>]) -> Result<(), EventError> {
        self.channel.send_event(payload, None)
    }

    /// As [`Connection::send_event`], waiting for room until a deadline where the policy is to block.
    ///
    /// # Errors
    /// [`EventError`] says why it was not sent.
    pub fn send_event_by(
        &self,
        payload: &[IoSlice<'_>],
        deadline: Instant,
    ) -> Result<(), EventError> {
        self.channel.send_event(payload, Some(deadline))
    }

    /// Events that wait in the queue for room in the client's ring.
    pub fn queued_events(&self) -> usize {
        self.channel.events.queued()
    }

    /// Whether events are held back: from the first that the client's ring has no room for until half of it is free and
    /// none waits.
    pub fn is_held_back(&self) -> bool {
        self.channel.is_held_back()
    }

    /// Whether the client is gone, or was disconnected.
    pub fn is_over(&self) -> bool {
        self.channel.life.over().is_some()
    }

    /// Disconnects the client and tells it why.
    pub fn disconnect(&self, why: Refusal) {
        self.channel.refuse(why);
    }
}
