// SPDX-License-Identifier: MIT OR Apache-2.0
//! Rates per second, from two snapshots.

mod observer;
mod probes;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::fields::{
    BUS_FIELDS, CHANNEL_FIELDS, ENDPOINT_FIELDS, FLOW_FIELDS, Field, GROUP_FIELDS, PEER_FIELDS,
};
use crate::model::{
    Channel, Endpoint, Flow, FlowKey, FlowKind, Group, Peer, QueueLatency, Snapshot,
};

/// The counter of a peer that only the probes have.
const READ_MESSAGES: &str = "read_messages";

pub use probes::ProbeRates;

/// How fast every counter grew between two snapshots.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rates {
    interval: Duration,
    bus: RowRates,
    peers: BTreeMap<u64, RowRates>,
    groups: BTreeMap<u64, RowRates>,
    flows: BTreeMap<FlowKey, RowRates>,
    waits: BTreeMap<u64, QueueLatency>,
    channels: BTreeMap<u64, RowRates>,
    endpoints: BTreeMap<u64, RowRates>,
    probes: ProbeRates,
    observer_cpu: Option<f64>,
}

/// How fast the counters of one row grew.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RowRates {
    per_second: Vec<(&'static str, f64)>,
}

impl RowRates {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.per_second.is_empty()
    }

    /// Growth per second of the counter with this key. `None` when there is no such counter.
    pub fn get(&self, key: &str) -> Option<f64> {
        self.per_second
            .iter()
            .find(|(name, _)| *name == key)
            .map(|(_, rate)| *rate)
    }
}

impl FromIterator<(&'static str, f64)> for RowRates {
    /// Of the keys of counters, and their growth per second.
    fn from_iter<I: IntoIterator<Item = (&'static str, f64)>>(rates: I) -> Self {
        let per_second = rates.into_iter().collect();
        Self { per_second }
    }
}

impl Rates {
    /// Rates from `before` to `now`.
    ///
    /// A row that appeared in between and says it was made in between began at zero, so it has rates; any
    /// other row without a predecessor has none. A counter that went backwards began again at zero. When no
    /// time passed there are no rates, and none of the bus when it was loaded anew or is not in both. What only the probes
    /// count has rates when the same ones were read both times.
    pub fn between(before: &Snapshot, now: &Snapshot) -> Self {
        let Some(interval) = now.taken_at.checked_sub(before.taken_at) else {
            return Self::default();
        };
        if interval.is_zero() {
            return Self::default();
        }
        let mut rates = Self {
            interval,
            ..Self::default()
        };
        rates.rate_bus(before, now);
        rates.rate_channels(before, now);
        rates.probes = ProbeRates::between(before, now, interval.as_secs_f64());
        rates.observer_cpu = observer::share(before, now, interval.as_secs_f64());
        rates
    }

    fn rate_bus(&mut self, before: &Snapshot, now: &Snapshot) {
        let (Some(bus_before), Some(bus_now)) = (&before.bus, &now.bus) else {
            return;
        };
        if bus_before.started_at != bus_now.started_at {
            return;
        }
        let span = Span {
            since: before.taken_at,
            seconds: self.interval.as_secs_f64(),
        };
        self.bus = span.row(BUS_FIELDS, Some(bus_before), bus_now);
        self.peers = span.rows(PEER_FIELDS, &before.peers, &now.peers);
        self.groups = span.rows(GROUP_FIELDS, &before.groups, &now.groups);
        self.flows = span.rows(FLOW_FIELDS, &before.flows, &now.flows);
        if same_probes(before, now) {
            self.waits = waits(before, now);
        } else {
            self.flows.retain(|key, _| key.kind != FlowKind::Unicast);
            for peer in self.peers.values_mut() {
                peer.per_second.retain(|(key, _)| *key != READ_MESSAGES);
            }
        }
    }

    /// Pages are read at a moment of their own: finding them takes a while.
    fn rate_channels(&mut self, before: &Snapshot, now: &Snapshot) {
        let (Some(before), Some(now)) = (&before.channels, &now.channels) else {
            return;
        };
        let span = Span {
            since: before.read_at,
            seconds: now.read_at.saturating_sub(before.read_at).as_secs_f64(),
        };
        if span.seconds > 0.0 {
            self.channels = span.rows(CHANNEL_FIELDS, &before.connections, &now.connections);
            self.endpoints = span.rows(ENDPOINT_FIELDS, &before.endpoints, &now.endpoints);
        }
    }

    /// Time between the two snapshots; zero when there are no rates.
    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// Rates of the bus as a whole.
    pub fn bus(&self) -> &RowRates {
        &self.bus
    }

    /// Rates of the peer with this id. `None` when there is nothing to compare it with.
    pub fn peer(&self, id: u64) -> Option<&RowRates> {
        self.peers.get(&id)
    }

    /// Rates of the group with this id. `None` when there is nothing to compare it with.
    pub fn group(&self, id: u64) -> Option<&RowRates> {
        self.groups.get(&id)
    }

    /// Rates of the flow with this key. `None` when there is nothing to compare it with.
    pub fn flow(&self, key: FlowKey) -> Option<&RowRates> {
        self.flows.get(&key)
    }

    /// How long the messages waited that the peer with this id read in the interval. `None` when it read none, or
    /// that is not measured.
    pub fn queue_latency(&self, peer: u64) -> Option<&QueueLatency> {
        self.waits.get(&peer)
    }

    /// Rates of the coroipc connection with this id. `None` when there is nothing to compare it with.
    pub fn channel(&self, id: u64) -> Option<&RowRates> {
        self.channels.get(&id)
    }

    /// Rates of the coroipc endpoint with this id. `None` when there is nothing to compare it with.
    pub fn endpoint(&self, id: u64) -> Option<&RowRates> {
        self.endpoints.get(&id)
    }

    /// Rates of what the probes count of themselves and of requests that fail.
    pub fn probes(&self) -> &ProbeRates {
        &self.probes
    }

    /// How much of one processor the observer took. `None` when it does not tell, or was another process before.
    pub fn observer_cpu(&self) -> Option<f64> {
        self.observer_cpu
    }
}

/// How long the messages waited that each peer read between two snapshots.
fn waits(before: &Snapshot, now: &Snapshot) -> BTreeMap<u64, QueueLatency> {
    let read = |peer: &Peer| {
        let earlier = before.peer(peer.id).and_then(|it| it.queue_latency);
        let read = peer.queue_latency?.since(&earlier.unwrap_or_default());
        (read.count() > 0).then_some((peer.id, read))
    };
    now.peers.iter().filter_map(read).collect()
}

/// Whether the same probes were read for both: neither could they not be read for one, which shows totals as growth, nor were
/// they attached again in between.
fn same_probes(before: &Snapshot, now: &Snapshot) -> bool {
    let attached_at = |snapshot: &Snapshot| snapshot.probes.as_ref().map(|it| it.attached_at);
    attached_at(before) == attached_at(now)
}

/// A row that can be found again in another snapshot.
trait Row {
    type Key: Ord;

    fn key(&self) -> Self::Key;

    /// When it came into being. `None` when that is not known: it began at zero then, whenever it is first seen.
    fn created_at(&self) -> Option<Duration>;
}

impl Row for Peer {
    type Key = u64;

    fn key(&self) -> u64 {
        self.id
    }

    fn created_at(&self) -> Option<Duration> {
        Some(self.created_at)
    }
}

impl Row for Group {
    type Key = u64;

    fn key(&self) -> u64 {
        self.id
    }

    fn created_at(&self) -> Option<Duration> {
        Some(self.created_at)
    }
}

impl Row for Channel {
    type Key = u64;

    fn key(&self) -> u64 {
        self.id
    }

    fn created_at(&self) -> Option<Duration> {
        Some(self.started_at)
    }
}

impl Row for Endpoint {
    type Key = u64;

    fn key(&self) -> u64 {
        self.id
    }

    fn created_at(&self) -> Option<Duration> {
        Some(self.started_at)
    }
}

impl Row for Flow {
    type Key = FlowKey;

    fn key(&self) -> FlowKey {
        Flow::key(self)
    }

    /// A flow has its row from its first message on, while the probes are read.
    fn created_at(&self) -> Option<Duration> {
        None
    }
}

struct Span {
    since: Duration,
    seconds: f64,
}

impl Span {
    fn rows<R: Row>(
        &self,
        fields: &'static [Field<R>],
        before: &[R],
        now: &[R],
    ) -> BTreeMap<R::Key, RowRates> {
        let before: BTreeMap<_, &R> = before.iter().map(|row| (row.key(), row)).collect();
        let mut rates = BTreeMap::new();
        for row in now {
            let earlier = before.get(&row.key()).copied();
            let born = row.created_at().is_none_or(|at| at > self.since);
            if earlier.is_some() || born {
                rates.insert(row.key(), self.row(fields, earlier, row));
            }
        }
        rates
    }

    fn row<R>(&self, fields: &'static [Field<R>], before: Option<&R>, now: &R) -> RowRates {
        let mut per_second = Vec::new();
        for field in fields {
            let Some(count) = field.counter(now) else {
                continue;
            };
            let earlier = before.and_then(|row| field.counter(row)).unwrap_or(0);
            per_second.push((field.key, growth(earlier, count) as f64 / self.seconds));
        }
        RowRates { per_second }
    }
}

/// How much a counter grew; one that went backwards began again at zero.
pub(crate) fn growth(before: u64, now: u64) -> u64 {
    now.checked_sub(before).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Bus, ChannelCounters, Channels, Counters, FlowCounters, Probes};
    use proptest::prelude::*;

    fn peer(id: u64, created_at: u64, sent: u64) -> Peer {
        Peer {
            id,
            created_at: Duration::from_secs(created_at),
            counters: Counters {
                sent_unicast_messages: sent,
                ..Counters::default()
            },
            ..Peer::default()
        }
    }

    fn seconds(at: u64) -> Duration {
        Duration::from_secs(at)
    }

    fn snapshot(taken_at: u64, peers: Vec<Peer>) -> Snapshot {
        Snapshot {
            taken_at: Duration::from_secs(taken_at),
            bus: Some(Bus::default()),
            peers,
            ..Snapshot::default()
        }
    }

    /// Without a bus, with one connection that has been there for long.
    fn channels(taken_at: u64, read_at: u64, requests: u64) -> Snapshot {
        let connection = Channel {
            id: 4,
            counters: ChannelCounters {
                requests,
                ..ChannelCounters::default()
            },
            ..Channel::default()
        };
        Snapshot {
            taken_at: Duration::from_secs(taken_at),
            channels: Some(Channels {
                read_at: Duration::from_secs(read_at),
                connections: vec![connection],
                ..Channels::default()
            }),
            ..Snapshot::default()
        }
    }

    #[test]
    fn channels_have_rates_without_a_bus_and_by_the_time_they_were_read() {
        let rates = Rates::between(&channels(10, 12, 100), &channels(14, 14, 300));
        assert_eq!(rates.channel(4).unwrap().get("requests"), Some(100.0));
        assert!(rates.bus().is_empty(), "absent and not zero");
        assert_eq!(rates.interval(), Duration::from_secs(4));
        let rates = Rates::between(&channels(10, 12, 100), &channels(14, 12, 300));
        assert_eq!(rates.channel(4), None, "no time passed");
    }

    #[test]
    fn a_rate_is_growth_by_seconds() {
        let rates = Rates::between(
            &snapshot(10, vec![peer(1, 1, 100)]),
            &snapshot(14, vec![peer(1, 1, 300)]),
        );
        let peer = rates.peer(1).unwrap();
        assert_eq!(peer.get("sent_unicast_messages"), Some(50.0));
        assert_eq!(peer.get("sent_messages"), Some(50.0));
        assert_eq!(peer.get("delivered_messages"), Some(0.0));
        assert_eq!(peer.get("queue_bytes"), None);
        assert_eq!(rates.interval(), Duration::from_secs(4));
    }

    #[test]
    fn a_new_row_counts_from_its_birth() {
        let now = snapshot(14, vec![peer(1, 12, 40), peer(2, 3, 40)]);
        let rates = Rates::between(&snapshot(10, vec![]), &now);
        assert_eq!(rates.peer(1).unwrap().get("sent_messages"), Some(10.0));
        assert_eq!(
            rates.peer(2),
            None,
            "it is older than the first snapshot, which missed it"
        );
    }

    #[test]
    fn no_time_or_another_bus_gives_no_rates() {
        let before = snapshot(10, vec![peer(1, 1, 5)]);
        assert_eq!(Rates::between(&before, &before), Rates::default());
        assert_eq!(
            Rates::between(&snapshot(11, vec![]), &before),
            Rates::default()
        );
        let mut now = snapshot(12, vec![peer(1, 1, 50)]);
        now.bus.as_mut().unwrap().started_at = Some(Duration::from_secs(11));
        let rates = Rates::between(&before, &now);
        assert_eq!((rates.bus().is_empty(), rates.peer(1)), (true, None));
        now.bus = None;
        assert!(Rates::between(&before, &now).bus().is_empty());
    }

    #[test]
    fn what_the_probes_count_has_rates_from_one_reading_of_them_to_the_next() {
        let at = |at, attached_at: Option<u64>, count| {
            let mut snapshot = snapshot(at, vec![peer(1, 1, count)]);
            let kinds = [FlowKind::Published].into_iter();
            let kinds = kinds.chain(attached_at.map(|_| FlowKind::Unicast));
            snapshot.flows = kinds
                .map(|kind| Flow {
                    kind,
                    counters: FlowCounters {
                        messages: count,
                        ..FlowCounters::default()
                    },
                    ..Flow::default()
                })
                .collect();
            if let Some(attached_at) = attached_at {
                snapshot.probes = Some(Probes {
                    attached_at: seconds(attached_at),
                    ..Probes::default()
                });
                let mut latency = QueueLatency::default();
                latency.counts[3] = count;
                snapshot.peers[0].queue_latency = Some(latency);
            }
            snapshot
        };
        let rates = |before, now| {
            let rates = Rates::between(&before, &now);
            let flow = |kind| {
                let row = rates.flow(FlowKey {
                    kind,
                    from_id: 0,
                    to_id: 0,
                });
                row.and_then(|row| row.get("messages"))
            };
            let peer = rates.peer(1).unwrap();
            assert_eq!(peer.get("sent_messages"), Some(10.0));
            assert_eq!(flow(FlowKind::Published), Some(10.0));
            let waits = rates.queue_latency(1).map(QueueLatency::count);
            (flow(FlowKind::Unicast), peer.get("read_messages"), waits)
        };
        let same = rates(at(10, Some(2), 500), at(11, Some(2), 510));
        assert_eq!(same, (Some(10.0), Some(10.0), Some(10)));
        let unread = rates(at(10, None, 500), at(11, Some(2), 510));
        assert_eq!(unread, (None, None, None));
        let gone = rates(at(10, Some(2), 500), at(11, None, 510));
        assert_eq!(gone, (None, None, None));
        let anew = rates(at(10, Some(2), 500), at(11, Some(8), 510));
        assert_eq!(anew, (None, None, None));
    }

    #[test]
    fn a_flow_that_the_probes_see_for_the_first_time_counts_from_zero() {
        let flow = Flow {
            counters: FlowCounters {
                messages: 8,
                ..FlowCounters::default()
            },
            ..Flow::default()
        };
        let mut now = snapshot(14, vec![]);
        now.flows = vec![flow.clone()];
        let rates = Rates::between(&snapshot(10, vec![]), &now);
        assert_eq!(rates.flow(flow.key()).unwrap().get("messages"), Some(2.0));
    }

    proptest! {
        #[test]
        fn rates_are_finite_and_not_negative(
            a: u64, b: u64, from in 0..1_000_000u64, step in 0..1_000_000u64,
        ) {
            let before = snapshot(from, vec![peer(1, 0, a)]);
            let now = snapshot(from + step, vec![peer(1, 0, b)]);
            let rates = Rates::between(&before, &now);
            prop_assert_eq!(rates.peer(1).is_some(), step > 0);
            if let Some(rate) = rates.peer(1).and_then(|row| row.get("sent_messages")) {
                prop_assert!(rate.is_finite() && rate >= 0.0);
                let expected = if b >= a { b - a } else { b };
                prop_assert!((rate * step as f64 - expected as f64).abs() <= expected as f64 * 1e-9);
            }
        }
    }
}
