// SPDX-License-Identifier: MIT OR Apache-2.0
//! Many messages in one system call.

use std::time::Instant;

use super::Peer;
use crate::batch::{Batch, BatchError};
use crate::control::Address;
use crate::error::{Error, Result};
use crate::operation::Operation;
use crate::port::Port;
use crate::receiver::Wait;

impl Peer {
    /// Sends messages to peers, in this order, with as few system calls as possible: about a hundred messages,
    /// or 64 KiB, go into one. What is sent is in its receiver's queue when this returns. A message that is
    /// refused does not keep those after it from being sent.
    ///
    /// ```no_run
    /// # fn main() -> libipcon::Result<()> {
    /// # let peer = libipcon::Peer::connect()?;
    /// # let (display, logger) = (peer.port(), peer.port());
    /// peer.send_batch([(display, "on"), (logger, "display is on"), (display, "off")])?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Which messages were not sent, and for each why, as [`send`](Self::send) would tell.
    pub fn send_batch<D: AsRef<[u8]>>(
        &self,
        messages: impl IntoIterator<Item = (Port, D)>,
    ) -> std::result::Result<(), BatchError> {
        let messages = messages.into_iter();
        let (unsent, total) = self
            .control
            .send_batch(messages.map(|(to, data)| (Address::Peer(to), data)));
        BatchError::check(unsent, total)
    }

    /// Sends messages to all members of a group of this peer, in this order, like
    /// [`send_batch`](Self::send_batch).
    ///
    /// # Errors
    ///
    /// Which messages were not sent, and for each why, as [`multicast`](Self::multicast) would tell.
    pub fn multicast_batch<D: AsRef<[u8]>>(
        &self,
        group: impl AsRef<[u8]>,
        messages: impl IntoIterator<Item = D>,
    ) -> std::result::Result<(), BatchError> {
        let group = Address::Group(group.as_ref());
        let messages = messages.into_iter();
        let (unsent, total) = self.control.send_batch(messages.map(|data| (group, data)));
        BatchError::check(unsent, total)
    }

    /// Receives the messages that there are, up to the capacity of the batch, in one system call; waits for
    /// the first one for as long as it takes. Gives their number. What was in the batch before is replaced.
    ///
    /// # Errors
    ///
    /// `EINTR` as in [`recv`](Self::recv).
    pub fn recv_batch(&self, batch: &mut Batch) -> Result<usize> {
        loop {
            match self.receive_batch(batch, Wait::Forever)? {
                0 => {}
                count => return Ok(count),
            }
        }
    }

    /// Receives the messages that there are, like [`recv_batch`](Self::recv_batch); 0 when none came before
    /// the deadline, as in [`recv_deadline`](Self::recv_deadline).
    ///
    /// # Errors
    ///
    /// Those of all operations, see [`Peer`].
    pub fn recv_batch_deadline(&self, batch: &mut Batch, deadline: Instant) -> Result<usize> {
        self.receive_batch(batch, Wait::Until(deadline))
    }

    /// Receives the messages that there are now, like [`recv_batch`](Self::recv_batch), perhaps none.
    ///
    /// # Errors
    ///
    /// Those of all operations, see [`Peer`].
    pub fn try_recv_batch(&self, batch: &mut Batch) -> Result<usize> {
        self.receive_batch(batch, Wait::Never)
    }

    fn receive_batch(&self, batch: &mut Batch, wait: Wait) -> Result<usize> {
        self.receiver
            .receive_batch(batch, wait)
            .map_err(|failure| Error::new(Operation::Receive, failure))
    }
}
