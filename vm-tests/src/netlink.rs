// SPDX-License-Identifier: MIT OR Apache-2.0

//! A netlink socket that sends any bytes to anybody, from a port of its choice.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::netlink::{self, SocketAddrNetlink};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};

/// `NETLINK_ADD_MEMBERSHIP` and other options of `SOL_NETLINK`.
#[derive(Debug, Clone, Copy)]
pub enum Switch {
    /// Be sent the messages of this netlink multicast group.
    Membership(u32),
    /// Refusals come with words.
    Words,
    /// Refusals repeat the header of the request only.
    ShortErrors,
    /// A full queue is no error.
    KeepReceiving,
}

/// A generic netlink socket.
#[derive(Debug)]
pub struct Raw {
    fd: OwnedFd,
    port: u32,
}

impl Raw {
    /// A socket with a port that the kernel chose.
    pub fn open() -> Self {
        Self::at(0).expect("bind to any port")
    }

    /// A socket with this port.
    ///
    /// # Errors
    ///
    /// `EADDRINUSE` when another socket has it.
    pub fn at(port: u32) -> Result<Self, Errno> {
        let fd = rustix::net::socket_with(
            AddressFamily::NETLINK,
            SocketType::RAW,
            SocketFlags::CLOEXEC,
            Some(netlink::GENERIC),
        )?;
        rustix::net::bind(&fd, &SocketAddrNetlink::new(port, 0))?;
        let bound = rustix::net::getsockname(&fd)?;
        let bound = SocketAddrNetlink::try_from(bound)?;
        Ok(Self {
            fd,
            port: bound.pid(),
        })
    }

    /// Its port.
    pub fn port(&self) -> u32 {
        self.port
    }

    /// Sends to the kernel.
    ///
    /// # Errors
    ///
    /// What the send call gives.
    pub fn send(&self, bytes: &[u8]) -> Result<(), Errno> {
        rustix::net::send(&self.fd, bytes, SendFlags::empty()).map(drop)
    }

    /// Sends to the socket at a port, and to the netlink multicast groups of a mask.
    ///
    /// # Errors
    ///
    /// `EPERM` without privileges, `ECONNREFUSED` when there is no such socket or it listens to another one only,
    /// `EAGAIN` when its queue is full.
    pub fn send_to(&self, port: u32, groups: u32, bytes: &[u8]) -> Result<(), Errno> {
        let to = SocketAddrNetlink::new(port, groups);
        rustix::net::sendto(&self.fd, bytes, SendFlags::DONTWAIT, &to).map(drop)
    }

    /// Takes what is queued: the datagram, and the port that it came from. `None` when nothing is.
    ///
    /// # Errors
    ///
    /// `ENOBUFS` when something was lost for want of room.
    pub fn receive<'a>(&self, buffer: &'a mut [u8]) -> Result<Option<(&'a [u8], u32)>, Errno> {
        match rustix::net::recvfrom(&self.fd, &mut *buffer, RecvFlags::DONTWAIT) {
            Ok((len, _, from)) => {
                let from = from.and_then(|from| SocketAddrNetlink::try_from(from).ok());
                let from = from.expect("a sender's address").pid();
                Ok(Some((&buffer[..len], from)))
            }
            Err(Errno::AGAIN) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Turns an option on.
    ///
    /// # Errors
    ///
    /// What the kernel says.
    pub fn switch_on(&self, switch: Switch) -> Result<(), Errno> {
        let (option, value) = match switch {
            Switch::Membership(group) => (libc::NETLINK_ADD_MEMBERSHIP, group as libc::c_int),
            Switch::Words => (libc::NETLINK_EXT_ACK, 1),
            Switch::ShortErrors => (libc::NETLINK_CAP_ACK, 1),
            Switch::KeepReceiving => (libc::NETLINK_NO_ENOBUFS, 1),
        };
        // SAFETY: The kernel reads one int from the pointer, which is that of a live int.
        let outcome = unsafe {
            libc::setsockopt(
                self.fd.as_raw_fd(),
                libc::SOL_NETLINK,
                option,
                (&raw const value).cast(),
                size_of_val(&value) as libc::socklen_t,
            )
        };
        if outcome == 0 {
            Ok(())
        } else {
            Err(Errno::from_io_error(&std::io::Error::last_os_error()).expect("an errno"))
        }
    }
}

impl AsFd for Raw {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
