// SPDX-License-Identifier: MIT OR Apache-2.0
//! The ring of events: records of any length, one after the other.
//!
//! The ring is mapped twice in a row, so that a record which passes its end goes on in the second mapping: each is in
//! one piece, any that is not longer than the ring fits, and nothing is skipped. A record is its length, its number,
//! the payload, and room up to the next 8 bytes. Positions count bytes without end in 32 bits.

use super::Violation;
use crate::layout::{client, server};
use crate::region::{Bytes, Own, Peer, RingRoom};
use crate::sync::Ordering;

/// Bytes before the payload of a record.
const HEADER: u32 = 8;

/// Bytes that a record takes, or nothing if that is more than 32 bits can tell.
fn taken(len: u32) -> Option<u32> {
    len.checked_add(HEADER)?.checked_next_multiple_of(8)
}

/// The server's end.
#[derive(Debug)]
pub(crate) struct Producer {
    ring: RingRoom,
    written: u32,
    number: u32,
}

impl Producer {
    pub(crate) fn new(ring: RingRoom) -> Self {
        Self {
            ring,
            written: 0,
            number: 0,
        }
    }

    /// The longest payload that can ever fit.
    pub(crate) fn longest(&self) -> u32 {
        self.ring.size() as u32 - HEADER
    }

    /// Bytes of the ring.
    pub(crate) fn size(&self) -> u32 {
        self.ring.size() as u32
    }

    /// Bytes of the ring that a payload of this length takes, which is at most [`Producer::longest`].
    #[inline]
    pub(crate) fn taken(len: u32) -> u32 {
        taken(len).unwrap_or(u32::MAX)
    }

    /// Bytes of the ring that are free now.
    #[inline]
    pub(crate) fn free(&self, peer: &Peer) -> Result<u32, Violation> {
        let size = self.size();
        let read = peer.word(client::EVENTS_READ).load();
        let held = self.written.wrapping_sub(read);
        if held > size {
            return Err(Violation::Ring { held, size });
        }
        Ok(size - held)
    }

    /// The number of the next event. One that is not written leaves a gap.
    #[inline]
    pub(crate) fn next_number(&mut self) -> u32 {
        let number = self.number;
        self.number = number.wrapping_add(1);
        number
    }

    /// Writes an event of this length, which fits. The client is to be woken afterwards.
    #[inline]
    pub(crate) fn push(&mut self, own: &Own, number: u32, len: u32, fill: impl FnOnce(&mut [u8])) {
        let Some(taken) = taken(len) else {
            return;
        };
        let (at, whole) = (self.written, (HEADER + len) as usize);
        self.ring.fill(at, whole, |record| {
            let (header, payload) = record.split_at_mut(HEADER as usize);
            header[..4].copy_from_slice(&len.to_ne_bytes());
            header[4..].copy_from_slice(&number.to_ne_bytes());
            fill(payload);
        });
        self.written = at.wrapping_add(taken);
        // SYNC POINT: with the position the record can be read.
        own.word(server::EVENTS_WRITTEN)
            .store(self.written, Ordering::Release);
    }
}

/// The client's end.
#[derive(Debug)]
pub(crate) struct Consumer {
    size: u32,
    read: u32,
    /// How far the ring was filled when it was looked at last.
    written: u32,
}

/// Where an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Record {
    position: u32,
    len: u32,
    /// Counts the events of the connection.
    pub(crate) number: u32,
}

impl Record {
    /// The payload.
    pub(crate) fn bytes<'a>(&self, peer: &'a Peer) -> Bytes<'a> {
        peer.ring(self.position, self.len as usize)
    }
}

impl Consumer {
    pub(crate) fn new(size: u32) -> Self {
        Self {
            size,
            read: 0,
            written: 0,
        }
    }

    /// The oldest event, if there is one. It stays the oldest until it is given back.
    #[inline]
    pub(crate) fn peek(&mut self, peer: &Peer) -> Result<Option<Record>, Violation> {
        if self.written == self.read {
            self.written = peer.word(server::EVENTS_WRITTEN).load();
            if self.written == self.read {
                return Ok(None);
            }
        }
        let (held, size) = (self.written.wrapping_sub(self.read), self.size);
        if held > size || held < HEADER {
            return Err(Violation::Ring { held, size });
        }
        let header = peer.ring(self.read, HEADER as usize);
        let [a, b, c, d, e, f, g, h] = header.first().unwrap_or_default();
        let len = u32::from_ne_bytes([a, b, c, d]);
        if taken(len).is_none_or(|taken| taken > held) {
            return Err(Violation::Event { len, held });
        }
        Ok(Some(Record {
            position: self.read.wrapping_add(HEADER),
            len,
            number: u32::from_ne_bytes([e, f, g, h]),
        }))
    }

    /// Gives the room of the oldest event back. Whether half of the ring is free, as far as is known here, so that a
    /// server that waits for room is to be woken: with each event, it would be for room that is soon full again.
    #[inline]
    pub(crate) fn give_back(&mut self, own: &Own, record: Record) -> bool {
        // It was checked when it was peeked at.
        let taken = taken(record.len).unwrap_or(HEADER);
        self.read = self.read.wrapping_add(taken);
        // SYNC POINT: with the position the room may be written again.
        own.word(client::EVENTS_READ)
            .store(self.read, Ordering::Release);
        self.written.wrapping_sub(self.read) <= self.size / 2
    }
}
