// SPDX-License-Identifier: MIT OR Apache-2.0
//! How long messages waited until they were read, over the last seconds.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use ipcon_observe::model::{Kind, QueueLatency};
use ipcon_observe::{Rates, Snapshot};

/// The seconds that are looked back upon.
pub const WINDOW: Duration = Duration::from_secs(10);

/// Columns of the heat map that are kept, one a snapshot.
const HEAT: usize = 200;

/// Both kinds of messages.
pub const KINDS: [Kind; 2] = [Kind::Unicast, Kind::Multicast];

/// The bound that a share of the messages did not exceed; the longest time there is when it has no bound, `None` when
/// nothing was read.
pub(crate) fn quantile(waits: Option<&QueueLatency>, share: f64) -> Option<Duration> {
    let waits = waits.filter(|waits| waits.count() > 0)?;
    Some(waits.quantile(share).unwrap_or(Duration::MAX))
}

/// What was read since the snapshot before one.
#[derive(Debug, Clone)]
struct Slice {
    at: Duration,
    kinds: [QueueLatency; 2],
    peers: Vec<(u64, QueueLatency)>,
}

/// What was read in the last [`WINDOW`], by kind and by peer, and how that came about.
#[derive(Debug, Clone, Default)]
pub struct Waits {
    slices: VecDeque<Slice>,
    kinds: [QueueLatency; 2],
    peers: BTreeMap<u64, QueueLatency>,
    heat: VecDeque<QueueLatency>,
    measured: bool,
}

impl Waits {
    /// Whether it is measured at all.
    #[must_use]
    pub fn measured(&self) -> bool {
        self.measured
    }

    /// Of all messages of a kind.
    #[must_use]
    pub fn kind(&self, kind: Kind) -> &QueueLatency {
        &self.kinds[kind as usize]
    }

    /// Of the messages that a peer read; `None` when it read none.
    #[must_use]
    pub fn peer(&self, id: u64) -> Option<&QueueLatency> {
        self.peers.get(&id)
    }

    /// Of all messages, by snapshot, oldest first.
    pub fn heat(&self) -> impl DoubleEndedIterator<Item = &QueueLatency> {
        self.heat.iter()
    }

    /// Goes on to the next snapshot.
    pub(super) fn absorb(&mut self, before: &Snapshot, now: &Snapshot, rates: &Rates) {
        let measures = |snapshot: &Snapshot| {
            let probes = snapshot.probes.as_ref()?;
            (!probes.queue_latencies.is_empty()).then_some(probes.attached_at)
        };
        let attached = measures(now);
        self.measured = attached.is_some();
        if !self.measured || measures(before).is_some_and(|at| attached != Some(at)) {
            *self = Self {
                measured: self.measured,
                ..Self::default()
            };
            return;
        }
        let kinds = KINDS.map(|kind| grown(before, now, kind));
        let peers = now.peers.iter().filter_map(|peer| {
            let read = rates.queue_latency(peer.id)?;
            Some((peer.id, *read))
        });
        let mut all = kinds[0];
        all += kinds[1];
        self.heat.push_back(all);
        self.slices.push_back(Slice {
            at: now.taken_at,
            kinds,
            peers: peers.collect(),
        });
        if self.heat.len() > HEAT {
            self.heat.pop_front();
        }
        while self
            .slices
            .front()
            .is_some_and(|slice| now.taken_at.saturating_sub(slice.at) >= WINDOW)
        {
            self.slices.pop_front();
        }
        self.sum();
    }

    fn sum(&mut self) {
        self.kinds = Default::default();
        self.peers.clear();
        for slice in &self.slices {
            for (sum, &more) in self.kinds.iter_mut().zip(&slice.kinds) {
                *sum += more;
            }
            for &(id, more) in &slice.peers {
                *self.peers.entry(id).or_default() += more;
            }
        }
    }
}

/// What was read of a kind from one snapshot to the next; nothing when the first did not measure it.
fn grown(before: &Snapshot, now: &Snapshot, kind: Kind) -> QueueLatency {
    let of = |snapshot: &Snapshot| {
        let all = &snapshot.probes.as_ref()?.queue_latencies;
        all.iter().find(|it| it.kind == kind).map(|it| it.latency)
    };
    match (of(before), of(now)) {
        (Some(before), Some(now)) => now.since(&before),
        _ => QueueLatency::default(),
    }
}
