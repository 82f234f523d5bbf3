// SPDX-License-Identifier: MIT OR Apache-2.0
//! Receiving the events of an interface.

use std::marker::PhantomData;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;

use super::interface::Interface;
use super::payload::Malformed;
use crate::client::{Disconnected, EventRef};

/// The receiving end of a connection's events, as [`crate::Events`], where `I` is their interface.
#[derive(Debug)]
pub struct Events<I> {
    events: crate::Events,
    interface: PhantomData<fn() -> I>,
}

/// Why there is no event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiveError {
    /// There is none any more, and will be none.
    #[error(transparent)]
    Disconnected(#[from] Disconnected),
    /// One came that is not of the interface. It is gone; others may follow.
    #[error("an event is not of the interface: {0}")]
    Malformed(#[from] Malformed),
}

impl<I: Interface> Events<I> {
    pub(super) fn new(events: crate::Events) -> Self {
        Self {
            events,
            interface: PhantomData,
        }
    }

    /// The next event; waits for it until the deadline, where there is one. `None` if there is none by then.
    ///
    /// # Errors
    /// [`ReceiveError`] says why there is none.
    pub fn next(&mut self, deadline: Option<Instant>) -> Result<Option<I::Event>, ReceiveError> {
        let event = self.events.next(deadline)?;
        event.map(|event| read::<I>(&event)).transpose()
    }

    /// The next event, if there is one; see [`crate::Events::try_next`].
    ///
    /// # Errors
    /// [`ReceiveError`] says why there is none.
    pub fn try_next(&mut self) -> Result<Option<I::Event>, ReceiveError> {
        let event = self.events.try_next()?;
        event.map(|event| read::<I>(&event)).transpose()
    }

    /// The events without their types: each begins with its number, 16 bits.
    pub fn untyped(&mut self) -> &mut crate::Events {
        &mut self.events
    }
}

fn read<I: Interface>(event: &EventRef<'_>) -> Result<I::Event, ReceiveError> {
    let bytes = event.bytes();
    let (len, wanted) = (bytes.len(), size_of::<u16>());
    let number = bytes
        .first()
        .ok_or(Malformed::Length { len, wanted })
        .map(u16::from_ne_bytes)?;
    Ok(I::event(number, bytes.skip(wanted))?)
}

impl<I> AsFd for Events<I> {
    /// For reading only: to poll, after [`Events::try_next`] has found nothing.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.events.as_fd()
    }
}
