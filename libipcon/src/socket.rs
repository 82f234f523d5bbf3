// SPDX-License-Identifier: MIT OR Apache-2.0
//! A generic netlink socket: neli opens, binds and names it; datagrams go in and out through rustix.
//!
//! Two things keep messages forged by another process out. The socket is connected to the kernel, which refuses
//! what anybody else sends to it, so that nobody fills its queue. And the source of each datagram is looked at,
//! which neli's own receive functions do not tell.

#![allow(unsafe_code)]

use std::io::{self, IoSlice};
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, FromRawFd as _, IntoRawFd as _, OwnedFd};

use neli::consts::socket::NlFamily;
use neli::socket::NlSocket;
use neli::utils::Groups;
use rustix::buffer::spare_capacity;
use rustix::io::Errno;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags, connect, recvfrom, sendmsg};

/// A netlink option that is on or off.
#[derive(Debug, Clone, Copy)]
enum Switch {
    /// Errors repeat the header of the request, not its whole payload.
    ShortErrors = libc::NETLINK_CAP_ACK as isize,
    /// A full receive queue drops what does not fit and nothing else. Without this it makes the kernel
    /// drop everything until the queue has been read empty.
    KeepReceiving = libc::NETLINK_NO_ENOBUFS as isize,
}

/// The kernel's own port, and no multicast group.
const KERNEL: SocketAddrNetlink = SocketAddrNetlink::new(0, 0);

/// A socket, bound to a port of its own and connected to the kernel.
#[derive(Debug)]
pub(crate) struct Socket {
    fd: OwnedFd,
    port: u32,
}

/// What a receive call brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Datagram {
    /// The kernel sent it, not a process.
    pub(crate) from_kernel: bool,
    /// Its length, which may be more than the buffer holds.
    pub(crate) len: usize,
}

impl Socket {
    /// Opens a socket with extended acknowledgements, closed on exec.
    pub(crate) fn open() -> io::Result<Self> {
        let socket = NlSocket::connect(NlFamily::Generic, None, Groups::empty())?;
        socket.enable_ext_ack(true)?;
        let port = socket.pid()?;
        // SAFETY: `into_raw_fd` hands over an open descriptor that nothing else owns.
        let fd = unsafe { OwnedFd::from_raw_fd(socket.into_raw_fd()) };
        let socket = Self { fd, port };
        // A process that has CAP_NET_ADMIN in this network namespace could send to any port; to this one it
        // gets ECONNREFUSED from now on. What it sent before is told by its source.
        connect(&socket.fd, &KERNEL)?;
        socket.switch_on(Switch::ShortErrors)?;
        Ok(socket)
    }

    /// Makes a full receive queue cost only the messages that find it full.
    pub(crate) fn keep_receiving_when_full(&self) -> io::Result<()> {
        self.switch_on(Switch::KeepReceiving)
    }

    /// The netlink port that the kernel gave to this socket.
    pub(crate) fn port(&self) -> u32 {
        self.port
    }

    /// Sends the parts as one datagram to the kernel. Its answers are queued when this returns, because
    /// generic netlink handles requests in the system call that brings them.
    pub(crate) fn send(&self, parts: &[IoSlice<'_>]) -> Result<(), Errno> {
        let mut nothing = SendAncillaryBuffer::default();
        sendmsg(&self.fd, parts, &mut nothing, SendFlags::empty()).map(drop)
    }

    /// Receives one datagram into the capacity of `buffer`.
    pub(crate) fn receive(
        &self,
        buffer: &mut Vec<u8>,
        flags: RecvFlags,
    ) -> Result<Datagram, Errno> {
        buffer.clear();
        let flags = flags | RecvFlags::TRUNC;
        let (_, len, from) = recvfrom(&self.fd, spare_capacity(buffer), flags)?;
        let from = from.and_then(|address| SocketAddrNetlink::try_from(address).ok());
        Ok(Datagram {
            from_kernel: from.is_some_and(|from| from.pid() == 0),
            len,
        })
    }

    fn switch_on(&self, switch: Switch) -> io::Result<()> {
        let on: libc::c_int = 1;
        // SAFETY: The kernel reads one int from the pointer, which is that of a live int.
        let outcome = unsafe {
            libc::setsockopt(
                self.fd.as_raw_fd(),
                libc::SOL_NETLINK,
                switch as libc::c_int,
                (&raw const on).cast(),
                size_of_val(&on) as libc::socklen_t,
            )
        };
        if outcome == 0 {
            Ok(())
        } else {
            Err(io::Error::last_os_error())
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
