// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where a server listens.

use std::fmt;
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use rustix::net::SocketAddrUnix;

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address(Kind);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Path(PathBuf),
    Abstract(Vec<u8>),
}

impl Address {
    /// A path, of at most 107 bytes. The permissions of its folder decide who can take the name, and those of the
    /// file who can connect. The file stays when the server is killed; the next server replaces it,
    /// if it is a socket that nobody listens on. Beside it is a file `path.lock`, which stays, for servers that begin at the
    /// same time.
    pub fn path(path: impl Into<PathBuf>) -> Self {
        Self(Kind::Path(path.into()))
    }

    /// An abstract name, of 1 to 107 bytes, which is in no file system and goes with its socket. Anybody in the
    /// network namespace can take a free name: have clients check who the server is.
    pub fn abstract_name(name: impl AsRef<[u8]>) -> Self {
        Self(Kind::Abstract(name.as_ref().to_vec()))
    }

    /// The path, if it is one.
    pub fn as_path(&self) -> Option<&Path> {
        match &self.0 {
            Kind::Path(path) => Some(path),
            Kind::Abstract(_) => None,
        }
    }

    pub(crate) fn to_socket_address(&self) -> Result<SocketAddrUnix, Errno> {
        match &self.0 {
            Kind::Path(path) => SocketAddrUnix::new(path),
            // An empty one is not taken as it is: the kernel would choose.
            Kind::Abstract(name) if name.is_empty() => Err(Errno::INVAL),
            Kind::Abstract(name) => SocketAddrUnix::new_abstract_name(name),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Path(path) => write!(f, "{}", path.display()),
            Kind::Abstract(name) => write!(f, "@{}", name.escape_ascii()),
        }
    }
}
