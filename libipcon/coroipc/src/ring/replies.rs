// SPDX-License-Identifier: MIT OR Apache-2.0
//! Replies: one line for each slot, which the server writes.

use super::Violation;
use crate::layout::{reply, server};
use crate::region::{Own, Peer};
use crate::sizes::Sizes;
use crate::status::Status;
use crate::sync::Ordering;

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: Status,
    /// Bytes in the slot's room.
    pub(crate) len: u32,
    /// A number that belongs to the status.
    pub(crate) detail: u32,
}

/// A status that says that nothing became of any request yet: memory begins with zeroes, and a number may be 0.
const NOTHING: u32 = u32::MAX;

/// Makes the lines of all slots such that no request finds its answer there.
pub(crate) fn prepare_answers(own: &Own, sizes: &Sizes) {
    for slot in 0..sizes.slots as usize {
        own.word(server::reply(slot) + reply::STATUS)
            .store(NOTHING, Ordering::Relaxed);
    }
}

impl Answer {
    /// Whether something came with it, or is to.
    pub(crate) fn is_attached(self) -> bool {
        match self.status {
            Status::Replied => self.detail != 0,
            Status::RepliedLarge => true,
            _ => false,
        }
    }
}

/// Writes the answer to a request. Who waits for it is to be woken afterwards.
#[inline]
pub(crate) fn publish_answer(own: &Own, slot: usize, number: u32, answer: Answer) {
    let line = server::reply(slot);
    let put = |at, value| own.word(line + at).store(value, Ordering::Relaxed);
    put(reply::STATUS, answer.status as u32);
    put(reply::LENGTH, answer.len);
    put(reply::DETAIL, answer.detail);
    // SYNC POINT: with the number all of the line, and the payload, can be read.
    own.word(line + reply::NUMBER)
        .store(number, Ordering::Release);
}

/// The answer to the request with this number in a slot, if it is there.
#[inline]
pub(crate) fn look_for_answer(
    peer: &Peer,
    sizes: &Sizes,
    slot: usize,
    number: u32,
) -> Option<Result<Answer, Violation>> {
    let line = server::reply(slot);
    let get = |at| peer.word(line + at).load();
    if get(reply::NUMBER) != number {
        return None;
    }
    let (status, len, detail) = (get(reply::STATUS), get(reply::LENGTH), get(reply::DETAIL));
    if status == NOTHING {
        return None;
    }
    let status_read = Status::of(status);
    let (least, room) = match status_read {
        Some(Status::RepliedLarge) => (1, sizes.large),
        _ => (0, sizes.reply),
    };
    if len < least || len > room {
        return Some(Err(Violation::TooLong { len, room }));
    }
    Some(match status_read {
        Some(status) => Ok(Answer {
            status,
            len,
            detail,
        }),
        None => Err(Violation::Status(status)),
    })
}
