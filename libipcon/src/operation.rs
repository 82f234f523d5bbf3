// SPDX-License-Identifier: MIT OR Apache-2.0
//! What can be done on the bus, and what error numbers mean for it.

use std::fmt::{self, Write as _};

use crate::port::Port;

/// What was being done when an [`Error`](crate::Error) came up. Names are the bytes that were asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Operation {
    /// Joining the bus as a peer, or opening it for inspection.
    Connect,
    /// Setting the size of the receive queue.
    SetQueueLimit,
    /// Asking for the credentials of senders, or no longer.
    ReceiveCredentials,
    /// Registering a service of this name.
    RegisterService(Vec<u8>),
    /// Taking back a service of this name.
    UnregisterService(Vec<u8>),
    /// Looking up a service of this name.
    FindService(Vec<u8>),
    /// Waiting for a service of this name.
    WaitForService(Vec<u8>),
    /// Registering a group of this name.
    RegisterGroup(Vec<u8>),
    /// Ending a group of this name.
    UnregisterGroup(Vec<u8>),
    /// Joining a group of this name.
    JoinGroup(Vec<u8>),
    /// Leaving a group of this name.
    LeaveGroup(Vec<u8>),
    /// Sending to this peer.
    Send(Port),
    /// Sending to the group of this name.
    Multicast(Vec<u8>),
    /// Receiving a message.
    Receive,
    /// Asking about the objects of this kind.
    Inspect(&'static str),
}

impl Operation {
    /// What an error number means for this operation, and what to do about it where that is known.
    pub(crate) fn explain(&self, errno: i32) -> Option<&'static str> {
        use Operation as O;
        Some(match (errno, self) {
            (libc::ENOENT, O::Connect) => {
                "the ipcon module is not loaded; where it is installed, run: modprobe ipcon"
            }
            (libc::ENODEV, O::Connect) => {
                "the ipcon module is being unloaded; connect again when it is loaded"
            }
            (libc::ENOENT, O::UnregisterService(_) | O::FindService(_)) => {
                "there is no such service"
            }
            (libc::ENOENT, O::LeaveGroup(_)) => "there is no such group, or it was not joined",
            (libc::ENOENT, O::UnregisterGroup(_) | O::JoinGroup(_) | O::Multicast(_)) => {
                "there is no such group"
            }
            (libc::EEXIST, O::RegisterService(_)) => "a service of this name exists already",
            (libc::EEXIST, O::RegisterGroup(_)) => "a group of this name exists already",
            (
                libc::EINVAL,
                O::RegisterService(_)
                | O::UnregisterService(_)
                | O::FindService(_)
                | O::WaitForService(_),
            ) => "no valid name: want 1 to 31 bytes without control characters",
            (libc::EINVAL, O::RegisterGroup(_)) => {
                "no valid name: want 1 to 15 bytes without control characters, other than ipcon_kevent"
            }
            (libc::EINVAL, O::UnregisterGroup(_) | O::JoinGroup(_) | O::LeaveGroup(_)) => {
                "no valid name: want 1 to 15 bytes without control characters"
            }
            (libc::EPERM, O::UnregisterService(_)) => "another peer holds it",
            (libc::EPERM, O::UnregisterGroup(_) | O::Multicast(_)) => "another peer owns it",
            (libc::EALREADY, O::JoinGroup(_)) => "this peer is a member already",
            (libc::EAGAIN, O::Send(_)) => "the receive queue of the peer is full; try again later",
            (libc::ECONNREFUSED, O::Send(_)) => "no peer has this port",
            (libc::EINVAL, O::Send(_)) => "a message has at least 1 byte",
            (libc::EINVAL, O::Multicast(_)) => "an empty message, or no valid name of a group",
            (libc::EMSGSIZE, O::Send(_) | O::Multicast(_)) => {
                "the message is longer than the bus carries"
            }
            (libc::EMSGSIZE, O::Receive) => {
                "the message is longer than the buffer and stays queued"
            }
            (libc::ETIMEDOUT, O::Send(_)) => {
                "the receive queue of the peer stayed full until the deadline"
            }
            (libc::ETIMEDOUT, O::WaitForService(_)) => "it did not come before the deadline",
            (libc::EDQUOT, O::Multicast(_)) => {
                "the last messages of this user's groups take as much memory as they may"
            }
            (libc::EDQUOT, _) => "this user has as many of them as it may",
            (libc::EBADMSG, _) => "the kernel's answer does not follow the wire",
            (libc::EPROTO, _) => "the kernel did not answer",
            _ => return None,
        })
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect => f.write_str("connect to the bus"),
            Self::ReceiveCredentials => f.write_str("switch the credentials of senders"),
            Self::SetQueueLimit => f.write_str("set the size of the receive queue"),
            Self::RegisterService(name) => write!(f, "register service {}", Quoted(name)),
            Self::UnregisterService(name) => write!(f, "unregister service {}", Quoted(name)),
            Self::FindService(name) => write!(f, "find service {}", Quoted(name)),
            Self::WaitForService(name) => write!(f, "wait for service {}", Quoted(name)),
            Self::RegisterGroup(name) => write!(f, "register group {}", Quoted(name)),
            Self::UnregisterGroup(name) => write!(f, "unregister group {}", Quoted(name)),
            Self::JoinGroup(name) => write!(f, "join group {}", Quoted(name)),
            Self::LeaveGroup(name) => write!(f, "leave group {}", Quoted(name)),
            Self::Send(port) => write!(f, "send to port {port}"),
            Self::Multicast(name) => write!(f, "send to group {}", Quoted(name)),
            Self::Receive => f.write_str("receive a message"),
            Self::Inspect(what) => write!(f, "ask about {what}"),
        }
    }
}

/// A name in quotes, with a backslash before whatever is no text or might order a terminal about.
pub(crate) struct Quoted<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for chunk in self.0.utf8_chunks() {
            for character in chunk.valid().chars() {
                match character {
                    '\'' => f.write_char(character)?,
                    _ => write!(f, "{}", character.escape_debug())?,
                }
            }
            write!(f, "{}", chunk.invalid().escape_ascii())?;
        }
        f.write_char('"')
    }
}
