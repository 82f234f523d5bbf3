// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a client's threads share.

use std::collections::HashMap;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Instant;

use parking_lot::Mutex;
use rustix::io::Errno;

use super::error::{CallError, Disconnected};
use super::slots::{Abandoned, Found, Slot, Slots};
use crate::handshake::{Credentials, socket, wire::Message};
use crate::layout::{bell, client, server};
use crate::region::{Bells, Own, Peer};
use crate::ring::{Answer, Outbox, Submission, Violation, look_for_answer};
use crate::sizes::Sizes;
use crate::status::Status;
use crate::sync::{AtomicU32, Ordering};
use crate::wait::{End, Life, Place, Spin, Stopped, publish_cpu, watcher::Watched};

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
    large: HashMap<u32, OwnedFd>,
}

impl Core {
    pub(super) fn new(
        (own, slots): (Own, Slots),
        peer: Peer,
        bells: Bells,
        sizes: Sizes,
        socket: OwnedFd,
        server: Credentials,
        spin: Spin,
    ) -> Self {
        Self {
            own,
            peer,
            bells,
            sizes,
            life: Life::new(),
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
        if self.life.over().is_some() {
            return Err(self.disconnected().into());
        }
        let answered = |it: &Abandoned| match self.look(&it.slot, it.number) {
            None => false,
            Some(answer) => {
                self.forget_large(answer.ok(), it.number);
                true
            }
        };
        match self.slots.take(answered, until) {
            Found::Free(slot) => Ok(slot),
            Found::Nothing => Err(CallError::TimedOut),
            Found::Abandoned(Abandoned { slot, number }) => {
                match self.wait_for_answer(&slot, number, until) {
                    Ok(answer) => {
                        self.forget_large(Some(answer), number);
                        Ok(slot)
                    }
                    Err(error) => {
                        self.slots.abandon(Abandoned { slot, number });
                        Err(error)
                    }
                }
            }
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

    fn look(&self, slot: &Slot, number: u32) -> Option<Result<Answer, Violation>> {
        look_for_answer(&self.peer, &self.sizes, slot.index as usize, number)
    }

    /// Waits for the answer to a request.
    #[inline]
    pub(super) fn wait_for_answer(
        &self,
        slot: &Slot,
        number: u32,
        until: Option<Instant>,
    ) -> Result<Answer, CallError> {
        let index = slot.index as usize;
        let place = Place {
            state: self.own.word(client::wait(index)),
            bell: self.bells.word(bell::reply(index)),
            peer_cpu: self.peer.word(server::CPU),
        };
        let look = || self.look(slot, number);
        match crate::wait::wait(place, &self.spin, &self.life, until, look) {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(violation)) => Err(self.violated(violation).into()),
            Err(Stopped::TimedOut) => Err(CallError::TimedOut),
            Err(Stopped::Over) => Err(self.disconnected().into()),
        }
    }

    /// The answer to a request, if it is there.
    pub(super) fn answer_now(&self, slot: &Slot, number: u32) -> Option<Result<Answer, CallError>> {
        match self.look(slot, number) {
            Some(Ok(answer)) => Some(Ok(answer)),
            Some(Err(violation)) => Some(Err(self.violated(violation).into())),
            None if self.life.over().is_some() => Some(Err(self.disconnected().into())),
            None => None,
        }
    }

    /// Tells the server that nobody waits for a request any more, and keeps its slot until it is answered.
    pub(super) fn abandon(&self, slot: Slot, number: u32) {
        let word = self.own.word(client::cancelled(slot.index as usize));
        word.store(number, Ordering::Release);
        self.slots.abandon(Abandoned { slot, number });
    }

    /// Why it is over.
    pub(super) fn disconnected(&self) -> Disconnected {
        let mut heard = self.heard.lock();
        if heard.why.is_none() {
            self.listen(&mut heard);
        }
        heard.why.get_or_insert(Disconnected::Gone).clone()
    }

    /// Takes from the socket what the server sent: doorbells, and why it ends the connection.
    pub(super) fn hear(&self) {
        let mut heard = self.heard.lock();
        let nothing = self.listen(&mut heard);
        drop(heard);
        if nothing != Errno::AGAIN {
            self.end(End::HungUp);
        }
    }

    /// Sends the memory of a large request, before the request. The number of its message.
    pub(super) fn send_large(&self, file: &OwnedFd) -> Result<u32, Errno> {
        let number = self.next_large.fetch_add(1, Ordering::Relaxed);
        socket::send(&self.socket, &Message::Large { number }, &[file.as_fd()])?;
        Ok(number)
    }

    /// The memory of the large reply to a request. It was sent before the reply was written.
    pub(super) fn open_large(&self, number: u32, len: u32) -> Result<Box<Peer>, Disconnected> {
        let mut heard = self.heard.lock();
        self.listen(&mut heard);
        let file = heard.large.remove(&number);
        drop(heard);
        let memory = file.and_then(|file| Peer::open(file, crate::layout::large(len)).ok());
        let memory = memory.ok_or(Violation::Large);
        memory
            .map(Box::new)
            .map_err(|violation| self.violated(violation))
    }

    /// Lets go of the reply to a request that was abandoned, if that is a large one.
    fn forget_large(&self, answer: Option<Answer>, number: u32) {
        if answer.is_some_and(|answer| answer.status == Status::RepliedLarge) {
            let mut heard = self.heard.lock();
            self.listen(&mut heard);
            heard.large.remove(&number);
        }
    }

    /// Takes all messages from the socket. Why there is no other.
    fn listen(&self, heard: &mut Heard) -> Errno {
        let mut reset = false;
        loop {
            match socket::receive(&self.socket) {
                Ok(mut received) => match received.message {
                    Ok(Message::Refused(refusal)) => {
                        heard.why.get_or_insert(Disconnected::Told(refusal));
                    }
                    // Each belongs to a request, which has a slot. A server that sends more does not keep to the rules.
                    Ok(Message::Large { number })
                        if heard.large.len() < self.sizes.slots as usize =>
                    {
                        let file = received.descriptors.pop();
                        heard.large.extend(file.map(|file| (number, file)));
                    }
                    _ => {}
                },
                Err(Errno::INTR) => {}
                // A server that did not read all doorbells before it hung up: this comes once, and before its last words.
                Err(Errno::CONNRESET) if !reset => reset = true,
                Err(errno) => return errno,
            }
        }
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
            self.life.rouse(|| self.bells());
        }
    }

    /// The bells that threads of this side sleep on.
    fn bells(&self) -> Vec<&AtomicU32> {
        let slots = 0..self.sizes.slots as usize;
        slots
            .map(bell::reply)
            .chain([bell::EVENTS])
            .map(|at| self.bells.word(at))
            .collect()
    }
}

impl Watched for Core {
    fn hung_up(&self) {
        self.end(End::HungUp);
    }
}
