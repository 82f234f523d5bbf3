// SPDX-License-Identifier: MIT OR Apache-2.0
//! The slots of a connection, and who has them.

use std::collections::BTreeMap;
use std::task::Waker;
use std::time::Instant;

use parking_lot::{Condvar, Mutex, MutexGuard};

use super::polled::Request;
use crate::region::Room;
use crate::sync::{AtomicU32, Ordering};

/// A slot, with the memory for a request. Whoever has it may use the slot.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(super) index: u32,
    pub(super) room: Room,
}

/// A slot whose request nobody waits for, but the server may still be working on.
#[derive(Debug)]
struct Abandoned {
    slot: Slot,
    request: Request,
    /// Somebody waits for the answer, to have the slot. It is that thread's to take.
    watched: bool,
}

#[derive(Debug)]
pub(crate) struct Slots {
    state: Mutex<State>,
    freed: Condvar,
    /// Slots that were given back, modulo 2^32, for those who watch an abandoned one.
    given_back: AtomicU32,
}

#[derive(Debug)]
struct State {
    free: Vec<Slot>,
    /// The oldest first, which the server is likely to answer first.
    abandoned: Vec<Abandoned>,
    waiting: usize,
    watching: usize,
    /// Tasks that wait, by their tickets.
    tasks: BTreeMap<u64, Waker>,
    #[cfg(feature = "tokio")]
    last_ticket: u64,
    over: bool,
}

/// What there is for somebody who wants a slot.
pub(super) enum Found {
    /// A free one.
    Free(Slot),
    /// One whose request, which was abandoned, is answered.
    Answered(Slot, Request),
    /// One that is free once the server has answered this request. It is to be watched, until it is answered or
    /// [`Slots::given_back`] is not this any more, and then [`Slots::unwatch`]ed.
    Abandoned(Request, u32),
    /// Nothing until the deadline.
    Nothing,
    /// Nothing, and there will be nothing: the connection is over.
    Over,
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
                watching: 0,
                tasks: BTreeMap::new(),
                #[cfg(feature = "tokio")]
                last_ticket: 0,
                over: false,
            }),
            freed: Condvar::new(),
            given_back: AtomicU32::new(0),
        }
    }

    /// A slot: whatever is free or answered first. `answered` tells whether the server is done with a request.
    #[inline]
    pub(super) fn take(&self, answered: impl Fn(Request) -> bool, until: Option<Instant>) -> Found {
        let mut state = self.state.lock();
        loop {
            if state.over {
                return Found::Over;
            }
            if let Some(slot) = state.free.pop() {
                return Found::Free(slot);
            }
            if let Some(found) = state.take_answered(&answered) {
                return found;
            }
            if until.is_some_and(|until| until <= Instant::now()) {
                return Found::Nothing;
            }
            if let Some(at) = state.abandoned.iter().position(|it| !it.watched) {
                state.abandoned[at].watched = true;
                state.watching += 1;
                let given_back = self.given_back.load(Ordering::Relaxed);
                return Found::Abandoned(state.abandoned[at].request, given_back);
            }
            state.waiting += 1;
            match until {
                None => self.freed.wait(&mut state),
                Some(until) => {
                    self.freed.wait_until(&mut state, until);
                }
            }
            state.waiting -= 1;
        }
    }

    /// As [`Slots::take`], for a task: if there is nothing it is woken when there may be something. `wait` has requests that
    /// were given up waited for too, and says whether one is answered already. The task keeps its ticket, for the next time
    /// or for [`Slots::leave`].
    #[cfg(feature = "tokio")]
    pub(super) fn poll_take(
        &self,
        answered: impl Fn(Request) -> bool,
        wait: impl Fn(Request) -> bool,
        ticket: &mut Option<u64>,
        waker: &Waker,
    ) -> Found {
        // A waker may come here again when it is copied, and when it is dropped: that is done while nothing is locked.
        let waker = waker.clone();
        let mut state = self.state.lock();
        let found = if state.over {
            Some(Found::Over)
        } else if let Some(slot) = state.free.pop() {
            Some(Found::Free(slot))
        } else {
            let found = state.take_answered(answered);
            // Under the lock, so that none of these slots can be used again meanwhile. What was answered then is not looked
            // at again: a server that takes answers back could go on with that for ever.
            found.or_else(|| state.take_answered(wait))
        };
        let (found, before) = match found {
            Some(found) => {
                let before = ticket.take().map(|ticket| state.tasks.remove(&ticket));
                (found, before.flatten())
            }
            None => {
                let ticket = *ticket.get_or_insert_with(|| {
                    state.last_ticket += 1;
                    state.last_ticket
                });
                (Found::Nothing, state.tasks.insert(ticket, waker))
            }
        };
        drop(state);
        drop(before);
        found
    }

    /// A task waits no more. What it was told of is for the next one.
    #[cfg(feature = "tokio")]
    pub(crate) fn leave(&self, ticket: u64) {
        let mut state = self.state.lock();
        match state.tasks.remove(&ticket) {
            None => self.tell_one_of(state),
            Some(waker) => {
                drop(state);
                drop(waker);
            }
        }
    }

    /// Has one of those who wait look again.
    pub(super) fn tell_one(&self) {
        self.tell_one_of(self.state.lock());
    }

    /// How many slots were given back, modulo 2^32.
    pub(super) fn given_back(&self) -> u32 {
        self.given_back.load(Ordering::Acquire)
    }

    /// Nobody watches the request any more. Its slot stays abandoned.
    pub(super) fn unwatch(&self, request: Request) {
        let mut state = self.state.lock();
        let same = |it: &&mut Abandoned| it.request.slot == request.slot;
        if let Some(it) = state.abandoned.iter_mut().find(same) {
            it.watched = false;
            state.watching -= 1;
        }
        self.tell_one_of(state);
    }

    /// Gives a slot back. If somebody watches an abandoned one meanwhile, that one: its thread is to be woken.
    #[inline]
    pub(super) fn give_back(&self, slot: Slot) -> Option<usize> {
        let mut state = self.state.lock();
        state.free.push(slot);
        let mut watched = None;
        if state.waiting == 0 && state.watching != 0 {
            self.given_back.fetch_add(1, Ordering::Release);
            let it = state.abandoned.iter().find(|it| it.watched);
            watched = it.map(|it| it.request.slot);
        }
        self.tell_one_of(state);
        watched
    }

    pub(super) fn abandon(&self, slot: Slot, number: u32) {
        let mut state = self.state.lock();
        let request = Request {
            slot: slot.index as usize,
            number,
        };
        state.abandoned.push(Abandoned {
            slot,
            request,
            watched: false,
        });
        self.tell_one_of(state);
    }

    /// Has all who wait for a slot know that there will be none.
    pub(super) fn end(&self) {
        let mut state = self.state.lock();
        state.over = true;
        let tasks = std::mem::take(&mut state.tasks);
        drop(state);
        self.freed.notify_all();
        tasks.into_values().for_each(Waker::wake);
    }

    #[inline]
    fn tell_one_of(&self, mut state: MutexGuard<'_, State>) {
        if state.waiting != 0 {
            self.freed.notify_one();
        }
        if !state.tasks.is_empty() {
            let first = state.tasks.pop_first();
            drop(state);
            if let Some((_, waker)) = first {
                waker.wake();
            }
        }
    }
}

impl State {
    /// A slot whose request, which was abandoned, is answered.
    fn take_answered(&mut self, answered: impl Fn(Request) -> bool) -> Option<Found> {
        let done = |it: &Abandoned| !it.watched && answered(it.request);
        let at = self.abandoned.iter().position(done)?;
        let it = self.abandoned.remove(at);
        Some(Found::Answered(it.slot, it.request))
    }
}

#[cfg(all(test, not(loom), feature = "tokio"))]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::region::Own;

    /// So many slots, of which all are given up.
    fn given_up(count: usize) -> Slots {
        let sizes = crate::sizes::Sizes {
            slots: count as u32,
            ..crate::sizes::Sizes::default()
        };
        let region = Own::create("slots", sizes.client_region()).unwrap();
        let slots = Slots::new(region.rooms);
        for number in 1..=count {
            let Found::Free(slot) = slots.take(|_| false, None) else {
                panic!("there is a free one");
            };
            slots.abandon(slot, number as u32);
        }
        slots
    }

    #[test]
    fn an_answer_that_is_taken_back_is_looked_at_once() {
        let slots = given_up(2);
        let looks = Cell::new(0);
        // It is there whenever it is waited for, and gone when it is looked for.
        let wait = |_| {
            looks.set(looks.get() + 1);
            assert!(looks.get() < 100, "it goes on for ever");
            true
        };
        let mut ticket = None;
        let found = slots.poll_take(|_| false, wait, &mut ticket, Waker::noop());
        let Found::Answered(slot, request) = found else {
            panic!("it was answered");
        };
        assert_eq!((slot.index, request.number), (0, 1));
        assert_eq!((looks.get(), ticket), (1, None));
        // The other one is not answered, and is waited for.
        let found = slots.poll_take(|_| false, |_| false, &mut ticket, Waker::noop());
        assert!(matches!(found, Found::Nothing));
        assert!(ticket.is_some());
    }
}
