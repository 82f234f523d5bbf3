// SPDX-License-Identifier: MIT OR Apache-2.0
//! The receive socket of a peer.

mod batch;
mod parked;

use std::cell::RefCell;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::RecvFlags;
use rustix::net::sockopt::set_socket_recv_buffer_size;

use self::parked::Parked;
use crate::credentials::Credentials;
use crate::error::Failure;
use crate::message::{Message, Received};
use crate::socket::{Datagram, Socket};
use crate::wire::{Incoming, LARGEST_MESSAGE, Malformed};

/// What [`Parked`] is made of.
mod sync {
    pub(super) use std::sync::atomic::{AtomicUsize, Ordering};
    pub(super) use std::sync::{Mutex, MutexGuard, PoisonError};
}

thread_local! {
    /// Where a thread receives. It has room for the largest message, so none is ever cut; what a caller
    /// gets is copied out of it and takes no more memory than it is long.
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(Vec::with_capacity(LARGEST_MESSAGE));
}

/// Lends the thread's buffer. A thread that ends has none any more, and may still receive, from what its other
/// thread-local values or the program's exit handlers do: it gets one for the moment.
fn with_buffer<T>(mut receive: impl FnMut(&mut Vec<u8>) -> T) -> T {
    BUFFER
        .try_with(|buffer| receive(&mut buffer.borrow_mut()))
        .unwrap_or_else(|_| receive(&mut Vec::with_capacity(LARGEST_MESSAGE)))
}

/// How long to wait for a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wait {
    /// Not at all.
    Never,
    /// Until then.
    Until(Instant),
    /// As long as it takes.
    Forever,
}

impl Wait {
    /// How to call the kernel first; [`Receiver::wait`] does the waiting that has an end.
    fn flags(self) -> RecvFlags {
        match self {
            Self::Forever => RecvFlags::empty(),
            Self::Never | Self::Until(_) => RecvFlags::DONTWAIT,
        }
    }
}

/// Receives the messages of one peer; any number of threads may do so at once.
#[derive(Debug)]
pub(crate) struct Receiver {
    socket: Socket,
    family: u16,
    /// Messages that did not fit into a caller's buffer. They come before what the socket holds.
    parked: Parked<Message>,
}

impl Receiver {
    pub(crate) fn new(socket: Socket, family: u16) -> Self {
        Self {
            socket,
            family,
            parked: Parked::new(),
        }
    }

    /// Bounds the memory of the receive queue.
    pub(crate) fn set_queue_limit(&self, bytes: usize) -> Result<(), Failure> {
        // The kernel doubles what it is given.
        Ok(set_socket_recv_buffer_size(
            &self.socket,
            bytes.div_ceil(2),
        )?)
    }

    /// Asks for the credentials of senders, or no longer.
    pub(crate) fn receive_credentials(&self, on: bool) -> Result<(), Failure> {
        Ok(self.socket.receive_credentials(on)?)
    }

    /// The next message; `None` when there is none in time.
    pub(crate) fn receive(&self, wait: Wait) -> Result<Option<Message>, Failure> {
        if let Some(message) = self.parked.take() {
            return Ok(Some(message));
        }
        with_buffer(|buffer| {
            while let Some(datagram) = self.fetch(buffer, wait)? {
                if let Some(incoming) = Incoming::read(buffer, self.family)? {
                    return Ok(Some(Message::keep(incoming, datagram.credentials)));
                }
            }
            Ok(None)
        })
    }

    /// The next message, into the caller's memory; `None` when there is none in time. A message that is
    /// longer than `out` fails with its length and is put back, to be the next one again.
    #[inline]
    pub(crate) fn receive_into(
        &self,
        out: &mut [u8],
        wait: Wait,
    ) -> Result<Option<Received>, Failure> {
        if let Some(message) = self.parked.take() {
            let incoming = message.as_incoming();
            return self.hand_out(incoming, message.credentials, out).map(Some);
        }
        with_buffer(|buffer| {
            while let Some(datagram) = self.fetch(buffer, wait)? {
                if let Some(incoming) = Incoming::read(buffer, self.family)? {
                    return self.hand_out(incoming, datagram.credentials, out).map(Some);
                }
            }
            Ok(None)
        })
    }

    #[inline]
    fn hand_out(
        &self,
        incoming: Incoming<'_>,
        credentials: Option<Credentials>,
        out: &mut [u8],
    ) -> Result<Received, Failure> {
        let len = incoming.data.len();
        let Some(room) = out.get_mut(..len) else {
            self.parked.put_back(Message::keep(incoming, credentials));
            return Err(Failure::TooSmall { len });
        };
        room.copy_from_slice(incoming.data);
        let Incoming {
            origin,
            replay,
            lost,
            ..
        } = incoming;
        Ok(Received {
            origin,
            len,
            replay,
            lost,
            credentials,
        })
    }

    /// Receives one datagram of the kernel; `None` when there is none in time. What processes send here is
    /// dropped, whoever they claim to be.
    #[inline]
    fn fetch(&self, buffer: &mut Vec<u8>, wait: Wait) -> Result<Option<Datagram>, Failure> {
        loop {
            match self.socket.receive(buffer, wait.flags()) {
                Ok(datagram) if !datagram.from_kernel => {}
                Ok(datagram) if datagram.len > buffer.len() => {
                    return Err(Malformed::Header.into());
                }
                Ok(datagram) => return Ok(Some(datagram)),
                Err(Errno::AGAIN) if self.wait(wait)? => {}
                Err(Errno::AGAIN) => return Ok(None),
                Err(errno) => return Err(errno.into()),
            }
        }
    }

    /// Waits until there is something to receive or a signal came; `false` when the time is over.
    pub(crate) fn wait(&self, wait: Wait) -> Result<bool, Failure> {
        let timeout = match wait {
            Wait::Never => return Ok(false),
            Wait::Forever => None,
            Wait::Until(deadline) => {
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return Ok(false);
                }
                // A deadline that no timespec can hold is as good as none.
                Timespec::try_from(left).ok()
            }
        };
        let mut fds = [PollFd::new(&self.socket, PollFlags::IN)];
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => Ok(true),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Whether there is a message that did not fit into a buffer.
    #[cfg(feature = "tokio")]
    pub(crate) fn has_parked(&self) -> bool {
        !self.parked.is_empty()
    }
}

impl AsFd for Receiver {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Sender, channel};
    use std::thread;

    use super::*;

    /// Receives, as it were, when its thread ends.
    struct Last(Sender<bool>);

    impl Drop for Last {
        fn drop(&mut self) {
            let has_own = BUFFER.try_with(|_| ()).is_ok();
            let has_room = with_buffer(|buffer| buffer.capacity() >= LARGEST_MESSAGE);
            self.0.send(!has_own && has_room).unwrap();
        }
    }

    thread_local! {
        static LAST: RefCell<Option<Last>> = const { RefCell::new(None) };
    }

    #[test]
    fn a_thread_that_ends_may_still_receive() {
        let (tell, told) = channel();
        thread::spawn(move || {
            // What comes last goes first.
            LAST.set(Some(Last(tell)));
            with_buffer(|buffer| assert!(buffer.is_empty()));
        });
        assert!(told.recv().unwrap());
    }
}
