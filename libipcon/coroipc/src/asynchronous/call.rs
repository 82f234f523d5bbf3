// SPDX-License-Identifier: MIT OR Apache-2.0
//! Requests of tasks, and waiting for slots and replies.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use tokio::time::{Sleep, sleep_until};

use crate::client::core::Core;
use crate::client::{CallError, Pending, Reply, RequestRoom};
use crate::id::CommandId;

/// A [`RequestRoom`] of a task.
pub struct AsyncRoom<'c> {
    room: RequestRoom<'c>,
}

impl<'c> AsyncRoom<'c> {
    pub(super) async fn wait(
        core: &'c Core,
        len: usize,
        deadline: Option<Instant>,
    ) -> Result<Self, CallError> {
        let mut place = Place { core, ticket: None };
        let mut clock = Clock::new(deadline);
        let slot = poll_fn(|context| match core.poll_slot(&mut place.ticket, context) {
            Poll::Pending => clock.poll(context).map(Err),
            ready => ready,
        });
        let room = RequestRoom::new(core, slot.await?, len)?;
        Ok(Self { room })
    }

    /// The memory, as [`RequestRoom::bytes`].
    pub fn bytes(&mut self) -> &mut [u8] {
        self.room.bytes()
    }

    /// Sends it.
    pub fn start(self, command: CommandId, deadline: Option<Instant>) -> AsyncPending<'c> {
        AsyncPending {
            pending: self.room.start(command, deadline),
            clock: Clock::new(deadline),
        }
    }

    /// Sends it as a request that is not answered.
    ///
    /// # Errors
    /// Those of [`RequestRoom::notify`].
    pub fn notify(self, command: CommandId) -> Result<(), CallError> {
        self.room.notify(command)
    }
}

/// A place among those who wait for a slot.
struct Place<'c> {
    core: &'c Core,
    ticket: Option<u64>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            self.core.slots.leave(ticket);
        }
    }
}

/// A request under way: a future of its reply. It may be awaited by reference, for some time only or beside others;
/// dropping it cancels the call.
///
/// # Panics
/// When it is polled after it was ready.
pub struct AsyncPending<'c> {
    pending: Pending<'c>,
    clock: Clock,
}

impl<'c> Future for AsyncPending<'c> {
    type Output = Result<Reply<'c>, CallError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.pending.poll_reply(context) {
            Poll::Pending => self.clock.poll(context).map(Err),
            ready => ready,
        }
    }
}

/// A deadline, of which the runtime is told only if something is waited for.
struct Clock {
    deadline: Option<Instant>,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Clock {
    fn new(deadline: Option<Instant>) -> Self {
        Self {
            deadline,
            sleep: None,
        }
    }

    /// Ready when it is too late.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<CallError> {
        let Some(deadline) = self.deadline else {
            return Poll::Pending;
        };
        let sleep = self
            .sleep
            .get_or_insert_with(|| Box::pin(sleep_until(deadline.into())));
        sleep.as_mut().poll(context).map(|()| CallError::TimedOut)
    }
}

impl fmt::Debug for AsyncRoom<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.room.fmt(f)
    }
}

impl fmt::Debug for AsyncPending<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pending.fmt(f)
    }
}
