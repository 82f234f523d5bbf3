// SPDX-License-Identifier: GPL-2.0

//! Why the bus refuses a request.

use crate::seam::NoMemory;

use super::delivery::DropReason;
use super::quota::Resource;

/// Why a request was refused. The shell turns it into an errno and an extended-ack text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// A name is empty, too long or holds a control character.
    BadName,
    /// The name belongs to the kernel's own group.
    ReservedName,
    /// Another registration has the name.
    NameTaken,
    /// No service or group has the name, or the peer is no member.
    Unknown,
    /// Another peer holds the service or owns the group.
    NotOwner,
    /// The peer is a member already.
    AlreadyMember,
    /// The sending socket is no peer and no control socket of one.
    NotPeer,
    /// The sending socket is a peer or a control socket already.
    AlreadyPeer,
    /// The peer did not name the sending socket as its control socket, or another process did.
    NotInvited,
    /// No peer has that port.
    NoSuchPeer,
    /// The receive queue of the peer is full.
    QueueFull,
    /// The user, or who answers for the user, has as many of these as is allowed.
    QuotaExceeded(Resource),
    /// An allocation failed.
    NoMemory,
}

impl From<NoMemory> for Error {
    fn from(_: NoMemory) -> Self {
        Error::NoMemory
    }
}

impl From<DropReason> for Error {
    fn from(reason: DropReason) -> Self {
        match reason {
            DropReason::QueueFull => Error::QueueFull,
            DropReason::NoPeer => Error::NoSuchPeer,
            DropReason::NoMemory => Error::NoMemory,
        }
    }
}
