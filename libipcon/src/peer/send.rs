// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sending messages.

use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;

use super::Peer;
use crate::control::Address;
use crate::error::{Error, Result};
use crate::operation::Operation;
use crate::port::Port;

/// The first pause of [`Peer::send_deadline`]: about what a reader needs to take a few messages.
const SHORTEST_PAUSE: Duration = Duration::from_micros(50);
/// The longest: a reader that is this slow is not kept waiting noticeably longer by it.
const LONGEST_PAUSE: Duration = Duration::from_millis(2);

/// The pauses between tries to send, each twice as long as the one before it.
pub(crate) struct Pauses(Duration);

impl Pauses {
    pub(crate) fn new() -> Self {
        Self(SHORTEST_PAUSE)
    }

    pub(crate) fn next(&mut self) -> Duration {
        let pause = self.0;
        self.0 = (pause * 2).min(LONGEST_PAUSE);
        pause
    }
}

impl Peer {
    /// Sends a message to a peer. It is in the receiver's queue when this returns.
    ///
    /// # Errors
    ///
    /// `EAGAIN` when the receiver's queue is full ([`Error::is_would_block`]); `ECONNREFUSED` when no peer
    /// has the port ([`Error::is_no_peer`]); `EMSGSIZE` when the message is longer than the bus carries;
    /// `EINVAL` when it is empty. After an error nothing was sent, unless the error says
    /// [`may_have_been_sent`](Error::may_have_been_sent).
    pub fn send(&self, to: Port, data: &[u8]) -> Result<()> {
        self.send_to(Address::Peer(to), data)
    }

    /// Sends a message to a peer, and waits for room in its queue until the deadline.
    ///
    /// The kernel does not tell a sender when there is room, because waiting for it in there would hold up
    /// all of generic netlink. So this tries again after pauses that grow from 50 µs to 2 ms, and every try
    /// counts as sent and refused in the bus's counters.
    ///
    /// # Errors
    ///
    /// Those of [`send`](Self::send), but `ETIMEDOUT` instead of `EAGAIN` when the queue is still full at the
    /// deadline ([`Error::is_timed_out`]). One try is made even when the deadline has passed.
    pub fn send_deadline(&self, to: Port, data: &[u8], deadline: Instant) -> Result<()> {
        let mut pauses = Pauses::new();
        loop {
            match self.send(to, data) {
                Err(error) if error.is_would_block() => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Err(Error::new(Operation::Send(to), Errno::TIMEDOUT));
                    }
                    thread::sleep(pauses.next().min(left));
                }
                outcome => return outcome,
            }
        }
    }

    /// Sends a message to all members of a group of this peer. It does not matter whether there are any,
    /// and a member whose queue is full loses this message alone and is told with its next one.
    ///
    /// # Errors
    ///
    /// `ENOENT` when there is no such group; `EPERM` when another peer owns it; `EMSGSIZE` when the message
    /// is longer than the bus carries; `EINVAL` when it is empty.
    pub fn multicast(&self, group: impl AsRef<[u8]>, data: &[u8]) -> Result<()> {
        self.send_to(Address::Group(group.as_ref()), data)
    }

    fn send_to(&self, to: Address<'_>, data: &[u8]) -> Result<()> {
        self.control
            .send(to, data)
            .map_err(|failure| Error::new(to.operation(), failure))
    }
}
