// SPDX-License-Identifier: MIT OR Apache-2.0
//! The queue of requests: lines that the client writes in turn, and the server reads in the same order.
//!
//! There are as many lines as slots. A slot is free again once its request is answered, and requests are read in order;
//! so a line is never written again before it was read.

use super::Violation;
use crate::layout::{client, request};
use crate::region::{Own, Peer};
use crate::sizes::Sizes;
use crate::sync::{AtomicU32, Ordering};

/// A request, without its payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Submission {
    pub(crate) slot: u32,
    pub(crate) command: u16,
    /// Nobody waits for a reply.
    pub(crate) one_way: bool,
    /// Bytes of payload, in the slot's room.
    pub(crate) len: u32,
    /// The payload is in memory of its own instead, which is attached.
    pub(crate) large: bool,
    /// Descriptors for the handler are attached.
    pub(crate) descriptors: bool,
    /// The number of the message that what is attached came with.
    pub(crate) attachment: u32,
    /// Nanoseconds on the monotonic clock by which the reply is wanted, or 0.
    pub(crate) deadline: u64,
}

impl Submission {
    /// Whether something came with it, or is to.
    pub(crate) fn is_attached(&self) -> bool {
        self.large || self.descriptors
    }
}

/// The client's end. Any thread that owns a slot may submit.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    next: AtomicU32,
}

impl Outbox {
    /// Writes a request and returns its number. The server is to be woken afterwards.
    #[inline]
    pub(crate) fn submit(&self, own: &Own, slots: usize, submission: Submission) -> u32 {
        let place = self.next.fetch_add(1, Ordering::Relaxed);
        let number = place.wrapping_add(1);
        let line = client::request(slots, place as usize & (slots - 1));
        let put = |at, value| own.word(line + at).store(value, Ordering::Relaxed);
        let mut flags = 0;
        if submission.one_way {
            flags |= request::ONE_WAY;
        }
        if submission.large {
            flags |= request::LARGE;
        }
        if submission.descriptors {
            flags |= request::DESCRIPTORS;
        }
        if submission.is_attached() {
            put(request::ATTACHMENT, submission.attachment);
        }
        if number == 0 {
            // Of all numbers this one looks cancelled where nothing was.
            let cancelled = client::cancelled(submission.slot as usize);
            own.word(cancelled).store(u32::MAX, Ordering::Relaxed);
        }
        put(request::SLOT, submission.slot);
        put(request::COMMAND, u32::from(submission.command) | flags);
        put(request::LENGTH, submission.len);
        put(request::DEADLINE, submission.deadline as u32);
        put(request::DEADLINE + 4, (submission.deadline >> 32) as u32);
        // SYNC POINT: with the number all of the line, and the payload, can be read.
        own.word(line + request::NUMBER)
            .store(number, Ordering::Release);
        number
    }
}

/// The server's end.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    next: u32,
}

impl Inbox {
    /// The next request and its number, if there is one.
    #[inline]
    pub(crate) fn take(
        &mut self,
        peer: &Peer,
        sizes: &Sizes,
    ) -> Result<Option<(u32, Submission)>, Violation> {
        let slots = sizes.slots as usize;
        let line = client::request(slots, self.next as usize & (slots - 1));
        let get = |at| peer.word(line + at).load();
        let number = self.next.wrapping_add(1);
        if get(request::NUMBER) != number {
            return Ok(None);
        }
        self.next = number;
        let command = get(request::COMMAND);
        let submission = Submission {
            slot: get(request::SLOT),
            command: command as u16,
            one_way: command & request::ONE_WAY != 0,
            len: get(request::LENGTH),
            large: command & request::LARGE != 0,
            descriptors: command & request::DESCRIPTORS != 0,
            attachment: get(request::ATTACHMENT),
            deadline: u64::from(get(request::DEADLINE))
                | u64::from(get(request::DEADLINE + 4)) << 32,
        };
        if submission.slot >= sizes.slots {
            return Err(Violation::NoSuchSlot(submission.slot));
        }
        let len = submission.len;
        let (least, room) = if submission.large {
            // Memory of no bytes cannot be had.
            (1, sizes.large)
        } else {
            (0, sizes.request)
        };
        if len < least || len > room {
            return Err(Violation::TooLong { len, room });
        }
        let known = request::ONE_WAY | request::LARGE | request::DESCRIPTORS;
        let unknown = command & !(u32::from(u16::MAX) | known);
        if unknown != 0 {
            return Err(Violation::Flags(unknown));
        }
        Ok(Some((number, submission)))
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::ring::{Answer, look_for_answer, prepare_answers, publish_answer};
    use crate::status::Status;

    #[test]
    fn numbers_pass_their_end() {
        let sizes = Sizes {
            slots: 4,
            ..Sizes::MIN
        };
        let ours = Own::create("coroipc-client", sizes.client_region()).unwrap();
        let theirs = Own::create("coroipc-server", sizes.server_region()).unwrap();
        let to_client = Peer::open(&theirs.file, sizes.server_region()).unwrap();
        let to_server = Peer::open(&ours.file, sizes.client_region()).unwrap();
        prepare_answers(&theirs.words, &sizes);
        let outbox = Outbox {
            next: AtomicU32::new(u32::MAX - 6),
        };
        let mut inbox = Inbox { next: u32::MAX - 6 };
        // Each slot is used here for the first time.
        for slot in [3, 2, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0] {
            let submission = Submission {
                slot,
                command: 1,
                one_way: false,
                len: 0,
                large: false,
                descriptors: false,
                attachment: 0,
                deadline: 0,
            };
            let slot = slot as usize;
            let number = outbox.submit(&ours.words, 4, submission);
            let look = || look_for_answer(&to_client, &sizes, slot, number);
            assert_eq!(look(), None, "{number}");
            let cancelled = to_server.word(client::cancelled(slot)).load();
            assert_ne!(cancelled, number);
            let taken = inbox.take(&to_server, &sizes).unwrap();
            assert_eq!(taken, Some((number, submission)));
            let answer = Answer {
                status: Status::Replied,
                len: 0,
                detail: 0,
            };
            publish_answer(&theirs.words, slot, number, answer);
            assert_eq!(look(), Some(Ok(answer)));
        }
    }
}
