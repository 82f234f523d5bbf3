// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the probes tell of the bus of the tests.

use std::time::Duration;

use ipcon_observe::Snapshot;
use ipcon_observe::model::{
    Drops, Exception, ExceptionKind, Flow, FlowCounters, FlowKind, Group, Identity, Kind,
    KindLatency, Lost, MapFill, Observer, Peer, Probe, ProbeCounts, Probes, QueueLatency,
    RequestErrors, RunTime, SizeHistogram, Source, SourceState,
};

use super::{START, bus, source};

/// The bus with probes attached, one of them too slow for the deluge.
pub(crate) fn probed(second: u64) -> Snapshot {
    let mut snapshot = bus(second);
    let lost = if second >= 4 { 2 } else { 0 };
    measure_waits(&mut snapshot, second);
    snapshot.flows.extend(unicast(&snapshot.peers, second));
    snapshot.flows.sort_by_key(Flow::key);
    snapshot.exceptions = exceptions(second);
    snapshot.probes = Some(probes(&snapshot, second, lost));
    if let Some(probes) = &mut snapshot.probes
        && let Some(blind) = probes.counts.peers.get_mut(&3)
    {
        blind.delivered_unicast_messages -= lost;
    }
    snapshot.sources[2] = source(Source::Probes, SourceState::On, lost);
    snapshot.observer = Some(Observer {
        pid: 4711,
        cpu: Duration::from_millis(300 + 20 * second),
        resident_bytes: Some(12 << 20),
    });
    snapshot
}

/// What goes to groups and from them, as the dumps have it.
pub(super) fn group_flows(peers: &[Peer], groups: &[Group]) -> Vec<Flow> {
    let mut flows = Vec::new();
    for group in groups {
        let counters = &group.counters;
        flows.push(Flow {
            kind: FlowKind::Published,
            from_id: group.owner_id,
            to_id: group.id,
            from_name: group.owner_name.clone(),
            to_name: Some(group.name.clone()),
            counters: FlowCounters {
                messages: counters.sent_messages,
                bytes: counters.sent_bytes,
                lost_messages: 0,
            },
        });
        for &member in &group.member_ids {
            let name = peers.iter().find(|peer| peer.id == member);
            // Only the logger, the first member, loses anything.
            let lost = if member == 3 {
                counters.dropped_messages()
            } else {
                0
            };
            flows.push(Flow {
                kind: FlowKind::Copies,
                from_id: group.id,
                to_id: member,
                from_name: Some(group.name.clone()),
                to_name: name.and_then(|peer| peer.name().cloned()),
                counters: FlowCounters {
                    messages: counters.sent_messages - lost,
                    bytes: (counters.sent_messages - lost) * 256,
                    lost_messages: lost,
                },
            });
        }
    }
    flows.sort_by_key(Flow::key);
    flows
}

/// Everybody sends to the logger, the router most.
fn unicast(peers: &[Peer], second: u64) -> Vec<Flow> {
    let stopped = second.saturating_sub(2);
    let flow = |from_id: u64, to_id: u64, messages: u64, lost_messages: u64| {
        let name = |id| peers.iter().find(|peer| peer.id == id)?.name().cloned();
        Flow {
            kind: FlowKind::Unicast,
            from_id,
            to_id,
            from_name: name(from_id),
            to_name: name(to_id),
            counters: FlowCounters {
                messages,
                bytes: messages * 64,
                lost_messages,
            },
        }
    };
    let read = second.min(2);
    vec![
        flow(1, 3, 410 * read, 410 * stopped),
        flow(2, 3, 6900 * read, 6900 * stopped),
        flow(4, 3, 180 * read, 3 * stopped),
        flow(3, 2, 2 * second, 0),
        flow(4, 0, 0, second),
    ]
}

/// Most messages are read at once; those of the logger before it stopped, late.
fn measure_waits(snapshot: &mut Snapshot, second: u64) {
    for peer in &mut snapshot.peers {
        let mut latency = QueueLatency::default();
        match peer.id {
            3 => {
                latency.counts[11] = 16_000 * second.min(2);
                latency.counts[21] = 300 * second.min(2);
            }
            7 => {}
            _ => {
                latency.counts[4] = 50 * second;
                latency.counts[7] = 9 * second;
            }
        }
        latency.sum_nanos = latency.count() * 40_000;
        peer.queue_latency = Some(latency);
    }
}

fn exceptions(second: u64) -> Vec<Exception> {
    let at = |millis, what| Exception {
        time: START + Duration::from_secs(second) - Duration::from_millis(millis),
        what,
    };
    if second < 3 {
        return Vec::new();
    }
    vec![
        at(
            900,
            ExceptionKind::Refused {
                from_id: 4,
                to_id: 3,
                bytes: 64,
                reason: "queue_full".to_owned(),
            },
        ),
        at(
            800,
            ExceptionKind::Dropped {
                from_id: 2,
                to_id: 3,
                group_id: 3,
                bytes: 256,
                reason: "queue_full".to_owned(),
            },
        ),
        at(
            700,
            ExceptionKind::Failed {
                peer_id: 4,
                command: "group_join".to_owned(),
                errno: "ENOENT".to_owned(),
            },
        ),
        at(
            600,
            ExceptionKind::Slow {
                peer_id: 1,
                waited: Duration::from_millis(1500),
            },
        ),
    ]
}

fn probes(snapshot: &Snapshot, second: u64, lost: u64) -> Probes {
    let probe = |name: &str, seen, lost| Probe {
        name: name.to_owned(),
        backend: "raw_tp".to_owned(),
        attached: true,
        seen,
        counted: seen - lost,
        lost: vec![Lost {
            reason: "peers_full".to_owned(),
            events: lost,
        }],
        missed: Some(0),
        run_time: Some(RunTime {
            runs: seen,
            time: Duration::from_nanos(650 * seen),
        }),
    };
    let bus = snapshot.bus.as_ref().unwrap().counters;
    let sent = bus.sent_unicast_messages;
    let mut of_all = QueueLatency::default();
    for peer in &snapshot.peers {
        of_all += peer.queue_latency.unwrap_or_default();
    }
    let mut of_groups = QueueLatency::default();
    of_groups.counts[5] = 70 * second;
    Probes {
        attached_at: START - Duration::from_secs(1),
        probes: vec![
            probe("ipcon_send", 800 * second, 0),
            probe("ipcon_deliver", 18_000 * second, lost),
            Probe {
                name: "ipcon_recv".to_owned(),
                ..Probe::default()
            },
        ],
        maps: vec![
            MapFill {
                map: "peers".to_owned(),
                entries: 6,
                limit: 8192,
            },
            MapFill {
                map: "flows".to_owned(),
                entries: 14_000,
                limit: 16_384,
            },
        ],
        sizes: sizes(sent),
        drops: vec![Drops {
            kind: Kind::Multicast,
            reason: "queue_full".to_owned(),
            messages: bus.dropped_queue_full,
            bytes: bus.dropped_queue_full * 256,
        }],
        queue_latencies: vec![
            KindLatency {
                kind: Kind::Unicast,
                latency: of_all,
            },
            KindLatency {
                kind: Kind::Multicast,
                latency: of_groups,
            },
        ],
        request_errors: vec![RequestErrors {
            command: "group_join".to_owned(),
            errno: "ENOENT".to_owned(),
            requests: 25 * second,
        }],
        unreported_exceptions: 7 * second.saturating_sub(3),
        identities: vec![
            Identity {
                name: "seen = counted + lost".to_owned(),
                left: 18_800 * second,
                right: 18_800 * second,
            },
            Identity {
                name: "delivered = read + queued".to_owned(),
                left: 18_000 * second,
                right: 17_990 * second,
            },
        ],
        counts: ProbeCounts {
            peers: snapshot
                .peers
                .iter()
                .map(|peer| (peer.id, peer.counters))
                .collect(),
            groups: snapshot
                .groups
                .iter()
                .map(|group| (group.id, group.counters))
                .collect(),
            bus,
        },
        ..Probes::default()
    }
}

fn sizes(sent: u64) -> Vec<SizeHistogram> {
    vec![
        SizeHistogram {
            kind: Kind::Unicast,
            bounds: vec![16, 64, 256, 1024, 4096],
            counts: vec![0, sent.saturating_sub(5), 4, 0, 1, 0],
            sum: 64 * sent,
        },
        SizeHistogram {
            kind: Kind::Multicast,
            bounds: vec![16, 64],
            counts: vec![0, 0, 0],
            sum: 0,
        },
    ]
}
