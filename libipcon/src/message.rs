// SPDX-License-Identifier: MIT OR Apache-2.0
//! Messages as a peer receives them.

use crate::credentials::Credentials;
use crate::error::{Error, Result};
use crate::kevent::Kevent;
use crate::operation::Operation;
use crate::origin::{KeventMeta, Origin};
use crate::wire::{self, Incoming};

/// A received message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Who sent it.
    pub origin: Origin,
    /// The payload, 1 byte to the [largest message](crate::Peer::max_message_len).
    pub data: Vec<u8>,
    /// The group's last message, delivered because of [`Replay::Last`](crate::Replay::Last), not live.
    pub replay: bool,
    /// Group messages that this peer lost since the message before this one, because its receive queue was
    /// full or the kernel had no memory. Unicast messages are never lost: their senders are told.
    pub lost: u32,
    /// The process that sent it, if [`Peer::receive_credentials`](crate::Peer::receive_credentials) asked for
    /// that.
    pub credentials: Option<Credentials>,
}

/// A message received into a buffer of the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received {
    /// Who sent it.
    pub origin: Origin,
    /// Bytes of payload in the buffer.
    pub len: usize,
    /// As in [`Message::replay`].
    pub replay: bool,
    /// As in [`Message::lost`].
    pub lost: u32,
    /// As in [`Message::credentials`].
    pub credentials: Option<Credentials>,
}

impl Message {
    /// The kevent in this message; `None` when the kernel is not its origin.
    ///
    /// # Errors
    ///
    /// `EBADMSG` when it is a kevent that this library does not know.
    pub fn kevent(&self) -> Option<Result<Kevent>> {
        kevent(self.origin, &self.data)
    }

    /// Keeps a message that came in.
    pub(crate) fn keep(incoming: Incoming<'_>, credentials: Option<Credentials>) -> Self {
        let Incoming {
            origin,
            data,
            replay,
            lost,
        } = incoming;
        Self {
            origin,
            data: data.to_vec(),
            replay,
            lost,
            credentials,
        }
    }

    /// The message as it came in.
    pub(crate) fn as_incoming(&self) -> Incoming<'_> {
        Incoming {
            origin: self.origin,
            data: &self.data,
            replay: self.replay,
            lost: self.lost,
        }
    }
}

/// The kevent in a message; `None` when the kernel is not its origin.
pub(crate) fn kevent(origin: Origin, data: &[u8]) -> Option<Result<Kevent>> {
    let Origin::Kevent(KeventMeta {
        sequence,
        time,
        pid,
    }) = origin
    else {
        return None;
    };
    Some(match wire::event(data) {
        Ok(event) => Ok(Kevent {
            sequence,
            time,
            pid,
            event,
        }),
        Err(malformed) => Err(Error::new(Operation::Receive, malformed)),
    })
}
