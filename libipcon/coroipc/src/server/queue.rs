// SPDX-License-Identifier: MIT OR Apache-2.0
//! Events that wait for room in a client's ring.

use std::collections::VecDeque;
use std::io::IoSlice;

use crate::gather::{gather, total};

/// How much may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    /// Bytes of payload.
    pub(super) bytes: usize,
    /// Events.
    pub(super) events: usize,
}

impl Limits {
    /// There is no queue.
    pub(super) const NONE: Self = Self {
        bytes: 0,
        events: 0,
    };
}

/// An event that waits.
#[derive(Debug)]
pub(super) struct Queued {
    pub(super) number: u32,
    pub(super) payload: Box<[u8]>,
}

/// Events in the order in which they were sent, as many as the limits allow.
#[derive(Debug)]
pub(super) struct Queue {
    events: VecDeque<Queued>,
    bytes: usize,
    limits: Limits,
}

impl Queue {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            events: VecDeque::new(),
            bytes: 0,
            limits,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.events.len()
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Whether an event of this length has room now.
    pub(super) fn has_room(&self, len: usize) -> bool {
        self.events.len() < self.limits.events && len <= self.limits.bytes - self.bytes
    }

    /// Whether an event of this length has room when no other is there.
    pub(super) fn could_have_room(&self, len: usize) -> bool {
        self.limits.events != 0 && len <= self.limits.bytes
    }

    /// Adds an event, for which there is room.
    pub(super) fn push(&mut self, number: u32, pieces: &[IoSlice<'_>]) {
        let mut payload = vec![0; total(pieces)].into_boxed_slice();
        // It has exactly this length.
        let _ = gather(pieces, &mut payload);
        self.bytes += payload.len();
        self.events.push_back(Queued { number, payload });
    }

    /// The oldest.
    #[inline]
    pub(super) fn front(&self) -> Option<&Queued> {
        self.events.front()
    }

    /// Takes the oldest.
    pub(super) fn pop(&mut self) -> Option<Queued> {
        let event = self.events.pop_front()?;
        self.bytes -= event.payload.len();
        if self.events.is_empty() {
            // A burst leaves no memory behind.
            self.events = VecDeque::new();
        }
        Some(event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(bytes: usize, events: usize) -> Queue {
        Queue::new(Limits { bytes, events })
    }

    #[test]
    fn bytes_and_events_are_bounded() {
        let mut bytes = queue(10, 100);
        assert!(bytes.could_have_room(10) && !bytes.could_have_room(11));
        bytes.push(1, &[IoSlice::new(b"1234"), IoSlice::new(b"56")]);
        assert!(bytes.has_room(4) && !bytes.has_room(5));
        let mut events = queue(100, 2);
        events.push(1, &[]);
        assert!(events.has_room(0));
        events.push(2, &[]);
        assert!(!events.has_room(0));
        let none = Queue::new(Limits::NONE);
        assert!(!none.has_room(0) && !none.could_have_room(0));
    }

    #[test]
    fn the_oldest_comes_first_and_makes_room() {
        let mut queue = queue(6, 3);
        queue.push(7, &[IoSlice::new(b"abc")]);
        queue.push(8, &[IoSlice::new(b"def")]);
        assert!(!queue.has_room(1));
        let first = queue.pop().unwrap();
        assert_eq!((first.number, &*first.payload), (7, b"abc".as_slice()));
        assert!(queue.has_room(3));
        assert_eq!(queue.front().unwrap().number, 8);
        queue.pop().unwrap();
        assert!(queue.is_empty() && queue.pop().is_none() && queue.has_room(6));
    }
}
