// SPDX-License-Identifier: MIT OR Apache-2.0
//! Messages and descriptors on the socket of a connection.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};

use super::closer::Closer;
use super::descriptors::{self, Descriptors};
use super::wire::{self, Malformed, Message};

/// What came from the socket.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) message: Result<Message, Malformed>,
    /// The descriptors that came with it.
    pub(crate) descriptors: Descriptors,
}

/// Sends a message, with up to [`descriptors::MOST`] descriptors. It never waits: `AGAIN` if the other side has too many to read.
///
/// Whether it waits is decided for each message, so that the other side cannot change it, as it could for an object
/// like an eventfd that both had.
pub(crate) fn send(
    socket: impl AsFd,
    message: &Message,
    descriptors: &[BorrowedFd<'_>],
) -> Result<(), Errno> {
    let bytes = message.build();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(descriptors::MOST))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(Errno::INVAL);
    }
    let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
    sendmsg(socket, &[IoSlice::new(&bytes)], &mut control, flags)?;
    Ok(())
}

/// Receives a message if there is one. `AGAIN` if there is none, `CONNRESET` if the other side has hung up. Descriptors that
/// came with it and that nobody takes are left to `closer`.
pub(crate) fn receive(socket: impl AsFd, closer: &Arc<Closer>) -> Result<Received, Errno> {
    let mut bytes = [0; wire::LONGEST + 1];
    // For all that can come: what there is no room for is closed by the kernel, which can take long.
    let mut space = [MaybeUninit::uninit();
        rustix::cmsg_space!(ScmRights(descriptors::MOST), ScmCredentials(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
    let received = recvmsg(
        socket,
        &mut [IoSliceMut::new(&mut bytes)],
        &mut control,
        flags,
    )?;
    let mut descriptors = Descriptors::default();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            descriptors.extend(rights, closer);
        }
    }
    if received.bytes == 0 && descriptors.as_slice().is_empty() {
        // There are no empty messages: this is the end.
        return Err(Errno::CONNRESET);
    }
    let flags = received.flags;
    let message = match Message::parse(&bytes[..received.bytes]) {
        _ if flags.contains(ReturnFlags::TRUNC) => Err(Malformed::Content),
        // There is room for all that can come, so it is this process that lacks it. Nobody is to be blamed for that, but for
        // what has no place with the message.
        Ok(message) if flags.contains(ReturnFlags::CTRUNC) && *message.descriptors().end() != 0 => {
            Err(Malformed::NoRoom)
        }
        _ if flags.contains(ReturnFlags::CTRUNC) => Err(Malformed::Content),
        Ok(message)
            if !message
                .descriptors()
                .contains(&descriptors.as_slice().len()) =>
        {
            Err(Malformed::Content)
        }
        message => message,
    };
    Ok(Received {
        message,
        descriptors,
    })
}

/// How many bytes of the next message there are, at most one, and leaves it there. `AGAIN` if there is none. 0 if the other side
/// has hung up, or sent a message of no bytes.
pub(crate) fn peek(socket: impl AsFd) -> Result<usize, Errno> {
    let flags = RecvFlags::DONTWAIT | RecvFlags::PEEK;
    let mut no_control = RecvAncillaryBuffer::default();
    let received = recvmsg(
        socket,
        &mut [IoSliceMut::new(&mut [0])],
        &mut no_control,
        flags,
    )?;
    Ok(received.bytes)
}

/// Waits until there is something to receive, or the deadline has come.
pub(crate) fn readable_by(socket: impl AsFd, deadline: Instant) -> Result<(), Errno> {
    let left = deadline.saturating_duration_since(Instant::now());
    let timeout = rustix::event::Timespec {
        tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: left.subsec_nanos().into(),
    };
    match poll(&mut [PollFd::new(&socket, PollFlags::IN)], Some(&timeout)) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(errno) => Err(errno),
    }
}
