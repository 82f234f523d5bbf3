// SPDX-License-Identifier: MIT OR Apache-2.0
//! Waiting for the other side, and waking it.
//!
//! Who waits looks at words of the other side's region. It spins for a while, if that is likely to pay ([`Spin`]);
//! then it says in a word of its own region how it waits ([`State`]), looks once more, and sleeps on a bell
//! ([`crate::region::Bells`]), or goes back to its poll loop. Who changes what is waited for looks at the sleeper's
//! state afterwards, and makes a system call only if somebody sleeps. Each of the two writes before it reads, with a
//! fence between, so that at least one of them sees the other.
//!
//! A futex cannot be waited for together with a descriptor. So one thread of each process ([`watcher`]) waits for the
//! sockets of all connections to hang up, and wakes who sleeps for a peer that is gone ([`Life`]).

mod cpu;
mod futex;
mod life;
mod sleep;
mod spin;
mod state;
pub(crate) mod watcher;

pub(crate) use cpu::publish_cpu;
pub(crate) use life::{End, Life};
pub(crate) use sleep::{Place, Stopped, nudge, wait, wake};
pub(crate) use spin::Spin;
pub(crate) use state::{Mode, State};
