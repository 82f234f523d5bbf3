// SPDX-License-Identifier: MIT OR Apache-2.0
//! A peer: what a program is on the bus.

mod batch;
mod receive;
mod send;

#[cfg(feature = "tokio")]
pub(crate) use send::Pauses;

use std::os::fd::{AsFd, BorrowedFd};

use crate::control::{Control, SHORT_ANSWERS};
use crate::error::{Error, Failure, Result};
use crate::operation::Operation;
use crate::port::Port;
use crate::receiver::{Receiver, Wait};
use crate::socket::Socket;
use crate::wire;
use crate::wire::uapi::{attr, cmd};

/// Whether a new member of a group receives the group's last message first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replay {
    /// The last message, if there is one, then the live ones: without gap or duplicate between them.
    Last,
    /// Only what is sent from now on.
    None,
}

/// A connection point on the bus, known by its [`Port`].
///
/// The peer lives as long as this object. When it is dropped, or its process ends in whatever way, its
/// services, groups and memberships go with it.
///
/// Any number of threads may use one peer at once. Requests and sends never wait behind a thread that is
/// blocked in a receive call.
///
/// One process at a time: after a fork only one of the two processes may go on using it, since both would
/// read each other's answers. A child that needs the bus connects a peer of its own. The child holds the peer's
/// sockets as well, unless it executes another program: the peer lives until both have dropped it or ended.
///
/// To wait for messages together with other descriptors, poll the descriptor of [`AsFd`] for input and call
/// [`try_recv`](Self::try_recv) until it gives `None`. Do not read from that descriptor.
///
/// # Errors
///
/// Besides those named with each method: `EDQUOT` when the user would have more peers, services, groups or
/// memberships, or more memory in the last messages of its groups, than it may; `ENOMEM` and `ENOBUFS` when the
/// kernel has no memory, and `EBADMSG` or `EPROTO` when the kernel's answers are not those of the module that this
/// library was made for.
#[derive(Debug)]
pub struct Peer {
    port: Port,
    id: u64,
    max_message_len: usize,
    control: Control,
    receiver: Receiver,
}

impl Peer {
    /// Becomes a peer on the bus of this network namespace.
    ///
    /// # Errors
    ///
    /// `ENOENT` when the module is not loaded, `ENODEV` when it is being unloaded; `EMFILE` or `ENFILE` when no
    /// descriptor is left (a peer takes two).
    pub fn connect() -> Result<Self> {
        Self::open().map_err(|failure| Error::new(Operation::Connect, failure))
    }

    /// Two sockets, so that answers to requests never mix with messages. The receive socket becomes the
    /// peer and names the control socket, which attaches itself. Until then no message is delivered, so the
    /// kernel's answer is the first thing that the receive socket gets.
    fn open() -> std::result::Result<Self, Failure> {
        let control = Control::open(SHORT_ANSWERS)?;
        let socket = Socket::open()?;
        socket.keep_receiving_when_full()?;
        let receiving = Control::over(socket, control.family(), SHORT_ANSWERS);
        let welcome = receiving.query(
            cmd::PEER_NEW,
            |request| Ok(request.u32(attr::peer::CTL_PORT, control.port())),
            wire::welcome,
        )?;
        control.command(cmd::PEER_ATTACH, |request| {
            Ok(request.u32(attr::peer::PORT, welcome.port.get()))
        })?;
        Ok(Self {
            port: welcome.port,
            id: welcome.id,
            // It fits: it is at most 65,000.
            max_message_len: usize::try_from(welcome.max_message_len).unwrap_or(usize::MAX),
            receiver: Receiver::new(receiving.into_socket(), control.family()),
            control,
        })
    }

    /// The address of this peer, which others send to and which the kernel stamps on what it sends.
    pub fn port(&self) -> Port {
        self.port
    }

    /// The number of this peer, which is never used again while the module is loaded, unlike the port.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Bytes of the largest message that the bus carries, as of when this peer connected.
    pub fn max_message_len(&self) -> usize {
        self.max_message_len
    }

    /// Sets the room of the receive queue to `bytes` bytes of kernel memory, as
    /// [`PeerInfo::queue_limit`](crate::PeerInfo::queue_limit) shows it.
    ///
    /// The kernel counts the whole memory of a message, about 0.8 KiB for a small one. It silently raises
    /// what is too small and lowers what is above twice `/proc/sys/net/core/rmem_max` or, unless the superuser
    /// made the peer, above the module parameter `queue_bytes_per_peer` (512 KiB by default).
    ///
    /// # Errors
    ///
    /// None is known.
    pub fn set_queue_limit(&self, bytes: usize) -> Result<()> {
        self.receiver
            .set_queue_limit(bytes)
            .map_err(|failure| Error::new(Operation::SetQueueLimit, failure))
    }

    /// Asks for the [`Credentials`](crate::Credentials) of whoever sends a message to this peer, or no longer.
    ///
    /// It holds for receive calls that begin after this one has returned, also for messages that are in the
    /// queue already. A call that is under way meanwhile may give `None`, and so may a message that was put
    /// back because it did not fit into a buffer.
    ///
    /// # Errors
    ///
    /// None is known.
    pub fn receive_credentials(&self, on: bool) -> Result<()> {
        self.receiver
            .receive_credentials(on)
            .map_err(|failure| Error::new(Operation::ReceiveCredentials, failure))
    }

    /// Gives this peer a name under which others find it. A peer may have several. A name is text or any other
    /// bytes, which are compared as they are.
    ///
    /// # Errors
    ///
    /// `EEXIST` when the name is taken; `EINVAL` when it is empty, longer than 31 bytes or holds a control
    /// character.
    pub fn register_service(&self, name: impl AsRef<[u8]>) -> Result<()> {
        self.with_name(
            cmd::SERVICE_REGISTER,
            attr::service::NAME,
            name.as_ref(),
            Operation::RegisterService,
        )
    }

    /// Takes a name of this peer back. The peer stays usable, also by those who know its port.
    ///
    /// # Errors
    ///
    /// `ENOENT` when there is no such service; `EPERM` when another peer holds it; `EINVAL` as in
    /// [`register_service`](Self::register_service).
    pub fn unregister_service(&self, name: impl AsRef<[u8]>) -> Result<()> {
        self.with_name(
            cmd::SERVICE_UNREGISTER,
            attr::service::NAME,
            name.as_ref(),
            Operation::UnregisterService,
        )
    }

    /// Looks a service up, without waiting for it.
    ///
    /// # Errors
    ///
    /// `ENOENT` when there is no such service now; `EINVAL` as in
    /// [`register_service`](Self::register_service).
    pub fn find_service(&self, name: impl AsRef<[u8]>) -> Result<Port> {
        let name = name.as_ref();
        self.control
            .query(
                cmd::SERVICE_GET,
                |request| request.text(attr::service::NAME, name),
                wire::service,
            )
            .map(|service| service.port)
            .map_err(|failure| Error::new(Operation::FindService(name.to_owned()), failure))
    }

    /// Makes a group that this peer owns: only the owner sends to it, everybody may join it.
    ///
    /// # Errors
    ///
    /// `EEXIST` when there is such a group; `EINVAL` when the name is empty, longer than 15 bytes, holds a
    /// control character or is [`KEVENT_GROUP`](crate::KEVENT_GROUP).
    pub fn register_group(&self, name: impl AsRef<[u8]>) -> Result<()> {
        self.with_name(
            cmd::GROUP_REGISTER,
            attr::group::NAME,
            name.as_ref(),
            Operation::RegisterGroup,
        )
    }

    /// Ends a group of this peer and all memberships in it. Members still receive what was sent before.
    ///
    /// # Errors
    ///
    /// `ENOENT` when there is no such group; `EPERM` when another peer owns it; `EINVAL` as in
    /// [`register_group`](Self::register_group).
    pub fn unregister_group(&self, name: impl AsRef<[u8]>) -> Result<()> {
        self.with_name(
            cmd::GROUP_UNREGISTER,
            attr::group::NAME,
            name.as_ref(),
            Operation::UnregisterGroup,
        )
    }

    /// Becomes a member of a group, which may be one's own or [`KEVENT_GROUP`](crate::KEVENT_GROUP).
    ///
    /// # Errors
    ///
    /// `ENOENT` when there is no such group; `EALREADY` when this peer is a member; `EINVAL` when no group can
    /// have that name.
    pub fn join_group(&self, name: impl AsRef<[u8]>, replay: Replay) -> Result<()> {
        let name = name.as_ref();
        self.control
            .command(cmd::GROUP_JOIN, |request| {
                let request = request.text(attr::group::NAME, name)?;
                Ok(match replay {
                    Replay::Last => request.flag(attr::group::REPLAY),
                    Replay::None => request,
                })
            })
            .map_err(|failure| Error::new(Operation::JoinGroup(name.to_owned()), failure))
    }

    /// Ends a membership. What was delivered before can still be received.
    ///
    /// # Errors
    ///
    /// `ENOENT` when there is no such group, or this peer is no member of it; `EINVAL` when no group can have
    /// that name.
    pub fn leave_group(&self, name: impl AsRef<[u8]>) -> Result<()> {
        self.with_name(
            cmd::GROUP_LEAVE,
            attr::group::NAME,
            name.as_ref(),
            Operation::LeaveGroup,
        )
    }

    /// Whether a message was put back, which the descriptor does not show.
    #[cfg(feature = "tokio")]
    pub(crate) fn has_parked(&self) -> bool {
        self.receiver.has_parked()
    }

    /// Waits until there may be something to receive; `false` when the time is over.
    pub(crate) fn wait(&self, wait: Wait) -> std::result::Result<bool, Failure> {
        self.receiver.wait(wait)
    }

    /// Has something done to what a name in this attribute stands for, and gives that name to the error.
    fn with_name(
        &self,
        command: u8,
        attribute: u16,
        name: &[u8],
        operation: fn(Vec<u8>) -> Operation,
    ) -> Result<()> {
        self.control
            .command(command, |request| request.text(attribute, name))
            .map_err(|failure| Error::new(operation(name.to_owned()), failure))
    }
}

/// The receive socket: readable when there is a message.
impl AsFd for Peer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.receiver.as_fd()
    }
}

const _: () = {
    const fn is_shareable<T: Send + Sync>() {}
    is_shareable::<Peer>();
};
