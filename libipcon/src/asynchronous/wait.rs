// SPDX-License-Identifier: MIT OR Apache-2.0
//! Waiting for room, and for a service.

use std::time::Instant;

use rustix::io::Errno;
use tokio::time::{sleep, sleep_until};

use super::AsyncPeer;
use crate::error::{Error, Result};
use crate::operation::Operation;
use crate::peer::Pauses;
use crate::port::Port;
use crate::wait::Search;

impl AsyncPeer {
    /// Sends a message to a peer, and waits for room in its queue for as long as it takes. What is dropped
    /// while it waits has not been sent. Needs a runtime with time (`enable_time`).
    ///
    /// It tries again as [`Peer::send_deadline`](crate::Peer::send_deadline) does, after pauses that the
    /// runtime makes at least 1 ms long.
    ///
    /// # Errors
    ///
    /// Those of [`send`](crate::Peer::send), except `EAGAIN`.
    pub async fn send_wait(&self, to: Port, data: &[u8]) -> Result<()> {
        let mut pauses = Pauses::new();
        loop {
            match self.send(to, data) {
                Err(error) if error.is_would_block() => sleep(pauses.next()).await,
                outcome => return outcome,
            }
        }
    }

    /// Sends a message to a peer, and waits for room in its queue until the deadline, like
    /// [`send_wait`](Self::send_wait).
    ///
    /// # Errors
    ///
    /// Those of [`send`](crate::Peer::send), but `ETIMEDOUT` instead of `EAGAIN` when the queue is still full at
    /// the deadline. One try is made even when the deadline has passed.
    pub async fn send_deadline(&self, to: Port, data: &[u8], deadline: Instant) -> Result<()> {
        let mut pauses = Pauses::new();
        loop {
            match self.send(to, data) {
                Err(error) if error.is_would_block() => {
                    let now = Instant::now();
                    if now >= deadline {
                        return Err(Error::new(Operation::Send(to), Errno::TIMEDOUT));
                    }
                    sleep_until(deadline.min(now + pauses.next()).into()).await;
                }
                outcome => return outcome,
            }
        }
    }

    /// Waits until a service is there and gives its port, as
    /// [`Peer::wait_for_service`](crate::Peer::wait_for_service) does. Needs a runtime with time
    /// (`enable_time`).
    ///
    /// # Errors
    ///
    /// Those of [`Peer::wait_for_service`](crate::Peer::wait_for_service).
    pub async fn wait_for_service(
        &self,
        name: impl AsRef<[u8]>,
        deadline: Instant,
    ) -> Result<Port> {
        let search = Search::new(name.as_ref(), deadline);
        let watcher = Self::new(search.watcher()?)?;
        loop {
            if let Some(port) = search.look(&watcher)? {
                return Ok(port);
            }
            let first = watcher.recv_deadline(deadline).await?;
            if let Some(port) = search.hear(&watcher, first)? {
                return Ok(port);
            }
        }
    }
}
