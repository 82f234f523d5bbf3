// SPDX-License-Identifier: MIT OR Apache-2.0
//! Requests that were sent, and their replies.

use std::fmt;
use std::os::fd::OwnedFd;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::core::Core;
use super::error::CallError;
use super::polled::{Awaited, Request};
use super::slots::Slot;
use crate::handshake::descriptors::Descriptors;
use crate::region::{Bytes, Peer};
use crate::ring::Answer;
use crate::status::Status;

/// A request under way. Its reply is waited for ([`Pending::wait`]), or learnt of in a poll loop
/// ([`Pending::try_reply`]) or a task ([`Pending::poll_reply`]). Dropping it cancels the call: the handler can see that, and the reply is thrown away.
pub struct Pending<'c> {
    core: &'c Core,
    /// Nothing once the reply was taken.
    slot: Option<Slot>,
    number: u32,
    deadline: Option<Instant>,
    /// Why it was not even sent.
    unsent: Option<CallError>,
    /// A poll loop or a task waits for the reply.
    polled: bool,
}

impl<'c> Pending<'c> {
    pub(super) fn new(core: &'c Core, slot: Slot, number: u32, deadline: Option<Instant>) -> Self {
        Self {
            core,
            slot: Some(slot),
            number,
            deadline,
            unsent: None,
            polled: false,
        }
    }

    /// A request that could not be sent.
    pub(super) fn unsent(core: &'c Core, slot: Slot, error: CallError) -> Self {
        let mut pending = Self::new(core, slot, 0, None);
        pending.unsent = Some(error);
        pending
    }

    /// This, if the request was sent; or why it was not.
    pub(super) fn sent(mut self) -> Result<Self, CallError> {
        match self.unsent.take() {
            Some(error) => Err(self.give_up(error)),
            None => Ok(self),
        }
    }

    /// Waits for the reply until the deadline of the request.
    ///
    /// # Errors
    /// [`CallError`] says why there is none. When it is late, the call is cancelled.
    #[inline]
    pub fn wait(mut self) -> Result<Reply<'c>, CallError> {
        if let Some(error) = self.unsent.take() {
            return Err(self.give_up(error));
        }
        self.stop_polling();
        let slot = self.slot.take().expect("it is there until the reply is");
        match self.core.wait_for_answer(&slot, self.number, self.deadline) {
            Ok(answer) => Reply::new(self.core, slot, self.number, answer),
            Err(error) => {
                self.slot = Some(slot);
                Err(error)
            }
        }
    }

    /// The reply if it is there, or else this again. If there is none, the descriptor of the [`Client`](super::Client) can be
    /// read once there is, or once the connection is over: that is how a poll loop receives replies. Whatever the loop has
    /// asked for in vain it asks for again after that.
    ///
    /// The deadline is for the loop to mind: dropping this cancels the call.
    ///
    /// ```
    /// # use coroipc::{Address, Client, CommandId, Endpoint, Service, ServiceId};
    /// # use rustix::event::{PollFd, PollFlags, poll};
    /// # let address = Address::abstract_name(format!("doc-try-{}", std::process::id()));
    /// # let echo = Service::new(ServiceId::new(1), |_| Ok(())).command(CommandId::new(1), |_, call| call.reply(b"hello"));
    /// # let _server = Endpoint::builder(address.clone()).service(echo).bind()?.spawn()?;
    /// # let client = Client::builder(address, ServiceId::new(1)).connect()?;
    /// let mut pending = client.start(CommandId::new(1), &[], None)?;
    /// let reply = loop {
    ///     match pending.try_reply() {
    ///         Ok(reply) => break reply?,
    ///         Err(again) => pending = again,
    ///     }
    ///     poll(&mut [PollFd::new(&client, PollFlags::IN)], None)?;
    /// };
    /// assert_eq!(reply.to_vec(), b"hello");
    /// # drop(reply);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The request itself while there is no reply.
    pub fn try_reply(mut self) -> Result<Result<Reply<'c>, CallError>, Self> {
        if let Some(reply) = self.reply_now() {
            return Ok(reply);
        }
        self.polled = true;
        if self.core.poll(Awaited::Reply(self.request()), None)
            && let Some(reply) = self.reply_now()
        {
            return Ok(reply);
        }
        Err(self)
    }

    /// The reply if it is there. If not, the task is woken by whoever hears that there is: a call of
    /// [`Client::dispatch`](super::Client::dispatch), which somebody must make whenever the client's descriptor can be read.
    /// `AsyncClient` does so for programs that run on tokio.
    ///
    /// # Panics
    /// When there was one before.
    pub fn poll_reply(&mut self, context: &mut Context<'_>) -> Poll<Result<Reply<'c>, CallError>> {
        if let Some(reply) = self.reply_now() {
            return Poll::Ready(reply);
        }
        self.polled = true;
        let awaited = Awaited::Reply(self.request());
        if self.core.poll(awaited, Some(context.waker())) {
            if let Some(reply) = self.reply_now() {
                return Poll::Ready(reply);
            }
            // The server took it back, and nobody has the waker: it was not waited for.
            context.waker().wake_by_ref();
        }
        Poll::Pending
    }

    fn reply_now(&mut self) -> Option<Result<Reply<'c>, CallError>> {
        if let Some(error) = self.unsent.take() {
            return Some(Err(self.give_up(error)));
        }
        let slot = self.slot.as_ref().expect("there was no reply before");
        match self.core.answer_now(slot, self.number)? {
            Ok(answer) => {
                self.stop_polling();
                let slot = self.slot.take()?;
                Some(Reply::new(self.core, slot, self.number, answer))
            }
            Err(error) => Some(Err(error)),
        }
    }

    fn request(&self) -> Request {
        let slot = self.slot.as_ref().map_or(0, |slot| slot.index as usize);
        Request {
            slot,
            number: self.number,
        }
    }

    #[inline]
    fn stop_polling(&mut self) {
        if self.polled {
            self.polled = false;
            self.core.stop_polling(Awaited::Reply(self.request()));
        }
    }
}

impl Pending<'_> {
    /// The server knows nothing of the slot.
    fn give_up(&mut self, error: CallError) -> CallError {
        if let Some(slot) = self.slot.take() {
            self.core.give_back(slot);
        }
        error
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        self.stop_polling();
        match (self.slot.take(), &self.unsent) {
            (Some(slot), None) => self.core.abandon(slot, self.number),
            (Some(slot), Some(_)) => self.core.give_back(slot),
            (None, _) => {}
        }
    }
}

/// A reply, in place. Its memory belongs to it, and its slot takes no other request, until it is dropped.
pub struct Reply<'c> {
    core: &'c Core,
    /// There until it is dropped.
    slot: Option<Slot>,
    len: usize,
    /// Where the payload is that is longer than a room.
    large: Option<Box<Peer>>,
    /// What came with it and was not taken.
    descriptors: Descriptors,
}

impl<'c> Reply<'c> {
    #[inline]
    fn new(core: &'c Core, slot: Slot, number: u32, answer: Answer) -> Result<Self, CallError> {
        // In any case the slot is free again when this goes.
        let mut reply = Self {
            core,
            slot: Some(slot),
            len: answer.len as usize,
            large: None,
            descriptors: Descriptors::default(),
        };
        if !matches!(answer.status, Status::Replied | Status::RepliedLarge) {
            return Err(reply.error(answer));
        }
        if answer.is_attached() {
            (reply.large, reply.descriptors) = core.attached(number, answer)?;
        }
        Ok(reply)
    }

    fn error(&self, answer: Answer) -> CallError {
        match answer.status {
            Status::Replied | Status::RepliedLarge | Status::NoReply => CallError::NoReply,
            Status::NoMemory => CallError::NoMemory {
                doing: "the server, making memory for a reply",
                errno: answer.detail as i32,
            },
            Status::Failed => CallError::Failed(answer.detail),
            Status::UnknownCommand => CallError::UnknownCommand,
            Status::InvalidRequest => CallError::InvalidRequest,
            Status::Denied => CallError::Denied,
            Status::Overloaded => CallError::Overloaded {
                retry_after: Duration::from_micros(answer.detail.into()),
            },
            Status::TooManyDescriptors => CallError::TooManyInReply(answer.detail),
            Status::ReplyTooLong => CallError::ReplyTooLong(answer.detail),
            Status::Expired => CallError::Expired,
            Status::Panicked => CallError::Panicked,
        }
    }

    /// The descriptors that came with it, in the order in which they were sent; none the second time. They may be of any
    /// kind: reading one may wait for ever, and closing one may take as long as the server likes. Those that are not taken
    /// are closed by a thread of their own.
    pub fn take_descriptors(&mut self) -> Vec<OwnedFd> {
        std::mem::take(&mut self.descriptors).into_vec()
    }

    /// The payload, in place: see [`Bytes`].
    #[inline]
    pub fn bytes(&self) -> Bytes<'_> {
        if let Some(large) = &self.large {
            return large.room(0, self.len);
        }
        let index = self.slot.as_ref().map_or(0, |slot| slot.index as usize);
        self.core.peer.room(index, self.len)
    }

    /// How many bytes it has.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it has none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// A copy of the payload.
    pub fn to_vec(&self) -> Vec<u8> {
        self.bytes().to_vec()
    }

    /// Copies the beginning of the payload, as much as fits, and returns how much that was.
    #[inline]
    pub fn copy_to(&self, to: &mut [u8]) -> usize {
        self.bytes().copy_to(to)
    }
}

impl Drop for Reply<'_> {
    #[inline]
    fn drop(&mut self) {
        if let Some(slot) = self.slot.take() {
            self.core.give_back(slot);
        }
    }
}

impl fmt::Debug for Pending<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pending(request {})", self.number)
    }
}

impl fmt::Debug for Reply<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reply({} bytes)", self.len)
    }
}
