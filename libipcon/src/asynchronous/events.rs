// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kevents as a stream.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;

use super::AsyncPeer;
use crate::error::Result;
use crate::events::{Follower, Update};
use crate::peer::Peer;

/// [`Events`](crate::Events) for async programs: a [`Stream`] of updates that has no end. Needs the cargo feature
/// `tokio`.
///
/// It can be dropped, and so can its futures, at any moment: no update is lost. To look at the whole bus for a
/// [`Snapshot`](crate::Snapshot) takes some microseconds for each object, during which it gives nothing back to the
/// runtime.
#[derive(Debug)]
pub struct AsyncEvents {
    peer: AsyncPeer,
    follower: Follower,
}

impl AsyncEvents {
    /// Listens from now on. The first update is a [`Snapshot`](crate::Snapshot).
    ///
    /// # Errors
    ///
    /// Those of [`Events::open`](crate::Events::open) and [`AsyncPeer::new`].
    ///
    /// # Panics
    ///
    /// As [`AsyncPeer::connect`].
    pub fn open() -> Result<Self> {
        let (peer, follower) = Follower::open()?;
        Ok(Self {
            peer: AsyncPeer::new(peer)?,
            follower,
        })
    }

    /// The peer that listens, as [`Events::peer`](crate::Events::peer).
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// The next update, waiting for as long as it takes.
    ///
    /// # Errors
    ///
    /// As [`Events::recv`](crate::Events::recv).
    pub async fn recv(&mut self) -> Result<Update> {
        poll_fn(|context| self.poll_recv(context)).await
    }

    fn poll_recv(&mut self, context: &mut Context<'_>) -> Poll<Result<Update>> {
        let Self { peer, follower } = self;
        // Nothing needs to come in for that.
        if follower.is_behind()
            && let Some(update) = follower.step(peer).transpose()
        {
            return Poll::Ready(update);
        }
        peer.poll_receive(context, |peer| follower.step(peer))
    }
}

impl Stream for AsyncEvents {
    type Item = Result<Update>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_recv(context).map(Some)
    }
}
