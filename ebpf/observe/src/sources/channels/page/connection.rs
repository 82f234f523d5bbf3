// SPDX-License-Identifier: MIT OR Apache-2.0
//! What stands in the page of a connection.

use std::time::Duration;

use coroipc::statistics::Counter;
use coroipc::statistics::layout::connection as layout;

use super::{Identity, Words};
use crate::model::{ChannelCounters, LatencyHistogram};

/// What stands in a page.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) struct ConnectionPage {
    pub(in super::super) identity: Identity,
    pub(in super::super) service: u16,
    pub(in super::super) client_pid: u32,
    pub(in super::super) client_uid: u32,
    pub(in super::super) connection: u64,
    pub(in super::super) started_at: Duration,
    pub(in super::super) counters: ChannelCounters,
    pub(in super::super) latency: LatencyHistogram,
}

const _: () = assert!(layout::BUCKETS == LatencyHistogram::BUCKETS);
const _: () = assert!(layout::bucket(layout::BUCKETS) <= super::USED);

/// `None` if it is no page, or one of another version.
pub(super) fn parse(words: Words<'_>, inode: u64) -> Option<ConnectionPage> {
    if !words.begin(layout::MAGIC, layout::VERSION) {
        return None;
    }
    let (connection, started) = (words.at(layout::CONNECTION), words.at(layout::STARTED));
    let mut latency = LatencyHistogram::default();
    for (bucket, count) in latency.counts.iter_mut().enumerate() {
        *count = words.at(layout::bucket(bucket));
    }
    Some(ConnectionPage {
        identity: Identity {
            inode,
            started,
            connection,
        },
        service: words.at(layout::SERVICE).try_into().ok()?,
        client_pid: words.at(layout::CLIENT_PID).try_into().ok()?,
        client_uid: words.at(layout::CLIENT_UID).try_into().ok()?,
        connection,
        started_at: Duration::from_nanos(started),
        counters: counters(|counter| words.at(layout::counter(counter))),
        latency,
    })
}

fn counters(get: impl Fn(Counter) -> u64) -> ChannelCounters {
    ChannelCounters {
        requests: get(Counter::Requests),
        responses: get(Counter::Responses),
        dispatched: get(Counter::Dispatched),
        queue_size: get(Counter::QueueSize),
        queue_size_max: get(Counter::QueueHigh),
        flow_control: get(Counter::FlowControl),
        flow_control_count: get(Counter::FlowControlCount),
        overload: get(Counter::Overload),
        invalid_request: get(Counter::InvalidRequest),
        denied: get(Counter::Denied),
        expired: get(Counter::Expired),
        failed: get(Counter::Failed),
        no_reply: get(Counter::NoReply),
        reply_too_long: get(Counter::ReplyTooLong),
        one_way: get(Counter::OneWay),
        events_dropped: get(Counter::EventsDropped),
        request_bytes: get(Counter::RequestBytes),
        response_bytes: get(Counter::ResponseBytes),
        event_bytes: get(Counter::EventBytes),
        events_queued: get(Counter::EventsQueued),
        events_queued_max: get(Counter::EventsQueuedHigh),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{USED, tests};
    use super::*;
    use proptest::prelude::*;

    fn page(words: &[(usize, u64)]) -> [u8; USED] {
        tests::page(layout::MAGIC, words)
    }

    fn parse(bytes: &[u8; USED], inode: u64) -> Option<ConnectionPage> {
        super::parse(Words(bytes), inode)
    }

    #[test]
    fn each_word_is_where_the_table_says() {
        let found = parse(
            &page(&[
                (16, 7),
                (24, 8),
                (32, 9),
                (40, 10),
                (48, 11),
                (64, 12),
                (224, 13),
                (1024, 14),
                (1336, 15),
            ]),
            3,
        )
        .unwrap();
        assert_eq!(
            (found.service, found.client_pid, found.client_uid),
            (7, 8, 9)
        );
        assert_eq!(
            (found.connection, found.started_at),
            (10, Duration::from_nanos(11))
        );
        assert_eq!(
            (found.counters.requests, found.counters.events_queued_max),
            (12, 13)
        );
        assert_eq!(
            (found.latency.counts[0], found.latency.counts[39]),
            (14, 15)
        );
        assert_eq!(
            found.identity,
            Identity {
                inode: 3,
                started: 11,
                connection: 10
            }
        );
    }

    #[test]
    fn what_is_no_page_of_this_version_is_refused() {
        assert_eq!(parse(&[0; USED], 1), None);
        assert_eq!(parse(&page(&[(8, 2)]), 1), None);
        for too_large in [layout::SERVICE, layout::CLIENT_PID, layout::CLIENT_UID] {
            assert_eq!(parse(&page(&[(too_large, 1 << 33)]), 1), None);
        }
    }

    proptest! {
        #[test]
        fn no_page_does_any_harm(words in proptest::collection::vec(any::<u64>(), USED / 8)) {
            let mut bytes = [0; USED];
            for (place, word) in bytes.chunks_exact_mut(8).zip(&words) {
                place.copy_from_slice(&word.to_ne_bytes());
            }
            bytes[..24].copy_from_slice(&page(&[])[..24]);
            if let Some(page) = parse(&bytes, 1) {
                prop_assert!(page.latency.quantile(0.99).is_none_or(|bound| !bound.is_zero()));
            }
        }
    }
}
