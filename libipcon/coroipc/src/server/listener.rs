// SPDX-License-Identifier: MIT OR Apache-2.0
//! The socket that clients connect to.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, FlockOperation, Mode, OFlags, flock, lstat, open, unlink};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, accept_with, bind, connect, listen,
    socket_with,
};

use crate::handshake::{Address, descriptors};

/// A listening socket. A path that it made goes with it.
#[derive(Debug)]
pub(super) struct Listener {
    socket: OwnedFd,
    pid: u32,
    /// With the device and the number of the file, by which it is known again.
    path: Option<(PathBuf, (u64, u64))>,
}

/// Clients that may wait to be accepted. The kernel's `net.core.somaxconn` may lower it.
const BACKLOG: i32 = 1024;

impl Listener {
    pub(super) fn bind(address: &Address) -> Result<Self, Errno> {
        let name = address.to_socket_address()?;
        let socket = seqpacket()?;
        let Some(path) = address.as_path() else {
            bind(&socket, &name)?;
            listen(&socket, BACKLOG)?;
            return Ok(Self::new(socket, None));
        };
        // From looking whether somebody listens to listening, nobody else may do the same: both would find nobody.
        let lock = lock(path)?;
        match bind(&socket, &name) {
            Err(Errno::ADDRINUSE) => {
                make_free(path, &name)?;
                bind(&socket, &name)?;
            }
            bound => bound?,
        }
        listen(&socket, BACKLOG)?;
        drop(lock);
        let ours = lstat(path)?;
        let path = Some((path.into(), (ours.st_dev, ours.st_ino)));
        Ok(Self::new(socket, path))
    }

    /// Takes over a socket that listens already, such as one that a service manager made.
    pub(super) fn of(socket: OwnedFd) -> Result<Self, Errno> {
        use rustix::net::sockopt::{socket_acceptconn, socket_type};
        if socket_type(&socket)? != SocketType::SEQPACKET || !socket_acceptconn(&socket)? {
            return Err(Errno::PROTOTYPE);
        }
        let flags = rustix::fs::fcntl_getfl(&socket)?;
        rustix::fs::fcntl_setfl(&socket, flags | rustix::fs::OFlags::NONBLOCK)?;
        Ok(Self::new(socket, None))
    }

    fn new(socket: OwnedFd, path: Option<(PathBuf, (u64, u64))>) -> Self {
        // None before they are wanted.
        descriptors::let_in(&socket, false);
        let pid = std::process::id();
        Self { socket, pid, path }
    }

    /// The next client, if there is one: `AGAIN` if there is none.
    pub(super) fn accept(&self) -> Result<OwnedFd, Errno> {
        accept_with(&self.socket, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK)
    }
}

/// Waits until no other server is about to listen at the path. The file stays: who removed it would let two in.
fn lock(path: &Path) -> Result<OwnedFd, Errno> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let flags = OFlags::CREATE | OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let file = open(&name, flags, Mode::RUSR | Mode::WUSR)?;
    flock(&file, FlockOperation::LockExclusive)?;
    Ok(file)
}

/// Removes what a server that was killed has left at a path. Nothing else is removed.
fn make_free(path: &Path, name: &SocketAddrUnix) -> Result<(), Errno> {
    let left = lstat(path)?;
    let is_socket = FileType::from_raw_mode(left.st_mode) == FileType::Socket;
    if !is_socket || connect(seqpacket()?, name) != Err(Errno::CONNREFUSED) {
        return Err(Errno::ADDRINUSE);
    }
    unlink(path)
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
        // A process that was forked has a copy, and the path is not its own.
        if self.pid != std::process::id() {
            return;
        }
        // Somebody may have put another file there meanwhile.
        if let Some((path, file)) = &self.path
            && lstat(path).is_ok_and(|it| (it.st_dev, it.st_ino) == *file)
        {
            let _ = unlink(path);
        }
    }
}
