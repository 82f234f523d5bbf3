// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a client's threads share.

use std::collections::HashMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::task::Waker;
#[cfg(feature = "tokio")]
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};
use rustix::io::Errno;

use super::error::{CallError, Disconnected};
use super::polled::{self, Awaited, Memory, Next, Polled, Request};
use super::slots::{Found, Slot, Slots};
use crate::handshake::{
    Credentials,
    closer::Closer,
    descriptors::Descriptors,
    outgoing::{NotSent, Outgoing},
    socket,
    wire::{Malformed, Message},
};
use crate::layout::{bell, client, server};
use crate::region::{Bells, Own, Peer};
use crate::ring::{Answer, Outbox, Submission, Violation, look_for_answer};
use crate::sizes::Sizes;
use crate::status::Status;
use crate::sync::{AtomicU32, Ordering};
use crate::trace;
use crate::wait::{End, Life, Place, Spin, Stopped, publish_cpu, watcher::Watched};

/// How long a thread watches one abandoned request before it looks whether another was answered: each answer rings for
/// who waits for that one only.
const OTHERS: Duration = Duration::from_millis(5);

/// Messages that are taken from the socket at once.
const MESSAGES: usize = 64;

/// As many as can wait in a socket of the usual size.
const ALL: usize = 1024;

/// A connection, seen from the client.
#[derive(Debug)]
pub(crate) struct Core {
    pub(super) own: Own,
    pub(super) peer: Peer,
    pub(super) bells: Bells,
    pub(super) sizes: Sizes,
    /// The most descriptors with a request, or a reply.
    pub(super) most_descriptors: u32,
    pub(crate) life: Life,
    pub(super) socket: OwnedFd,
    pub(super) server: Credentials,
    pub(crate) slots: Slots,
    pub(super) spin: Spin,
    outbox: Outbox,
    /// The wait of the server's thread for requests that was ended last.
    rung: AtomicU32,
    /// The wait of a server's thread for room in the ring of events that was ended last.
    pub(super) events_rung: AtomicU32,
    /// The number of the next message that goes with a request.
    next_message: AtomicU32,
    /// What came through the socket. It is locked while something is taken from there: what one thread has taken, another
    /// must not look for.
    heard: Mutex<Heard>,
    closer: Arc<Closer>,
    /// Doorbells, and what is attached to requests.
    pub(super) outgoing: Outgoing,
}

/// What came through the socket.
#[derive(Debug, Default)]
struct Heard {
    /// Why it is over, once that is known.
    why: Option<Disconnected>,
    /// What is attached to replies that were not taken yet, by the number of the request. What nobody takes is closed where
    /// nobody waits for that.
    attachments: HashMap<u32, Descriptors>,
    /// What is waited for in poll loops and in tasks.
    polled: Polled,
    /// What was found for them.
    found: polled::Found,
}

impl Core {
    pub(super) fn new(
        (own, slots): (Own, Slots),
        (peer, bells): (Peer, Bells),
        (sizes, most_descriptors): (Sizes, u32),
        socket: OwnedFd,
        server: Credentials,
        spin: Spin,
        life: Life,
    ) -> Self {
        Self {
            own,
            peer,
            bells,
            sizes,
            most_descriptors,
            life,
            socket,
            server,
            slots,
            spin,
            outbox: Outbox::default(),
            rung: AtomicU32::new(0),
            events_rung: AtomicU32::new(0),
            next_message: AtomicU32::new(0),
            heard: Mutex::default(),
            closer: Closer::of_process(),
            outgoing: Outgoing::default(),
        }
    }

    /// A free slot.
    #[inline]
    pub(super) fn slot(&self, until: Option<Instant>) -> Result<Slot, CallError> {
        loop {
            let answered = |it: Request| self.look(it).is_some();
            match self.slots.take(answered, until) {
                Found::Free(slot) => return Ok(slot),
                Found::Answered(slot, request) => {
                    self.forget(request);
                    return Ok(slot);
                }
                Found::Nothing => return Err(CallError::TimedOut),
                Found::Over => return Err(self.disconnected().into()),
                Found::Abandoned(request, given_back) => {
                    let watched = self.watch(request, given_back, until);
                    self.slots.unwatch(request);
                    watched?;
                }
            }
        }
    }

    /// Waits until an abandoned request is answered, or a slot was given back, or another abandoned one may have been
    /// answered.
    fn watch(
        &self,
        request: Request,
        given_back: u32,
        until: Option<Instant>,
    ) -> Result<(), CallError> {
        let soon = Instant::now() + OTHERS;
        let until = until.map_or(soon, |until| until.min(soon));
        let look = || {
            let free = self.slots.given_back() != given_back;
            (free || self.look(request).is_some()).then_some(())
        };
        // From here on the word says how this thread waits.
        self.stop_polling(Awaited::Slot(request));
        let place = self.replies(request.slot);
        match crate::wait::wait(place, &self.spin, &self.life, Some(until), look) {
            Ok(()) | Err(Stopped::TimedOut) => Ok(()),
            Err(Stopped::Over) => Err(self.disconnected().into()),
        }
    }

    /// Gives a slot back whose request is answered, or was not sent.
    #[inline]
    pub(super) fn give_back(&self, slot: Slot) {
        if let Some(watched) = self.slots.give_back(slot) {
            crate::wait::nudge(self.bells.word(bell::reply(watched)));
        }
    }

    /// Has the server handle what is in the slot's room. The number of the request.
    #[inline]
    pub(super) fn submit(&self, submission: Submission) -> u32 {
        publish_cpu(self.own.word(client::CPU));
        let slots = self.sizes.slots as usize;
        let number = self.outbox.submit(&self.own, slots, submission);
        let bell = self.bells.word(bell::REQUESTS);
        if crate::wait::wake(bell, self.peer.word(server::WAIT), &self.rung) {
            self.outgoing.ring(&self.socket);
        }
        number
    }

    fn look(&self, request: Request) -> Option<Result<Answer, Violation>> {
        look_for_answer(&self.peer, &self.sizes, request.slot, request.number)
    }

    /// Where a thread waits for the reply in a slot.
    fn replies(&self, slot: usize) -> Place<'_> {
        Place {
            state: self.own.word(client::wait(slot)),
            bell: self.bells.word(bell::reply(slot)),
            peer_cpu: self.peer.word(server::CPU),
        }
    }

    /// Waits for the answer to a request.
    #[inline]
    pub(super) fn wait_for_answer(
        &self,
        slot: &Slot,
        number: u32,
        until: Option<Instant>,
    ) -> Result<Answer, CallError> {
        let request = Request {
            slot: slot.index as usize,
            number,
        };
        let look = || self.look(request);
        match crate::wait::wait(
            self.replies(request.slot),
            &self.spin,
            &self.life,
            until,
            look,
        ) {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(violation)) => Err(self.violated(violation).into()),
            Err(Stopped::TimedOut) => Err(CallError::TimedOut),
            Err(Stopped::Over) => Err(self.disconnected().into()),
        }
    }

    /// The answer to a request, if it is there.
    pub(super) fn answer_now(&self, slot: &Slot, number: u32) -> Option<Result<Answer, CallError>> {
        // What was answered before the end is found after the end was seen.
        let over = self.life.over().is_some();
        let slot = slot.index as usize;
        match self.look(Request { slot, number }) {
            Some(Ok(answer)) => Some(Ok(answer)),
            Some(Err(violation)) => Some(Err(self.violated(violation).into())),
            None if over => Some(Err(self.disconnected().into())),
            None => None,
        }
    }

    /// Tells the server that nobody waits for a request any more, and keeps its slot until it is answered.
    pub(super) fn abandon(&self, slot: Slot, number: u32) {
        let word = self.own.word(client::cancelled(slot.index as usize));
        word.store(number, Ordering::Release);
        self.slots.abandon(slot, number);
    }

    /// Why it is over.
    pub(super) fn disconnected(&self) -> Disconnected {
        let mut heard = self.heard.lock();
        if heard.why.is_none() {
            let _ = self.listen(&mut heard, ALL, None);
        }
        heard.why.get_or_insert(Disconnected::Gone).clone()
    }

    /// Takes from the socket what the server sent: doorbells, and why it ends the connection. Whether that was all: what
    /// is much it leaves for the next time.
    pub(crate) fn hear(&self) -> bool {
        let mut heard = self.heard.lock();
        let listened = self.listen(&mut heard, MESSAGES, None);
        self.unlock(heard, listened)
    }

    /// The most descriptors in one message.
    fn most_attached(&self) -> usize {
        usize::from(self.sizes.large != 0) + self.most_descriptors as usize
    }

    /// Has the descriptor tell, or the task woken, once something is there. True if it is there already, or the connection
    /// is over.
    pub(super) fn poll(&self, awaited: Awaited, waker: Option<&Waker>) -> bool {
        // While nothing is locked: a waker of any runtime may come here again, when it is copied and when it is dropped.
        let waker = waker.cloned();
        let mut heard = self.heard.lock();
        let before = heard.polled.stop(self.memory(), awaited);
        // What comes from here on is for this wait, or for others. For tasks somebody else listens.
        let listened = match waker {
            None => self.listen(&mut heard, MESSAGES, None),
            Some(_) => Ok(true),
        };
        let (there, stopped) = heard.polled.wait(self.memory(), awaited, waker);
        self.unlock(heard, listened);
        drop((before, stopped));
        // Who ends it looks for tasks afterwards.
        there || self.life.over().is_some()
    }

    /// Waits for it no more in a poll loop or a task.
    pub(super) fn stop_polling(&self, awaited: Awaited) {
        let stopped = self.heard.lock().polled.stop(self.memory(), awaited);
        // Nothing is locked any more.
        drop(stopped);
    }

    /// A free slot, or the task is woken when there may be one. `ticket` is its place among those who wait.
    #[cfg(feature = "tokio")]
    pub(crate) fn poll_slot(
        &self,
        ticket: &mut Option<u64>,
        context: &Context<'_>,
    ) -> Poll<Result<Slot, CallError>> {
        let answered = |it: Request| self.look(it).is_some();
        let wait = |it: Request| {
            let mut heard = self.heard.lock();
            // Whoever waited for its reply does not any more, so there is no waker to be dropped.
            let (there, _) = heard.polled.wait(self.memory(), Awaited::Slot(it), None);
            there
        };
        match self
            .slots
            .poll_take(answered, wait, ticket, context.waker())
        {
            Found::Free(slot) => Poll::Ready(Ok(slot)),
            Found::Answered(slot, request) => {
                self.forget(request);
                Poll::Ready(Ok(slot))
            }
            Found::Over => Poll::Ready(Err(self.disconnected().into())),
            Found::Abandoned(..) | Found::Nothing => Poll::Pending,
        }
    }

    fn memory(&self) -> Memory<'_> {
        Memory {
            own: &self.own,
            peer: &self.peer,
            sizes: &self.sizes,
        }
    }

    /// Lets others hear, after messages were taken from the socket, and tells them what was found for them. Whether all was
    /// taken.
    fn unlock(&self, mut heard: MutexGuard<'_, Heard>, listened: Result<bool, End>) -> bool {
        let found = std::mem::take(&mut heard.found);
        drop(heard);
        found.wakers.into_iter().for_each(Waker::wake);
        for _ in 0..found.slots {
            self.slots.tell_one();
        }
        listened.unwrap_or_else(|end| {
            self.end(end);
            true
        })
    }

    /// Takes what is attached to a reply, which was sent before the reply was written.
    fn take_attached(&self, number: u32) -> Option<Descriptors> {
        let mut heard = self.heard.lock();
        let listened = self.listen(&mut heard, ALL, Some(number));
        let taken = heard.attachments.remove(&number);
        self.unlock(heard, listened);
        taken
    }

    /// Sends what goes with a request, before the request. The number of the message.
    pub(super) fn attach(&self, files: &[BorrowedFd<'_>]) -> Result<u32, CallError> {
        let number = self.next_message.fetch_add(1, Ordering::Relaxed);
        // A server takes what came with a request before it answers that.
        let most = self.sizes.slots as usize;
        match self.outgoing.attach(&self.socket, (number, files), most) {
            Ok(()) => Ok(number),
            Err(NotSent::Errno(Errno::PIPE | Errno::CONNRESET | Errno::NOTCONN)) => {
                // Nobody is there any more, which this learnt before whoever watches the server did.
                self.end(End::HungUp);
                Err(self.disconnected().into())
            }
            Err(NotSent::Errno(errno)) => Err(CallError::NoMemory {
                doing: "sending what goes with a request",
                errno: errno.raw_os_error(),
            }),
            Err(NotSent::Untaken) => Err(self.violated(Violation::Untaken).into()),
        }
    }

    /// The memory of the payload of a reply, if it has any of its own, and its descriptors. They were sent before the reply
    /// was written.
    #[cold]
    pub(super) fn attached(
        &self,
        number: u32,
        answer: Answer,
    ) -> Result<(Option<Box<Peer>>, Descriptors), Disconnected> {
        let came = self.take_attached(number);
        let open = |mut came: Descriptors| {
            let large = match answer.status {
                Status::RepliedLarge => Some(came.open_large(answer.len)?),
                _ => None,
            };
            if came.as_slice().len() != answer.detail as usize {
                return Err(Violation::Attachment);
            }
            Ok((large, came))
        };
        came.ok_or(Violation::Attachment)
            .and_then(open)
            .map_err(|violation| self.violated(violation))
    }

    /// Lets go of what came with the reply to a request that was abandoned, and of who waits for it.
    fn forget(&self, request: Request) {
        self.stop_polling(Awaited::Slot(request));
        if let Some(Ok(answer)) = self.look(request)
            && answer.is_attached()
        {
            drop(self.take_attached(request.number));
        }
    }

    /// Takes messages from the socket, not more than `most`, or until what is attached to this reply is there. Whether all
    /// were taken, but for a doorbell that is left for others. An error when there will be no other, or the server breaks
    /// the rules.
    fn listen(
        &self,
        heard: &mut Heard,
        most: usize,
        attached_to: Option<u32>,
    ) -> Result<bool, End> {
        // A server that did not read all doorbells before it hung up: this comes once, and before its last words.
        let mut reset = false;
        for _ in 0..most {
            // After what is attached to a reply comes a doorbell, if there is a poll loop. That is to be left there.
            if attached_to.is_some_and(|number| heard.attachments.contains_key(&number)) {
                return Ok(false);
            }
            let received = match self.next(heard) {
                Next::Leave => return Ok(true),
                Next::Take => socket::receive(&self.socket, &self.closer),
                Next::Nothing => match socket::peek(&self.socket) {
                    // The end, or a message of no bytes: there is no doorbell before it.
                    Ok(0) => socket::receive(&self.socket, &self.closer),
                    Ok(_) => continue,
                    Err(errno) => Err(errno),
                },
            };
            match received {
                Ok(received) => match received.message {
                    Ok(Message::Doorbell) => {}
                    Ok(Message::Refused(refusal)) => {
                        heard.why.get_or_insert(Disconnected::Told(refusal));
                    }
                    // Each belongs to a request, which has a slot. A server that sends more does not keep to the rules.
                    Ok(Message::Attachment { number })
                        if heard.attachments.len() < self.sizes.slots as usize
                            && received.descriptors.as_slice().len() <= self.most_attached()
                            && !heard.attachments.contains_key(&number) =>
                    {
                        heard.attachments.insert(number, received.descriptors);
                    }
                    Err(Malformed::NoRoom) => {
                        heard.why.get_or_insert(Disconnected::NoRoom);
                        return Err(End::Closed);
                    }
                    _ => {
                        let why = Disconnected::Violation(Violation::Message);
                        heard.why.get_or_insert(why);
                        return Err(End::Violation);
                    }
                },
                Err(Errno::INTR) => {}
                Err(Errno::CONNRESET) if !reset => reset = true,
                Err(Errno::AGAIN) => return Ok(true),
                Err(_) => return Err(End::HungUp),
            }
        }
        Ok(false)
    }

    /// What is to be done with the socket.
    fn next(&self, heard: &mut Heard) -> Next {
        if self.life.over().is_some() {
            // The end keeps the descriptor readable, and wakes all tasks.
            return Next::Take;
        }
        // It cannot fail for a socket that is connected.
        let queued = || rustix::io::ioctl_fionread(&self.socket).unwrap_or(u64::MAX);
        (heard.polled).next(self.memory(), queued, &mut heard.found)
    }

    pub(super) fn violated(&self, violation: Violation) -> Disconnected {
        let disconnected = Disconnected::Violation(violation);
        self.heard.lock().why.get_or_insert(disconnected.clone());
        if self.life.is_ours() {
            trace::server_violated(&self.server, violation);
        }
        self.end(End::Violation);
        disconnected
    }

    /// Ends the connection and wakes whoever sleeps for it.
    pub(super) fn end(&self, why: End) {
        if self.life.end(why) {
            // Who polls the socket learns of it by this, also where a child of the server has the other end.
            let _ = rustix::net::shutdown(&self.socket, rustix::net::Shutdown::Both);
            self.life.rouse(self.sleepers());
            let wakers = self.heard.lock().polled.end();
            wakers.into_iter().for_each(Waker::wake);
            self.slots.end();
            trace::disconnected_from(&self.server, why);
        }
    }

    /// Where threads of this side sleep.
    fn sleepers(&self) -> impl Iterator<Item = (&AtomicU32, &AtomicU32)> {
        let slots = 0..self.sizes.slots as usize;
        slots
            .map(|slot| (client::wait(slot), bell::reply(slot)))
            .chain([(client::EVENTS_WAIT, bell::EVENTS)])
            .map(|(state, bell)| (self.own.word(state), self.bells.word(bell)))
    }
}

impl AsFd for Core {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Watched for Core {
    fn hung_up(&self) {
        self.end(End::HungUp);
    }
}
