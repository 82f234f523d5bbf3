// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a client waits for in poll loops and in tasks.
//!
//! The server rings for it on the socket, and all of a client's waits share that. A doorbell does not say for which of
//! them it is; so who takes one from the socket looks for all of them. Tasks are woken. Who polls the descriptor can only
//! be told by the descriptor: the last doorbell stays in the socket for as long as something is there that was not asked
//! for since.
//!
//! A doorbell may also come late, for the request that was in the slot before, and then the server takes the wait for one
//! that it has ended. So each wait is announced anew before the last doorbell is taken. For the same reason nobody takes a
//! message of which the socket was not known to have it: it may be the last doorbell, for a wait that was looked for before.

use std::task::Waker;

use crate::layout::{client, server};
use crate::region::{Own, Peer};
use crate::ring::look_for_answer;
use crate::sizes::Sizes;
use crate::sync::{AtomicU32, Ordering, fence};
use crate::wait::{Mode, State};

/// A request, and the slot that it is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) slot: usize,
    pub(crate) number: u32,
}

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Awaited {
    Events,
    /// The answer to a request.
    Reply(Request),
    /// The answer to a request that was given up: its slot is free then, which tasks wait for.
    Slot(Request),
}

/// What is to be done with the socket by who takes messages from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// To take the first message.
    Take,
    /// To take nothing, since there was nothing. What has come since is to be asked about anew.
    Nothing,
    /// To leave the only message, which is a doorbell.
    Leave,
}

/// Bytes of a doorbell. No other message is that short.
pub(crate) const DOORBELL: u64 = 8;

/// Where the waits are, and what they are for.
#[derive(Clone, Copy)]
pub(crate) struct Memory<'a> {
    pub(crate) own: &'a Own,
    pub(crate) peer: &'a Peer,
    pub(crate) sizes: &'a Sizes,
}

/// All that is waited for in poll loops and in tasks. Whoever sleeps on a futex is not in here.
#[derive(Debug, Default)]
pub(crate) struct Polled {
    waits: Vec<Wait>,
}

#[derive(Debug)]
struct Wait {
    awaited: Awaited,
    told: Told,
}

/// How who waits learns that it is there.
#[derive(Debug)]
enum Told {
    /// From the descriptor.
    Descriptor,
    /// It is a task.
    Waker(Waker),
    /// It is a task that was woken, and will ask.
    Already,
    /// Whoever waits for a slot learns it.
    Slots,
}

impl Wait {
    fn waker(self) -> Option<Waker> {
        match self.told {
            Told::Waker(waker) => Some(waker),
            Told::Descriptor | Told::Already | Told::Slots => None,
        }
    }
}

/// What was found for others than the one who looked.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Tasks to be woken.
    pub(crate) wakers: Vec<Waker>,
    /// Slots that are free now.
    pub(crate) slots: usize,
}

impl Polled {
    /// What is to be done where the socket has so many bytes, which is asked for only where somebody waits.
    pub(crate) fn next(
        &mut self,
        memory: Memory<'_>,
        queued: impl FnOnce() -> u64,
        found: &mut Found,
    ) -> Next {
        if self.waits.is_empty() {
            return Next::Take;
        }
        match queued() {
            0 => Next::Nothing,
            1..=DOORBELL if self.keeps_doorbell(memory, found) => Next::Leave,
            // Either all waits were announced anew just now, or more messages come, of which the last is a doorbell.
            _ => Next::Take,
        }
    }

    /// Waits for something: without a waker who waits polls the descriptor. Whether it is there already; then it is not
    /// waited for. And wakers that are to be dropped once nothing is locked: one may be the last that keeps a task, and
    /// what that has goes with it, and may come here again.
    pub(crate) fn wait(
        &mut self,
        memory: Memory<'_>,
        awaited: Awaited,
        waker: Option<Waker>,
    ) -> (bool, [Option<Waker>; 2]) {
        let told = match (awaited, waker) {
            (Awaited::Slot(_), _) => Told::Slots,
            (_, None) => Told::Descriptor,
            (_, Some(waker)) => Told::Waker(waker),
        };
        let before = self.remove(|it| it.word() == awaited.word());
        self.waits.push(Wait { awaited, told });
        State::announce(memory.word(awaited), Mode::Poll);
        // SYNC POINT: as in `wait::sleep`.
        fence(Ordering::SeqCst);
        let there = memory.has(awaited);
        let stopped = there.then(|| self.stop(memory, awaited)).flatten();
        (there, [before.and_then(Wait::waker), stopped])
    }

    /// Waits for it no more. The waker is to be dropped once nothing is locked, as those of [`Polled::wait`].
    #[must_use = "it is to be dropped once nothing is locked"]
    pub(crate) fn stop(&mut self, memory: Memory<'_>, awaited: Awaited) -> Option<Waker> {
        let stopped = self.remove(|it| it == awaited)?;
        State::withdraw(memory.word(awaited));
        stopped.waker()
    }

    /// One wait: there are no two with the same word.
    fn remove(&mut self, is: impl Fn(Awaited) -> bool) -> Option<Wait> {
        let at = self.waits.iter().position(|wait| is(wait.awaited))?;
        Some(self.waits.remove(at))
    }

    /// Whether a doorbell, the last message of the socket, is to stay there, since what it may be for is there and somebody
    /// is to learn of it from the descriptor. If not it may be taken: whoever is not found here is rung for again.
    fn keeps_doorbell(&mut self, memory: Memory<'_>, found: &mut Found) -> bool {
        for wait in &self.waits {
            State::announce(memory.word(wait.awaited), Mode::Poll);
        }
        // SYNC POINT: as in `wait::sleep`, for all of them at once.
        fence(Ordering::SeqCst);
        let mut keeps = false;
        self.waits.retain_mut(|wait| {
            if !memory.has(wait.awaited) {
                return true;
            }
            match std::mem::replace(&mut wait.told, Told::Already) {
                Told::Descriptor => {
                    wait.told = Told::Descriptor;
                    keeps = true;
                }
                Told::Waker(waker) => found.wakers.push(waker),
                Told::Already => {}
                Told::Slots => {
                    State::withdraw(memory.word(wait.awaited));
                    found.slots += 1;
                    return false;
                }
            }
            true
        });
        keeps
    }

    /// All tasks, to be woken as the connection is over.
    pub(crate) fn end(&mut self) -> Vec<Waker> {
        let told = self.waits.iter_mut().map(|wait| &mut wait.told);
        told.filter_map(|told| match std::mem::replace(told, Told::Already) {
            Told::Waker(waker) => Some(waker),
            other => {
                *told = other;
                None
            }
        })
        .collect()
    }
}

impl Awaited {
    /// Where its word is.
    fn word(self) -> usize {
        match self {
            Self::Events => client::EVENTS_WAIT,
            Self::Reply(request) | Self::Slot(request) => client::wait(request.slot),
        }
    }
}

impl<'a> Memory<'a> {
    fn word(self, awaited: Awaited) -> &'a AtomicU32 {
        self.own.word(awaited.word())
    }

    /// Whether it is there.
    fn has(self, awaited: Awaited) -> bool {
        match awaited {
            Awaited::Events => {
                let written = self.peer.word(server::EVENTS_WRITTEN).load();
                let read = self.own.word(client::EVENTS_READ);
                written != read.load(Ordering::Relaxed)
            }
            Awaited::Reply(it) | Awaited::Slot(it) => {
                look_for_answer(self.peer, self.sizes, it.slot, it.number).is_some()
            }
        }
    }
}
