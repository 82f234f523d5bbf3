// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a client's threads share.

use std::collections::HashMap;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rustix::io::Errno;

use super::error::{CallError, Disconnected};
use super::slots::{Found, Request, Slot, Slots};
use crate::handshake::{Credentials, descriptors::Descriptors, socket, wire::Message};
use crate::layout::{bell, client, server};
use crate::region::{Bells, Own, Peer};
use crate::ring::{Answer, Outbox, Submission, Violation, look_for_answer};
use crate::sizes::Sizes;
use crate::status::Status;
use crate::sync::{AtomicU32, Ordering};
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
pub(super) struct Core {
    pub(super) own: Own,
    pub(super) peer: Peer,
    pub(super) bells: Bells,
    pub(super) sizes: Sizes,
    pub(super) life: Life,
    pub(super) socket: OwnedFd,
    pub(super) server: Credentials,
    pub(super) slots: Slots,
    pub(super) spin: Spin,
    outbox: Outbox,
    /// The wait of the server's thread for requests that was ended last.
    rung: AtomicU32,
    /// The wait of a server's thread for room in the ring of events that was ended last.
    pub(super) events_rung: AtomicU32,
    /// The number of the next large request's message.
    next_large: AtomicU32,
    /// What came through the socket. It is locked while something is taken from there: what one thread has taken, another
    /// must not look for.
    heard: Mutex<Heard>,
}

/// What came through the socket.
#[derive(Debug, Default)]
struct Heard {
    /// Why it is over, once that is known.
    why: Option<Disconnected>,
    /// The memory of large replies that were not taken yet, by the number of the request.
    large: HashMap<u32, Descriptors>,
}

impl Core {
    pub(super) fn new(
        (own, slots): (Own, Slots),
        (peer, bells): (Peer, Bells),
        sizes: Sizes,
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
            life,
            socket,
            server,
            slots,
            spin,
            outbox: Outbox::default(),
            rung: AtomicU32::new(0),
            events_rung: AtomicU32::new(0),
            next_large: AtomicU32::new(0),
            heard: Mutex::default(),
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
                    self.forget_large(request);
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
            socket::ring(&self.socket);
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
            let _ = self.listen(&mut heard, ALL);
        }
        heard.why.get_or_insert(Disconnected::Gone).clone()
    }

    /// Takes from the socket what the server sent: doorbells, and why it ends the connection. What is much it leaves for
    /// the next time.
    pub(super) fn hear(&self) {
        self.take_in(MESSAGES, |_| ());
    }

    /// Takes messages from the socket, not more than `most`, and then something from what came.
    fn take_in<T>(&self, most: usize, take: impl FnOnce(&mut Heard) -> T) -> T {
        let mut heard = self.heard.lock();
        let listened = self.listen(&mut heard, most);
        let taken = take(&mut heard);
        drop(heard);
        if let Err(end) = listened {
            self.end(end);
        }
        taken
    }

    /// Sends the memory of a large request, before the request. The number of its message.
    pub(super) fn send_large(&self, file: &OwnedFd) -> Result<u32, Errno> {
        let number = self.next_large.fetch_add(1, Ordering::Relaxed);
        socket::send(&self.socket, &Message::Large { number }, &[file.as_fd()])?;
        Ok(number)
    }

    /// The memory of the large reply to a request. It was sent before the reply was written.
    pub(super) fn open_large(&self, number: u32, len: u32) -> Result<Box<Peer>, Disconnected> {
        let files = self.take_in(ALL, |heard| heard.large.remove(&number));
        let open = |files: Descriptors| {
            let file = files.as_slice().first()?;
            let memory = Peer::open(file, crate::layout::large(len)).ok()?;
            files.close();
            Some(Box::new(memory))
        };
        files
            .and_then(open)
            .ok_or_else(|| self.violated(Violation::Large))
    }

    /// Lets go of the reply to a request that was abandoned, if that is a large one.
    fn forget_large(&self, request: Request) {
        let large = |answer: Answer| answer.status == Status::RepliedLarge;
        if let Some(Ok(answer)) = self.look(request)
            && large(answer)
        {
            self.take_in(ALL, |heard| heard.large.remove(&request.number));
        }
    }

    /// Takes messages from the socket, not more than `most`. An error when there will be no other, or the server breaks the
    /// rules.
    fn listen(&self, heard: &mut Heard, most: usize) -> Result<(), End> {
        // A server that did not read all doorbells before it hung up: this comes once, and before its last words.
        let mut reset = false;
        for _ in 0..most {
            match socket::receive(&self.socket) {
                Ok(received) => match received.message {
                    Ok(Message::Doorbell) => {}
                    Ok(Message::Refused(refusal)) => {
                        heard.why.get_or_insert(Disconnected::Told(refusal));
                    }
                    // Each belongs to a request, which has a slot. A server that sends more does not keep to the rules.
                    Ok(Message::Large { number })
                        if heard.large.len() < self.sizes.slots as usize =>
                    {
                        heard.large.insert(number, received.descriptors);
                    }
                    _ => {
                        let why = Disconnected::Violation(Violation::Message);
                        heard.why.get_or_insert(why);
                        return Err(End::Violation);
                    }
                },
                Err(Errno::INTR) => {}
                Err(Errno::CONNRESET) if !reset => reset = true,
                Err(Errno::AGAIN) => return Ok(()),
                Err(_) => return Err(End::HungUp),
            }
        }
        Ok(())
    }

    pub(super) fn violated(&self, violation: Violation) -> Disconnected {
        let disconnected = Disconnected::Violation(violation);
        self.heard.lock().why.get_or_insert(disconnected.clone());
        self.end(End::Violation);
        disconnected
    }

    /// Ends the connection and wakes whoever sleeps for it.
    pub(super) fn end(&self, why: End) {
        if self.life.end(why) {
            if why != End::HungUp {
                let _ = rustix::net::shutdown(&self.socket, rustix::net::Shutdown::Both);
            }
            self.life.rouse(self.sleepers());
            self.slots.end();
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

impl Watched for Core {
    fn hung_up(&self) {
        self.end(End::HungUp);
    }
}
