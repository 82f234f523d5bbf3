// SPDX-License-Identifier: MIT OR Apache-2.0
//! Many messages at once.

mod error;

pub use error::BatchError;

use std::fmt;
use std::slice;

use crate::credentials::Credentials;
use crate::error::{Failure, Result};
use crate::kevent::Kevent;
use crate::message::{self, Message};
use crate::origin::Origin;
use crate::wire::{Incoming, LARGEST_MESSAGE, Malformed};

/// Most messages that one system call brings.
const MOST: usize = 1024;

/// Memory for messages that are received together, in one system call, and read where they lie.
///
/// ```no_run
/// # fn main() -> libipcon::Result<()> {
/// let peer = libipcon::Peer::connect()?;
/// let mut batch = libipcon::Batch::new(32);
/// loop {
///     peer.recv_batch(&mut batch)?;
///     for message in &batch {
///         println!("{} bytes from {:?}", message.data.len(), message.origin);
///     }
/// }
/// # }
/// ```
///
/// Each message has room of about 64 KiB, since none is ever cut. It takes memory only from the first message on
/// that needs it, and keeps it then: small messages make for one page each.
pub struct Batch {
    /// Each has the capacity for the largest message, and never another.
    buffers: Vec<Vec<u8>>,
    messages: Vec<Place>,
    /// What was wrong with a datagram that came together with good ones. The next receive call tells.
    pub(crate) failure: Option<Failure>,
}

/// Where a message lies, and what is known of it beside its data.
struct Place {
    buffer: usize,
    at: usize,
    len: usize,
    origin: Origin,
    replay: bool,
    lost: u32,
    credentials: Option<Credentials>,
}

/// A message in a [`Batch`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageRef<'a> {
    /// Who sent it.
    pub origin: Origin,
    /// The payload, as in [`Message::data`].
    pub data: &'a [u8],
    /// As in [`Message::replay`].
    pub replay: bool,
    /// As in [`Message::lost`].
    pub lost: u32,
    /// As in [`Message::credentials`].
    pub credentials: Option<Credentials>,
}

impl Batch {
    /// Memory for up to `capacity` messages, which is taken to be between 1 and 1,024.
    pub fn new(capacity: usize) -> Self {
        let buffer = |_| Vec::with_capacity(LARGEST_MESSAGE);
        Self {
            buffers: (0..capacity.clamp(1, MOST)).map(buffer).collect(),
            messages: Vec::new(),
            failure: None,
        }
    }

    /// Messages that it has room for.
    pub fn capacity(&self) -> usize {
        self.buffers.len()
    }

    /// Messages in it.
    pub fn len(&self) -> usize {
        self.messages.len()
    }

    /// Whether there is no message in it.
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// The message at `index`, from 0 in the order in which they were received.
    pub fn get(&self, index: usize) -> Option<MessageRef<'_>> {
        self.messages.get(index).map(|place| self.at(place))
    }

    /// The messages in the order in which they were received.
    pub fn iter(&self) -> BatchIter<'_> {
        BatchIter {
            batch: self,
            places: self.messages.iter(),
        }
    }

    fn at(&self, place: &Place) -> MessageRef<'_> {
        MessageRef {
            origin: place.origin,
            data: &self.buffers[place.buffer][place.at..place.at + place.len],
            replay: place.replay,
            lost: place.lost,
            credentials: place.credentials,
        }
    }

    /// Takes the messages out and gives the memory for others.
    pub(crate) fn empty(&mut self) -> &mut [Vec<u8>] {
        self.messages.clear();
        &mut self.buffers
    }

    /// Takes in the message in a buffer; a datagram that holds none is passed over.
    pub(crate) fn read(
        &mut self,
        buffer: usize,
        family: u16,
        credentials: Option<Credentials>,
    ) -> std::result::Result<(), Malformed> {
        let datagram = &self.buffers[buffer];
        if let Some(incoming) = Incoming::read(datagram, family)? {
            let Incoming {
                origin,
                data,
                replay,
                lost,
            } = incoming;
            self.messages.push(Place {
                buffer,
                at: data.as_ptr().addr() - datagram.as_ptr().addr(),
                len: data.len(),
                origin,
                replay,
                lost,
                credentials,
            });
        }
        Ok(())
    }

    /// Takes in a message that was received before.
    pub(crate) fn put(&mut self, message: &Message) {
        let buffer = self.messages.len();
        self.buffers[buffer].clear();
        self.buffers[buffer].extend_from_slice(&message.data);
        self.messages.push(Place {
            buffer,
            at: 0,
            len: message.data.len(),
            origin: message.origin,
            replay: message.replay,
            lost: message.lost,
            credentials: message.credentials,
        });
    }
}

impl MessageRef<'_> {
    /// The kevent in this message, as [`Message::kevent`].
    ///
    /// # Errors
    ///
    /// `EBADMSG` when it is a kevent that this library does not know.
    pub fn kevent(&self) -> Option<Result<Kevent>> {
        message::kevent(self.origin, self.data)
    }

    /// The message with memory of its own.
    pub fn to_message(&self) -> Message {
        Message {
            origin: self.origin,
            data: self.data.to_vec(),
            replay: self.replay,
            lost: self.lost,
            credentials: self.credentials,
        }
    }
}

/// The messages of a [`Batch`].
#[derive(Clone)]
pub struct BatchIter<'a> {
    batch: &'a Batch,
    places: slice::Iter<'a, Place>,
}

impl<'a> Iterator for BatchIter<'a> {
    type Item = MessageRef<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        self.places.next().map(|place| self.batch.at(place))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.places.size_hint()
    }
}

impl ExactSizeIterator for BatchIter<'_> {}

impl fmt::Debug for BatchIter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

impl<'a> IntoIterator for &'a Batch {
    type Item = MessageRef<'a>;
    type IntoIter = BatchIter<'a>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

const _: () = {
    const fn is_shareable<T: Send + Sync>() {}
    is_shareable::<Batch>();
};
