// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is counted, with its names: the one table of it.

macro_rules! counters {
    ($($(#[doc = $help:literal])+ $name:ident = $key:literal,)+) => {
        /// Something that is counted for each connection. Its place in the page follows from its place here, so new ones
        /// come last.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Counter {
            $($(#[doc = $help])+ $name,)+
        }

        impl Counter {
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
    /// Requests for commands that do not exist.
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
