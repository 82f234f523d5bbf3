// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why a server could not be announced or found.

use coroipc::{BindError, ConnectError};
use rustix::io::Errno;

use crate::error::{Error, ErrorKind};
use crate::operation::Quoted;

/// Why a server is not announced.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AnnounceError {
    /// The module is not loaded, and no path was named to listen at instead.
    #[error("announce service {}: {source}", Quoted(name))]
    NoBus {
        /// The name.
        name: Vec<u8>,
        /// What connecting to the bus said.
        source: Error,
    },
    /// The bus does not take a name: it is taken, or cannot be one, or the user has as many as it may.
    #[error(transparent)]
    Bus(Error),
    /// The peer has an endpoint already, of this name. Another endpoint takes another peer; the services of both may be
    /// on one endpoint.
    #[error("the peer has the endpoint {0} already; take another peer")]
    SecondEndpoint(String),
    /// This process has no number that tells it from others, which takes Linux 6.9 or newer; or no descriptor is left.
    #[error("make a name for the endpoint of this process: {0}")]
    Name(#[source] std::io::Error),
    /// The endpoint could not listen.
    #[error(transparent)]
    Endpoint(#[from] BindError),
}

/// Why a server was not found or could not be connected to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FindError {
    /// The module is not loaded, and no path was named to connect to instead.
    #[error("find service {}: {source}", Quoted(name))]
    NoBus {
        /// The name.
        name: Vec<u8>,
        /// What opening the bus said.
        source: Error,
    },
    /// Nobody on the bus of this network namespace holds the name, or did until the deadline.
    #[error("find service {}: there is no such service on the bus", Quoted(name))]
    NoService {
        /// The name.
        name: Vec<u8>,
    },
    /// A peer holds the name, and has no endpoint of coroipc, or had none until the deadline.
    #[error(
        "find service {}: process {holder} holds it and has no coroipc endpoint",
        Quoted(name)
    )]
    NoEndpoint {
        /// The name.
        name: Vec<u8>,
        /// The process that made the peer, as seen from the initial pid namespace.
        holder: u32,
    },
    /// Another process listens at the address of the holder's endpoint than the holder says. Nothing was said to it.
    #[error(
        "find service {}: its endpoint {endpoint} is held by another process, {}",
        Quoted(name),
        Found(*found)
    )]
    HeldByAnother {
        /// The name.
        name: Vec<u8>,
        /// The name of the endpoint on the bus.
        endpoint: String,
        /// The process that listens there; `None` if it is in no pid namespace that is seen from this one.
        found: Option<u32>,
    },
    /// The name went from one holder to another while each was being connected to, this many times.
    #[error(
        "find service {}: its holder changed {attempts} times meanwhile; try again later",
        Quoted(name)
    )]
    Unsettled {
        /// The name.
        name: Vec<u8>,
        /// How often it was tried.
        attempts: usize,
    },
    /// No service can have this name.
    #[error(
        "find service {}: no valid name: want 1 to 31 bytes without control characters",
        Quoted(name)
    )]
    InvalidName {
        /// The name.
        name: Vec<u8>,
    },
    /// The bus does not answer as it should, or has no room for a peer that waits.
    #[error(transparent)]
    Bus(#[from] Error),
    /// The server is there, and connecting to it failed.
    #[error(transparent)]
    Connect(#[from] ConnectError),
}

impl FindError {
    /// Whether the server may be there later.
    pub(super) fn is_absence(&self) -> bool {
        matches!(self, Self::NoService { .. } | Self::NoEndpoint { .. })
    }
}

impl AnnounceError {
    pub(super) fn name(errno: Errno) -> Self {
        Self::Name(errno.into())
    }
}

/// Whether the module is not loaded.
pub(super) fn is_no_bus(error: &Error) -> bool {
    error.kind() == ErrorKind::NoBus
}

struct Found(Option<u32>);

impl std::fmt::Display for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(pid) => write!(f, "{pid}"),
            None => f.write_str("of another pid namespace"),
        }
    }
}
