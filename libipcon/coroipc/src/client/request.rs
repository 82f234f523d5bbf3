// SPDX-License-Identifier: MIT OR Apache-2.0
//! A request that is being written in place.

use std::fmt;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;

use rustix::io::Errno;

use super::call::{Pending, Reply};
use super::core::Core;
use super::error::CallError;
use super::slots::Slot;
use crate::id::CommandId;
use crate::region::{Own, Parts};
use crate::ring::Submission;

/// The memory of a request, to be written and then sent without a copy. Dropping it sends nothing.
pub struct RequestRoom<'c> {
    core: &'c Core,
    /// Nothing once it is sent.
    slot: Option<Slot>,
    len: usize,
    /// Memory of its own, where it is longer than the slot's.
    large: Option<Parts>,
}

impl<'c> RequestRoom<'c> {
    /// The memory for a request that is not too long, of its own where it is longer than the slot's.
    #[inline]
    pub(crate) fn new(core: &'c Core, slot: Slot, len: usize) -> Result<Self, CallError> {
        let mut room = Self {
            core,
            slot: Some(slot),
            len,
            large: None,
        };
        if len > core.sizes.request as usize {
            room.enlarge()?;
        }
        Ok(room)
    }

    fn enlarge(&mut self) -> Result<(), CallError> {
        let memory = Own::create("coroipc-large", crate::layout::large(self.len as u32));
        let doing = "making memory for a request";
        self.large = Some(memory.map_err(|errno| no_memory(doing, errno))?);
        Ok(())
    }

    /// The memory, of the length that was asked for. Only this process can write it, and the server can read it at
    /// any time, also while it is being written. What is in there is left from an earlier request.
    #[inline]
    pub fn bytes(&mut self) -> &mut [u8] {
        if let Some(large) = &mut self.large {
            return large.rooms[0].bytes_mut();
        }
        match &mut self.slot {
            Some(slot) => &mut slot.room.bytes_mut()[..self.len],
            None => &mut [],
        }
    }

    /// Sends it. The deadline is the server's to know; the one who waits for the reply names it again.
    #[inline]
    pub fn start(mut self, command: CommandId, deadline: Option<Instant>) -> Pending<'c> {
        let slot = self.slot.take().expect("it is there until it is sent");
        match self.submit(&slot, command, deadline, (false, &[])) {
            Ok(number) => Pending::new(self.core, slot, number, deadline),
            Err(error) => Pending::unsent(self.core, slot, error),
        }
    }

    /// As [`RequestRoom::start`], and the handler gets copies of these descriptors, no more than was agreed on; see
    /// [`ClientBuilder::descriptors`](super::ClientBuilder::descriptors).
    ///
    /// # Errors
    /// [`CallError::TooManyDescriptors`], and nothing is sent.
    pub fn start_with_descriptors(
        mut self,
        command: CommandId,
        descriptors: &[BorrowedFd<'_>],
        deadline: Option<Instant>,
    ) -> Result<Pending<'c>, CallError> {
        self.check(descriptors)?;
        let slot = self.slot.take().expect("it is there until it is sent");
        Ok(
            match self.submit(&slot, command, deadline, (false, descriptors)) {
                Ok(number) => Pending::new(self.core, slot, number, deadline),
                Err(error) => Pending::unsent(self.core, slot, error),
            },
        )
    }

    /// As [`RequestRoom::notify`], and the handler gets copies of these descriptors.
    ///
    /// # Errors
    /// Those of [`RequestRoom::notify`], and [`CallError::TooManyDescriptors`].
    pub fn notify_with_descriptors(
        self,
        command: CommandId,
        descriptors: &[BorrowedFd<'_>],
    ) -> Result<(), CallError> {
        self.check(descriptors)?;
        self.send_one_way(command, descriptors)
    }

    fn check(&self, descriptors: &[BorrowedFd<'_>]) -> Result<(), CallError> {
        let (sent, most) = (descriptors.len(), self.core.most_descriptors as usize);
        if sent > most {
            return Err(CallError::TooManyDescriptors { sent, most });
        }
        Ok(())
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
    ///
    /// # Errors
    /// [`CallError::NoMemory`] when it is longer than a room and its memory could not be sent, and
    /// [`CallError::Disconnected`] when there was nobody any more to send it to.
    pub fn notify(self, command: CommandId) -> Result<(), CallError> {
        self.send_one_way(command, &[])
    }

    fn send_one_way(
        mut self,
        command: CommandId,
        descriptors: &[BorrowedFd<'_>],
    ) -> Result<(), CallError> {
        let slot = self.slot.take().expect("it is there until it is sent");
        match self.submit(&slot, command, None, (true, descriptors)) {
            Ok(number) => {
                self.core.slots.abandon(slot, number);
                Ok(())
            }
            Err(error) => {
                self.core.give_back(slot);
                Err(error)
            }
        }
    }

    #[inline]
    fn submit(
        &self,
        slot: &Slot,
        command: CommandId,
        deadline: Option<Instant>,
        (one_way, descriptors): (bool, &[BorrowedFd<'_>]),
    ) -> Result<u32, CallError> {
        let attachment = match (&self.large, descriptors) {
            (None, []) => 0,
            (memory, files) => {
                let memory = memory.as_ref().map(|it| it.file.as_fd());
                let files: Vec<_> = memory.into_iter().chain(files.iter().copied()).collect();
                self.core.attach(&files)?
            }
        };
        Ok(self.core.submit(Submission {
            slot: slot.index,
            command: command.get(),
            one_way,
            // It has at most 1 GiB.
            len: self.len as u32,
            large: self.large.is_some(),
            descriptors: !descriptors.is_empty(),
            attachment,
            deadline: deadline.map_or(0, crate::clock::at),
        }))
    }
}

fn no_memory(doing: &'static str, errno: Errno) -> CallError {
    CallError::NoMemory {
        doing,
        errno: errno.raw_os_error(),
    }
}

impl Drop for RequestRoom<'_> {
    fn drop(&mut self) {
        if let Some(slot) = self.slot.take() {
            self.core.give_back(slot);
        }
    }
}

impl fmt::Debug for RequestRoom<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RequestRoom({} bytes)", self.len)
    }
}
