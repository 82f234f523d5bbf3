// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sending events, and what happens when a client is slow to read them.

use std::io::IoSlice;
use std::time::Instant;

use parking_lot::Mutex;

use super::channel::Channel;
use crate::gather::{gather, total};
use crate::handshake::{Reason, Refusal, socket};
use crate::layout::{bell, client, server};
use crate::ring::{Producer, Violation};
use crate::statistics::Counter;
use crate::sync::AtomicU32;
use crate::wait::{Place, Spin, Stopped};

/// What happens to events when a client's ring is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Overflow {
    /// Who sends waits for room.
    Block,
    /// The event is not sent: the sender gets [`EventError::Full`].
    Refuse,
    /// The event is not sent, and the sender is told nothing. The client sees a gap in the numbers of its events.
    DropNewest,
    /// The client is disconnected, and told that it was too slow.
    Disconnect,
}

/// Why an event was not sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EventError {
    /// The connection has no ring of events.
    #[error("the connection was made without events")]
    NoEvents,
    /// It does not fit into the ring even when that is empty.
    #[error("an event of {len} bytes is longer than the {most} that the connection's ring takes")]
    TooLong {
        /// Bytes of the event.
        len: usize,
        /// Bytes that fit.
        most: usize,
    },
    /// The ring is full.
    #[error("the client has not read enough of its events to make room for this one")]
    Full,
    /// There was no room until the deadline.
    #[error("the client did not make room for the event in time")]
    TimedOut,
    /// The client is gone, or was disconnected.
    #[error("the connection is over")]
    Over,
}

/// The sending end of a connection's events.
#[derive(Debug)]
pub(super) struct Events {
    producer: Option<Mutex<Producer>>,
    overflow: Overflow,
    /// The wait of the client's thread that was ended last.
    rung: AtomicU32,
    spin: Spin,
}

impl Events {
    pub(super) fn new(producer: Option<Producer>, overflow: Overflow, spin: Spin) -> Self {
        Self {
            producer: producer.map(Mutex::new),
            overflow,
            rung: AtomicU32::new(0),
            spin,
        }
    }
}

impl Channel {
    pub(super) fn send_event(
        &self,
        payload: &[IoSlice<'_>],
        deadline: Option<Instant>,
    ) -> Result<(), EventError> {
        let producer = self.events.producer.as_ref().ok_or(EventError::NoEvents)?;
        // Who waits for room holds it: the order in which events are sent is the order of this lock.
        let mut producer = producer.lock();
        let (bytes, most) = (total(payload), producer.longest() as usize);
        if bytes > most {
            return Err(EventError::TooLong { len: bytes, most });
        }
        let len = bytes as u32;
        if self.life.over().is_some() {
            return Err(EventError::Over);
        }
        let fits = self.fits(&producer, len)?;
        self.statistics.flow_control(!fits);
        if !fits {
            match self.events.overflow {
                Overflow::Refuse => {
                    self.statistics.count(Counter::EventsDropped);
                    return Err(EventError::Full);
                }
                Overflow::DropNewest => {
                    self.statistics.count(Counter::EventsDropped);
                    producer.skip();
                    return Ok(());
                }
                Overflow::Disconnect => {
                    drop(producer);
                    self.refuse(Refusal::new(Reason::SlowConsumer, ""));
                    return Err(EventError::Over);
                }
                Overflow::Block => {
                    self.wait_for_room(&producer, len, deadline)?;
                    self.statistics.flow_control(false);
                }
            }
        }
        producer.push(&self.own, len, |room| {
            // It has exactly this length.
            let _ = gather(payload, room);
        });
        drop(producer);
        self.statistics.count(Counter::Dispatched);
        self.statistics.add(Counter::EventBytes, len.into());
        let bell = self.bells.word(bell::EVENTS);
        let state = self.peer.word(client::EVENTS_WAIT);
        if crate::wait::wake(bell, state, &self.events.rung) {
            socket::ring(&self.socket);
        }
        Ok(())
    }

    fn fits(&self, producer: &Producer, len: u32) -> Result<bool, EventError> {
        producer
            .fits(&self.peer, len)
            .map_err(|violation| self.broken(violation))
    }

    fn wait_for_room(
        &self,
        producer: &Producer,
        len: u32,
        deadline: Option<Instant>,
    ) -> Result<(), EventError> {
        let place = Place {
            state: self.own.word(server::EVENTS_WAIT),
            bell: self.bells.word(bell::ROOM),
            peer_cpu: self.peer.word(client::CPU),
        };
        let look = || match self.fits(producer, len) {
            Ok(false) => None,
            Ok(true) => Some(Ok(())),
            Err(error) => Some(Err(error)),
        };
        match crate::wait::wait(place, &self.events.spin, &self.life, deadline, look) {
            Ok(fits) => fits,
            Err(Stopped::Over) => Err(EventError::Over),
            Err(Stopped::TimedOut) => Err(EventError::TimedOut),
        }
    }

    fn broken(&self, violation: Violation) -> EventError {
        self.violated(violation);
        EventError::Over
    }
}
