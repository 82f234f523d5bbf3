// SPDX-License-Identifier: MIT OR Apache-2.0
//! Receiving many messages at once.

use rustix::io::Errno;

use super::{Receiver, Wait};
use crate::batch::Batch;
use crate::error::Failure;
use crate::wire::Malformed;

impl Receiver {
    /// Fills the batch with what there is, after waiting for the first message. Gives the number of messages;
    /// 0 when there is none in time.
    pub(crate) fn receive_batch(&self, batch: &mut Batch, wait: Wait) -> Result<usize, Failure> {
        batch.empty();
        if let Some(failure) = batch.failure.take() {
            return Err(failure);
        }
        while batch.len() < batch.capacity()
            && let Some(message) = self.parked.take()
        {
            batch.put(&message);
        }
        while batch.is_empty() {
            match self.socket.receive_many(batch.empty(), wait.flags()) {
                Ok(datagrams) => {
                    for (at, datagram) in datagrams.iter().enumerate() {
                        // What processes send here is dropped, whoever they claim to be.
                        if !datagram.from_kernel {
                            continue;
                        }
                        let read = if datagram.len > super::LARGEST_MESSAGE {
                            Err(Malformed::Header)
                        } else {
                            batch.read(at, self.family, datagram.credentials)
                        };
                        if let Err(malformed) = read {
                            batch.failure.get_or_insert(malformed.into());
                        }
                    }
                    // The good messages first.
                    if batch.is_empty()
                        && let Some(failure) = batch.failure.take()
                    {
                        return Err(failure);
                    }
                }
                Err(Errno::AGAIN) if self.wait(wait)? => {}
                Err(Errno::AGAIN) => break,
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(batch.len())
    }
}
