// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a connection's threads, calls and event senders share on the server's side.

use std::collections::HashMap;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use rustix::io::Errno;

use super::call::Call;
use super::events::Events;
use super::ledger::Entry;
use crate::handshake::{
    Credentials, Reason, Refusal,
    closer::Closer,
    descriptors::Descriptors,
    outgoing::Outgoing,
    socket,
    wire::{Malformed, Message},
};
use crate::layout::{bell, client, server};
use crate::region::{Bells, Own, Peer, Room};
use crate::ring::{Answer, Submission, Violation, prepare_answers, publish_answer};
use crate::sizes::Sizes;
use crate::statistics::{Counter, Page};
use crate::status::Status;
use crate::sync::{AtomicU32, AtomicUsize, Ordering};
use crate::trace;
use crate::wait::watcher::{Watched, Watching};
use crate::wait::{End, Life, Mode, Place, State};

/// A connection, seen from the server.
#[derive(Debug)]
pub(super) struct Channel {
    pub(super) own: Own,
    pub(super) peer: Peer,
    pub(super) bells: Bells,
    pub(super) sizes: Sizes,
    pub(super) life: Life,
    pub(super) socket: Arc<OwnedFd>,
    pub(super) credentials: Credentials,
    pub(super) number: u64,
    /// The room for the reply of each slot. It is taken by the call, so that its absence says that the slot is in use.
    rooms: Box<[Mutex<Option<Room>>]>,
    /// For each slot, the wait of a client's thread that was ended last.
    rung: Box<[AtomicU32]>,
    /// Calls that are not answered.
    in_flight: AtomicUsize,
    pub(super) events: Events,
    pub(super) statistics: Page,
    /// The most descriptors that may come with a request, or a reply.
    pub(super) most_descriptors: u32,
    /// What is attached to requests that were not read yet, by the number of its message. What nobody takes is closed where
    /// nobody waits for that.
    attachments: Mutex<HashMap<u32, Descriptors>>,
    /// Doorbells, and what is attached to replies.
    pub(super) outgoing: Outgoing,
    /// Where threads serve: through it the process learns of doorbells.
    pub(super) watching: OnceLock<Watching>,
    /// This side's region, until the client gets it.
    file: Mutex<Option<OwnedFd>>,
    _entry: Arc<Entry>,
    closer: Arc<Closer>,
}

/// Messages that are taken from a socket in one go.
const MESSAGES: usize = 64;

/// Descriptors of one connection that may wait to be closed in any case.
const ENOUGH_TO_CLOSE: usize = 256;

/// What a socket had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    /// All of it was taken.
    All,
    /// Some of it was taken, and there may be more.
    Some,
    /// The client is gone, or broke the rules.
    End,
}

impl Channel {
    pub(super) fn new(
        parts: (Own, Vec<Room>, OwnedFd, Events),
        (peer, bells): (Peer, Bells),
        (sizes, most_descriptors): (Sizes, u32),
        (socket, life): (Arc<OwnedFd>, Life),
        credentials: Credentials,
        (number, entry, closer): (u64, Arc<Entry>, Arc<Closer>),
        statistics: Page,
    ) -> Self {
        let (own, rooms, file, events) = parts;
        prepare_answers(&own, &sizes);
        Self {
            own,
            peer,
            bells,
            sizes,
            life,
            socket,
            credentials,
            number,
            rung: rooms.iter().map(|_| AtomicU32::new(0)).collect(),
            rooms: rooms
                .into_iter()
                .map(|room| Mutex::new(Some(room)))
                .collect(),
            in_flight: AtomicUsize::new(0),
            events,
            statistics,
            most_descriptors,
            attachments: Mutex::default(),
            outgoing: Outgoing::default(),
            watching: OnceLock::new(),
            file: Mutex::new(Some(file)),
            _entry: entry,
            closer,
        }
    }

    /// Tells the client that requests may come, and gives it this side's region, and a descriptor of this process.
    pub(super) fn say_ready(&self, process: Option<&OwnedFd>) -> Result<(), Errno> {
        let file = self.file.lock().take().ok_or(Errno::ALREADY)?;
        let files: Vec<_> = [Some(&file), process]
            .into_iter()
            .flatten()
            .map(AsFd::as_fd)
            .collect();
        socket::send(&self.socket, &Message::Ready, &files)
    }

    /// Takes doorbells, and what comes with requests, from the socket.
    pub(super) fn hear(&self) -> Heard {
        // What one thread has taken from the socket, another must not look for there.
        let mut attachments = self.attachments.lock();
        for _ in 0..MESSAGES {
            let received = match socket::receive(&*self.socket, &self.closer) {
                Ok(received) => received,
                Err(Errno::INTR) => continue,
                Err(Errno::AGAIN) => return Heard::All,
                Err(_) => return Heard::End,
            };
            // Each belongs to a request, which has a slot.
            let room = attachments.len() < self.sizes.slots as usize
                && received.descriptors.as_slice().len() <= self.most_attached();
            match received.message {
                Ok(Message::Doorbell) => {}
                Ok(Message::Attachment { number })
                    if room && !attachments.contains_key(&number) =>
                {
                    attachments.insert(number, received.descriptors);
                    if self.closer.open() > self.most_open() {
                        drop(attachments);
                        let text = "descriptors that were sent before take too long to close";
                        self.refuse(Refusal::new(Reason::Resources, text));
                        return Heard::End;
                    }
                }
                Err(lost @ Malformed::NoRoom) => {
                    drop(attachments);
                    self.refuse(Refusal::new(Reason::Resources, lost.to_string()));
                    return Heard::End;
                }
                _ => {
                    drop(attachments);
                    self.violated(Violation::Message);
                    return Heard::End;
                }
            }
        }
        Heard::Some
    }

    /// The call that a request makes.
    #[inline]
    pub(super) fn call(
        self: &Arc<Self>,
        (number, submission): (u32, Submission),
    ) -> Result<Call, Violation> {
        let attached = if submission.is_attached() {
            self.attached(&submission)?
        } else {
            (None, Descriptors::default())
        };
        let room = self.begin(&submission)?;
        Ok(Call::new(self.clone(), submission, number, room, attached))
    }

    /// The most descriptors in one message.
    fn most_attached(&self) -> usize {
        usize::from(self.sizes.large != 0) + self.most_descriptors as usize
    }

    /// Descriptors that may wait to be closed: all that may come at once, and enough for who sends many, which nobody takes,
    /// faster than a thread closes them.
    fn most_open(&self) -> usize {
        (self.sizes.slots as usize * self.most_attached()).max(ENOUGH_TO_CLOSE)
    }

    /// The memory of a request's payload, and the descriptors for its handler. They were sent before it was written.
    #[cold]
    fn attached(
        &self,
        submission: &Submission,
    ) -> Result<(Option<Box<Peer>>, Descriptors), Violation> {
        // No more than a socket of the usual size holds.
        let _ = (0..16).find(|_| self.hear() != Heard::Some);
        // A doorbell for room may have been among what was taken, and the client sends it once.
        self.room_made();
        let came = self.attachments.lock().remove(&submission.attachment);
        let mut came = came.ok_or(Violation::Attachment)?;
        let large = if submission.large {
            Some(came.open_large(submission.len)?)
        } else {
            None
        };
        if came.as_slice().is_empty() == submission.descriptors {
            return Err(Violation::Attachment);
        }
        Ok((large, came))
    }

    /// Where the thread that serves the connection waits for requests.
    pub(super) fn requests(&self) -> Place<'_> {
        Place {
            state: self.own.word(server::WAIT),
            bell: self.bells.word(bell::REQUESTS),
            peer_cpu: self.peer.word(client::CPU),
        }
    }

    /// Takes the room of a request's slot, which nobody else has unless the client breaks the rules.
    #[inline]
    fn begin(&self, submission: &Submission) -> Result<Room, Violation> {
        let room = self
            .rooms
            .get(submission.slot as usize)
            .ok_or(Violation::NoSuchSlot(submission.slot))?
            .lock()
            .take()
            .ok_or(Violation::SlotInUse(submission.slot))?;
        let in_flight = self.in_flight.fetch_add(1, Ordering::Relaxed) as u64 + 1;
        let statistics = &self.statistics;
        statistics.count(Counter::Requests);
        statistics.add(Counter::RequestBytes, submission.len.into());
        statistics.count(Counter::QueueSize);
        // A slot may be used again before its last answer is counted.
        let in_flight = in_flight.min(self.sizes.slots.into());
        statistics.raise(Counter::QueueHigh, in_flight);
        if submission.one_way {
            statistics.count(Counter::OneWay);
        }
        Ok(room)
    }

    /// Gives the room back and answers. The slot may be used again at once.
    #[inline]
    pub(super) fn finish(&self, submission: &Submission, number: u32, room: Room, answer: Answer) {
        let slot = submission.slot as usize;
        *self.rooms[slot].lock() = Some(room);
        self.count_answer(answer);
        publish_answer(&self.own, slot, number, answer);
        let bell = self.bells.word(bell::reply(slot));
        let state = self.peer.word(client::wait(slot));
        // Also where nobody waits for the reply, somebody may wait for the slot.
        if crate::wait::wake(bell, state, &self.rung[slot]) {
            self.outgoing.ring(&self.socket);
        }
        // Who waits until nothing is under way may end the connection next, and this answer is to come before that.
        self.in_flight.fetch_sub(1, Ordering::Release);
    }

    /// Rings if the client is in a poll loop, whatever it waits for there: who takes the memory of a large reply from the
    /// socket takes the doorbells that came before it, and this one is for who missed those.
    pub(super) fn ring_poll_loops(&self) {
        let slots = 0..self.sizes.slots as usize;
        let mut words = slots.map(client::wait).chain([client::EVENTS_WAIT]);
        let polls = |at| State::of(self.peer.word(at).load()).mode() == Mode::Poll;
        if words.any(polls) {
            self.outgoing.ring(&self.socket);
        }
    }

    #[inline]
    fn count_answer(&self, answer: Answer) {
        let counter = match answer.status {
            Status::Replied | Status::RepliedLarge => {
                let bytes = answer.len.into();
                self.statistics.add(Counter::ResponseBytes, bytes);
                Counter::Responses
            }
            Status::Failed => Counter::Failed,
            Status::UnknownCommand | Status::InvalidRequest => Counter::InvalidRequest,
            Status::Denied => Counter::Denied,
            Status::Overloaded => Counter::Overload,
            Status::NoReply | Status::Panicked | Status::NoMemory => Counter::NoReply,
            Status::ReplyTooLong => Counter::ReplyTooLong,
            Status::TooManyDescriptors => Counter::NoReply,
            Status::Expired => Counter::Expired,
        };
        self.statistics.count(counter);
        self.statistics.one_less(Counter::QueueSize);
    }

    /// Whether all calls are answered, and no event waits for room.
    pub(super) fn is_idle(&self) -> bool {
        self.in_flight.load(Ordering::Acquire) == 0 && self.events.queued() == 0
    }

    /// Tells the client why, and ends the connection.
    pub(super) fn refuse(&self, refusal: Refusal) {
        // The reason counts if it is told before the end.
        if self.life.is_ours() {
            trace::told(self.number, &self.credentials, &refusal);
            let _ = socket::send(&self.socket, &Message::Refused(refusal), &[]);
        }
        self.end(End::Closed);
    }

    /// The client broke the rules: tells it so, and ends the connection.
    pub(super) fn violated(&self, violation: Violation) {
        let refusal = Refusal::new(Reason::Protocol, violation.to_string());
        if self.life.is_ours() {
            trace::violated(self.number, &self.credentials, violation);
            let _ = socket::send(&self.socket, &Message::Refused(refusal), &[]);
        }
        self.end(End::Violation);
    }

    /// Ends the connection and wakes whoever sleeps for it.
    pub(super) fn end(&self, why: End) {
        if self.life.end(why) {
            // The client learns of it at once, even if calls keep the channel for a while.
            let _ = rustix::net::shutdown(&self.socket, rustix::net::Shutdown::Both);
            self.life.rouse(self.sleepers());
            trace::disconnected(self.number, &self.credentials, why);
        }
    }

    /// Where threads of this side sleep.
    fn sleepers(&self) -> impl Iterator<Item = (&AtomicU32, &AtomicU32)> {
        [
            (server::WAIT, bell::REQUESTS),
            (server::EVENTS_WAIT, bell::ROOM),
        ]
        .into_iter()
        .map(|(state, bell)| (self.own.word(state), self.bells.word(bell)))
    }
}

impl Watched for Channel {
    fn hung_up(&self) {
        self.end(End::HungUp);
    }

    fn readable(&self) {
        if let Some(watching) = self.watching.get() {
            watching.quiet(&*self.socket);
        }
        if self.hear() == Heard::End {
            self.end(End::HungUp);
        } else {
            self.room_made();
        }
    }
}
