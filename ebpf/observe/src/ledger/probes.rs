// SPDX-License-Identifier: MIT OR Apache-2.0
//! Totals of what only the probes count. They begin again each time that the probes are attached; these do not.

use std::collections::BTreeMap;
use std::time::Duration;

use super::book::{Book, Entry};
use super::peer_label;
use crate::model::{self, Kind, KindLatency, QueueLatency, SizeHistogram, Snapshot};

/// Command and error of all requests beyond [`MOST_ERRORS`] pairs.
const OTHER_ERROR: &str = "other";

/// Most pairs of a command and an error. There are about ten of each that the module can have.
const MOST_ERRORS: usize = 256;

/// Totals since the first snapshot with probes.
///
/// What was counted between the last snapshot and the moment when the probes were detached is not seen.
#[derive(Debug)]
pub struct Probed {
    /// Of the snapshot before.
    attached_at: Option<Duration>,
    /// The buckets and the sum.
    latencies: BTreeMap<Kind, Growing>,
    /// The bounds, and the buckets and the sum.
    sizes: BTreeMap<Kind, (Vec<u64>, Growing)>,
    errors: BTreeMap<(String, String), Growing>,
    unreported: Growing,
    exceptions: BTreeMap<&'static str, u64>,
    reads: Book,
}

impl Probed {
    pub(super) fn new(limit: usize, retain: Duration) -> Self {
        Self {
            attached_at: None,
            latencies: BTreeMap::new(),
            sizes: BTreeMap::new(),
            errors: BTreeMap::new(),
            unreported: Growing::default(),
            exceptions: BTreeMap::new(),
            reads: Book::new(limit, retain, 1, &[]),
        }
    }

    /// While the probes are not read, nothing changes. `label_of` says which label a peer has elsewhere, which it has
    /// here as well.
    pub(super) fn apply<'l>(
        &mut self,
        snapshot: &Snapshot,
        label_of: impl Fn(u64) -> Option<&'l str>,
    ) {
        let Some(probes) = &snapshot.probes else {
            return;
        };
        let attached_before = self.attached_at.replace(probes.attached_at);
        if attached_before.is_some_and(|before| before != probes.attached_at) {
            self.begin_again();
        }
        for KindLatency { kind, latency } in &probes.queue_latencies {
            let counts = latency.counts.iter().copied();
            let known = self.latencies.entry(*kind).or_default();
            known.grow_to(counts.chain([latency.sum_nanos]));
        }
        for sizes in &probes.sizes {
            let (bounds, known) = self.sizes.entry(sizes.kind).or_default();
            bounds.clone_from(&sizes.bounds);
            known.grow_to(sizes.counts.iter().copied().chain([sizes.sum]));
        }
        self.add_errors(probes);
        self.unreported.grow_to([probes.unreported_exceptions]);
        for exception in &snapshot.exceptions {
            *self.exceptions.entry(exception.what.key()).or_default() += 1;
        }
        self.add_reads(snapshot, label_of);
    }

    /// The probes were attached anew and count from zero.
    fn begin_again(&mut self) {
        let latencies = self.latencies.values_mut();
        let sizes = self.sizes.values_mut().map(|(_, sizes)| sizes);
        let all = latencies.chain(sizes).chain(self.errors.values_mut());
        all.chain([&mut self.unreported])
            .for_each(Growing::begin_again);
        self.reads.begin_again();
    }

    /// Errors that share a row because there are too many are added up before the row grows.
    fn add_errors(&mut self, probes: &model::Probes) {
        let mut counted: BTreeMap<_, u64> = BTreeMap::new();
        for errors in &probes.request_errors {
            let mut key = (errors.command.clone(), errors.errno.clone());
            if !self.errors.contains_key(&key) && self.errors.len() >= MOST_ERRORS {
                key = (OTHER_ERROR.to_owned(), OTHER_ERROR.to_owned());
            }
            self.errors.entry(key.clone()).or_default();
            let requests = counted.entry(key).or_default();
            *requests = requests.saturating_add(errors.requests);
        }
        for (key, requests) in counted {
            self.errors.entry(key).or_default().grow_to([requests]);
        }
    }

    fn add_reads<'l>(&mut self, snapshot: &Snapshot, label_of: impl Fn(u64) -> Option<&'l str>) {
        let entry = |peer: &model::Peer| {
            let read = peer.queue_latency.as_ref()?.count();
            let label = label_of(peer.id).map_or_else(|| peer_label(peer), str::to_owned);
            Some(Entry {
                id: peer.id,
                label,
                counts: vec![read],
            })
        };
        // Of those that ended since, the probes know the last. Of others nobody knows whether they were on this bus.
        let gone = snapshot.reads_elsewhere.iter().filter_map(|(&id, &read)| {
            Some(Entry {
                id,
                label: self.reads.label_of(id)?.to_owned(),
                counts: vec![read],
            })
        });
        let entries: Vec<_> = snapshot
            .peers
            .iter()
            .filter_map(entry)
            .chain(gone)
            .collect();
        if !entries.is_empty() || self.is_measuring_reads() {
            self.reads.apply(snapshot.taken_at, entries, &[]);
        }
    }

    fn is_measuring_reads(&self) -> bool {
        self.reads.totals().next().is_some()
    }

    /// How long messages waited until they were read, by kind; empty when that was never measured.
    pub fn latencies(&self) -> impl Iterator<Item = (Kind, QueueLatency)> {
        self.latencies.iter().map(|(&kind, growing)| {
            let mut latency = QueueLatency::default();
            if let Some((&sum, counts)) = growing.total.split_last() {
                latency.sum_nanos = sum;
                let rows = latency.counts.iter_mut().zip(counts);
                rows.for_each(|(bucket, &count)| *bucket = count);
            }
            (kind, latency)
        })
    }

    /// Sizes of messages, by kind; empty without probes.
    pub fn sizes(&self) -> impl Iterator<Item = SizeHistogram> {
        self.sizes.iter().map(|(&kind, (bounds, growing))| {
            let (&sum, counts) = growing.total.split_last().unwrap_or((&0, &[]));
            SizeHistogram {
                kind,
                bounds: bounds.clone(),
                counts: counts.to_vec(),
                sum,
            }
        })
    }

    /// Requests answered with an error: command, error and how many.
    pub fn errors(&self) -> impl Iterator<Item = (&str, &str, u64)> {
        let rows = self.errors.iter();
        rows.map(|((command, errno), requests)| {
            (command.as_str(), errno.as_str(), requests.first())
        })
    }

    /// Exceptions that were reported, by [`model::ExceptionKind::key`]. A kind that never came is not there.
    pub fn exceptions(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.exceptions.iter().map(|(&key, &count)| (key, count))
    }

    /// Exceptions that were counted and not reported. `None` while there were no probes.
    pub fn unreported(&self) -> Option<u64> {
        self.attached_at.map(|_| self.unreported.first())
    }

    /// Messages read, by label of the reader. What peers read that came and went between two snapshots is missing, since
    /// the bus keeps no total of it.
    pub fn reads(&self) -> impl Iterator<Item = (&str, u64)> {
        let rows = self.reads.totals();
        rows.map(|(label, counts)| (label, counts.first().copied().unwrap_or(0)))
    }
}

/// Numbers that only grow until they begin again, and what they grew by altogether.
#[derive(Debug, Default)]
struct Growing {
    before: Vec<u64>,
    total: Vec<u64>,
}

impl Growing {
    fn grow_to(&mut self, now: impl IntoIterator<Item = u64>) {
        for (index, now) in now.into_iter().enumerate() {
            if index == self.total.len() {
                self.total.push(0);
            }
            if index == self.before.len() {
                self.before.push(0);
            }
            let growth = now.saturating_sub(self.before[index]);
            self.before[index] = now;
            self.total[index] = self.total[index].saturating_add(growth);
        }
    }

    fn begin_again(&mut self) {
        self.before.clear();
    }

    fn first(&self) -> u64 {
        self.total.first().copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests;
