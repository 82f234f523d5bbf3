// SPDX-License-Identifier: MIT OR Apache-2.0
//! Fields of a coroipc endpoint.

use super::families::{
    CHANNEL_ACCEPTED, CHANNEL_ENDPOINT_CONNECTIONS, CHANNEL_ENDPOINT_MEMORY, CHANNEL_ESTABLISHED,
    CHANNEL_TURNED_AWAY,
};
use super::{Field, Metric, Unit, Value, counter, gauge, info};
use crate::model::Endpoint;

/// All fields of an endpoint.
pub static ENDPOINT_FIELDS: &[Field<Endpoint>] = &[
    info(
        "server_comm",
        "SERVER",
        Unit::None,
        "Command name of the server's process.",
        |e| Some(Value::text(&e.server_comm)),
    ),
    info(
        "id",
        "ID",
        Unit::None,
        "Number that the observer gave to the endpoint.",
        |e| Some(Value::Count(e.id)),
    ),
    info(
        "server_pid",
        "PID",
        Unit::None,
        "Process of the server.",
        |e| Some(Value::Count(e.server_pid.into())),
    ),
    info(
        "address",
        "ADDRESS",
        Unit::None,
        "Where it listens, as the server says.",
        |e| e.address.as_ref().map(Value::text),
    ),
    info(
        "started_at_seconds",
        "STARTED",
        Unit::Seconds,
        "When it began to serve, on the monotonic clock.",
        |e| Some(Value::Time(e.started_at)),
    ),
    gauge(
        "connections",
        "CONN",
        Unit::None,
        "Connections now, from being accepted until nothing of them is left in the server.",
        Metric::plain(&CHANNEL_ENDPOINT_CONNECTIONS),
        |e| Some(Value::Count(e.counters.connections)),
    ),
    gauge(
        "connections_max",
        "CONN MAX",
        Unit::None,
        "The most connections that there ever were at once.",
        None,
        |e| Some(Value::Count(e.counters.connections_max)),
    ),
    gauge(
        "memory_bytes",
        "MEMORY",
        Unit::Bytes,
        "Bytes that are reserved for connections now, in the memory of both sides.",
        Metric::plain(&CHANNEL_ENDPOINT_MEMORY),
        |e| Some(Value::Bytes(e.counters.memory_bytes)),
    ),
    gauge(
        "memory_bytes_max",
        "MEMORY MAX",
        Unit::Bytes,
        "The most bytes that ever were reserved at once.",
        None,
        |e| Some(Value::Bytes(e.counters.memory_bytes_max)),
    ),
    counter(
        "accepted",
        "ACCEPTED",
        Unit::None,
        "Clients that were accepted, whatever became of them.",
        Metric::plain(&CHANNEL_ACCEPTED),
        |e| Some(Value::Count(e.counters.accepted)),
    ),
    counter(
        "connected",
        "LET IN",
        Unit::None,
        "Clients that were let in, so that requests could come.",
        Metric::plain(&CHANNEL_ESTABLISHED),
        |e| Some(Value::Count(e.counters.connected)),
    ),
    counter(
        "refused",
        "REFUSED",
        Unit::None,
        "Clients that were refused, for any reason.",
        None,
        |e| Some(Value::Count(e.counters.refused())),
    ),
    counter(
        "refused_denied",
        "DENIED",
        Unit::None,
        "Clients that a policy or a service did not let in.",
        Metric::reason(&CHANNEL_TURNED_AWAY, &[("reason", "denied")]),
        |e| Some(Value::Count(e.counters.refused_denied)),
    ),
    counter(
        "refused_no_such_service",
        "NO SERVICE",
        Unit::None,
        "Clients that asked for a service that does not exist.",
        Metric::reason(&CHANNEL_TURNED_AWAY, &[("reason", "no_such_service")]),
        |e| Some(Value::Count(e.counters.refused_no_such_service)),
    ),
    counter(
        "refused_overloaded",
        "OVERLOAD",
        Unit::None,
        "Clients for whom there were too many connections, or too much memory in use.",
        Metric::reason(&CHANNEL_TURNED_AWAY, &[("reason", "overloaded")]),
        |e| Some(Value::Count(e.counters.refused_overloaded)),
    ),
    counter(
        "refused_version",
        "VERSION",
        Unit::None,
        "Clients that speak another version of the protocol.",
        Metric::reason(&CHANNEL_TURNED_AWAY, &[("reason", "version")]),
        |e| Some(Value::Count(e.counters.refused_version)),
    ),
    counter(
        "refused_interface",
        "INTERFACE",
        Unit::None,
        "Clients that were built for another interface of the service.",
        Metric::reason(&CHANNEL_TURNED_AWAY, &[("reason", "interface")]),
        |e| Some(Value::Count(e.counters.refused_interface)),
    ),
    counter(
        "refused_protocol",
        "PROTOCOL",
        Unit::None,
        "Clients that broke the protocol while they connected.",
        Metric::reason(&CHANNEL_TURNED_AWAY, &[("reason", "protocol")]),
        |e| Some(Value::Count(e.counters.refused_protocol)),
    ),
    counter(
        "refused_too_slow",
        "TOO SLOW",
        Unit::None,
        "Clients that took too long to connect.",
        Metric::reason(&CHANNEL_TURNED_AWAY, &[("reason", "too_slow")]),
        |e| Some(Value::Count(e.counters.refused_too_slow)),
    ),
    counter(
        "refused_shutting_down",
        "ENDING",
        Unit::None,
        "Clients that came while the server ended.",
        Metric::reason(&CHANNEL_TURNED_AWAY, &[("reason", "shutting_down")]),
        |e| Some(Value::Count(e.counters.refused_shutting_down)),
    ),
    counter(
        "refused_resources",
        "RESOURCES",
        Unit::None,
        "Clients for whom the server could not get memory, descriptors or a thread.",
        Metric::reason(&CHANNEL_TURNED_AWAY, &[("reason", "resources")]),
        |e| Some(Value::Count(e.counters.refused_resources)),
    ),
    counter(
        "refused_slow_consumer",
        "SLOW READ",
        Unit::None,
        "Clients that were refused as consumers that are too slow.",
        Metric::reason(&CHANNEL_TURNED_AWAY, &[("reason", "slow_consumer")]),
        |e| Some(Value::Count(e.counters.refused_slow_consumer)),
    ),
    counter(
        "refused_panicked",
        "PANICKED",
        Unit::None,
        "Clients at whom the server's own code panicked.",
        Metric::reason(&CHANNEL_TURNED_AWAY, &[("reason", "panicked")]),
        |e| Some(Value::Count(e.counters.refused_panicked)),
    ),
    counter(
        "refused_other",
        "OTHER",
        Unit::None,
        "Clients that were refused with a number of the application's own.",
        Metric::reason(&CHANNEL_TURNED_AWAY, &[("reason", "other")]),
        |e| Some(Value::Count(e.counters.refused_other)),
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::EndpointCounters;

    #[test]
    fn every_counter_of_the_model_is_a_field() {
        for (key, _) in EndpointCounters::default().each() {
            assert!(super::super::find(ENDPOINT_FIELDS, key).is_some(), "{key}");
        }
    }

    #[test]
    fn every_refusal_is_exported_under_the_name_of_its_reason() {
        for (reason, _) in EndpointCounters::default().refusals() {
            let field = super::super::find(ENDPOINT_FIELDS, &format!("refused_{reason}"));
            let metric = field.and_then(|field| field.metric.as_ref()).unwrap();
            assert_eq!(metric.labels, [("reason", reason)]);
        }
    }
}
