// SPDX-License-Identifier: MIT OR Apache-2.0
//! What stands in the page of an endpoint.

use std::time::Duration;

use coroipc::statistics::EndpointCounter;
use coroipc::statistics::layout::endpoint as layout;

use super::{Identity, Words};
use crate::model::{EndpointCounters, SafeText, display_name};

/// What stands in a page.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) struct EndpointPage {
    pub(in super::super) identity: Identity,
    pub(in super::super) address: Option<SafeText>,
    pub(in super::super) started_at: Duration,
    pub(in super::super) counters: EndpointCounters,
}

const _: () = assert!(layout::counter(EndpointCounter::RefusedOther) + 8 <= super::USED);

/// `None` if it is no page, or one of another version.
pub(super) fn parse(words: Words<'_>, inode: u64) -> Option<EndpointPage> {
    if !words.begin(layout::MAGIC, layout::VERSION) {
        return None;
    }
    let started = words.at(layout::STARTED);
    // Whatever it says, nothing is read beyond the address.
    let len = usize::try_from(words.at(layout::ADDRESS_LEN)).unwrap_or(usize::MAX);
    let address = &words.0[layout::ADDRESS..][..len.min(layout::ADDRESS_MOST)];
    Some(EndpointPage {
        identity: Identity {
            inode,
            started,
            connection: 0,
        },
        address: (!address.is_empty()).then(|| display_name(address)),
        started_at: Duration::from_nanos(started),
        counters: counters(|counter| words.at(layout::counter(counter))),
    })
}

fn counters(get: impl Fn(EndpointCounter) -> u64) -> EndpointCounters {
    EndpointCounters {
        accepted: get(EndpointCounter::Accepted),
        connected: get(EndpointCounter::Connected),
        connections: get(EndpointCounter::Connections),
        connections_max: get(EndpointCounter::ConnectionsHigh),
        memory_bytes: get(EndpointCounter::Memory),
        memory_bytes_max: get(EndpointCounter::MemoryHigh),
        refused_denied: get(EndpointCounter::RefusedDenied),
        refused_no_such_service: get(EndpointCounter::RefusedNoSuchService),
        refused_overloaded: get(EndpointCounter::RefusedOverloaded),
        refused_version: get(EndpointCounter::RefusedVersion),
        refused_interface: get(EndpointCounter::RefusedInterface),
        refused_protocol: get(EndpointCounter::RefusedProtocol),
        refused_too_slow: get(EndpointCounter::RefusedTooSlow),
        refused_shutting_down: get(EndpointCounter::RefusedShuttingDown),
        refused_resources: get(EndpointCounter::RefusedResources),
        refused_slow_consumer: get(EndpointCounter::RefusedSlowConsumer),
        refused_panicked: get(EndpointCounter::RefusedPanicked),
        refused_other: get(EndpointCounter::RefusedOther),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{USED, tests};
    use super::*;
    use coroipc::statistics::layout::connection;
    use proptest::prelude::*;

    fn page(words: &[(usize, u64)]) -> [u8; USED] {
        tests::page(layout::MAGIC, words)
    }

    fn parse(bytes: &[u8; USED]) -> Option<EndpointPage> {
        super::parse(Words(bytes), 3)
    }

    #[test]
    fn each_word_is_where_the_table_says() {
        let address = u64::from_ne_bytes(*b"@clock\x1bd");
        let found = parse(&page(&[
            (16, 11),
            (24, 8),
            (32, address),
            (512, 12),
            (648, 13),
        ]));
        let found = found.unwrap();
        assert_eq!(found.address.as_deref(), Some("@clock\\u{1b}d"));
        assert_eq!(found.started_at, Duration::from_nanos(11));
        assert_eq!(
            (found.counters.accepted, found.counters.refused_other),
            (12, 13)
        );
        let identity = Identity {
            inode: 3,
            started: 11,
            connection: 0,
        };
        assert_eq!(found.identity, identity);
        assert_eq!(parse(&page(&[])).unwrap().address, None);
    }

    #[test]
    fn every_counter_is_where_the_library_has_it() {
        let words: Vec<_> = EndpointCounter::ALL
            .iter()
            .map(|&it| (512 + 8 * it as usize, 100 + it as u64))
            .collect();
        let found: Vec<_> = parse(&page(&words)).unwrap().counters.each().collect();
        let expected = EndpointCounter::ALL
            .iter()
            .map(|&it| (it.key(), 100 + it as u64));
        assert_eq!(found, expected.collect::<Vec<_>>());
    }

    #[test]
    fn what_is_no_page_of_this_version_is_refused() {
        assert_eq!(parse(&[0; USED]), None);
        assert_eq!(parse(&page(&[(8, 2)])), None);
        assert_eq!(parse(&tests::page(connection::MAGIC, &[])), None);
    }

    #[test]
    fn an_address_that_claims_to_be_longer_is_cut() {
        for claimed in [481, 1 << 20, u64::MAX] {
            let found = parse(&page(&[(24, claimed), (512, u64::MAX)])).unwrap();
            let address = found.address.unwrap();
            assert_eq!(address.as_str(), "\\0".repeat(layout::ADDRESS_MOST));
        }
    }

    proptest! {
        #[test]
        fn no_page_does_any_harm(words in proptest::collection::vec(any::<u64>(), USED / 8)) {
            let mut bytes = [0; USED];
            for (place, word) in bytes.chunks_exact_mut(8).zip(&words) {
                place.copy_from_slice(&word.to_ne_bytes());
            }
            bytes[..16].copy_from_slice(&page(&[])[..16]);
            let address = parse(&bytes).unwrap().address.unwrap_or_default();
            prop_assert!(!address.chars().any(char::is_control));
        }
    }
}
