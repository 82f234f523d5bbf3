// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is counted, with its names: the one table of it.

use crate::handshake::Reason;

macro_rules! counters {
    ($(#[doc = $what:literal])+ $counter:ident: $($(#[doc = $help:literal])+ $name:ident = $key:literal,)+) => {
        $(#[doc = $what])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum $counter {
            $($(#[doc = $help])+ $name,)+
        }

        impl $counter {
            /// All of them, in the order of the page.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// Its name for machines.
            pub const fn key(self) -> &'static str {
                match self {
                    $(Self::$name => $key,)+
                }
            }
        }
    };
}

counters! {
    /// Something that is counted for each connection. Its place in the page follows from its place here, so new ones
    /// come last.
    Counter:
    /// Requests that were read.
    Requests = "requests",
    /// Requests that a handler replied to.
    Responses = "responses",
    /// Events that were written into the ring.
    Dispatched = "dispatched",
    /// Requests that are not answered now.
    QueueSize = "queue_size",
    /// The most requests that were ever unanswered at once.
    QueueHigh = "queue_size_max",
    /// 1 while events are held back, from the first that the client's ring has no room for until half of it is free.
    FlowControl = "flow_control",
    /// Changes of the state above.
    FlowControlCount = "flow_control_count",
    /// Requests that were turned down for there was too much to do.
    Overload = "overload",
    /// Requests for commands that do not exist, or that are not of their command's type.
    InvalidRequest = "invalid_request",
    /// Requests for commands that the client may not use.
    Denied = "denied",
    /// Requests that were late before their handler could begin.
    Expired = "expired",
    /// Requests that a handler failed with a code.
    Failed = "failed",
    /// Requests that a handler left without an answer, or panicked at.
    NoReply = "no_reply",
    /// Replies that did not fit.
    ReplyTooLong = "reply_too_long",
    /// Requests that expect no answer, of all that were read.
    OneWay = "one_way",
    /// Events that were refused or dropped, since the ring and the queue were full.
    EventsDropped = "events_dropped",
    /// Bytes of payload in requests.
    RequestBytes = "request_bytes",
    /// Bytes of payload in replies.
    ResponseBytes = "response_bytes",
    /// Bytes of payload in events.
    EventBytes = "event_bytes",
    /// Events that wait for room in the client's ring now.
    EventsQueued = "events_queued",
    /// The most events that ever waited at once.
    EventsQueuedHigh = "events_queued_max",
}

counters! {
    /// Something that is counted for each endpoint. Its place in the page follows from its place here, so new ones come
    /// last.
    EndpointCounter:
    /// Clients that were accepted, whatever became of them.
    Accepted = "accepted",
    /// Clients that were let in, so that requests could come.
    Connected = "connected",
    /// Connections now, from being accepted until nothing of them is left in the server.
    Connections = "connections",
    /// The most connections that there ever were at once.
    ConnectionsHigh = "connections_max",
    /// Bytes that are reserved for connections now, both sides' memory as in [`Sizes`](crate::Sizes).
    Memory = "memory_bytes",
    /// The most bytes that ever were reserved at once.
    MemoryHigh = "memory_bytes_max",
    /// Clients that were refused as [`Reason::Denied`].
    RefusedDenied = "refused_denied",
    /// Clients that were refused as [`Reason::NoSuchService`].
    RefusedNoSuchService = "refused_no_such_service",
    /// Clients that were refused as [`Reason::Overloaded`].
    RefusedOverloaded = "refused_overloaded",
    /// Clients that were refused as [`Reason::Version`].
    RefusedVersion = "refused_version",
    /// Clients that were refused as [`Reason::Interface`].
    RefusedInterface = "refused_interface",
    /// Clients that were refused as [`Reason::Protocol`].
    RefusedProtocol = "refused_protocol",
    /// Clients that were refused as [`Reason::TooSlow`].
    RefusedTooSlow = "refused_too_slow",
    /// Clients that were refused as [`Reason::ShuttingDown`].
    RefusedShuttingDown = "refused_shutting_down",
    /// Clients that were refused as [`Reason::Resources`].
    RefusedResources = "refused_resources",
    /// Clients that were refused as [`Reason::SlowConsumer`].
    RefusedSlowConsumer = "refused_slow_consumer",
    /// Clients that were refused as [`Reason::Panicked`].
    RefusedPanicked = "refused_panicked",
    /// Clients that were refused with a number of the application's own, [`Reason::Other`].
    RefusedOther = "refused_other",
}

impl EndpointCounter {
    /// The counter of clients that were refused for this reason.
    pub const fn refused(reason: Reason) -> Self {
        match reason {
            Reason::Denied => Self::RefusedDenied,
            Reason::NoSuchService => Self::RefusedNoSuchService,
            Reason::Overloaded { .. } => Self::RefusedOverloaded,
            Reason::Version(_) => Self::RefusedVersion,
            Reason::Interface => Self::RefusedInterface,
            Reason::Protocol => Self::RefusedProtocol,
            Reason::TooSlow => Self::RefusedTooSlow,
            Reason::ShuttingDown => Self::RefusedShuttingDown,
            Reason::Resources => Self::RefusedResources,
            Reason::SlowConsumer => Self::RefusedSlowConsumer,
            Reason::Panicked => Self::RefusedPanicked,
            Reason::Other(_) => Self::RefusedOther,
        }
    }
}
