// SPDX-License-Identifier: MIT OR Apache-2.0
//! What can go wrong for a client.

use std::time::Duration;

use crate::handshake::Refusal;
use crate::ring::Violation;
use crate::typed::Malformed;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// Nobody listens at the address, or this user may not connect to it.
    #[error("connecting to {address}: {source}")]
    Unreachable {
        /// The address.
        address: String,
        /// What the kernel says.
        source: std::io::Error,
    },
    /// The server does not want this client.
    #[error("the server refused: {0}")]
    Refused(#[source] Refusal),
    /// The server did not answer in time.
    #[error("the server did not answer in time while {0}")]
    TimedOut(&'static str),
    /// The server hung up without saying why.
    #[error("the server hung up while {0}")]
    HungUp(&'static str),
    /// This client does not want the server; see [`ClientBuilder::verify_server`](super::ClientBuilder::verify_server).
    #[error("the server is not who it should be: {0}")]
    Untrusted(#[source] Refusal),
    /// The server does not keep to the protocol.
    #[error("the server broke the protocol: {0}")]
    Protocol(String),
    /// This machine lacks memory, descriptors or threads.
    #[error("{doing}: {source}")]
    System {
        /// What was being done.
        doing: &'static str,
        /// What the kernel says.
        source: std::io::Error,
    },
}

/// Why a call has no reply.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The request is longer than its room.
    #[error("a request of {len} bytes does not fit into the {most} of the connection")]
    TooLong {
        /// Bytes of the request.
        len: usize,
        /// Bytes that fit.
        most: usize,
    },
    /// Memory for a payload that is longer than a room could not be made or sent.
    #[error("{doing}: {}", std::io::Error::from_raw_os_error(*errno))]
    NoMemory {
        /// What was being done.
        doing: &'static str,
        /// What the kernel says: an `errno`.
        errno: i32,
    },
    /// More descriptors than may come with a request; see [`ClientBuilder::descriptors`](super::ClientBuilder::descriptors).
    #[error("{sent} descriptors with a request, where {most} were agreed on")]
    TooManyDescriptors {
        /// Descriptors that were to be sent.
        sent: usize,
        /// What was agreed on.
        most: usize,
    },
    /// The handler replied with more descriptors than was agreed on.
    #[error("the reply has {0} descriptors, more than were agreed on")]
    TooManyInReply(u32),
    /// The handler replied with more than fits.
    #[error("the reply of {0} bytes is longer than the connection allows for")]
    ReplyTooLong(u32),
    /// The deadline passed. The request may have been handled, or be yet.
    #[error("no reply came in time")]
    TimedOut,
    /// The deadline had passed before the handler could begin. The request was not handled.
    #[error("the request was not handled, as it was late already")]
    Expired,
    /// The service has no such command.
    #[error("the service has no such command")]
    UnknownCommand,
    /// The server found that the request is not of the command's type. It was not handled.
    #[error("the server found that the request is not of the command's type")]
    InvalidRequest,
    /// The reply is not of the command's type. The request may have been handled.
    #[error("the reply is not of the command's type: {0}")]
    Malformed(#[from] Malformed),
    /// This client may not use the command.
    #[error("this client may not use the command")]
    Denied,
    /// The server has too much to do; try again after this time. The request was not handled.
    #[error("the server is overloaded, try again in {retry_after:?}")]
    Overloaded {
        /// What the server proposes.
        retry_after: Duration,
    },
    /// The handler failed with a code of the application's own.
    #[error("the handler failed with code {0}")]
    Failed(u32),
    /// The handler ended without a reply.
    #[error("the handler did not reply")]
    NoReply,
    /// The handler panicked.
    #[error("the handler panicked")]
    Panicked,
    /// The connection is over. The request may have been handled.
    #[error(transparent)]
    Disconnected(#[from] Disconnected),
}

/// Why a connection is over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Disconnected {
    /// The server is gone, without a word.
    #[error("the server is gone")]
    Gone,
    /// The server ended the connection and said why.
    #[error("the server ended the connection: {0}")]
    Told(Refusal),
    /// Descriptors came for which this process has no room (`RLIMIT_NOFILE`), and are lost.
    #[error("this process may have no more descriptors, and lost some that the server sent")]
    NoRoom,
    /// The server wrote what it never writes when it keeps to the protocol.
    #[error("the server broke the protocol: {0}")]
    Violation(Violation),
}
