// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is behind a handler.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use libipcon::{Peer, Received};
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};

use crate::errno::Errno;

/// A peer that any number of threads use until one of them frees it.
#[derive(Debug)]
pub(crate) struct Handle {
    peer: Peer,
    /// Readable once the handle was freed, so that whoever waits for messages stops waiting; and also after
    /// another process, which shares it since a fork, has freed its own.
    freed: OwnedFd,
    is_freed: AtomicBool,
    /// Whoever takes a message holds it, but not while it waits for one.
    inbox: Mutex<Inbox>,
    /// Group messages that were lost, as received ones told.
    lost: AtomicU64,
}

#[derive(Debug, Default)]
struct Inbox {
    /// The next message did not fit when it was asked for, and its length was told.
    told_of_next: bool,
}

/// How long to wait for a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    None,
    Until(Instant),
    Endless,
}

/// Why there is no message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Missed {
    /// It has this many bytes, more than there is room for.
    TooLong(usize),
    Failed(Errno),
}

impl<T: Into<Errno>> From<T> for Missed {
    fn from(error: T) -> Self {
        Self::Failed(error.into())
    }
}

impl Patience {
    /// Waits for this long, or without end where the clock cannot tell the time that far ahead.
    pub(crate) fn lasting(time: Duration) -> Self {
        Instant::now()
            .checked_add(time)
            .map_or(Self::Endless, Self::Until)
    }
}

impl Handle {
    pub(crate) fn connect() -> Result<Self, Errno> {
        let freed = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Self {
            peer: Peer::connect()?,
            freed,
            is_freed: AtomicBool::new(false),
            inbox: Mutex::default(),
            lost: AtomicU64::new(0),
        })
    }

    pub(crate) fn peer(&self) -> &Peer {
        &self.peer
    }

    /// How many group messages were lost so far.
    pub(crate) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Ends all waits for messages, now and later.
    pub(crate) fn wake_all(&self) {
        self.is_freed.store(true, Ordering::SeqCst);
        // It has room for 2^64 - 2 of these, more than there will ever be waits.
        let _ = rustix::io::write(&self.freed, &1_u64.to_ne_bytes());
    }

    /// Receives a message into `out`. One that does not fit is told of, once, and is then the next one: it is
    /// dropped if there is no room for it again, or a program with a buffer of one size would never get past it.
    pub(crate) fn receive(&self, out: &mut [u8], patience: Patience) -> Result<Received, Missed> {
        loop {
            if let Some(received) = self.take(out)? {
                self.lost
                    .fetch_add(u64::from(received.lost), Ordering::Relaxed);
                return Ok(received);
            }
            self.wait(patience)?;
        }
    }

    /// The next message, if there is one.
    fn take(&self, out: &mut [u8]) -> Result<Option<Received>, Missed> {
        let mut inbox = self.inbox.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let error = match self.peer.try_recv_into(out) {
                Ok(received) => {
                    if received.is_some() {
                        inbox.told_of_next = false;
                    }
                    return Ok(received);
                }
                Err(error) => error,
            };
            let Some(len) = error.message_len() else {
                return Err(error.into());
            };
            if !inbox.told_of_next {
                inbox.told_of_next = true;
                return Err(Missed::TooLong(len));
            }
            // Nobody else takes messages meanwhile, so this is the one.
            if let Some(dropped) = self.peer.try_recv()? {
                self.lost
                    .fetch_add(u64::from(dropped.lost), Ordering::Relaxed);
            }
            inbox.told_of_next = false;
        }
    }

    /// Waits until there may be a message.
    fn wait(&self, patience: Patience) -> Result<(), Errno> {
        let left = match patience {
            Patience::None => return Err(Errno::AGAIN),
            Patience::Until(deadline) => Some(deadline.saturating_duration_since(Instant::now())),
            Patience::Endless => None,
        };
        // What no timespec can hold is as good as no end.
        let timeout = left.and_then(|left| Timespec::try_from(left).ok());
        let peer = self.peer.as_fd();
        let mut watched = [
            PollFd::new(&peer, PollFlags::IN),
            PollFd::new(&self.freed, PollFlags::IN),
        ];
        if poll(&mut watched, timeout.as_ref())? == 0 {
            return Err(Errno::TIMEDOUT);
        }
        if watched[1].revents().is_empty() {
            return Ok(());
        }
        if !self.is_freed.load(Ordering::SeqCst) {
            // Another process freed its own. That is taken off, or each wait would end at once from now on.
            let _ = rustix::io::read(&self.freed, &mut [0_u8; 8]);
            if !self.is_freed.load(Ordering::SeqCst) {
                return Ok(());
            }
            // What was taken off may have been for the others that wait here.
            self.wake_all();
        }
        Err(Errno::BADF)
    }
}
