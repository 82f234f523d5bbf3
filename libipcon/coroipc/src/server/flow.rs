// SPDX-License-Identifier: MIT OR Apache-2.0
//! What happens once a slow client has read some of its events.
//!
//! Nobody waits for that. The server says in its region that it wants to be rung for, as a poll loop does, and the
//! client rings once half of its ring is free. The message on the socket comes to the application's loop, or where
//! threads serve to the one thread that watches all connections, which looks at a socket only while it is asked to.
//! Either moves events from the queue to the ring, which never takes long.

use std::sync::atomic::Ordering as Plain;

use super::channel::Channel;
use super::events::Outbound;
use crate::layout::{bell, server};
use crate::ring::{Producer, Violation};
use crate::statistics::Counter;
use crate::sync::{Ordering, fence};
use crate::wait::{Mode, State};

impl Channel {
    /// Moves events from the queue to the ring, as many as fit.
    pub(super) fn flush(&self, out: &mut Outbound) -> Result<(), Violation> {
        let mut moved = false;
        while let Some(event) = out.queue.front() {
            let len = event.payload.len() as u32;
            if Producer::taken(len) > out.producer.free(&self.peer)? {
                break;
            }
            out.producer.push(&self.own, event.number, len, |room| {
                room.copy_from_slice(&event.payload);
            });
            out.queue.pop();
            moved = true;
            self.statistics.count(Counter::Dispatched);
            self.statistics.add(Counter::EventBytes, len.into());
        }
        if moved {
            self.publish_queue(out);
        }
        Ok(())
    }

    /// Has the client ring once it has made room: for the queue, or for so many bytes where that is empty. Whether there
    /// is room for those already.
    ///
    /// Events are held back only while the client was asked, or somebody waits: so somebody will say when they are not.
    pub(super) fn ask_for_room(&self, out: &mut Outbound, bytes: u32) -> Result<bool, Violation> {
        let room = self.look_for_room(out, bytes);
        if room == Ok(true) && !out.asked && !out.blocked {
            self.hold_back(out, false);
        }
        room
    }

    fn look_for_room(&self, out: &mut Outbound, bytes: u32) -> Result<bool, Violation> {
        loop {
            self.flush(out)?;
            let wanted = match out.queue.front() {
                Some(event) => Producer::taken(event.payload.len() as u32),
                None if bytes == 0 => return Ok(true),
                None => bytes,
            };
            self.hold_back(out, true);
            if out.asked || out.blocked {
                return Ok(false);
            }
            let state = self.own.word(server::EVENTS_WAIT);
            State::announce(state, Mode::Poll);
            // SYNC POINT: as in `wait::sleep`. While this finds too little room the ring is not empty, so that the client
            // has something to give back yet, and rings at the latest when that was all.
            fence(Ordering::SeqCst);
            if out.producer.free(&self.peer)? < wanted {
                out.asked = true;
                if let Some(watching) = self.watching.get() {
                    watching.listen(&*self.socket);
                }
                return Ok(false);
            }
            State::withdraw(state);
            if out.queue.is_empty() {
                return Ok(true);
            }
        }
    }

    /// Goes on after the client may have made room.
    pub(super) fn room_made(&self) {
        let Some(outbound) = &self.events.outbound else {
            return;
        };
        let mut out = outbound.lock();
        if !out.asked || out.blocked {
            return;
        }
        out.asked = false;
        State::withdraw(self.own.word(server::EVENTS_WAIT));
        let half = out.producer.size() / 2;
        let room = self.ask_for_room(&mut out, half);
        drop(out);
        self.wake_receiver();
        match room {
            Ok(true) => self.notify_of_room(),
            Ok(false) => {}
            Err(violation) => self.violated(violation),
        }
    }

    /// Has the service told, in the thread that runs its handlers.
    pub(super) fn notify_of_room(&self) {
        if self.events.notifies {
            self.events.room_again.store(true, Plain::SeqCst);
            // That thread may sleep until there is a request.
            crate::wait::nudge(self.bells.word(bell::REQUESTS));
        }
    }
}
