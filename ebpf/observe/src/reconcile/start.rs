// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where the comparison begins: what both had counted when the probes were attached, or as soon after that
//! as it was at rest.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::row;
use crate::model::{Baseline, Inexact, ProbeCounts, Snapshot};

/// Finds where the comparison begins, for one attachment of the probes.
#[derive(Debug, Default)]
pub(crate) struct Start(Option<Arc<Baseline>>);

impl Start {
    /// Whether something cannot be compared yet, so that the probes are to be read before the dumps as well.
    pub(crate) fn is_open(&self) -> bool {
        !matches!(&self.0, Some(baseline) if baseline.inexact.is_empty())
    }

    /// Begins with, or tries again with what is not comparable yet of, `dumps`, read between the readings
    /// `before` and `after` of the probes.
    pub(crate) fn find(&mut self, before: &ProbeCounts, dumps: &Snapshot, after: &ProbeCounts) {
        let baseline = match &self.0 {
            Some(baseline) => refine(baseline, before, dumps, after),
            None => baseline(before, dumps, after),
        };
        self.0 = Some(Arc::new(baseline));
    }

    /// Where it begins, as far as it is known.
    pub(crate) fn baseline(&self) -> Arc<Baseline> {
        self.0.clone().unwrap_or_default()
    }
}

/// Where counting begins: the module's numbers in `dumps`, which were read between the readings `before` and
/// `after` of the probes. What moved between the readings cannot be compared yet.
pub(super) fn baseline(before: &ProbeCounts, dumps: &Snapshot, after: &ProbeCounts) -> Baseline {
    Baseline {
        dumped: ProbeCounts {
            peers: dumps
                .peers
                .iter()
                .map(|peer| (peer.id, peer.counters))
                .collect(),
            groups: dumps
                .groups
                .iter()
                .map(|group| (group.id, group.counters))
                .collect(),
            bus: dumps
                .bus
                .as_ref()
                .map_or_else(Default::default, |bus| bus.counters),
        },
        counted: after.clone(),
        inexact: Inexact {
            bus: before.bus != after.bus,
            peers: moved(&before.peers, &after.peers),
            groups: moved(&before.groups, &after.groups),
        },
    }
}

/// Tries again with what could not be compared yet: what did not move this time begins here.
pub(super) fn refine(
    baseline: &Baseline,
    before: &ProbeCounts,
    dumps: &Snapshot,
    after: &ProbeCounts,
) -> Baseline {
    let again = self::baseline(before, dumps, after);
    let mut refined = baseline.clone();
    let still = &mut refined.inexact;
    if still.bus && !again.inexact.bus {
        still.bus = false;
        refined.dumped.bus = again.dumped.bus;
        refined.counted.bus = again.counted.bus;
    }
    for id in settle(&mut still.peers, &again.inexact.peers) {
        refined
            .dumped
            .peers
            .insert(id, row(&again.dumped.peers, id));
        refined
            .counted
            .peers
            .insert(id, row(&again.counted.peers, id));
    }
    for id in settle(&mut still.groups, &again.inexact.groups) {
        refined
            .dumped
            .groups
            .insert(id, row(&again.dumped.groups, id));
        refined
            .counted
            .groups
            .insert(id, row(&again.counted.groups, id));
    }
    refined
}

/// Takes out and gives what does not move any more.
fn settle(inexact: &mut BTreeSet<u64>, moving: &BTreeSet<u64>) -> Vec<u64> {
    let settled = inexact.difference(moving).copied().collect();
    inexact.retain(|id| moving.contains(id));
    settled
}

fn moved<C: PartialEq + Default + Copy>(
    before: &BTreeMap<u64, C>,
    after: &BTreeMap<u64, C>,
) -> BTreeSet<u64> {
    after
        .iter()
        .filter(|&(&id, now)| row(before, id) != *now)
        .map(|(&id, _)| id)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Counters;

    fn counts(peer: u64) -> ProbeCounts {
        let counters = Counters {
            sent_unicast_messages: peer,
            ..Counters::default()
        };
        ProbeCounts {
            peers: [(7, counters)].into(),
            bus: counters,
            ..ProbeCounts::default()
        }
    }

    #[test]
    fn the_start_is_open_until_everything_was_at_rest() {
        let mut start = Start::default();
        let dumps = Snapshot::default();
        assert!(start.is_open());
        start.find(&counts(1), &dumps, &counts(2));
        assert!(start.is_open());
        assert_eq!(start.baseline().counted, counts(2));

        start.find(&counts(5), &dumps, &counts(5));
        assert!(!start.is_open());
        assert_eq!(start.baseline().counted, counts(5));
    }
}
