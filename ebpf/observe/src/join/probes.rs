// SPDX-License-Identifier: MIT OR Apache-2.0
//! From a reading of the probes to the model.

use std::sync::Arc;

use crate::model::{
    Baseline, Counters, Drops, GroupCounters, Identity, Kind, Lost, MapFill, PROBE_BACKEND, Probe,
    ProbeCounts, Probes, SizeHistogram,
};
use crate::probes::{
    ByReason, DropsOfKind, Fill, GroupProbe, PeerProbe, ProbeReading, Program, Tally,
};

/// A reading as a part of the model.
pub(crate) fn probes(reading: &ProbeReading, baseline: Arc<Baseline>) -> Probes {
    Probes {
        attached_at: reading.attached_at,
        probes: reading
            .programs
            .iter()
            .map(|(program, tally)| probe(*program, tally))
            .collect(),
        maps: vec![
            map("peers", reading.peers_fill),
            map("groups", reading.groups_fill),
        ],
        // Not those of kevents: they are all of one size, and the bus counts them. The probes hold them apart
        // to keep them out of the histogram of the groups, and an identity accounts for them.
        sizes: vec![
            sizes(Kind::Unicast, &reading.sizes.unicast),
            sizes(Kind::Multicast, &reading.sizes.multicast),
        ],
        drops: drops(Kind::Unicast, &reading.drops.unicast)
            .chain(drops(Kind::Multicast, &reading.drops.multicast))
            .collect(),
        queue_latencies: Vec::new(),
        request_errors: Vec::new(),
        unreported_exceptions: 0,
        identities: reading
            .identities()
            .into_iter()
            .map(|identity| Identity {
                name: identity.name,
                left: identity.left,
                right: identity.right,
            })
            .collect(),
        counts: counts(reading),
        baseline,
    }
}

/// The counts of a reading. Peers and groups that left are in the sums only; the kernel, which publishes
/// kevents as peer 0, is no peer.
pub(crate) fn counts(reading: &ProbeReading) -> ProbeCounts {
    let mut counts = ProbeCounts {
        bus: peer(&reading.departed_peers),
        ..ProbeCounts::default()
    };
    for (&id, row) in reading.peers.iter().filter(|&(&id, _)| id != 0) {
        counts.bus += peer(row);
        if !row.ended {
            counts.peers.insert(id, peer(row));
        }
    }
    for (&id, row) in reading.groups.iter().filter(|(_, row)| !row.ended) {
        counts.groups.insert(id, group(row));
    }
    counts
}

fn peer(row: &PeerProbe) -> Counters {
    Counters {
        sent_unicast_messages: row.sent_unicast.messages,
        sent_unicast_bytes: row.sent_unicast.bytes,
        sent_multicast_messages: row.sent_multicast.messages,
        sent_multicast_bytes: row.sent_multicast.bytes,
        delivered_unicast_messages: row.delivered_unicast.messages,
        delivered_unicast_bytes: row.delivered_unicast.bytes,
        delivered_multicast_messages: row.delivered_multicast.messages,
        delivered_multicast_bytes: row.delivered_multicast.bytes,
        refused_queue_full: row.refused.queue_full,
        refused_no_peer: row.refused.no_peer,
        refused_no_memory: row.refused.no_memory,
        dropped_queue_full: row.dropped.queue_full,
        dropped_no_memory: row.dropped.no_memory,
    }
}

fn group(row: &GroupProbe) -> GroupCounters {
    GroupCounters {
        sent_messages: row.sent.messages,
        sent_bytes: row.sent.bytes,
        delivered_messages: row.delivered.messages,
        delivered_bytes: row.delivered.bytes,
        replayed_messages: row.replayed.messages,
        replayed_bytes: row.replayed.bytes,
        dropped_queue_full: row.dropped.queue_full,
        dropped_no_memory: row.dropped.no_memory,
    }
}

fn probe(program: Program, tally: &Tally) -> Probe {
    let lost = |reason: &str, events| Lost {
        reason: reason.to_owned(),
        events,
    };
    Probe {
        name: program.tracepoint().to_owned(),
        backend: PROBE_BACKEND.to_owned(),
        attached: true,
        seen: tally.seen,
        counted: tally.counted,
        lost: vec![
            lost("peers_full", tally.lost_peers_full),
            lost("groups_full", tally.lost_groups_full),
            lost("refused", tally.lost_refused),
        ],
        missed: tally.missed,
    }
}

fn map(name: &str, fill: Fill) -> MapFill {
    MapFill {
        map: name.to_owned(),
        entries: fill.entries,
        limit: fill.limit,
    }
}

fn sizes(kind: Kind, histogram: &crate::probes::SizeHistogram) -> SizeHistogram {
    SizeHistogram {
        kind,
        bounds: ipcon_probes_abi::SIZE_BOUNDS
            .iter()
            .map(|&bound| bound.into())
            .collect(),
        counts: histogram.buckets.to_vec(),
        sum: histogram.sum,
    }
}

fn drops(kind: Kind, drops: &DropsOfKind) -> impl Iterator<Item = Drops> + use<> {
    let by_reason = |reasons: &ByReason| {
        [
            ("queue_full", reasons.queue_full),
            ("no_peer", reasons.no_peer),
            ("no_memory", reasons.no_memory),
            ("unknown", reasons.unknown),
        ]
    };
    by_reason(&drops.messages)
        .into_iter()
        .zip(by_reason(&drops.bytes))
        .map(move |((reason, messages), (_, bytes))| Drops {
            kind,
            reason: reason.to_owned(),
            messages,
            bytes,
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probes::Volume;

    #[test]
    fn who_left_counts_in_the_sum_only() {
        let row = |messages, ended| PeerProbe {
            sent_unicast: Volume { messages, bytes: 0 },
            ended,
            ..PeerProbe::default()
        };
        let reading = ProbeReading {
            peers: [
                (0, row(1000, false)),
                (1, row(1, false)),
                (2, row(20, true)),
            ]
            .into(),
            departed_peers: row(300, true),
            ..ProbeReading::default()
        };
        let counts = counts(&reading);
        assert_eq!(counts.bus.sent_unicast_messages, 321);
        assert_eq!(counts.peers.into_keys().collect::<Vec<_>>(), [1]);
    }

    #[test]
    fn kevents_are_in_no_histogram_of_messages() {
        let mut reading = ProbeReading::default();
        reading.sizes.unicast.buckets[0] = 1;
        reading.sizes.multicast.buckets[0] = 2;
        reading.sizes.kevents.buckets[2] = 40;
        let probes = probes(&reading, Arc::default());
        let sizes = probes.sizes.iter().map(|sizes| (sizes.kind, sizes.count()));
        assert!(sizes.eq([(Kind::Unicast, 1), (Kind::Multicast, 2)]));
    }

    #[test]
    fn bounds_and_counts_match() {
        let probes = probes(&ProbeReading::default(), Arc::default());
        for histogram in &probes.sizes {
            assert_eq!(histogram.counts.len(), histogram.bounds.len() + 1);
            assert!(histogram.bounds.is_sorted());
        }
    }
}
