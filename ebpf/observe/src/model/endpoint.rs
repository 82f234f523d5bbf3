// SPDX-License-Identifier: MIT OR Apache-2.0
//! Endpoints of coroipc servers: who came, and who was refused.

use std::time::Duration;

use serde::Serialize;

use super::SafeText;
use super::counters::counter_set;

/// One endpoint: a socket at which a server lets clients in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Endpoint {
    /// Number that the observer gave to the endpoint when it first saw it, never used again while it runs, nor for a
    /// connection.
    pub id: u64,
    /// Process of the server.
    pub server_pid: u32,
    /// Command name of that process.
    pub server_comm: SafeText,
    /// Where it listens, as the server says: a path, or an abstract name after `@`. `None` if it was given a socket.
    pub address: Option<SafeText>,
    /// When it began to serve, `CLOCK_MONOTONIC`.
    pub started_at: Duration,
    /// What the server counted.
    pub counters: EndpointCounters,
}

counter_set! {
    /// What a coroipc server counts for each endpoint, under the names that it has there. All only grow but for
    /// `connections` and `memory_bytes`.
    pub struct EndpointCounters {
        /// Clients that were accepted, whatever became of them.
        pub accepted: u64,
        /// Clients that were let in, so that requests could come.
        pub connected: u64,
        /// Connections now, from being accepted until nothing of them is left in the server.
        pub connections: u64,
        /// The most connections that there ever were at once.
        pub connections_max: u64,
        /// Bytes that are reserved for connections now, in the memory of both sides.
        pub memory_bytes: u64,
        /// The most bytes that ever were reserved at once.
        pub memory_bytes_max: u64,
        /// Clients that a policy or a service did not let in.
        pub refused_denied: u64,
        /// Clients that asked for a service that does not exist.
        pub refused_no_such_service: u64,
        /// Clients for whom there were too many connections, or too much memory in use.
        pub refused_overloaded: u64,
        /// Clients that speak another version of the protocol.
        pub refused_version: u64,
        /// Clients that were built for another interface of the service.
        pub refused_interface: u64,
        /// Clients that broke the protocol while they connected.
        pub refused_protocol: u64,
        /// Clients that took too long to connect.
        pub refused_too_slow: u64,
        /// Clients that came while the server ended.
        pub refused_shutting_down: u64,
        /// Clients for whom the server could not get memory, descriptors or a thread.
        pub refused_resources: u64,
        /// Clients that were refused as consumers that are too slow.
        pub refused_slow_consumer: u64,
        /// Clients at whom the server's own code panicked.
        pub refused_panicked: u64,
        /// Clients that were refused with a number of the application's own.
        pub refused_other: u64,
    }
}

impl EndpointCounters {
    /// Clients that were refused, by reason.
    pub fn refusals(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.each()
            .filter_map(|(key, count)| Some((key.strip_prefix("refused_")?, count)))
    }

    /// Clients that were refused, for any reason.
    pub fn refused(&self) -> u64 {
        self.refusals()
            .fold(0, |sum, (_, count)| sum.saturating_add(count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use coroipc::statistics::EndpointCounter;

    #[test]
    fn every_counter_of_the_page_is_in_the_model() {
        let ours: Vec<_> = EndpointCounters::default().each().map(|it| it.0).collect();
        let page: Vec<_> = EndpointCounter::ALL.iter().map(|it| it.key()).collect();
        assert_eq!(ours, page);
    }

    #[test]
    fn refusals_are_those_of_all_reasons() {
        let counters = EndpointCounters {
            accepted: 9,
            connections: 9,
            refused_denied: 3,
            refused_other: 4,
            ..EndpointCounters::default()
        };
        assert_eq!(counters.refused(), 7);
        let liar = EndpointCounters {
            refused_denied: u64::MAX,
            refused_version: 1,
            ..EndpointCounters::default()
        };
        assert_eq!(liar.refused(), u64::MAX);
    }
}
