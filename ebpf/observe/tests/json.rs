// SPDX-License-Identifier: MIT OR Apache-2.0
//! The JSON form is a contract: its keys are held against a file.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::time::Duration;

use ipcon_observe::Snapshot;
use ipcon_observe::model::{
    Bus, Channel, ChannelCounters, ChannelScan, Channels, Counters, Drops, Endpoint,
    EndpointCounters, Event, EventKind, Exception, ExceptionKind, Flow, FlowCounters, FlowKind,
    Group, GroupCounters, Identity, Kevents, Kind, KindLatency, LatencyHistogram, Lost, MapFill,
    Observer, PROBE_BACKEND, Peer, Probe, ProbeCounts, Probes, QueueLatency, RequestErrors,
    RunTime, Service, SizeHistogram, Source, SourceState, SourceStatus,
};

/// Everything that can be there, once.
fn complete() -> Snapshot {
    let counters = Counters {
        sent_unicast_messages: 2,
        sent_unicast_bytes: 40,
        ..Counters::default()
    };
    let mut kevents = Kevents::default();
    kevents.count(EventKind::ServiceAdd);
    Snapshot {
        taken_at: Duration::from_millis(12_500),
        bus: Some(Bus {
            started_at: Some(Duration::from_secs(1)),
            peers: 1,
            counters,
            ..Bus::default()
        }),
        channels: Some(channels()),
        peers: vec![Peer {
            id: 3,
            port: 4_294_967_295,
            comm: "log\u{1b}d".into(),
            services: vec![Service {
                id: 1,
                name: "logd".into(),
                ..Service::default()
            }],
            owned_groups: vec!["news".into()],
            queue_bytes: 1,
            queue_limit: 4,
            queue_oldest: Some(Duration::from_millis(4_200)),
            queue_latency: Some(latency()),
            counters,
            ..Peer::default()
        }],
        groups: vec![Group {
            id: 9,
            name: "news".into(),
            owner_name: Some("logd".into()),
            member_ids: vec![3],
            last_len: Some(7),
            ..Group::default()
        }],
        flows: vec![Flow {
            kind: FlowKind::Copies,
            from_id: 9,
            to_id: 3,
            from_name: Some("news".into()),
            to_name: Some("logd".into()),
            counters: FlowCounters {
                messages: 4,
                bytes: 80,
                lost_messages: 1,
            },
        }],
        exceptions: exceptions(),
        probes: Some(Probes {
            queue_latencies: vec![KindLatency {
                kind: Kind::Multicast,
                latency: latency(),
            }],
            request_errors: vec![RequestErrors {
                command: "service_register".into(),
                errno: "EEXIST".into(),
                requests: 2,
            }],
            unreported_exceptions: 3,
            probes: vec![Probe {
                name: "ipcon_send".into(),
                backend: PROBE_BACKEND.into(),
                attached: true,
                lost: vec![Lost {
                    reason: "refused".into(),
                    events: 0,
                }],
                missed: Some(0),
                run_time: Some(RunTime {
                    runs: 4,
                    time: Duration::from_nanos(6_000),
                }),
                ..Probe::default()
            }],
            maps: vec![MapFill {
                map: "peers".into(),
                entries: 1,
                limit: 2,
            }],
            sizes: vec![SizeHistogram {
                kind: Kind::Unicast,
                bounds: vec![16],
                counts: vec![0, 2],
                sum: 40,
            }],
            drops: vec![Drops {
                reason: "no_peer".into(),
                ..Drops::default()
            }],
            identities: vec![Identity {
                name: "a = b".into(),
                left: 1,
                right: 1,
            }],
            counts: ProbeCounts {
                peers: [(3, counters)].into(),
                groups: [(9, GroupCounters::default())].into(),
                bus: counters,
            },
            ..Probes::default()
        }),
        kevents: Some(kevents),
        events: vec![
            Event {
                sequence: 1,
                kind: EventKind::ServiceAdd,
                name: Some("logd".into()),
                port: Some(7),
                ..Event::default()
            },
            Event {
                kind: EventKind::GroupRemove,
                group_id: Some(9),
                ..Event::default()
            },
        ],
        sources: vec![
            SourceStatus {
                duration: Some(Duration::from_millis(2)),
                ..SourceStatus::default()
            },
            SourceStatus {
                name: Source::Probes,
                state: SourceState::Off {
                    reason: "not permitted".into(),
                },
                ..SourceStatus::default()
            },
        ],
        observer: Some(Observer {
            pid: 4711,
            cpu: Duration::from_millis(1250),
            resident_bytes: Some(12 << 20),
        }),
        ..Snapshot::default()
    }
}

fn latency() -> QueueLatency {
    let mut latency = QueueLatency::default();
    (latency.counts[0], latency.counts[20]) = (98, 1);
    latency.counts[QueueLatency::BUCKETS - 1] = 1;
    latency.sum_nanos = 20_000_000_000;
    latency
}

/// One of each kind.
fn exceptions() -> Vec<Exception> {
    let kinds = [
        ExceptionKind::Refused {
            from_id: 3,
            to_id: 0,
            bytes: 7,
            reason: "no_peer".into(),
        },
        ExceptionKind::Dropped {
            from_id: 0,
            to_id: 3,
            group_id: 9,
            bytes: 7,
            reason: "queue_full".into(),
        },
        ExceptionKind::Failed {
            peer_id: 3,
            command: "group_join".into(),
            errno: "ENOENT".into(),
        },
        ExceptionKind::Slow {
            peer_id: 3,
            waited: Duration::from_millis(1_500),
        },
    ];
    let at = |what| Exception {
        time: Duration::from_secs(12),
        what,
    };
    kinds.map(at).into()
}

fn channels() -> Channels {
    let mut latency = LatencyHistogram::default();
    latency.counts[10] = 99;
    latency.counts[LatencyHistogram::BUCKETS - 1] = 1;
    Channels {
        read_at: Duration::from_millis(12_600),
        connections: vec![Channel {
            id: 1,
            server_pid: 70,
            server_comm: "clo\u{1b}ckd".into(),
            client_pid: 71,
            client_uid: 1000,
            service: 65_535,
            connection: 9,
            started_at: Duration::from_secs(10),
            counters: ChannelCounters {
                requests: 1600,
                flow_control: 1,
                ..ChannelCounters::default()
            },
            latency,
        }],
        endpoints: vec![Endpoint {
            id: 2,
            server_pid: 70,
            server_comm: "clo\u{1b}ckd".into(),
            address: Some("@clock".into()),
            started_at: Duration::from_secs(9),
            counters: EndpointCounters {
                accepted: 5,
                refused_denied: 2,
                refused_other: 1,
                ..EndpointCounters::default()
            },
        }],
        scan: ChannelScan {
            processes: 7,
            unreadable_processes: 2,
            left_out_connections: 0,
            left_out_endpoints: 0,
            cut_processes: 0,
            rejected_files: 1,
        },
    }
}

#[test]
fn without_a_bus_there_is_nothing_of_it() {
    let json = serde_json::to_value(Snapshot::default()).unwrap();
    assert!(json.get("bus").is_none(), "absent and not zero");
    assert!(json.get("channels").is_none());
}

/// `UPDATE_GOLDEN=1` writes the file instead. A key that changes its meaning or goes away needs a new schema
/// version.
#[test]
fn the_json_form_stays_as_it_is() {
    let json = serde_json::to_string_pretty(&complete()).unwrap() + "\n";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/snapshot.json");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &json).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap();
    let differs = golden
        .lines()
        .zip(json.lines())
        .find(|(golden, json)| golden != json);
    assert_eq!(differs, None, "first line that differs (file, now)");
    assert_eq!(golden.lines().count(), json.lines().count());
}
