// SPDX-License-Identifier: MIT OR Apache-2.0
//! Fields of a coroipc connection.

use super::families::{
    CHANNEL_DENIED, CHANNEL_EVENT_BYTES, CHANNEL_EVENTS, CHANNEL_EVENTS_DROPPED,
    CHANNEL_EVENTS_QUEUED, CHANNEL_FAILURES, CHANNEL_FLOW_CHANGES, CHANNEL_ONE_WAY, CHANNEL_QUEUE,
    CHANNEL_REQUEST_BYTES, CHANNEL_REQUESTS, CHANNEL_RESPONSE_BYTES, CHANNEL_RESPONSES,
};
use super::{Field, Metric, Unit, Value, counter, gauge, info};
use crate::model::Channel;

/// All fields of a connection.
pub static CHANNEL_FIELDS: &[Field<Channel>] = &[
    info(
        "server_comm",
        "SERVER",
        Unit::None,
        "Command name of the server's process.",
        |c| Some(Value::text(&c.server_comm)),
    ),
    info(
        "id",
        "ID",
        Unit::None,
        "Number that the observer gave to the connection.",
        |c| Some(Value::Count(c.id)),
    ),
    info(
        "server_pid",
        "PID",
        Unit::None,
        "Process of the server.",
        |c| Some(Value::Count(c.server_pid.into())),
    ),
    info(
        "service",
        "SERVICE",
        Unit::None,
        "Number of the service.",
        |c| Some(Value::Count(c.service.into())),
    ),
    info(
        "client_pid",
        "CLIENT",
        Unit::None,
        "Process of the client, as the server saw it.",
        |c| Some(Value::Count(c.client_pid.into())),
    ),
    info(
        "client_uid",
        "UID",
        Unit::None,
        "User of the client, as the server saw it.",
        |c| Some(Value::Count(c.client_uid.into())),
    ),
    info(
        "connection",
        "CONN",
        Unit::None,
        "Number of the connection, counted by the server.",
        |c| Some(Value::Count(c.connection)),
    ),
    info(
        "started_at_seconds",
        "STARTED",
        Unit::Seconds,
        "When the client connected, on the monotonic clock.",
        |c| Some(Value::Time(c.started_at)),
    ),
    gauge(
        "queue_size",
        "QUEUE",
        Unit::Messages,
        "Requests that are not answered now.",
        Metric::plain(&CHANNEL_QUEUE),
        |c| Some(Value::Count(c.counters.queue_size)),
    ),
    gauge(
        "queue_size_max",
        "QUEUE MAX",
        Unit::Messages,
        "The most requests that were ever unanswered at once.",
        None,
        |c| Some(Value::Count(c.counters.queue_size_max)),
    ),
    gauge(
        "flow_control",
        "FLOW",
        Unit::None,
        "1 while events are held back, since the client does not read them.",
        None,
        |c| Some(Value::Count(c.counters.flow_control)),
    ),
    gauge(
        "events_queued",
        "EV WAIT",
        Unit::Messages,
        "Events that wait for room in the client's ring now.",
        Metric::plain(&CHANNEL_EVENTS_QUEUED),
        |c| Some(Value::Count(c.counters.events_queued)),
    ),
    gauge(
        "events_queued_max",
        "EV MAX",
        Unit::Messages,
        "The most events that ever waited at once.",
        None,
        |c| Some(Value::Count(c.counters.events_queued_max)),
    ),
    gauge(
        "latency_p50_seconds",
        "P50",
        Unit::Seconds,
        "Half of the timed requests were answered in less, a power of two of nanoseconds.",
        None,
        |c| c.latency.quantile(0.5).map(Value::Time),
    ),
    gauge(
        "latency_p99_seconds",
        "P99",
        Unit::Seconds,
        "99 of 100 timed requests were answered in less, a power of two of nanoseconds.",
        None,
        |c| c.latency.quantile(0.99).map(Value::Time),
    ),
    info(
        "latency_buckets",
        "LATENCY",
        Unit::Seconds,
        "Timed requests by how long they took, one of sixteen being timed.",
        |c| Some(Value::Times(&c.latency)),
    ),
    counter(
        "requests",
        "REQ",
        Unit::Messages,
        "Requests that the server read.",
        Metric::plain(&CHANNEL_REQUESTS),
        |c| Some(Value::Count(c.counters.requests)),
    ),
    counter(
        "responses",
        "RESP",
        Unit::Messages,
        "Requests that a handler replied to.",
        Metric::plain(&CHANNEL_RESPONSES),
        |c| Some(Value::Count(c.counters.responses)),
    ),
    counter(
        "dispatched",
        "EVENTS",
        Unit::Messages,
        "Events that were written into the client's ring.",
        Metric::plain(&CHANNEL_EVENTS),
        |c| Some(Value::Count(c.counters.dispatched)),
    ),
    counter(
        "one_way",
        "ONE WAY",
        Unit::Messages,
        "Requests that expect no answer, of all that were read.",
        Metric::plain(&CHANNEL_ONE_WAY),
        |c| Some(Value::Count(c.counters.one_way)),
    ),
    counter(
        "overload",
        "OVERLOAD",
        Unit::Messages,
        "Requests turned down for there was too much to do.",
        Metric::reason(&CHANNEL_DENIED, &[("reason", "overload")]),
        |c| Some(Value::Count(c.counters.overload)),
    ),
    counter(
        "invalid_request",
        "INVALID",
        Unit::Messages,
        "Requests for commands that do not exist, or that are not of their command's type.",
        Metric::reason(&CHANNEL_DENIED, &[("reason", "invalid_request")]),
        |c| Some(Value::Count(c.counters.invalid_request)),
    ),
    counter(
        "denied",
        "DENIED",
        Unit::Messages,
        "Requests for commands that the client may not use.",
        Metric::reason(&CHANNEL_DENIED, &[("reason", "denied")]),
        |c| Some(Value::Count(c.counters.denied)),
    ),
    counter(
        "expired",
        "EXPIRED",
        Unit::Messages,
        "Requests that were late before their handler could begin.",
        Metric::reason(&CHANNEL_DENIED, &[("reason", "expired")]),
        |c| Some(Value::Count(c.counters.expired)),
    ),
    counter(
        "failed",
        "FAILED",
        Unit::Messages,
        "Requests that a handler failed with a code.",
        Metric::reason(&CHANNEL_FAILURES, &[("reason", "failed")]),
        |c| Some(Value::Count(c.counters.failed)),
    ),
    counter(
        "no_reply",
        "NO REPLY",
        Unit::Messages,
        "Requests that a handler left without an answer, or panicked at.",
        Metric::reason(&CHANNEL_FAILURES, &[("reason", "no_reply")]),
        |c| Some(Value::Count(c.counters.no_reply)),
    ),
    counter(
        "reply_too_long",
        "TOO LONG",
        Unit::Messages,
        "Replies that did not fit.",
        Metric::reason(&CHANNEL_FAILURES, &[("reason", "reply_too_long")]),
        |c| Some(Value::Count(c.counters.reply_too_long)),
    ),
    counter(
        "events_dropped",
        "EV DROP",
        Unit::Messages,
        "Events that were refused or dropped, since ring and queue were full.",
        Metric::plain(&CHANNEL_EVENTS_DROPPED),
        |c| Some(Value::Count(c.counters.events_dropped)),
    ),
    counter(
        "flow_control_count",
        "FLOW CHG",
        Unit::None,
        "Times that events began to be held back or to flow again.",
        Metric::plain(&CHANNEL_FLOW_CHANGES),
        |c| Some(Value::Count(c.counters.flow_control_count)),
    ),
    counter(
        "request_bytes",
        "REQ B",
        Unit::Bytes,
        "Payload bytes of the requests.",
        Metric::plain(&CHANNEL_REQUEST_BYTES),
        |c| Some(Value::Bytes(c.counters.request_bytes)),
    ),
    counter(
        "response_bytes",
        "RESP B",
        Unit::Bytes,
        "Payload bytes of the replies.",
        Metric::plain(&CHANNEL_RESPONSE_BYTES),
        |c| Some(Value::Bytes(c.counters.response_bytes)),
    ),
    counter(
        "event_bytes",
        "EVENT B",
        Unit::Bytes,
        "Payload bytes of the events.",
        Metric::plain(&CHANNEL_EVENT_BYTES),
        |c| Some(Value::Bytes(c.counters.event_bytes)),
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ChannelCounters;

    #[test]
    fn every_counter_of_the_model_is_a_field() {
        for (key, _) in ChannelCounters::default().each() {
            assert!(super::super::find(CHANNEL_FIELDS, key).is_some(), "{key}");
        }
    }
}
