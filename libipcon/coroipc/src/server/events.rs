// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sending events: into the client's ring, into the queue behind it, or not.

use std::io::IoSlice;
use std::sync::atomic::{AtomicBool, Ordering as Plain};
use std::time::Instant;

use parking_lot::{Mutex, MutexGuard};

use super::channel::Channel;
use super::overflow::{EventError, Overflow};
use super::queue::{Limits, Queue};
use crate::gather::{gather, total};
use crate::handshake::{Reason, Refusal};
use crate::layout::{bell, client, server};
use crate::ring::{Producer, Violation};
use crate::statistics::Counter;
use crate::sync::{AtomicU32, Ordering};
use crate::wait::{Place, Spin, State, Stopped};

/// The sending end of a connection's events.
#[derive(Debug)]
pub(super) struct Events {
    pub(super) outbound: Option<Mutex<Outbound>>,
    /// Who waits for room holds it, so that the others wait in turn.
    turn: Mutex<()>,
    overflow: Overflow,
    /// The wait of the client's thread that was ended last.
    rung: AtomicU32,
    spin: Spin,
    /// Whether the service wants to know when there is room again.
    pub(super) notifies: bool,
    /// There is room again, and the service has not been told.
    pub(super) room_again: AtomicBool,
}

/// What is locked while an event is written or queued. Nobody waits with it.
#[derive(Debug)]
pub(super) struct Outbound {
    pub(super) producer: Producer,
    pub(super) queue: Queue,
    /// Somebody waits for room, and goes on with the queue too.
    pub(super) blocked: bool,
    /// The client was asked to ring when it has made room.
    pub(super) asked: bool,
    /// Events are held back: they are queued, or somebody waits, or they were dropped or refused and there has been no
    /// room since.
    held_back: bool,
    dropped: u32,
}

/// Where an event went.
enum Placed {
    Written,
    Queued,
    Nowhere,
}

impl Events {
    pub(super) fn new(
        producer: Option<Producer>,
        (overflow, limits): (Overflow, Limits),
        notifies: bool,
        spin: Spin,
    ) -> Self {
        let outbound = |producer| Outbound {
            producer,
            queue: Queue::new(limits),
            blocked: false,
            asked: false,
            held_back: false,
            dropped: 0,
        };
        Self {
            outbound: producer.map(outbound).map(Mutex::new),
            turn: Mutex::new(()),
            overflow,
            rung: AtomicU32::new(0),
            spin,
            notifies,
            room_again: AtomicBool::new(false),
        }
    }

    /// Events that wait in the queue.
    pub(super) fn queued(&self) -> usize {
        self.outbound
            .as_ref()
            .map_or(0, |outbound| outbound.lock().queue.len())
    }

    /// Whether there is room again and the service is to be told. It is told once.
    pub(super) fn take_room_again(&self) -> bool {
        self.room_again.load(Plain::SeqCst) && self.room_again.swap(false, Plain::SeqCst)
    }
}

impl Channel {
    pub(super) fn send_event(
        &self,
        payload: &[IoSlice<'_>],
        deadline: Option<Instant>,
    ) -> Result<(), EventError> {
        let outbound = self.events.outbound.as_ref().ok_or(EventError::NoEvents)?;
        // The order in which events are sent is the order of this lock.
        let mut out = outbound.lock();
        let (bytes, most) = (total(payload), out.producer.longest() as usize);
        if bytes > most {
            return Err(EventError::TooLong { len: bytes, most });
        }
        if self.life.over().is_some() {
            return Err(EventError::Over);
        }
        let sent = if out.blocked {
            // Those who came before wait.
            Ok(false)
        } else {
            self.place_or_ask(&mut out, payload, bytes)
        };
        let result = match sent {
            Ok(true) => Ok(()),
            Ok(false) => self.overflow(outbound, out, payload, bytes, deadline),
            Err(violation) => {
                drop(out);
                self.violated(violation);
                Err(EventError::Over)
            }
        };
        self.wake_receiver();
        result
    }

    /// Writes or queues an event, or has the client ring when it has made room. Whether it was written or queued.
    fn place_or_ask(
        &self,
        out: &mut Outbound,
        payload: &[IoSlice<'_>],
        bytes: usize,
    ) -> Result<bool, Violation> {
        loop {
            match self.place(out, payload, bytes)? {
                Placed::Written => return Ok(true),
                Placed::Queued => {
                    self.ask_for_room(out, 0)?;
                    return Ok(true);
                }
                Placed::Nowhere => {
                    let wanted = Producer::taken(bytes as u32);
                    if !self.ask_for_room(out, wanted)? {
                        return Ok(false);
                    }
                }
            }
        }
    }

    fn place(
        &self,
        out: &mut Outbound,
        payload: &[IoSlice<'_>],
        bytes: usize,
    ) -> Result<Placed, Violation> {
        self.flush(out)?;
        let len = bytes as u32;
        if out.queue.is_empty() && Producer::taken(len) <= out.producer.free(&self.peer)? {
            let number = out.producer.next_number();
            out.producer.push(&self.own, number, len, |room| {
                // It has exactly this length.
                let _ = gather(payload, room);
            });
            self.statistics.count(Counter::Dispatched);
            self.statistics.add(Counter::EventBytes, bytes as u64);
            return Ok(Placed::Written);
        }
        if out.queue.has_room(bytes) {
            self.enqueue(out, payload);
            return Ok(Placed::Queued);
        }
        Ok(Placed::Nowhere)
    }

    fn enqueue(&self, out: &mut Outbound, payload: &[IoSlice<'_>]) {
        let number = out.producer.next_number();
        out.queue.push(number, payload);
        self.publish_queue(out);
    }

    /// An event has no room anywhere.
    fn overflow(
        &self,
        outbound: &Mutex<Outbound>,
        mut out: MutexGuard<'_, Outbound>,
        payload: &[IoSlice<'_>],
        bytes: usize,
        deadline: Option<Instant>,
    ) -> Result<(), EventError> {
        match self.events.overflow {
            Overflow::Block => {
                drop(out);
                self.block(outbound, payload, bytes, deadline)
            }
            Overflow::Refuse => {
                self.statistics.count(Counter::EventsDropped);
                Err(EventError::Full)
            }
            Overflow::DropOldest if out.queue.could_have_room(bytes) => {
                while !out.queue.has_room(bytes) && out.queue.pop().is_some() {
                    self.dropped(&mut out);
                }
                self.enqueue(&mut out, payload);
                Ok(())
            }
            Overflow::DropOldest | Overflow::DropNewest => {
                out.producer.next_number();
                self.dropped(&mut out);
                Ok(())
            }
            Overflow::Disconnect => {
                drop(out);
                self.refuse(Refusal::new(Reason::SlowConsumer, ""));
                Err(EventError::Over)
            }
        }
    }

    fn dropped(&self, out: &mut Outbound) {
        out.dropped = out.dropped.wrapping_add(1);
        let word = self.own.word(server::EVENTS_DROPPED);
        word.store(out.dropped, Ordering::Release);
        self.statistics.count(Counter::EventsDropped);
    }

    fn block(
        &self,
        outbound: &Mutex<Outbound>,
        payload: &[IoSlice<'_>],
        bytes: usize,
        deadline: Option<Instant>,
    ) -> Result<(), EventError> {
        let _turn = match deadline {
            None => self.events.turn.lock(),
            Some(deadline) => self
                .events
                .turn
                .try_lock_until(deadline)
                .ok_or(EventError::TimedOut)?,
        };
        let place = Place {
            state: self.own.word(server::EVENTS_WAIT),
            bell: self.bells.word(bell::ROOM),
            peer_cpu: self.peer.word(client::CPU),
        };
        {
            let mut out = outbound.lock();
            out.blocked = true;
            // From here on the word says how this thread waits.
            out.asked = false;
            State::withdraw(place.state);
            self.hold_back(&mut out, true);
        }
        let look = || match self.place(&mut outbound.lock(), payload, bytes) {
            Ok(Placed::Nowhere) => None,
            Ok(_) => Some(Ok(())),
            Err(violation) => Some(Err(violation)),
        };
        let waited = crate::wait::wait(place, &self.events.spin, &self.life, deadline, look);
        let mut out = outbound.lock();
        out.blocked = false;
        let result = match waited {
            Ok(Ok(())) => self.ask_for_room(&mut out, 0).map(drop),
            Ok(Err(violation)) => Err(violation),
            Err(Stopped::Over) => return Err(EventError::Over),
            Err(Stopped::TimedOut) => {
                // Whoever sends may want to know when there is room after all.
                let asked = self.ask_for_room(&mut out, Producer::taken(bytes as u32));
                drop(out);
                match asked {
                    Ok(true) => self.notify_of_room(),
                    Ok(false) => {}
                    Err(violation) => self.violated(violation),
                }
                return Err(EventError::TimedOut);
            }
        };
        drop(out);
        result.map_err(|violation| {
            self.violated(violation);
            EventError::Over
        })
    }

    /// Says in all places whether events are held back.
    pub(super) fn hold_back(&self, out: &mut Outbound, held_back: bool) {
        if out.held_back != held_back {
            out.held_back = held_back;
            let word = self.own.word(server::EVENTS_HELD_BACK);
            word.store(held_back.into(), Ordering::Release);
            self.statistics.flow_control(held_back);
        }
    }

    /// Whether events are held back.
    pub(super) fn is_held_back(&self) -> bool {
        let outbound = self.events.outbound.as_ref();
        outbound.is_some_and(|outbound| outbound.lock().held_back)
    }

    /// Says in all places how many events wait.
    pub(super) fn publish_queue(&self, out: &Outbound) {
        let queued = out.queue.len();
        let word = self.own.word(server::EVENTS_QUEUED);
        word.store(queued as u32, Ordering::Release);
        self.statistics.set(Counter::EventsQueued, queued as u64);
        self.statistics
            .raise(Counter::EventsQueuedHigh, queued as u64);
    }

    /// Wakes the thread of the client that waits for events.
    pub(super) fn wake_receiver(&self) {
        let bell = self.bells.word(bell::EVENTS);
        let state = self.peer.word(client::EVENTS_WAIT);
        if crate::wait::wake(bell, state, &self.events.rung) {
            self.outgoing.ring(&self.socket);
        }
    }
}
