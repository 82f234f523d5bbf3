// SPDX-License-Identifier: MIT OR Apache-2.0
//! Connections of coroipc servers, from the pages that the servers count on.

use std::time::Duration;

use serde::Serialize;

use super::counters::counter_set;
use super::{Endpoint, SafeText, buckets, seconds};

/// The connections and endpoints of all coroipc servers that may be looked at.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Channels {
    /// When the pages were read, `CLOCK_MONOTONIC`.
    #[serde(rename = "read_at_seconds", serialize_with = "seconds")]
    pub read_at: Duration,
    /// The connections, in ascending order of id.
    pub connections: Vec<Channel>,
    /// The endpoints, in ascending order of id.
    pub endpoints: Vec<Endpoint>,
    /// How much of the machine was seen.
    #[serde(flatten)]
    pub scan: ChannelScan,
}

impl Channels {
    /// The connection with this id.
    pub fn connection(&self, id: u64) -> Option<&Channel> {
        let index = self.connections.binary_search_by_key(&id, |row| row.id);
        self.connections.get(index.ok()?)
    }
}

/// What the search for servers saw, and what it had to leave out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ChannelScan {
    /// Processes there are, without the kernel's own.
    pub processes: u64,
    /// Those of them whose descriptors may not be looked at: servers among them are not seen.
    pub unreadable_processes: u64,
    /// Connections that were found and left out, since a process, a user or all together have too many.
    pub left_out_connections: u64,
    /// Endpoints that were found and left out for the same reason.
    pub left_out_endpoints: u64,
    /// Processes with so many descriptors that not all were looked at.
    pub cut_processes: u64,
    /// Files that have the name of a page of statistics and are none.
    pub rejected_files: u64,
}

impl ChannelScan {
    /// What was not seen, as a phrase. `None` when that is nothing.
    pub fn gaps(&self) -> Option<String> {
        let gaps = [
            (
                self.unreadable_processes,
                format!(
                    "{} of {} processes may not be looked at",
                    self.unreadable_processes, self.processes
                ),
            ),
            (
                self.left_out_connections,
                format!(
                    "{} connections are too many and left out",
                    self.left_out_connections
                ),
            ),
            (
                self.left_out_endpoints,
                format!(
                    "{} endpoints are too many and left out",
                    self.left_out_endpoints
                ),
            ),
            (
                self.cut_processes,
                format!("{} processes have too many descriptors", self.cut_processes),
            ),
            (
                self.rejected_files,
                format!("{} files only look like connections", self.rejected_files),
            ),
        ];
        let gaps: Vec<_> = gaps
            .into_iter()
            .filter(|gap| gap.0 > 0)
            .map(|gap| gap.1)
            .collect();
        (!gaps.is_empty()).then(|| gaps.join(", "))
    }
}

/// One connection of a client to a service.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Channel {
    /// Number that the observer gave to the connection when it first saw it, never used again while it runs.
    pub id: u64,
    /// Process of the server.
    pub server_pid: u32,
    /// Command name of that process.
    pub server_comm: SafeText,
    /// Process of the client, as the server saw it when the client connected.
    pub client_pid: u32,
    /// User of the client, as the server saw it when the client connected.
    pub client_uid: u32,
    /// Number of the service.
    pub service: u16,
    /// Number of the connection, counted by the server.
    pub connection: u64,
    /// When the client connected, `CLOCK_MONOTONIC`.
    pub started_at: Duration,
    /// What the server counted.
    pub counters: ChannelCounters,
    /// How long timed requests took from being read to being answered.
    pub latency: LatencyHistogram,
}

impl Channel {
    /// What a person calls the connection: server, service and client. Safe to print.
    pub fn label(&self) -> String {
        format!(
            "{} {} to process {}",
            self.server_comm, self.service, self.client_pid
        )
    }
}

counter_set! {
    /// What a coroipc server counts for each connection, under the names that it has there. All only grow but for
    /// `queue_size`, `flow_control` and `events_queued`.
    pub struct ChannelCounters {
        /// Requests that were read.
        pub requests: u64,
        /// Requests that a handler replied to.
        pub responses: u64,
        /// Events that were written into the ring.
        pub dispatched: u64,
        /// Requests that are not answered now.
        pub queue_size: u64,
        /// The most requests that were ever unanswered at once.
        pub queue_size_max: u64,
        /// 1 while events are held back.
        pub flow_control: u64,
        /// Changes of `flow_control`.
        pub flow_control_count: u64,
        /// Requests that were turned down for there was too much to do.
        pub overload: u64,
        /// Requests for commands that do not exist, or that are not of their command's type.
        pub invalid_request: u64,
        /// Requests for commands that the client may not use.
        pub denied: u64,
        /// Requests that were late before their handler could begin.
        pub expired: u64,
        /// Requests that a handler failed with a code.
        pub failed: u64,
        /// Requests that a handler left without an answer, or panicked at.
        pub no_reply: u64,
        /// Replies that did not fit.
        pub reply_too_long: u64,
        /// Requests that expect no answer, of all that were read.
        pub one_way: u64,
        /// Events that were refused or dropped.
        pub events_dropped: u64,
        /// Bytes of payload in requests.
        pub request_bytes: u64,
        /// Bytes of payload in replies.
        pub response_bytes: u64,
        /// Bytes of payload in events.
        pub event_bytes: u64,
        /// Events that wait for room in the client's ring now.
        pub events_queued: u64,
        /// The most events that ever waited at once.
        pub events_queued_max: u64,
    }
}

/// How long requests took. One request of sixteen is timed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LatencyHistogram {
    /// For each number *n* from 0, how many took less than 2^*n* nanoseconds and not less than half of that. The
    /// last one has all that took longer.
    pub counts: [u64; Self::BUCKETS],
}

impl LatencyHistogram {
    /// Number of buckets.
    pub const BUCKETS: usize = 40;

    /// What a bucket's times are less than. `None` for the last one, which has no bound.
    pub fn bound(bucket: usize) -> Option<Duration> {
        (bucket + 1 < Self::BUCKETS).then(|| Duration::from_nanos(1 << bucket))
    }

    /// Requests that were timed.
    pub fn count(&self) -> u64 {
        buckets::count(&self.counts)
    }

    /// The least bound that this share of the timed requests stayed below. `None` when none was timed, or the bucket
    /// that decides has no bound.
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        Self::bound(buckets::of_share(&self.counts, share)?)
    }
}

impl Default for LatencyHistogram {
    fn default() -> Self {
        Self {
            counts: [0; Self::BUCKETS],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use coroipc::statistics::Counter;

    fn histogram(filled: &[(usize, u64)]) -> LatencyHistogram {
        let mut histogram = LatencyHistogram::default();
        for &(bucket, count) in filled {
            histogram.counts[bucket] = count;
        }
        histogram
    }

    #[test]
    fn every_counter_of_the_page_is_in_the_model() {
        let ours: Vec<_> = ChannelCounters::default().each().map(|it| it.0).collect();
        let page: Vec<_> = Counter::ALL.iter().map(|it| it.key()).collect();
        assert_eq!(ours, page);
    }

    #[test]
    fn what_was_not_seen_is_said() {
        assert_eq!(
            ChannelScan {
                processes: 9,
                ..ChannelScan::default()
            }
            .gaps(),
            None
        );
        let scan = ChannelScan {
            processes: 9,
            unreadable_processes: 4,
            rejected_files: 1,
            ..ChannelScan::default()
        };
        assert_eq!(
            scan.gaps().unwrap(),
            "4 of 9 processes may not be looked at, 1 files only look like connections"
        );
    }

    #[test]
    fn quantiles_are_bounds_that_hold() {
        let quick = histogram(&[(10, 98), (20, 2)]);
        assert_eq!(quick.count(), 100);
        assert_eq!(quick.quantile(0.5), Some(Duration::from_nanos(1 << 10)));
        assert_eq!(quick.quantile(0.98), Some(Duration::from_nanos(1 << 10)));
        assert_eq!(quick.quantile(0.99), Some(Duration::from_nanos(1 << 20)));
        assert_eq!(
            histogram(&[(3, 1)]).quantile(0.5),
            Some(Duration::from_nanos(8))
        );
    }

    #[test]
    fn what_is_not_known_of_the_times_is_absent() {
        assert_eq!(histogram(&[]).quantile(0.5), None);
        assert_eq!(
            histogram(&[(39, 1)]).quantile(0.5),
            None,
            "it took any time"
        );
        let liar = histogram(&[(0, u64::MAX), (38, u64::MAX)]);
        assert_eq!(liar.count(), u64::MAX);
        assert_eq!(liar.quantile(0.5), Some(Duration::from_nanos(1)));
    }
}
