// SPDX-License-Identifier: MIT OR Apache-2.0
//! A request that is being written in place.

use std::fmt;
use std::time::Instant;

use super::call::{Pending, Reply};
use super::core::Core;
use super::error::CallError;
use super::slots::Slot;
use crate::id::CommandId;
use crate::ring::Submission;

/// The memory of a request, to be written and then sent without a copy. Dropping it sends nothing.
pub struct RequestRoom<'c> {
    core: &'c Core,
    /// Nothing once it is sent.
    slot: Option<Slot>,
    len: usize,
}

impl<'c> RequestRoom<'c> {
    pub(super) fn new(core: &'c Core, slot: Slot, len: usize) -> Self {
        Self {
            core,
            slot: Some(slot),
            len,
        }
    }

    /// The memory, of the length that was asked for. Only this process can write it. What is in there is left from an
    /// earlier request.
    #[inline]
    pub fn bytes(&mut self) -> &mut [u8] {
        match &mut self.slot {
            Some(slot) => &mut slot.room.bytes_mut()[..self.len],
            None => &mut [],
        }
    }

    /// Sends it. The deadline is the server's to know; the one who waits for the reply names it again.
    #[inline]
    pub fn start(mut self, command: CommandId, deadline: Option<Instant>) -> Pending<'c> {
        let slot = self.slot.take().expect("it is there until it is sent");
        let number = self.submit(&slot, command, deadline, false);
        Pending::new(self.core, slot, number, deadline)
    }

    /// Sends it and waits for the reply until the deadline.
    ///
    /// # Errors
    /// [`CallError`] says why there is no reply.
    #[inline]
    pub fn call(
        self,
        command: CommandId,
        deadline: Option<Instant>,
    ) -> Result<Reply<'c>, CallError> {
        self.start(command, deadline).wait()
    }

    /// Sends it as a request that is not answered.
    pub fn notify(mut self, command: CommandId) {
        let slot = self.slot.take().expect("it is there until it is sent");
        let number = self.submit(&slot, command, None, true);
        let abandoned = super::slots::Abandoned { slot, number };
        self.core.slots.abandon(abandoned);
    }

    #[inline]
    fn submit(
        &self,
        slot: &Slot,
        command: CommandId,
        deadline: Option<Instant>,
        one_way: bool,
    ) -> u32 {
        self.core.submit(Submission {
            slot: slot.index,
            command: command.get(),
            one_way,
            // A room has at most 64 MiB.
            len: self.len as u32,
            deadline: deadline.map_or(0, crate::clock::at),
        })
    }
}

impl Drop for RequestRoom<'_> {
    fn drop(&mut self) {
        if let Some(slot) = self.slot.take() {
            self.core.slots.give_back(slot);
        }
    }
}

impl fmt::Debug for RequestRoom<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RequestRoom({} bytes)", self.len)
    }
}
