// SPDX-License-Identifier: MIT OR Apache-2.0
//! Receiving messages.

use std::time::Instant;

use super::Peer;
use crate::error::{Error, Result};
use crate::message::{Message, Received};
use crate::operation::Operation;
use crate::receiver::Wait;

impl Peer {
    /// Receives a message, waiting for as long as it takes.
    ///
    /// # Errors
    ///
    /// `EINTR` when a signal handler that was installed without `SA_RESTART` ran meanwhile.
    pub fn recv(&self) -> Result<Message> {
        loop {
            if let Some(message) = self.receive(Wait::Forever)? {
                return Ok(message);
            }
        }
    }

    /// Receives a message; `None` when none came before the deadline. A message that is there already is
    /// received even when the deadline has passed. Signal handlers do not end the wait.
    ///
    /// # Errors
    ///
    /// Those of all operations, see [`Peer`].
    pub fn recv_deadline(&self, deadline: Instant) -> Result<Option<Message>> {
        self.receive(Wait::Until(deadline))
    }

    /// Receives a message if there is one now.
    ///
    /// # Errors
    ///
    /// Those of all operations, see [`Peer`].
    pub fn try_recv(&self) -> Result<Option<Message>> {
        self.receive(Wait::Never)
    }

    /// Receives a message into memory of the caller, waiting for as long as it takes.
    ///
    /// Where threads share a peer and a message may be longer than `buffer`, let one thread at a time receive in this
    /// way. Of two messages that two threads put back at the same time the later one may come first, and a thread
    /// that waits in a receive call already is not woken for one that was put back, and may get others before it.
    ///
    /// # Errors
    ///
    /// `EMSGSIZE` when the message is longer than `buffer`: [`Error::message_len`] has its length, and it
    /// is what the next receive call gets, on whatever thread. Until then a poll of the descriptor does not
    /// show it. `EINTR` as in [`recv`](Self::recv).
    pub fn recv_into(&self, buffer: &mut [u8]) -> Result<Received> {
        loop {
            if let Some(received) = self.receive_into(buffer, Wait::Forever)? {
                return Ok(received);
            }
        }
    }

    /// Receives a message into memory of the caller; `None` when none came before the deadline, as in
    /// [`recv_deadline`](Self::recv_deadline).
    ///
    /// # Errors
    ///
    /// `EMSGSIZE` as in [`recv_into`](Self::recv_into).
    pub fn recv_into_deadline(
        &self,
        buffer: &mut [u8],
        deadline: Instant,
    ) -> Result<Option<Received>> {
        self.receive_into(buffer, Wait::Until(deadline))
    }

    /// Receives a message into memory of the caller if there is one now.
    ///
    /// # Errors
    ///
    /// `EMSGSIZE` as in [`recv_into`](Self::recv_into).
    pub fn try_recv_into(&self, buffer: &mut [u8]) -> Result<Option<Received>> {
        self.receive_into(buffer, Wait::Never)
    }

    fn receive(&self, wait: Wait) -> Result<Option<Message>> {
        self.receiver
            .receive(wait)
            .map_err(|failure| Error::new(Operation::Receive, failure))
    }

    fn receive_into(&self, buffer: &mut [u8], wait: Wait) -> Result<Option<Received>> {
        self.receiver
            .receive_into(buffer, wait)
            .map_err(|failure| Error::new(Operation::Receive, failure))
    }
}
