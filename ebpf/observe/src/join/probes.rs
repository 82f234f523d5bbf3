// SPDX-License-Identifier: MIT OR Apache-2.0
//! From a reading of the probes to the model.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{flows, names};
use crate::model::{
    Baseline, Counters, Drops, Flow, GroupCounters, Identity, Kind, KindLatency, Lost, MapFill,
    PROBE_BACKEND, Probe, ProbeCounts, Probes, RequestErrors, SizeHistogram, Snapshot,
};
use crate::probes::{
    ByReason, DropsOfKind, Fill, GroupProbe, PeerProbe, ProbeReading, Program, Tally, Waiting,
};

/// Adds to the rows of a snapshot what a reading tells of them: flows from peer to peer, and waiting times.
pub(crate) fn add_rows(reading: &ProbeReading, snapshot: &mut Snapshot) {
    let name = |id| snapshot.peer(id).and_then(|peer| peer.name().cloned());
    let unicast = flows::of_peers(&reading.flows, name);
    snapshot.flows.extend(unicast);
    snapshot.flows.sort_unstable_by_key(Flow::key);
    if let Some(waiting) = &reading.waiting {
        for peer in &mut snapshot.peers {
            // Of a peer without a row no message was read.
            let row = waiting.peers.get(&peer.id).copied().unwrap_or_default();
            peer.queue_latency = Some(row.latency);
        }
        let others = waiting.peers.iter();
        snapshot.reads_elsewhere = others
            .filter(|&(&id, _)| snapshot.peer(id).is_none())
            .map(|(&id, row)| (id, row.latency.count()))
            .collect();
    }
}

/// A reading as a part of the model.
pub(crate) fn probes(reading: &ProbeReading, baseline: Arc<Baseline>) -> Probes {
    Probes {
        attached_at: reading.attached_at,
        probes: reading
            .programs
            .iter()
            .map(|(program, tally)| probe(*program, tally))
            .collect(),
        maps: maps(reading),
        // Not those of kevents: they are all of one size, and the bus counts them. The probes hold them apart
        // to keep them out of the histogram of the groups, and an identity accounts for them.
        sizes: vec![
            sizes(Kind::Unicast, &reading.sizes.unicast),
            sizes(Kind::Multicast, &reading.sizes.multicast),
        ],
        drops: drops(Kind::Unicast, &reading.drops.unicast)
            .chain(drops(Kind::Multicast, &reading.drops.multicast))
            .collect(),
        queue_latencies: reading.waiting.as_ref().map_or_else(Vec::new, latencies),
        request_errors: request_errors(reading),
        unreported_exceptions: reading.unreported_exceptions(),
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
    let mut reasons = vec![
        lost("peers_full", tally.lost_peers_full),
        lost("groups_full", tally.lost_groups_full),
        lost("refused", tally.lost_refused),
    ];
    if program == Program::Receive {
        reasons.push(lost("unstamped", tally.lost_unstamped));
    }
    Probe {
        name: program.tracepoint().to_owned(),
        backend: PROBE_BACKEND.to_owned(),
        attached: true,
        seen: tally.seen,
        counted: tally.counted,
        lost: reasons,
        missed: tally.missed,
        run_time: tally.run_time,
    }
}

fn latencies(waiting: &Waiting) -> Vec<KindLatency> {
    let of = |kind, latency| KindLatency { kind, latency };
    vec![
        of(Kind::Unicast, waiting.unicast),
        of(Kind::Multicast, waiting.multicast),
    ]
}

/// By the names of commands and errors. Those that have none are together.
fn request_errors(reading: &ProbeReading) -> Vec<RequestErrors> {
    let mut by_name = BTreeMap::new();
    for (&(command, errno), &requests) in &reading.request_errors {
        let names = (names::command(command), names::errno(errno));
        *by_name.entry(names).or_insert(0) += requests;
    }
    let known = by_name.into_iter().filter(|&(_, requests)| requests > 0);
    let rows = known.map(|((command, errno), requests)| RequestErrors {
        command: command.to_owned(),
        errno: errno.to_owned(),
        requests,
    });
    rows.collect()
}

fn maps(reading: &ProbeReading) -> Vec<MapFill> {
    let mut maps = vec![
        map("peers", reading.peers_fill),
        map("groups", reading.groups_fill),
        map("flows", reading.flows_fill),
    ];
    maps.extend(reading.messages_fill.map(|fill| map("messages", fill)));
    maps
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
    use crate::model::{Peer, QueueLatency, Service};
    use crate::probes::{FlowEnds, FlowProbe, PeerWaiting, Volume};

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
    fn flows_and_waiting_times_find_their_rows() {
        let peer = |id| Peer {
            id,
            ..Peer::default()
        };
        let mut snapshot = Snapshot {
            peers: vec![peer(1), peer(2)],
            ..Snapshot::default()
        };
        snapshot.peers[1].services.push(Service {
            name: "archive".into(),
            ..Service::default()
        });
        let flow = |messages, refused| FlowProbe {
            delivered: Volume { messages, bytes: 7 },
            refused,
        };
        let mut latency = QueueLatency::default();
        latency.counts[4] = 3;
        let waiting = Waiting {
            peers: [2, 9]
                .map(|id| (id, PeerWaiting { latency, unread: 1 }))
                .into(),
            ..Waiting::default()
        };
        let mut reading = ProbeReading {
            flows: [
                (FlowEnds::OTHERS, FlowProbe::default()),
                (FlowEnds { from: 1, to: 2 }, flow(3, 1)),
            ]
            .into(),
            waiting: Some(waiting),
            ..ProbeReading::default()
        };
        add_rows(&reading, &mut snapshot);
        let [only] = snapshot.flows.as_slice() else {
            panic!("{:?}", snapshot.flows);
        };
        assert_eq!((only.from_id, only.to_id, &only.from_name), (1, 2, &None));
        assert_eq!(only.to_name, Some("archive".into()));
        let counters = only.counters;
        assert_eq!(
            (counters.messages, counters.bytes, counters.lost_messages),
            (3, 7, 1)
        );
        assert_eq!(
            snapshot.peers[0].queue_latency,
            Some(QueueLatency::default())
        );
        assert_eq!(snapshot.peers[1].queue_latency, Some(latency));
        assert_eq!(snapshot.reads_elsewhere, BTreeMap::from([(9, 3)]));

        // What is not measured is absent, and others have a row when there are any.
        reading.waiting = None;
        reading.flows.insert(FlowEnds::OTHERS, flow(5, 0));
        let mut snapshot = Snapshot {
            peers: vec![peer(1)],
            ..Snapshot::default()
        };
        add_rows(&reading, &mut snapshot);
        assert_eq!(snapshot.peers[0].queue_latency, None);
        let ends: Vec<_> = snapshot
            .flows
            .iter()
            .map(|it| (it.from_id, it.to_id))
            .collect();
        assert_eq!(ends, [(0, 0), (1, 2)]);
        assert!(probes(&reading, Arc::default()).queue_latencies.is_empty());
    }

    #[test]
    fn errors_without_a_name_are_together() {
        let reading = ProbeReading {
            request_errors: [((0, 0), 0), ((4, 17), 2), ((99, 5), 3), ((98, 6), 4)].into(),
            ..ProbeReading::default()
        };
        let errors = probes(&reading, Arc::default()).request_errors;
        let rows: Vec<_> = errors
            .iter()
            .map(|it| (it.command.as_str(), it.errno.as_str(), it.requests))
            .collect();
        assert_eq!(
            rows,
            [("other", "other", 7), ("service_register", "EEXIST", 2)]
        );
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
