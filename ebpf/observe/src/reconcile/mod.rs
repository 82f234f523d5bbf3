// SPDX-License-Identifier: MIT OR Apache-2.0
//! Holds the counts of the probes against those of the module.
//!
//! The two are kept independently, so on a quiet bus a difference means that one of them counts wrongly.
//! While messages flow the two are read at slightly different moments and differ by what flows in between.

mod start;

use std::collections::BTreeMap;
use std::fmt;

use crate::model::{Baseline, Counters, GroupCounters, ProbeCounts, Snapshot};

pub(crate) use start::Start;

/// What came of the comparison.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reconciliation {
    /// Numbers compared.
    pub compared: usize,
    /// Peers and groups that could not be compared, since they were always busy so far.
    pub skipped: usize,
    /// Why the bus as a whole could not be compared; `None` if it was.
    pub bus_skipped: Option<BusSkipped>,
    /// Numbers that differ.
    pub differences: Vec<Difference>,
}

/// Why the bus as a whole could not be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BusSkipped {
    /// It was always busy so far.
    Busy,
    /// The probes count peers that are not on this bus.
    OtherPeers {
        /// How many.
        peers: usize,
    },
}

impl fmt::Display for BusSkipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy => f.write_str("it was busy at each reading so far"),
            Self::OtherPeers { peers } => write!(
                f,
                "peers that the probes count and that are not on it: {peers}, of another network \
                 namespace or just come"
            ),
        }
    }
}

/// One number that differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Whose number.
    pub row: Row,
    /// Which counter.
    pub counter: &'static str,
    /// What the module counted since the probes began.
    pub dumped: u64,
    /// What the probes counted.
    pub counted: u64,
}

/// Whose counters were compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Row {
    /// All peers that are or were on the bus.
    Bus,
    /// The peer with this id.
    Peer(u64),
    /// The group with this id.
    Group(u64),
}

impl Difference {
    /// The same as a sentence, with what a person calls the peer or the group. Safe to print.
    pub fn sentence(&self, snapshot: &Snapshot) -> String {
        let Self {
            row,
            counter,
            dumped,
            counted,
        } = *self;
        let whose = match row {
            Row::Bus => "the bus".to_owned(),
            Row::Peer(id) => snapshot.peer_label(id, None),
            Row::Group(id) => snapshot.group_label(id, None),
        };
        format!("{whose}: {counter} is {dumped} in the module and {counted} by the probes")
    }
}

/// Compares the two for every peer, every group and the bus. `None` without probes or bus.
///
/// The bus as a whole is compared only while every peer that the probes know and that has not left is on
/// this bus: the probes see the buses of all network namespaces.
pub fn reconcile(snapshot: &Snapshot) -> Option<Reconciliation> {
    let (bus, probes) = (snapshot.bus.as_ref()?, snapshot.probes.as_ref()?);
    let baseline = &probes.baseline;
    let mut result = Reconciliation {
        bus_skipped: skip_bus(snapshot, &probes.counts, baseline),
        ..Reconciliation::default()
    };

    if result.bus_skipped.is_none() {
        let dumped = bus.counters.since(&baseline.dumped.bus);
        let counted = probes.counts.bus.since(&baseline.counted.bus);
        result.compare(Row::Bus, dumped.each(), counted.each());
    }
    for peer in &snapshot.peers {
        if baseline.inexact.peers.contains(&peer.id) {
            result.skipped += 1;
            continue;
        }
        let dumped = peer.counters.since(&row(&baseline.dumped.peers, peer.id));
        let counted: Counters =
            row(&probes.counts.peers, peer.id).since(&row(&baseline.counted.peers, peer.id));
        result.compare(Row::Peer(peer.id), dumped.each(), counted.each());
    }
    for group in &snapshot.groups {
        if baseline.inexact.groups.contains(&group.id) {
            result.skipped += 1;
            continue;
        }
        let dumped = group
            .counters
            .since(&row(&baseline.dumped.groups, group.id));
        let counted: GroupCounters =
            row(&probes.counts.groups, group.id).since(&row(&baseline.counted.groups, group.id));
        result.compare(Row::Group(group.id), dumped.each(), counted.each());
    }
    Some(result)
}

/// A row without events has no entry.
fn row<C: Default + Copy>(rows: &BTreeMap<u64, C>, id: u64) -> C {
    rows.get(&id).copied().unwrap_or_default()
}

fn skip_bus(snapshot: &Snapshot, counts: &ProbeCounts, baseline: &Baseline) -> Option<BusSkipped> {
    if baseline.inexact.bus {
        return Some(BusSkipped::Busy);
    }
    let ids = counts.peers.keys();
    let peers = ids.filter(|&&id| snapshot.peer(id).is_none()).count();
    (peers > 0).then_some(BusSkipped::OtherPeers { peers })
}

impl Reconciliation {
    /// Whether all numbers compared are the same.
    pub fn agrees(&self) -> bool {
        self.differences.is_empty()
    }

    fn compare(
        &mut self,
        row: Row,
        dumped: impl Iterator<Item = (&'static str, u64)>,
        counted: impl Iterator<Item = (&'static str, u64)>,
    ) {
        for ((counter, dumped), (_, counted)) in dumped.zip(counted) {
            self.compared += 1;
            if dumped != counted {
                self.differences.push(Difference {
                    row,
                    counter,
                    dumped,
                    counted,
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::start::{baseline, refine};
    use super::*;
    use crate::model::{Bus, Group, Peer, Probes};
    use std::sync::Arc;

    fn sent(messages: u64) -> Counters {
        Counters {
            sent_unicast_messages: messages,
            ..Counters::default()
        }
    }

    fn counts(peer: u64, gone: u64) -> ProbeCounts {
        ProbeCounts {
            peers: [(7, sent(peer))].into(),
            groups: [(
                1,
                GroupCounters {
                    sent_messages: 2,
                    ..GroupCounters::default()
                },
            )]
            .into(),
            bus: sent(peer + gone),
        }
    }

    /// One peer and one group; 100 messages were sent before the probes began.
    fn snapshot(dumped: u64, counted: u64) -> Snapshot {
        let mut snapshot = dumps(100);
        let baseline = Arc::new(baseline(&counts(3, 0), &snapshot, &counts(3, 0)));
        snapshot.peers[0].counters = sent(dumped);
        snapshot.bus.as_mut().unwrap().counters = sent(dumped + 5);
        snapshot.groups[0].counters.sent_messages = 9;
        let mut counts = counts(counted, 5);
        counts.groups.insert(
            1,
            GroupCounters {
                sent_messages: 2,
                ..GroupCounters::default()
            },
        );
        snapshot.probes = Some(Probes {
            counts,
            baseline,
            ..Probes::default()
        });
        snapshot
    }

    fn dumps(sent_before: u64) -> Snapshot {
        let peer = Peer {
            id: 7,
            counters: sent(sent_before),
            ..Peer::default()
        };
        let group = Group {
            id: 1,
            counters: GroupCounters {
                sent_messages: 9,
                ..GroupCounters::default()
            },
            ..Group::default()
        };
        Snapshot {
            bus: Some(Bus {
                counters: sent(sent_before),
                ..Bus::default()
            }),
            peers: vec![peer],
            groups: vec![group],
            ..Snapshot::default()
        }
    }

    #[test]
    fn what_came_before_the_probes_is_left_out() {
        let result = reconcile(&snapshot(140, 43)).unwrap();
        assert_eq!(result.differences, []);
        assert_eq!(result.compared, 13 + 13 + 8);
        assert_eq!((result.skipped, result.bus_skipped), (0, None));
    }

    #[test]
    fn a_difference_is_named() {
        let snapshot = snapshot(141, 43);
        let result = reconcile(&snapshot).unwrap();
        let rows: Vec<_> = result
            .differences
            .iter()
            .map(|difference| difference.row)
            .collect();
        assert_eq!(rows, [Row::Bus, Row::Peer(7)]);
        assert_eq!(
            result.differences[1].sentence(&snapshot),
            "~#7: sent_unicast_messages is 41 in the module and 40 by the probes"
        );
    }

    #[test]
    fn a_peer_that_the_probes_did_not_see_differs() {
        let mut snapshot = snapshot(140, 43);
        snapshot.peers.push(Peer {
            id: 8,
            counters: sent(1),
            ..Peer::default()
        });
        let result = reconcile(&snapshot).unwrap();
        assert_eq!(result.differences.len(), 1);
        assert_eq!(result.differences[0].row, Row::Peer(8));
    }

    #[test]
    fn the_bus_is_left_out_when_the_probes_see_another() {
        let mut snapshot = snapshot(141, 43);
        snapshot
            .probes
            .as_mut()
            .unwrap()
            .counts
            .peers
            .insert(99, sent(1));
        let result = reconcile(&snapshot).unwrap();
        assert!(
            result
                .differences
                .iter()
                .all(|difference| difference.row != Row::Bus)
        );
        let skipped = result.bus_skipped.expect("no silence about it");
        assert_eq!(skipped, BusSkipped::OtherPeers { peers: 1 });
        assert!(skipped.to_string().contains("not on it: 1,"), "{skipped}");
    }

    #[test]
    fn rows_that_moved_at_the_start_are_skipped_until_they_rest() {
        let busy = baseline(&counts(3, 0), &dumps(100), &counts(4, 0));
        assert!(busy.inexact.bus && busy.inexact.peers.contains(&7));
        let mut snapshot = snapshot(140, 40);
        let compare = |snapshot: &mut Snapshot, baseline: &Baseline| {
            snapshot.probes.as_mut().unwrap().baseline = Arc::new(baseline.clone());
            reconcile(snapshot).unwrap()
        };
        let result = compare(&mut snapshot, &busy);
        assert_eq!((result.skipped, result.compared), (1, 8));
        assert_eq!(result.bus_skipped, Some(BusSkipped::Busy));
        assert!(result.agrees());

        let still_busy = refine(&busy, &counts(5, 0), &dumps(101), &counts(6, 0));
        assert_eq!(still_busy.inexact, busy.inexact);
        assert_eq!(compare(&mut snapshot, &still_busy).skipped, 1);

        let rested = refine(&busy, &counts(10, 5), &dumps(110), &counts(10, 5));
        assert!(rested.inexact.is_empty());
        let result = compare(&mut snapshot, &rested);
        assert_eq!((result.skipped, result.compared), (0, 13 + 13 + 8));
        assert!(
            result
                .differences
                .iter()
                .all(|difference| difference.row == Row::Bus)
        );
        snapshot.bus.as_mut().unwrap().counters = sent(110 + 30);
        assert!(compare(&mut snapshot, &rested).agrees());
    }

    #[test]
    fn without_probes_there_is_nothing_to_compare() {
        assert_eq!(reconcile(&dumps(1)), None);
    }
}
