// SPDX-License-Identifier: MIT OR Apache-2.0
//! What happens when a client is slow to read its events, and what the sender is told.

/// What happens to an event for which neither the client's ring nor the queue behind it has room; see
/// [`Service::event_queue`](super::Service::event_queue).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Overflow {
    /// Who sends waits for room. Not for services of an [`EndpointLoop`](super::EndpointLoop), which would stand still.
    Block,
    /// The event is not sent: the sender gets [`EventError::Full`].
    Refuse,
    /// The oldest events in the queue make room, and the sender is told nothing. The client sees a gap in the numbers of
    /// its events.
    DropOldest,
    /// The event is not sent, and the sender is told nothing. The client sees a gap in the numbers of its events.
    DropNewest,
    /// The client is disconnected, and told that it was too slow.
    Disconnect,
}

/// Why an event was not sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EventError {
    /// The connection has no ring of events.
    #[error("the connection was made without events")]
    NoEvents,
    /// It does not fit into the ring even when that is empty.
    #[error("an event of {len} bytes is longer than the {most} that the connection's ring takes")]
    TooLong {
        /// Bytes of the event.
        len: usize,
        /// Bytes that fit.
        most: usize,
    },
    /// The ring and the queue are full.
    #[error("the client has not read enough of its events to make room for this one")]
    Full,
    /// There was no room until the deadline.
    #[error("the client did not make room for the event in time")]
    TimedOut,
    /// The client is gone, or was disconnected.
    #[error("the connection is over")]
    Over,
}
