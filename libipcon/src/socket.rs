// SPDX-License-Identifier: MIT OR Apache-2.0
//! A generic netlink socket: neli opens, binds and names it; datagrams go in and out through rustix.
//!
//! Two things keep messages forged by another process out. The socket is connected to the kernel, which refuses
//! what anybody else sends to it, so that nobody fills its queue. And the source of each datagram is looked at,
//! which neli's own receive functions do not tell.

#![allow(unsafe_code)]

mod many;

use std::io::{self, IoSlice};
use std::mem;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, FromRawFd as _, IntoRawFd as _, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};

use neli::consts::socket::NlFamily;
use neli::socket::NlSocket;
use neli::utils::Groups;
use rustix::buffer::spare_capacity;
use rustix::io::Errno;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::sockopt::{set_socket_passcred, socket_recv_buffer_size, socket_send_buffer_size};
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags, connect, recvfrom, send, sendmsg};

use crate::credentials::Credentials;

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
    /// Whether to ask for the credentials of senders.
    with_credentials: AtomicBool,
}

/// What a receive call brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Datagram {
    /// The kernel sent it, not a process.
    pub(crate) from_kernel: bool,
    /// Its length, which may be more than the buffer holds.
    pub(crate) len: usize,
    /// Who sent it, if the socket asks for that.
    pub(crate) credentials: Option<Credentials>,
}

impl Socket {
    /// Opens a socket with extended acknowledgements, closed on exec.
    pub(crate) fn open() -> io::Result<Self> {
        let socket = NlSocket::connect(NlFamily::Generic, None, Groups::empty())?;
        socket.enable_ext_ack(true)?;
        let port = socket.pid()?;
        // SAFETY: `into_raw_fd` hands over an open descriptor that nothing else owns.
        let fd = unsafe { OwnedFd::from_raw_fd(socket.into_raw_fd()) };
        let socket = Self {
            fd,
            port,
            with_credentials: AtomicBool::new(false),
        };
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

    /// Asks for the credentials of senders, or no longer.
    pub(crate) fn receive_credentials(&self, on: bool) -> Result<(), Errno> {
        set_socket_passcred(&self.fd, on)?;
        self.with_credentials.store(on, Ordering::Release);
        Ok(())
    }

    /// The netlink port that the kernel gave to this socket.
    pub(crate) fn port(&self) -> u32 {
        self.port
    }

    /// Bytes of kernel memory that the receive queue holds, and that a datagram on its way out may take.
    pub(crate) fn buffer_sizes(&self) -> (usize, usize) {
        // Neither can fail on an open socket; the least that a socket has is always right.
        (
            socket_recv_buffer_size(&self.fd).unwrap_or(0),
            socket_send_buffer_size(&self.fd).unwrap_or(0),
        )
    }

    /// Sends a datagram to the kernel. Its answers are queued when this returns, because generic netlink
    /// handles requests in the system call that brings them.
    pub(crate) fn send(&self, datagram: &[u8]) -> Result<(), Errno> {
        send(&self.fd, datagram, SendFlags::empty()).map(drop)
    }

    /// Sends the parts as one datagram to the kernel, like [`send`](Self::send).
    pub(crate) fn send_parts(&self, parts: &[IoSlice<'_>]) -> Result<(), Errno> {
        let mut nothing = SendAncillaryBuffer::default();
        sendmsg(&self.fd, parts, &mut nothing, SendFlags::empty()).map(drop)
    }

    /// Receives one datagram into the capacity of `buffer`.
    #[inline]
    pub(crate) fn receive(
        &self,
        buffer: &mut Vec<u8>,
        flags: RecvFlags,
    ) -> Result<Datagram, Errno> {
        buffer.clear();
        let flags = flags | RecvFlags::TRUNC;
        if self.with_credentials.load(Ordering::Acquire) {
            return self.receive_stamped(buffer, flags);
        }
        let (_, len, from) = recvfrom(&self.fd, spare_capacity(buffer), flags)?;
        let from = from.and_then(|address| SocketAddrNetlink::try_from(address).ok());
        Ok(Datagram {
            from_kernel: from.is_some_and(|from| from.pid() == 0),
            len,
            credentials: None,
        })
    }

    /// Like [`receive`](Self::receive), with the credentials of the sender. rustix has no number for the
    /// process 0, which is the kernel.
    fn receive_stamped(&self, buffer: &mut Vec<u8>, flags: RecvFlags) -> Result<Datagram, Errno> {
        // SAFETY: All fields of both are integers or pointers, which may be 0.
        let (mut from, mut header) = unsafe { mem::zeroed::<(libc::sockaddr_nl, libc::msghdr)>() };
        let mut control = [0_u64; CONTROL_WORDS];
        let mut part = libc::iovec {
            iov_base: buffer.as_mut_ptr().cast(),
            iov_len: buffer.capacity(),
        };
        header.msg_name = (&raw mut from).cast();
        header.msg_namelen = size_of_val(&from) as libc::socklen_t;
        header.msg_iov = &raw mut part;
        header.msg_iovlen = 1;
        header.msg_control = control.as_mut_ptr().cast();
        header.msg_controllen = size_of_val(&control) as _;
        // SAFETY: Each pointer of the header is that of live memory as long as is said beside it, and the
        // kernel alone writes to that during the call.
        let received = unsafe {
            libc::recvmsg(
                self.fd.as_raw_fd(),
                &raw mut header,
                flags.bits().cast_signed(),
            )
        };
        let Ok(len) = usize::try_from(received) else {
            let error = io::Error::last_os_error();
            return Err(Errno::from_io_error(&error).unwrap_or(Errno::IO));
        };
        // SAFETY: The kernel wrote `len` bytes, or as many as there is room for.
        unsafe { buffer.set_len(len.min(buffer.capacity())) };
        Ok(Datagram {
            from_kernel: is_kernel(&from, header.msg_namelen),
            len,
            // SAFETY: The kernel filled the header in, and the memory that it names is still there.
            credentials: unsafe { find_credentials(&header) },
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

/// Whether the kernel is who a datagram comes from, by the address of `len` bytes that it filled in.
fn is_kernel(from: &libc::sockaddr_nl, len: libc::socklen_t) -> bool {
    len as usize == size_of_val(from)
        && libc::c_int::from(from.nl_family) == libc::AF_NETLINK
        && from.nl_pid == 0
}

/// Room for ancillary data. Credentials take four words; the rest is for what a program may have switched on
/// beside them through the descriptor, so that they are not cut.
const CONTROL_WORDS: usize = 64;

/// The credentials in the ancillary data; `None` also when they are not whole.
///
/// # Safety
///
/// `recvmsg` must have filled `header` in, and the ancillary data must still lie where it was put.
unsafe fn find_credentials(header: &libc::msghdr) -> Option<Credentials> {
    // SAFETY: By the requirements of this function.
    let mut next = unsafe { libc::CMSG_FIRSTHDR(header) };
    // SAFETY: The pointer comes from one of the two macros, which give only headers that lie in the memory.
    while let Some(message) = unsafe { next.as_ref() } {
        // SAFETY: It only computes a length.
        let whole = unsafe { libc::CMSG_LEN(size_of::<libc::ucred>() as _) } as usize;
        if (message.cmsg_level, message.cmsg_type) == (libc::SOL_SOCKET, libc::SCM_CREDENTIALS)
            && message.cmsg_len == whole
        {
            // SAFETY: The message has the length of a header and a `ucred`, any bytes of which are valid.
            let found = unsafe { libc::CMSG_DATA(next).cast::<libc::ucred>().read_unaligned() };
            return Some(Credentials {
                pid: found.pid.cast_unsigned(),
                uid: found.uid,
                gid: found.gid,
            });
        }
        // SAFETY: `next` is a header of this ancillary data.
        next = unsafe { libc::CMSG_NXTHDR(header, next) };
    }
    None
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
