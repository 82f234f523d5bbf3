// SPDX-License-Identifier: MIT OR Apache-2.0
//! Messages on their way to the kernel, one at a time or many in one system call.
//!
//! No acknowledgement is asked for, so that there is nothing to receive after a success. A refusal is queued
//! before the system call returns that brought the message, and carries its number.

use std::io::IoSlice;

use rustix::io::Errno;

use super::{Control, State};
use crate::error::{Error, Failure};
use crate::operation::Operation;
use crate::port::Port;
use crate::wire::uapi::{attr, cmd};
use crate::wire::{
    Answer, Chunk, Flags, Frames, Request, Unfit, attribute_len, padding, request_len,
};

/// Up to this many bytes are copied behind the head of the request, which costs less than having the kernel
/// gather them.
const COPIED: usize = 1024;

/// More than a refusal takes of the queue of the control socket, whatever the kernel's words: it repeats only
/// the header of the request.
const REFUSAL: usize = 2 * 1024;

/// What fits into a block of 64 KiB together with what the kernel keeps behind a datagram.
const LARGEST_CHUNK: usize = (64 << 10) - 512;

/// What the kernel needs of the send buffer beside the datagram.
const SEND_OVERHEAD: usize = 32;

/// To whom a message goes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Address<'a> {
    Peer(Port),
    Group(&'a [u8]),
}

/// A message of a batch that was not sent, or perhaps not.
pub(crate) type Unsent = (usize, Error);

/// What may go into one datagram.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// So many requests that all their refusals fit into the queue of the control socket.
    requests: usize,
    bytes: usize,
}

/// How the kernel answered to a chunk: the offsets of the requests that it refused, and whether it may have
/// refused others without being able to say so.
#[derive(Default)]
struct Verdict {
    refused: Vec<(usize, Failure)>,
    unknown: Option<i32>,
}

impl Address<'_> {
    fn command(self) -> u8 {
        match self {
            Self::Peer(_) => cmd::SEND_UNICAST,
            Self::Group(_) => cmd::SEND_MULTICAST,
        }
    }

    /// Bytes of the attribute that says it.
    fn len(self) -> usize {
        attribute_len(match self {
            Self::Peer(_) => 4,
            Self::Group(name) => name.len() + 1,
        })
    }

    fn put<'r>(self, request: Request<'r>) -> Result<Request<'r>, Unfit> {
        match self {
            Self::Peer(port) => Ok(request.u32(attr::message::PORT, port.get())),
            Self::Group(name) => request.text(attr::message::GROUP, name),
        }
    }

    /// What sending there is called in an error.
    pub(crate) fn operation(self) -> Operation {
        match self {
            Self::Peer(port) => Operation::Send(port),
            Self::Group(name) => Operation::Multicast(name.to_owned()),
        }
    }
}

impl Control {
    /// Sends a message.
    pub(crate) fn send(&self, to: Address<'_>, data: &[u8]) -> Result<(), Failure> {
        let mut state = self.lock();
        let state = &mut *state;
        let request = to.put(state.begin(self.target(to.command()), Flags::Silent))?;
        if data.len() <= COPIED {
            let request = request.data(attr::message::DATA, data).map_err(too_long)?;
            self.socket.send(request.finish())?;
        } else {
            let head = request.finish_with_data(attr::message::DATA, data.len());
            let head = head.map_err(too_long)?;
            let parts = [
                IoSlice::new(head),
                IoSlice::new(data),
                IoSlice::new(padding(data.len())),
            ];
            self.socket.send_parts(&parts)?;
        }
        let first = state.sequence;
        let Verdict { refused, unknown } = self.verdict(state, first, 1);
        match (refused.into_iter().next(), unknown) {
            (Some((_, failure)), _) => Err(failure),
            (None, Some(errno)) => Err(Failure::Unanswered { errno }),
            (None, None) => Ok(()),
        }
    }

    /// Sends messages, as many as may be in each system call, and gives those that were not sent with their
    /// place in the batch and why, in order; and how many there were in all.
    pub(crate) fn send_batch<'a, D: AsRef<[u8]>>(
        &self,
        messages: impl Iterator<Item = (Address<'a>, D)>,
    ) -> (Vec<Unsent>, usize) {
        let limits = self.limits();
        let mut unsent = Vec::new();
        let mut chunk = Chunk::default();
        // Of each request of the chunk: its place in the batch.
        let mut places: Vec<(usize, Address<'a>)> = Vec::new();
        // What an iterator says of itself need not be true.
        let expected = messages.size_hint().0.min(limits.requests);
        let mut total = 0;
        for (place, (to, data)) in messages.enumerate() {
            total = place + 1;
            let data = data.as_ref();
            let len = request_len(to.len(), data.len());
            let all = chunk.as_bytes().len() + len;
            if chunk.len() == limits.requests || (chunk.len() > 0 && all > limits.bytes) {
                self.flush(&mut chunk, &mut places, &mut unsent);
            }
            if place == 0 {
                // Others are likely to be as long.
                chunk.reserve(expected, len.saturating_mul(expected).min(limits.bytes));
                places.reserve(expected);
            }
            let target = self.target(to.command());
            // The address first: a name that cannot be sent is another fault than data that cannot.
            let mut data_fits = true;
            let pushed = chunk.push(target.family, target.version, target.command, |request| {
                let request = to.put(request)?;
                request
                    .data(attr::message::DATA, data)
                    .inspect_err(|_| data_fits = false)
            });
            match pushed {
                Ok(()) => places.push((place, to)),
                Err(unfit) => {
                    let failure = if data_fits {
                        unfit.into()
                    } else {
                        too_long(unfit)
                    };
                    unsent.push((place, Error::new(to.operation(), failure)));
                }
            }
        }
        self.flush(&mut chunk, &mut places, &mut unsent);
        unsent.sort_unstable_by_key(|&(place, _)| place);
        (unsent, total)
    }

    /// Sends what is in the chunk, and empties it.
    fn flush(
        &self,
        chunk: &mut Chunk,
        places: &mut Vec<(usize, Address<'_>)>,
        unsent: &mut Vec<Unsent>,
    ) {
        if chunk.len() == 0 {
            return;
        }
        // The caller's iterator is not asked for anything under the lock.
        let mut state = self.lock();
        let first = state.reserve(chunk.len());
        chunk.number(first);
        let sent = self.socket.send(chunk.as_bytes());
        let verdict = sent.map(|()| self.verdict(&mut state, first, chunk.len()));
        drop(state);

        let mut fail = |(place, to): (usize, Address<'_>), failure: Failure| {
            unsent.push((place, Error::new(to.operation(), failure)));
        };
        match verdict {
            Err(errno) => places.iter().for_each(|&it| fail(it, errno.into())),
            Ok(Verdict { refused, unknown }) => {
                let told: Vec<usize> = refused.iter().map(|&(at, _)| at).collect();
                for (at, failure) in refused {
                    fail(places[at], failure);
                }
                if let Some(errno) = unknown {
                    for (at, &it) in places.iter().enumerate() {
                        if !told.contains(&at) {
                            fail(it, Failure::Unanswered { errno });
                        }
                    }
                }
            }
        }
        chunk.clear();
        places.clear();
    }

    /// Reads what the kernel had to say about `count` requests that are numbered from `first` on.
    fn verdict(&self, state: &mut State, first: u32, count: usize) -> Verdict {
        let mut verdict = Verdict::default();
        loop {
            match self.receive(&mut state.answer) {
                Ok(()) => {}
                Err(Errno::AGAIN) => return verdict,
                // Nothing of the queue is gone, but something could not be put into it.
                Err(Errno::NOBUFS | Errno::MSGSIZE) => {
                    verdict.unknown = Some(libc::ENOBUFS);
                    continue;
                }
                Err(errno) => {
                    verdict.unknown = Some(errno.raw_os_error());
                    return verdict;
                }
            }
            for frame in Frames::new(&state.answer) {
                let read = frame.and_then(|frame| Ok((frame.sequence, frame.answer()?)));
                match read {
                    Ok((sequence, Answer::Refused { errno, text })) => {
                        // Answers to older requests, which somebody gave up, are passed over.
                        let at = sequence.wrapping_sub(first) as usize;
                        if at < count {
                            verdict.refused.push((at, Failure::Refused { errno, text }));
                        }
                    }
                    Ok(_) => {}
                    Err(_) => verdict.unknown = Some(libc::EBADMSG),
                }
            }
        }
    }

    fn limits(&self) -> Limits {
        *self.limits.get_or_init(|| {
            let (receive, send) = self.socket.buffer_sizes();
            Limits {
                requests: (receive / REFUSAL).max(1),
                // What is larger makes the kernel look for larger memory. Any one message is smaller.
                bytes: LARGEST_CHUNK.min(send.saturating_sub(SEND_OVERHEAD)),
            }
        })
    }
}

impl State {
    /// Takes `count` numbers, and gives the first.
    fn reserve(&mut self, count: usize) -> u32 {
        let first = self.sequence.wrapping_add(1);
        // Limits keep it small.
        self.sequence = self.sequence.wrapping_add(count as u32);
        first
    }
}

fn too_long(_: Unfit) -> Failure {
    Failure::Found {
        errno: libc::EMSGSIZE,
        text: "no netlink attribute holds so many bytes",
    }
}
