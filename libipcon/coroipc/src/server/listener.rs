// SPDX-License-Identifier: MIT OR Apache-2.0
//! The socket that clients connect to.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SocketFlags, SocketType, accept_with, bind, connect, listen, socket_with,
};

use crate::handshake::Address;

/// A listening socket. A path that it made goes with it.
#[derive(Debug)]
pub(super) struct Listener {
    socket: OwnedFd,
    path: Option<PathBuf>,
}

/// Clients that may wait to be accepted. The kernel's `net.core.somaxconn` may lower it.
const BACKLOG: i32 = 1024;

impl Listener {
    pub(super) fn bind(address: &Address) -> Result<Self, Errno> {
        let name = address.to_socket_address()?;
        let socket = seqpacket()?;
        match bind(&socket, &name) {
            // A server that was killed leaves its path. If nobody listens there, it may be taken.
            Err(Errno::ADDRINUSE) if address.as_path().is_some() => {
                if connect(seqpacket()?, &name) != Err(Errno::CONNREFUSED) {
                    return Err(Errno::ADDRINUSE);
                }
                if let Some(path) = address.as_path() {
                    rustix::fs::unlink(path)?;
                }
                bind(&socket, &name)?;
            }
            bound => bound?,
        }
        listen(&socket, BACKLOG)?;
        Ok(Self {
            socket,
            path: address.as_path().map(Into::into),
        })
    }

    /// Takes over a socket that listens already, such as one that a service manager made.
    pub(super) fn of(socket: OwnedFd) -> Result<Self, Errno> {
        use rustix::net::sockopt::{socket_acceptconn, socket_type};
        if socket_type(&socket)? != SocketType::SEQPACKET || !socket_acceptconn(&socket)? {
            return Err(Errno::PROTOTYPE);
        }
        let flags = rustix::fs::fcntl_getfl(&socket)?;
        rustix::fs::fcntl_setfl(&socket, flags | rustix::fs::OFlags::NONBLOCK)?;
        Ok(Self { socket, path: None })
    }

    /// The next client, if there is one: `AGAIN` if there is none.
    pub(super) fn accept(&self) -> Result<OwnedFd, Errno> {
        accept_with(&self.socket, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK)
    }
}

fn seqpacket() -> Result<OwnedFd, Errno> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            let _ = rustix::fs::unlink(path);
        }
    }
}
