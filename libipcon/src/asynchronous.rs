// SPDX-License-Identifier: MIT OR Apache-2.0
//! A peer for async programs.
//!
//! Only waiting is different there: each future here waits for the receive socket to be readable, or for a time,
//! and then does what the peer does without waiting. What it receives it gives back in the same step, so that
//! there is no moment at which a message is out of the queue and not yet with the caller.

mod descriptor;
mod events;
mod wait;

use std::io;
use std::ops::Deref;
use std::task::{Context, Poll, ready};
use std::time::Instant;

pub use events::AsyncEvents;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::time::timeout_at;

use self::descriptor::Descriptor;
use crate::batch::Batch;
use crate::error::{Error, Result};
use crate::message::{Message, Received};
use crate::operation::Operation;
use crate::peer::Peer;

/// A [`Peer`] whose waits are futures, for programs that run on tokio. Needs the cargo feature `tokio`.
///
/// ```no_run
/// use std::time::{Duration, Instant};
///
/// use libipcon::{AsyncPeer, Origin};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> libipcon::Result<()> {
/// let peer = AsyncPeer::connect()?;
/// let deadline = Instant::now() + Duration::from_secs(5);
/// let clock = peer.wait_for_service("clock", deadline).await?;
/// peer.send(clock, b"what time is it?")?;
/// let answer = peer.recv().await?;
/// assert_eq!(answer.origin, Origin::Peer(clock));
/// # Ok(())
/// # }
/// ```
///
/// Whatever does not wait is that of the [`Peer`] that it holds: [`send`](Peer::send),
/// [`register_service`](Peer::register_service), [`try_recv`](Peer::try_recv) and all others are called on it
/// directly. Each takes a few microseconds, none blocks.
///
/// Any future of it can be dropped at any moment, as `select!` and `timeout` do, and no message is lost:
/// one that waits to receive has taken nothing, and one that waits to send has sent nothing. Any number of tasks
/// may use one peer at once.
#[derive(Debug)]
pub struct AsyncPeer {
    peer: AsyncFd<Descriptor>,
}

impl AsyncPeer {
    /// Becomes a peer on the bus of this network namespace, as [`Peer::connect`].
    ///
    /// # Errors
    ///
    /// Those of [`Peer::connect`], and what the runtime says when it cannot watch one more descriptor.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime, or in one without I/O (`enable_io`).
    pub fn connect() -> Result<Self> {
        Self::new(Peer::connect()?)
    }

    /// Goes on with a peer.
    ///
    /// # Errors
    ///
    /// What the runtime says when it cannot watch one more descriptor.
    ///
    /// # Panics
    ///
    /// As [`connect`](Self::connect).
    pub fn new(peer: Peer) -> Result<Self> {
        match Descriptor::watch(peer) {
            Ok(peer) => Ok(Self { peer }),
            Err(error) => Err(Error::new(Operation::Connect, error)),
        }
    }

    /// The peer, with whatever is in its queue, for threads that block.
    pub fn into_inner(self) -> Peer {
        self.peer.into_inner().into_peer()
    }

    /// Receives a message, waiting for as long as it takes.
    ///
    /// # Errors
    ///
    /// Those of all operations, see [`Peer`].
    pub async fn recv(&self) -> Result<Message> {
        self.receive(Peer::try_recv).await
    }

    /// Receives a message; `None` when none came before the deadline. A message that is there already is
    /// received even when the deadline has passed. Needs a runtime with time (`enable_time`).
    ///
    /// # Errors
    ///
    /// Those of all operations, see [`Peer`].
    pub async fn recv_deadline(&self, deadline: Instant) -> Result<Option<Message>> {
        self.receive_until(deadline, Peer::try_recv).await
    }

    /// Receives a message into memory of the caller, waiting for as long as it takes.
    ///
    /// # Errors
    ///
    /// `EMSGSIZE` as in [`Peer::recv_into`]. The message that was put back is for the next call; it wakes no task
    /// that waits already.
    pub async fn recv_into(&self, buffer: &mut [u8]) -> Result<Received> {
        self.receive(|peer| peer.try_recv_into(buffer)).await
    }

    /// Receives a message into memory of the caller; `None` when none came before the deadline, as in
    /// [`recv_deadline`](Self::recv_deadline).
    ///
    /// # Errors
    ///
    /// `EMSGSIZE` as in [`Peer::recv_into`].
    pub async fn recv_into_deadline(
        &self,
        buffer: &mut [u8],
        deadline: Instant,
    ) -> Result<Option<Received>> {
        self.receive_until(deadline, |peer| peer.try_recv_into(buffer))
            .await
    }

    /// Receives the messages that there are in one system call, as [`Peer::recv_batch`], and waits for the first
    /// one. When the future is dropped, nothing was taken from the queue.
    ///
    /// # Errors
    ///
    /// Those of all operations, see [`Peer`].
    pub async fn recv_batch(&self, batch: &mut Batch) -> Result<usize> {
        self.receive(|peer| some(peer.try_recv_batch(batch))).await
    }

    /// Receives the messages that there are, like [`recv_batch`](Self::recv_batch); 0 when none came before
    /// the deadline, as in [`recv_deadline`](Self::recv_deadline).
    ///
    /// # Errors
    ///
    /// Those of all operations, see [`Peer`].
    pub async fn recv_batch_deadline(&self, batch: &mut Batch, deadline: Instant) -> Result<usize> {
        let received = self.receive_until(deadline, |peer| some(peer.try_recv_batch(batch)));
        Ok(received.await?.unwrap_or(0))
    }

    /// Waits until there is something to receive, and receives it.
    async fn receive<T>(&self, mut receive: impl FnMut(&Peer) -> Result<Option<T>>) -> Result<T> {
        // What was put back does not make the descriptor readable.
        if self.has_parked()
            && let Some(received) = receive(self)?
        {
            return Ok(received);
        }
        let received = self.peer.async_io(Interest::READABLE, |descriptor| {
            match receive(descriptor.peer()).transpose() {
                Some(received) => Ok(received),
                None => Err(io::ErrorKind::WouldBlock.into()),
            }
        });
        // The runtime itself fails only when it is shut down.
        received
            .await
            .unwrap_or_else(|error| Err(Error::new(Operation::Receive, error)))
    }

    /// Receives for the one task that polls; another one that did would keep it from being woken.
    fn poll_receive<T>(
        &self,
        context: &mut Context<'_>,
        mut receive: impl FnMut(&Peer) -> Result<Option<T>>,
    ) -> Poll<Result<T>> {
        loop {
            let mut ready = match ready!(self.peer.poll_read_ready(context)) {
                Ok(ready) => ready,
                Err(error) => return Poll::Ready(Err(Error::new(Operation::Receive, error))),
            };
            match receive(self).transpose() {
                Some(received) => return Poll::Ready(received),
                None => ready.clear_ready(),
            }
        }
    }

    async fn receive_until<T>(
        &self,
        deadline: Instant,
        mut receive: impl FnMut(&Peer) -> Result<Option<T>>,
    ) -> Result<Option<T>> {
        match timeout_at(deadline.into(), self.receive(&mut receive)).await {
            Ok(received) => received.map(Some),
            // The runtime may not have heard yet of what is there.
            Err(_) => receive(self),
        }
    }
}

/// All that does not wait. Whatever does wait stands above under the same name, and so is found first.
impl Deref for AsyncPeer {
    type Target = Peer;

    fn deref(&self) -> &Peer {
        self.peer.get_ref().peer()
    }
}

/// No message is as if there was no batch.
fn some(count: Result<usize>) -> Result<Option<usize>> {
    count.map(|count| (count > 0).then_some(count))
}

const _: () = {
    const fn is_shareable<T: Send + Sync>() {}
    is_shareable::<AsyncPeer>();
};
