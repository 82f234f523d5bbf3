// SPDX-License-Identifier: MIT OR Apache-2.0
//! What one side of a connection sends after the handshake, and how much of it the other has not taken.
//!
//! Descriptors on their way count for the user who sent them, and who has too many can send none to anybody. So none are
//! sent to a side that leaves them in its socket.
#![allow(unsafe_code)]

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::OnceLock;

use parking_lot::Mutex;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

use super::socket;
use super::wire::Message;

/// The doorbells and attachments of one side.
#[derive(Debug, Default)]
pub(crate) struct Outgoing(Mutex<Sent>);

#[derive(Debug, Default)]
struct Sent {
    /// How many.
    messages: u64,
    /// Which of them are attachments that may not be taken yet: how many messages came before each.
    attachments: VecDeque<u64>,
}

/// Why a message was not sent.
#[derive(Debug)]
pub(crate) enum NotSent {
    /// So many were sent before and not taken.
    Untaken,
    Errno(Errno),
}

impl Outgoing {
    /// Rings for a poll loop of the other side. If there is no room for it, there are others that were not heard yet.
    pub(crate) fn ring(&self, socket: impl AsFd) {
        let mut sent = self.0.lock();
        if socket::send(socket, &Message::Doorbell, &[]).is_ok() {
            sent.messages += 1;
        }
    }

    /// Sends what goes with a request or a reply, unless there are so many that the other side has not taken.
    pub(crate) fn attach(
        &self,
        socket: impl AsFd,
        (number, files): (u32, &[BorrowedFd<'_>]),
        most: usize,
    ) -> Result<(), NotSent> {
        let mut sent = self.0.lock();
        let first = sent.messages.saturating_sub(untaken(&socket));
        while sent.attachments.front().is_some_and(|&at| at < first) {
            sent.attachments.pop_front();
        }
        if sent.attachments.len() >= most {
            return Err(NotSent::Untaken);
        }
        socket::send(socket, &Message::Attachment { number }, files).map_err(NotSent::Errno)?;
        let at = sent.messages;
        sent.attachments.push_back(at);
        sent.messages += 1;
        Ok(())
    }
}

/// Messages in the socket of the other side, or fewer.
fn untaken(socket: impl AsFd) -> u64 {
    match (memory_of_messages(socket), memory_of_one()) {
        (Ok(all), Some(one)) => all / one,
        _ => 0,
    }
}

/// Bytes that the kernel has for a message, of which all kinds that are sent here take the same.
fn memory_of_one() -> Option<u64> {
    static ONE: OnceLock<u64> = OnceLock::new();
    if let Some(&one) = ONE.get() {
        return Some(one);
    }
    let flags = SocketFlags::CLOEXEC;
    let (from, _to) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).ok()?;
    let mut most = 0;
    let mut before = 0;
    for message in [Message::Doorbell, Message::Attachment { number: 0 }] {
        socket::send(&from, &message, &[]).ok()?;
        let now = memory_of_messages(&from).ok()?;
        most = most.max(now.checked_sub(before)?);
        before = now;
    }
    (most != 0).then(|| *ONE.get_or_init(|| most))
}

/// Bytes that the kernel has for messages that were sent and not taken (`SIOCOUTQ`).
fn memory_of_messages(socket: impl AsFd) -> Result<u64, Errno> {
    // SAFETY: For a socket the kernel writes one `int` for this number, which is that of `TIOCOUTQ`.
    let bytes = unsafe {
        let outq = rustix::ioctl::Getter::<{ libc::TIOCOUTQ as u32 }, libc::c_int>::new();
        rustix::ioctl::ioctl(socket, outq)?
    };
    Ok(u64::try_from(bytes).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test ends where something is missing")]

    use super::*;
    use crate::handshake::closer::Closer;

    #[test]
    fn what_is_taken_makes_room_whatever_doorbells_there_are() {
        let flags = SocketFlags::CLOEXEC;
        let (ours, theirs) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).unwrap();
        let outgoing = Outgoing::default();
        let attach = || outgoing.attach(&ours, (0, &[ours.as_fd()]), 2);
        let closer = Closer::of_process();
        let take = || socket::receive(&theirs, &closer).unwrap();
        for _ in 0..50 {
            outgoing.ring(&ours);
            attach().unwrap();
            outgoing.ring(&ours);
            outgoing.ring(&ours);
            attach().unwrap();
            assert!(matches!(attach(), Err(NotSent::Untaken)));
            // The doorbell is none of them.
            take();
            assert!(matches!(attach(), Err(NotSent::Untaken)));
            take();
            attach().unwrap();
            assert!(matches!(attach(), Err(NotSent::Untaken)));
            for _ in 0..4 {
                take();
            }
        }
    }
}
