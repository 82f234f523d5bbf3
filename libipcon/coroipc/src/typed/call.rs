// SPDX-License-Identifier: MIT OR Apache-2.0
//! Requests of an interface that were sent, and their replies.

use std::fmt;
use std::marker::PhantomData;

use super::payload::{Malformed, Payload, Received};
use crate::client::CallError;
use crate::region::Bytes;

/// A request under way, as [`crate::Pending`], that is answered with a `P`.
pub struct Pending<'c, P: Payload + ?Sized> {
    pending: crate::Pending<'c>,
    reply: PhantomData<fn() -> Box<P>>,
}

/// A reply, in place, as [`crate::Reply`].
pub struct Reply<'c, P: Payload + ?Sized> {
    reply: crate::Reply<'c>,
    payload: PhantomData<fn() -> Box<P>>,
}

impl<'c, P: Payload + ?Sized> Pending<'c, P> {
    pub(super) fn new(pending: crate::Pending<'c>) -> Self {
        Self {
            pending,
            reply: PhantomData,
        }
    }

    /// Waits for the reply until the deadline of the request.
    ///
    /// # Errors
    /// [`CallError`] says why there is none. When it is late, the call is cancelled.
    pub fn wait(self) -> Result<Received<P>, CallError> {
        Ok(P::read(self.pending.wait()?.bytes())?)
    }

    /// The reply if it is there, or else this again.
    ///
    /// # Errors
    /// The request itself while there is no reply.
    pub fn try_reply(self) -> Result<Result<Received<P>, CallError>, Self> {
        let answer = self.pending.try_reply().map_err(Self::new)?;
        Ok(answer.and_then(|reply| Ok(P::read(reply.bytes())?)))
    }
}

impl<'c, P: Payload + ?Sized> Reply<'c, P> {
    pub(super) fn new(reply: crate::Reply<'c>) -> Self {
        Self {
            reply,
            payload: PhantomData,
        }
    }

    /// A copy of it, checked.
    ///
    /// # Errors
    /// [`Malformed`] says why it is not of its type.
    pub fn read(&self) -> Result<Received<P>, Malformed> {
        P::read(self.reply.bytes())
    }

    /// Its bytes, in place.
    pub fn bytes(&self) -> Bytes<'_> {
        self.reply.bytes()
    }
}

impl<P: Payload + ?Sized> fmt::Debug for Pending<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pending.fmt(f)
    }
}

impl<P: Payload + ?Sized> fmt::Debug for Reply<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reply.fmt(f)
    }
}
