// SPDX-License-Identifier: MIT OR Apache-2.0
//! The slots of a connection, and who has them.

use std::time::Instant;

use parking_lot::{Condvar, Mutex};

use crate::region::Room;

/// A slot, with the memory for a request. Whoever has it may use the slot.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) index: u32,
    pub(super) room: Room,
}

/// A slot whose request nobody waits for, but the server may still be working on.
#[derive(Debug)]
pub(super) struct Abandoned {
    pub(super) slot: Slot,
    /// The number of the request.
    pub(super) number: u32,
}

#[derive(Debug)]
pub(super) struct Slots {
    state: Mutex<State>,
    freed: Condvar,
}

#[derive(Debug)]
struct State {
    free: Vec<Slot>,
    abandoned: Vec<Abandoned>,
    waiting: usize,
}

/// What there is for somebody who wants a slot.
pub(super) enum Found {
    /// A free one.
    Free(Slot),
    /// One that is free once the server has answered it.
    Abandoned(Abandoned),
    /// Nothing until the deadline.
    Nothing,
}

impl Slots {
    pub(super) fn new(rooms: Vec<Room>) -> Self {
        let slot = |(index, room)| Slot {
            index: index as u32,
            room,
        };
        // The first slot is used most: its memory is warm.
        let mut free: Vec<_> = rooms.into_iter().enumerate().map(slot).collect();
        free.reverse();
        Self {
            state: Mutex::new(State {
                free,
                abandoned: Vec::new(),
                waiting: 0,
            }),
            freed: Condvar::new(),
        }
    }

    /// A slot. `answered` tells whether the server is done with an abandoned one.
    #[inline]
    pub(super) fn take(
        &self,
        answered: impl Fn(&Abandoned) -> bool,
        until: Option<Instant>,
    ) -> Found {
        let mut state = self.state.lock();
        loop {
            if let Some(slot) = state.free.pop() {
                return Found::Free(slot);
            }
            if let Some(at) = state.abandoned.iter().position(&answered) {
                return Found::Free(state.abandoned.swap_remove(at).slot);
            }
            if let Some(abandoned) = state.abandoned.pop() {
                return Found::Abandoned(abandoned);
            }
            state.waiting += 1;
            let late = match until {
                None => {
                    self.freed.wait(&mut state);
                    false
                }
                Some(until) => self.freed.wait_until(&mut state, until).timed_out(),
            };
            state.waiting -= 1;
            if late && state.free.is_empty() && state.abandoned.is_empty() {
                return Found::Nothing;
            }
        }
    }

    #[inline]
    pub(super) fn give_back(&self, slot: Slot) {
        let mut state = self.state.lock();
        state.free.push(slot);
        let somebody = state.waiting != 0;
        drop(state);
        if somebody {
            self.freed.notify_one();
        }
    }

    pub(super) fn abandon(&self, abandoned: Abandoned) {
        let mut state = self.state.lock();
        state.abandoned.push(abandoned);
        let somebody = state.waiting != 0;
        drop(state);
        if somebody {
            self.freed.notify_one();
        }
    }
}
