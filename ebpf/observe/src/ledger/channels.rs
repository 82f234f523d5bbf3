// SPDX-License-Identifier: MIT OR Apache-2.0
//! Totals of coroipc connections by server and service, which are few where connections are many.

use std::time::Duration;

use super::book::{Book, Entry};
use super::{exported, label};
use crate::fields::{CHANNEL_FIELDS, Field};
use crate::model::{Channel, LatencyHistogram, Snapshot};

/// What connections count for together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChannelLabel<'l> {
    /// Command name of the server, or a label of the ledger's own.
    pub server: &'l str,
    /// Number of the service, or the same label of the ledger's own.
    pub service: &'l str,
}

/// Totals of one label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChannelTotals<'l> {
    /// Counters, in the order of [`Channels::fields`].
    pub counters: &'l [u64],
    /// Timed requests by how long they took, as in [`LatencyHistogram::counts`].
    pub times: &'l [u64],
}

/// Totals of all connections, those that are gone included. A connection that comes and goes between two snapshots is
/// not seen, nor is what one counts between the last snapshot and its end.
#[derive(Debug)]
pub struct Channels(Book);

impl Channels {
    pub(super) fn new(limit: usize, retain: Duration) -> Self {
        let width = exported(CHANNEL_FIELDS).count() + LatencyHistogram::BUCKETS;
        Self(Book::new(limit, retain, width, &[]))
    }

    /// While channels are not read, nothing changes.
    pub(super) fn apply(&mut self, snapshot: &Snapshot) {
        if let Some(channels) = &snapshot.channels {
            let entries = channels.connections.iter().map(entry).collect();
            self.0.apply(snapshot.taken_at, entries, &[]);
        }
    }

    /// Counters exported for each label.
    pub fn fields() -> impl Iterator<Item = &'static Field<Channel>> {
        exported(CHANNEL_FIELDS)
    }

    /// Labels with their totals, in order of label.
    pub fn totals(&self) -> impl Iterator<Item = (ChannelLabel<'_>, ChannelTotals<'_>)> {
        let counters = Self::fields().count();
        self.0.totals().map(move |(label, counts)| {
            let (counters, times) = counts.split_at(counters);
            (split(label), ChannelTotals { counters, times })
        })
    }

    /// The label of a connection of the last snapshot.
    pub fn label(&self, id: u64) -> Option<ChannelLabel<'_>> {
        self.0.label_of(id).map(split)
    }

    /// How many times a connection had to go to [`OTHER`](super::OTHER).
    pub fn folded(&self) -> u64 {
        self.0.folded()
    }
}

fn entry(channel: &Channel) -> Entry {
    let counters = Channels::fields().map(|field| field.counter(channel).unwrap_or(0));
    Entry {
        id: channel.id,
        label: joined(channel),
        counts: counters.chain(channel.latency.counts).collect(),
    }
}

/// Between server and service; no name that is safe to print has it.
const SEPARATOR: char = '\n';

fn joined(channel: &Channel) -> String {
    format!(
        "{}{SEPARATOR}{}",
        label(&channel.server_comm),
        channel.service
    )
}

fn split(joined: &str) -> ChannelLabel<'_> {
    let (server, service) = joined.split_once(SEPARATOR).unwrap_or((joined, joined));
    ChannelLabel { server, service }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{DEPARTED, OTHER};
    use crate::model::{self, ChannelCounters};

    fn channel(id: u64, comm: &str, service: u16, requests: u64) -> Channel {
        let mut channel = Channel {
            id,
            server_comm: comm.into(),
            service,
            counters: ChannelCounters {
                requests,
                ..ChannelCounters::default()
            },
            ..Channel::default()
        };
        channel.latency.counts[9] = requests / 16;
        channel
    }

    fn at(seconds: u64, connections: Vec<Channel>) -> Snapshot {
        Snapshot {
            taken_at: Duration::from_secs(seconds),
            channels: Some(model::Channels {
                connections,
                ..model::Channels::default()
            }),
            ..Snapshot::default()
        }
    }

    fn ledger(limit: usize) -> Channels {
        Channels::new(limit, Duration::from_secs(300))
    }

    /// Server, service, requests and timed requests.
    fn told(ledger: &Channels) -> Vec<(String, String, u64, u64)> {
        let requests = Channels::fields()
            .position(|it| it.key == "requests")
            .unwrap();
        let told = |(label, totals): (ChannelLabel<'_>, ChannelTotals<'_>)| {
            assert_eq!(totals.times.len(), LatencyHistogram::BUCKETS);
            let (server, service) = (label.server.to_owned(), label.service.to_owned());
            (server, service, totals.counters[requests], totals.times[9])
        };
        ledger.totals().map(told).collect()
    }

    fn line(server: &str, service: &str, requests: u64) -> (String, String, u64, u64) {
        (
            server.to_owned(),
            service.to_owned(),
            requests,
            requests / 16,
        )
    }

    #[test]
    fn connections_of_a_service_count_together_and_no_end_takes_anything_back() {
        let mut ledger = ledger(9);
        ledger.apply(&at(
            1,
            vec![channel(1, "clockd", 7, 160), channel(2, "clockd", 7, 32)],
        ));
        assert_eq!(told(&ledger), [line("clockd", "7", 192)]);
        ledger.apply(&at(
            2,
            vec![channel(2, "clockd", 7, 64), channel(3, "clockd", 8, 16)],
        ));
        assert_eq!(
            told(&ledger),
            [line("clockd", "7", 224), line("clockd", "8", 16)]
        );
        ledger.apply(&Snapshot::default());
        ledger.apply(&at(3, vec![]));
        ledger.apply(&at(4, vec![channel(4, "clockd", 7, 16)]));
        assert_eq!(
            told(&ledger),
            [line("clockd", "7", 240), line("clockd", "8", 16)]
        );
        assert_eq!(ledger.label(4).unwrap().service, "7");
        ledger.apply(&at(400, vec![]));
        assert_eq!(told(&ledger), [line(DEPARTED, DEPARTED, 256)]);
    }

    #[test]
    fn too_many_share_a_label_and_nobody_takes_one_of_the_ledgers_own() {
        let mut ledger = ledger(2);
        let rows = ["a", "_other", "c", "d"].iter().zip(1..);
        let rows = rows.map(|(comm, id)| channel(id, comm, 1, 16)).collect();
        ledger.apply(&at(1, rows));
        let expected = [
            line("__other", "1", 16),
            line(OTHER, OTHER, 32),
            line("a", "1", 16),
        ];
        assert_eq!(told(&ledger), expected);
        assert_eq!(ledger.folded(), 2);
    }

    #[test]
    fn a_hostile_server_can_not_make_a_total_fall() {
        let mut ledger = ledger(2);
        let mut before = 0;
        for requests in [16, u64::MAX, 0, u64::MAX, 7] {
            ledger.apply(&at(1, vec![channel(1, "liar", 1, requests)]));
            let now = told(&ledger)[0].2;
            assert!(now >= before, "{now} after {before}");
            before = now;
        }
    }
}
