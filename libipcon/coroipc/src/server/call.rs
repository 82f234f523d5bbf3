// SPDX-License-Identifier: MIT OR Apache-2.0
//! A request on its way through the server.

use std::io::IoSlice;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use rustix::io::Errno;

use super::channel::Channel;
use super::connection::Connection;
use crate::handshake::descriptors::Descriptors;
use crate::handshake::{Credentials, outgoing::NotSent};
use crate::id::CommandId;
use crate::layout::client;
use crate::region::{Bytes, Own, Peer, Room};
use crate::ring::{Answer, Submission, Violation};
use crate::status::Status;

/// A request, to be answered once.
///
/// It may be answered by the handler, or be kept and moved to another thread and be answered later, in any order with
/// others. When it is dropped without an answer, the client is told that there is none.
#[derive(Debug)]
pub struct Call {
    channel: Arc<Channel>,
    submission: Submission,
    number: u32,
    /// When it was read, in nanoseconds of the monotonic clock, if it is timed.
    read_at: Option<u64>,
    /// Nothing once it is answered.
    room: Option<Room>,
    /// Where the payload is that is longer than a room.
    large: Option<Box<Peer>>,
    /// What came with it and the handler has not taken.
    descriptors: Descriptors,
}

/// One of so many calls is timed: reading the clock twice takes longer than all else that is counted.
const TIMED: u32 = 16;

impl Call {
    pub(super) fn new(
        channel: Arc<Channel>,
        submission: Submission,
        number: u32,
        room: Room,
        (large, descriptors): (Option<Box<Peer>>, Descriptors),
    ) -> Self {
        Self {
            channel,
            submission,
            number,
            read_at: number.is_multiple_of(TIMED).then(crate::clock::now),
            room: Some(room),
            large,
            descriptors,
        }
    }

    /// The command.
    #[inline]
    pub fn command(&self) -> CommandId {
        CommandId::new(self.submission.command)
    }

    /// The payload, in place. It is the client's memory until the call is answered: see [`Bytes`].
    #[inline]
    pub fn payload(&self) -> Bytes<'_> {
        let (slot, len) = (self.submission.slot as usize, self.submission.len as usize);
        match &self.large {
            None => self.channel.peer.room(slot, len),
            Some(large) => large.room(0, len),
        }
    }

    /// The descriptors that came with it, in the order in which they were sent; none the second time. They may be of any
    /// kind, and what they are is the client's to decide: reading one may wait for ever, and closing one may take long.
    /// Those that are not taken are closed by a thread of their own. See
    /// [`Service::accepts_descriptors`](crate::Service::accepts_descriptors).
    pub fn take_descriptors(&mut self) -> Vec<OwnedFd> {
        std::mem::take(&mut self.descriptors).into_vec()
    }

    /// Who asks.
    pub fn credentials(&self) -> &Credentials {
        &self.channel.credentials
    }

    pub(super) fn channel(&self) -> &Arc<Channel> {
        &self.channel
    }

    /// The connection that it came through.
    pub fn connection(&self) -> Connection {
        Connection::new(self.channel.clone())
    }

    /// Whether nobody waits for an answer. What is replied is thrown away.
    pub fn is_one_way(&self) -> bool {
        self.submission.one_way
    }

    /// Whether the client has given this call up, or is gone. An answer does no harm.
    pub fn is_cancelled(&self) -> bool {
        let slot = self.submission.slot as usize;
        self.channel.life.over().is_some()
            || self.channel.peer.word(client::cancelled(slot)).load() == self.number
    }

    /// How long the client will wait, if it said so; zero if that time is over.
    pub fn time_left(&self) -> Option<Duration> {
        let deadline = self.submission.deadline;
        (deadline != 0).then(|| Duration::from_nanos(deadline.saturating_sub(crate::clock::now())))
    }

    /// Bytes that a reply may have: those of [`Call::room`], or more where both sides allow for large payloads.
    pub fn longest_reply(&self) -> usize {
        self.room().max(self.channel.sizes.large as usize)
    }

    /// Bytes that a reply in place may have.
    pub fn room(&self) -> usize {
        self.channel.sizes.reply as usize
    }

    /// The memory of the reply, [`Call::room`] bytes, to be filled in place before [`Call::reply_in_place`]. Only this
    /// process can write it, but the client can read it at any time, also while it is being written: nothing that the client
    /// may not see belongs there, not even for a moment. Its content is what an earlier reply of the connection left there.
    #[inline]
    pub fn reply_room(&mut self) -> &mut [u8] {
        match &mut self.room {
            Some(room) => room.bytes_mut(),
            None => &mut [],
        }
    }

    /// Answers with the first `len` bytes of [`Call::reply_room`].
    #[inline]
    pub fn reply_in_place(self, len: usize) {
        if len > self.room() {
            return self.too_long(len);
        }
        self.finish(Status::Replied, len, 0);
    }

    /// Answers with a copy of `payload`. Longer than [`Call::room`], it travels in memory of its own; longer than
    /// [`Call::longest_reply`], the client gets an error that says so.
    #[inline]
    pub fn reply(mut self, payload: &[u8]) {
        match self.reply_room().get_mut(..payload.len()) {
            Some(room) => {
                room.copy_from_slice(payload);
                self.finish(Status::Replied, payload.len(), 0);
            }
            None => self.reply_large(&[IoSlice::new(payload)], payload.len(), &[]),
        }
    }

    /// As [`Call::reply_vectored`], and the client gets copies of these descriptors, no more than was agreed on; see
    /// [`Service::accepts_descriptors`](crate::Service::accepts_descriptors). With more it gets an error that says so.
    pub fn reply_with_descriptors(
        mut self,
        payload: &[IoSlice<'_>],
        descriptors: &[BorrowedFd<'_>],
    ) {
        let count = descriptors.len() as u32;
        if descriptors.is_empty() {
            return self.reply_vectored(payload);
        }
        if descriptors.len() > self.channel.most_descriptors as usize {
            return self.finish(Status::TooManyDescriptors, 0, count);
        }
        match crate::gather::gather(payload, self.reply_room()) {
            Err(len) => self.reply_large(payload, len, descriptors),
            // Nobody would take them.
            Ok(_) if self.is_one_way() || self.is_cancelled() => self.finish(Status::NoReply, 0, 0),
            Ok(len) => match self.attach(descriptors) {
                Ok(()) => self.finish(Status::Replied, len, count),
                Err(errno) => self.finish(Status::NoMemory, 0, errno.raw_os_error() as u32),
            },
        }
    }

    /// Answers with a copy of all these, one after the other. As [`Call::reply`].
    pub fn reply_vectored(mut self, payload: &[IoSlice<'_>]) {
        match crate::gather::gather(payload, self.reply_room()) {
            Ok(len) => self.finish(Status::Replied, len, 0),
            Err(len) => self.reply_large(payload, len, &[]),
        }
    }

    /// Answers with an error: the client gets `CallError::Failed` with this code of the application's own.
    pub fn fail(self, code: u32) {
        self.finish(Status::Failed, 0, code);
    }

    /// Answers that there is too much to do, and after which time the client may try again.
    pub fn overloaded(self, retry_after: Duration) {
        let micros = crate::handshake::micros(retry_after);
        self.finish(Status::Overloaded, 0, micros);
    }

    /// Answers that the payload is not what the command takes: the client gets `CallError::InvalidRequest`. Typed
    /// services do that by themselves.
    pub fn invalid_request(self) {
        self.finish(Status::InvalidRequest, 0, 0);
    }

    pub(super) fn turn_down(self, status: Status, detail: u32) {
        self.finish(status, 0, detail);
    }

    #[cold]
    fn reply_large(self, payload: &[IoSlice<'_>], len: usize, descriptors: &[BorrowedFd<'_>]) {
        if len > self.longest_reply() {
            return self.too_long(len);
        }
        if self.is_one_way() || self.is_cancelled() {
            // Nobody would take it.
            return self.finish(Status::NoReply, 0, 0);
        }
        match self.attach_large(payload, len, descriptors) {
            Ok(()) => self.finish(Status::RepliedLarge, len, descriptors.len() as u32),
            Err(errno) => self.finish(Status::NoMemory, 0, errno.raw_os_error() as u32),
        }
    }

    fn attach_large(
        &self,
        payload: &[IoSlice<'_>],
        len: usize,
        descriptors: &[BorrowedFd<'_>],
    ) -> Result<(), Errno> {
        let memory = Own::create("coroipc-large", crate::layout::large(len as u32))?;
        for mut room in memory.rooms {
            // It has exactly this length.
            let _ = crate::gather::gather(payload, room.bytes_mut());
        }
        self.attach(&[&[memory.file.as_fd()], descriptors].concat())
    }

    /// Sends what goes with the reply, before that.
    fn attach(&self, files: &[BorrowedFd<'_>]) -> Result<(), Errno> {
        let number = self.number;
        let channel = &self.channel;
        // A client takes what came with a reply before it uses the slot again.
        let most = channel.sizes.slots as usize;
        match channel
            .outgoing
            .attach(&*channel.socket, (number, files), most)
        {
            Ok(()) => channel.ring_poll_loops(),
            Err(NotSent::Errno(errno)) => return Err(errno),
            Err(NotSent::Untaken) => {
                channel.violated(Violation::Untaken);
                return Err(Errno::PIPE);
            }
        }
        Ok(())
    }

    fn too_long(self, len: usize) {
        let len = u32::try_from(len).unwrap_or(u32::MAX);
        self.finish(Status::ReplyTooLong, 0, len);
    }

    #[inline]
    fn finish(mut self, status: Status, len: usize, detail: u32) {
        self.answer(status, len as u32, detail);
    }

    #[inline]
    fn answer(&mut self, status: Status, len: u32, detail: u32) {
        if let Some(room) = self.room.take() {
            if let Some(read_at) = self.read_at {
                let took = crate::clock::now().saturating_sub(read_at);
                self.channel.statistics.latency(took);
            }
            let answer = Answer {
                status,
                len,
                detail,
            };
            self.channel
                .finish(&self.submission, self.number, room, answer);
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let status = if std::thread::panicking() {
            Status::Panicked
        } else if self.channel.life.over().is_some() {
            // The client knows why there is no reply, and is not to be told another reason.
            return;
        } else {
            Status::NoReply
        };
        self.answer(status, 0, 0);
    }
}

/// Whether the time that the client will wait is over.
#[inline]
pub(super) fn is_late(call: &Call) -> bool {
    call.submission.deadline != 0 && crate::clock::now() >= call.submission.deadline
}
