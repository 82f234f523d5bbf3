// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keeps account of kevents. Pure.

use std::collections::VecDeque;

use crate::model::{Event, Kevents};

/// Events kept for the next snapshot. After a long time without one, only the newest are there, and the
/// others count as lost.
const KEPT: usize = 65_536;

/// Failures without a message in between after which receiving is given up. One is no reason to: it may be
/// about a single message, or pass.
const FAILURES_IN_A_ROW: u32 = 16;

/// What was heard, and what was not: kevents are numbered without gaps.
#[derive(Debug, Default)]
pub(super) struct KeventLog {
    counts: Kevents,
    newest: Option<u64>,
    unread: VecDeque<Event>,
    discarded: u64,
}

impl KeventLog {
    /// Notes an event that was received.
    pub(super) fn note(&mut self, event: Event) {
        self.expect(event.sequence.saturating_sub(1));
        self.newest = self.newest.max(Some(event.sequence));
        self.counts.count(event.kind);
        if self.unread.len() == KEPT {
            self.unread.pop_front();
            self.discarded += 1;
        }
        self.unread.push_back(event);
    }

    /// Notes what `receive` gives until there is nothing more: messages, each with an event if it could be
    /// read. An event that could not be received or read is a gap in the numbers and so counts as lost.
    ///
    /// # Errors
    ///
    /// What `receive` failed with many times in a row.
    pub(super) fn drain<E>(
        &mut self,
        mut receive: impl FnMut() -> Result<Option<Option<Event>>, E>,
    ) -> Result<(), E> {
        let mut failures = 0;
        loop {
            match receive() {
                Ok(None) => return Ok(()),
                Ok(Some(event)) => {
                    failures = 0;
                    event.into_iter().for_each(|event| self.note(event));
                }
                Err(error) => {
                    failures += 1;
                    if failures == FAILURES_IN_A_ROW {
                        return Err(error);
                    }
                }
            }
        }
    }

    /// Notes that every event up to this number had been sent before the last one was received. Those that
    /// were not received are lost, even when no later event shows the gap.
    pub(super) fn expect(&mut self, sequence: u64) {
        let newest = *self.newest.get_or_insert(sequence);
        if sequence > newest {
            self.counts.lost += sequence - newest;
            self.counts.resyncs += 1;
            self.newest = Some(sequence);
        }
    }

    /// Counts since the beginning.
    pub(super) fn counts(&self) -> Kevents {
        self.counts
    }

    /// Events that no call of [`Self::take`] gives: not received, or not kept.
    pub(super) fn lost(&self) -> u64 {
        self.counts.lost + self.discarded
    }

    /// Takes the events received since the last call.
    pub(super) fn take(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.unread).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::EventKind;
    use proptest::prelude::*;

    fn event(sequence: u64) -> Event {
        Event {
            sequence,
            ..Event::default()
        }
    }

    #[test]
    fn what_came_before_we_listened_is_not_lost() {
        let mut log = KeventLog::default();
        log.note(event(1000));
        log.note(event(1001));
        assert_eq!(log.counts().lost, 0);
        assert_eq!(log.counts().received(EventKind::ServiceAdd), 2);
    }

    #[test]
    fn silence_with_a_higher_number_on_the_bus_is_a_loss() {
        let mut log = KeventLog::default();
        log.expect(4);
        log.note(event(5));
        log.expect(5);
        assert_eq!(log.counts().lost, 0);
        log.expect(8);
        assert_eq!((log.counts().lost, log.counts().resyncs), (3, 1));
        log.note(event(9));
        assert_eq!(log.counts().lost, 3);
    }

    #[test]
    fn only_the_newest_are_kept_and_the_others_are_lost() {
        let mut log = KeventLog::default();
        for sequence in 1..=KEPT as u64 + 2 {
            log.note(event(sequence));
        }
        let events = log.take();
        assert_eq!((events.len(), events[0].sequence), (KEPT, 3));
        assert_eq!(log.take(), []);
        assert_eq!(log.lost(), 2);
        // They were received, and are counted as that.
        assert_eq!(log.counts().lost, 0);
        log.expect(KEPT as u64 + 5);
        assert_eq!((log.lost(), log.counts().lost), (5, 3));
    }

    #[test]
    fn a_message_that_cannot_be_received_is_lost_and_the_next_is_heard() {
        let mut log = KeventLog::default();
        let mut coming = [
            Ok(Some(Some(event(1)))),
            Err("malformed"),
            Ok(Some(None)),
            Err("interrupted"),
            Ok(Some(Some(event(4)))),
            Ok(None),
        ]
        .into_iter();
        assert_eq!(log.drain(|| coming.next().unwrap()), Ok(()));
        let heard: Vec<_> = log.take().iter().map(|event| event.sequence).collect();
        assert_eq!((heard, log.lost()), (vec![1, 4], 2));
    }

    #[test]
    fn what_fails_without_end_is_given_up() {
        let mut log = KeventLog::default();
        assert_eq!(log.drain(|| Err("bad descriptor")), Err("bad descriptor"));
    }

    proptest! {
        #[test]
        fn received_and_lost_are_all_that_was_sent(received: Vec<bool>) {
            let mut log = KeventLog::default();
            log.expect(0);
            for (index, _) in received.iter().enumerate().filter(|(_, received)| **received) {
                log.note(event(index as u64 + 1));
            }
            log.expect(received.len() as u64);
            let heard = received.iter().filter(|received| **received).count() as u64;
            prop_assert_eq!(log.counts().received(EventKind::ServiceAdd), heard);
            prop_assert_eq!(log.counts().lost, received.len() as u64 - heard);
            prop_assert_eq!(log.take().len() as u64, heard);
        }
    }
}
