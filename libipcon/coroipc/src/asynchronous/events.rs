// SPDX-License-Identifier: MIT OR Apache-2.0
//! Receiving the server's events in a task.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;

use crate::client::{Disconnected, EventRef, Events, FlowControl};

/// [`Events`] of an [`AsyncClient`](super::AsyncClient), whose tasks wait for them. Events that were sent before the
/// connection ended can be received after it.
///
/// As a stream it gives copies.
#[derive(Debug)]
pub struct AsyncEvents {
    events: Events,
}

impl AsyncEvents {
    pub(super) fn new(events: Events) -> Self {
        Self { events }
    }

    /// The next event, in place; waits for it. When the future is dropped, no event was taken.
    ///
    /// # Errors
    /// [`Disconnected`] when there is none any more, and will be none.
    pub async fn next(&mut self) -> Result<EventRef<'_>, Disconnected> {
        poll_fn(|context| self.events.poll_ready(context)).await?;
        match self.events.try_next()? {
            Some(event) => Ok(event),
            None => unreachable!("it was there, and nobody else takes it"),
        }
    }

    /// What the server says about the events that are under way, as [`Events::flow_control`].
    pub fn flow_control(&self) -> FlowControl {
        self.events.flow_control()
    }
}

impl Stream for AsyncEvents {
    type Item = Result<Vec<u8>, Disconnected>;

    /// Goes on with the same error after the end.
    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let event = self.events.poll_next(context);
        event.map(|event| Some(event.map(|event| event.to_vec())))
    }
}
