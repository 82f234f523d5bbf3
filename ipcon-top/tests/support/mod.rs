// SPDX-License-Identifier: MIT OR Apache-2.0
//! A bus as the tests see it: a logger that stops reading in the second second, two that read, anonymous clients that
//! come and go. Time and numbers are given, so every frame is the same in every run.
#![allow(dead_code)]

mod measured;

use std::time::{Duration, SystemTime};

use ipcon_observe::Snapshot;
use ipcon_observe::model::{
    Bus, Channel, ChannelCounters, ChannelScan, Channels, Counters, Endpoint, EndpointCounters,
    Event, EventKind, Group, GroupCounters, LatencyHistogram, Peer, SafeText, Service, Source,
    SourceState, SourceStatus,
};
use ipcon_top::clock::{Clock, Now};

/// `CLOCK_MONOTONIC` of the first snapshot.
pub(crate) const START: Duration = Duration::from_secs(11_000);

/// A clock that stands at a moment.
pub(crate) struct FixedClock(pub(crate) Duration);

impl Clock for FixedClock {
    fn now(&self) -> Now {
        Now {
            monotonic: self.0,
            epoch: SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000),
        }
    }
}

/// The bus, `second` seconds after the first snapshot.
pub(crate) fn bus(second: u64) -> Snapshot {
    let taken_at = START + Duration::from_secs(second);
    let mut peers = vec![
        peer(
            1,
            4101,
            877,
            "rnetmgr",
            &["netif-mon"],
            traffic(410 * second, 12 * second),
        ),
        peer(
            2,
            4103,
            902,
            "mrouted",
            &["media.router", "media.ctl"],
            traffic(95 * second, 6900 * second),
        ),
        peer(
            3,
            4105,
            1201,
            "logd",
            &["cand_logger"],
            traffic(2 * second, 8100 * second.min(2)),
        ),
        peer(
            4,
            4_294_963_201,
            1313,
            "client",
            &[],
            traffic(220 * second, 180 * second),
        ),
        peer(
            7,
            4_294_963_208,
            1400,
            "ipcon-top",
            &[],
            Counters::default(),
        ),
    ];
    peers[1].owned_groups = vec!["frames".into()];
    peers[2].joined_groups = vec!["frames".into(), "netif".into()];
    peers[3].joined_groups = vec!["frames".into()];
    peers[0].owned_groups = vec!["netif".into()];
    peers[4].observer = true;
    peers[4].joined_groups = vec!["ipcon_kevent".into()];
    if second >= 2 {
        // The logger has stopped reading.
        peers[2].queue_bytes = 208_900;
        peers[2].queue_oldest = Some(Duration::from_secs(second - 2) + Duration::from_millis(1200));
        peers[2].counters.dropped_queue_full = 14 * (second - 1);
        peers[3].counters.refused_queue_full = 3 * (second - 1);
    }
    if second == 1 || second == 2 {
        let mut guest = peer(5, 4107, 1500, "guest", &["visitor"], traffic(10, 10));
        guest.created_at = START + Duration::from_millis(500);
        peers.insert(4, guest);
    }
    let counters = peers
        .iter()
        .fold(Counters::default(), |sum, p| sum_of(sum, p.counters));
    let groups = vec![
        group(
            1,
            "ipcon_kevent",
            None,
            1,
            GroupCounters {
                sent_messages: 9,
                ..Default::default()
            },
        ),
        group(
            2,
            "netif",
            Some((1, 4101, "netif-mon")),
            1,
            published(410 * second, 1, 0),
        ),
        group(
            3,
            "frames",
            Some((2, 4103, "media.router")),
            2,
            published(95 * second, 2, 14 * second.saturating_sub(1)),
        ),
    ];
    let mut groups = groups;
    groups[0].member_ids = vec![7];
    groups[1].member_ids = vec![3];
    groups[2].member_ids = vec![3, 4];
    Snapshot {
        taken_at,
        bus: Some(Bus {
            started_at: Some(Duration::from_secs(10)),
            generation: 40 + second,
            max_message_len: 65_000,
            peers: peers.len() as u32,
            services: 4,
            groups: 2,
            memberships: 4,
            kevent_sequence: 9,
            counters,
        }),
        channels: Some(channels(second)),
        flows: measured::group_flows(&peers, &groups),
        peers,
        groups,
        events: events(second),
        sources: vec![
            source(Source::Dumps, SourceState::On, 0),
            source(
                Source::Kevents,
                SourceState::On,
                if second >= 4 { 3 } else { 0 },
            ),
            source(
                Source::Probes,
                SourceState::Off {
                    reason: "needs CAP_BPF and CAP_PERFMON".to_owned(),
                },
                0,
            ),
            source(Source::Channels, SourceState::On, 0),
        ],
        ..Snapshot::default()
    }
}

/// What there is when the module is not loaded: channels.
pub(crate) fn without_bus(second: u64) -> Snapshot {
    Snapshot {
        taken_at: START + Duration::from_secs(second),
        channels: Some(channels(second)),
        sources: vec![
            source(
                Source::Dumps,
                SourceState::Off {
                    reason: "cannot read the bus: the module is not loaded".to_owned(),
                },
                0,
            ),
            source(Source::Channels, SourceState::On, 0),
        ],
        ..Snapshot::default()
    }
}

/// Three channels of two servers: one is quick, one has a client that stops reading events, one ends.
fn channels(second: u64) -> Channels {
    let mut connections = vec![
        channel(1, 640, "clockd", 7, 1313, 900 * second),
        channel(2, 655, "imaged", 40_001, 1500, 12 * second),
        channel(3, 655, "imaged", 40_001, 1400, 30 * second),
    ];
    let slow = &mut connections[1].counters;
    slow.dispatched = 50 * second;
    slow.event_bytes = 1200 * second;
    if second >= 2 {
        slow.flow_control = 1;
        slow.flow_control_count = 1;
        slow.events_queued = 64;
        slow.events_queued_max = 64;
        slow.events_dropped = 20 * (second - 1);
    }
    connections[2].counters.overload = 2 * second;
    if second >= 4 {
        connections.remove(2);
    }
    Channels {
        read_at: START + Duration::from_secs(second) + Duration::from_millis(2),
        connections,
        scan: ChannelScan {
            processes: 80,
            unreadable_processes: 3,
            ..ChannelScan::default()
        },
        endpoints: vec![
            endpoint(4, 640, "clockd", 1 + second, 0),
            endpoint(5, 655, "imaged", 20 * second, 6 * second),
        ],
    }
}

fn endpoint(id: u64, pid: u32, comm: &str, accepted: u64, refused: u64) -> Endpoint {
    Endpoint {
        id,
        server_pid: pid,
        server_comm: comm.into(),
        address: Some(format!("@{comm}").as_str().into()),
        started_at: START - Duration::from_secs(60),
        counters: EndpointCounters {
            accepted,
            connected: accepted - refused,
            connections: 2,
            connections_max: 3,
            memory_bytes: 264_192,
            memory_bytes_max: 396_288,
            refused_denied: refused / 3 * 2,
            refused_overloaded: refused / 3,
            ..EndpointCounters::default()
        },
    }
}

fn channel(id: u64, pid: u32, comm: &str, service: u16, client: u32, requests: u64) -> Channel {
    let mut latency = LatencyHistogram::default();
    latency.counts[9] = requests / 20;
    latency.counts[10] = requests / 64;
    latency.counts[17] = requests / 800;
    Channel {
        id,
        server_pid: pid,
        server_comm: comm.into(),
        client_pid: client,
        client_uid: 1000,
        service,
        connection: id + 10,
        started_at: START - Duration::from_secs(30 + id),
        counters: ChannelCounters {
            requests,
            responses: requests - requests / 100,
            failed: requests / 100,
            queue_size_max: 3,
            request_bytes: requests * 40,
            response_bytes: requests * 100,
            ..ChannelCounters::default()
        },
        latency,
    }
}

#[allow(unused_imports)]
pub(crate) use measured::probed;

/// A bus of so many peers and groups.
pub(crate) fn crowd(count: u64, second: u64) -> Snapshot {
    let peers = (1..=count)
        .map(|id| {
            peer(
                id,
                5000 + id as u32,
                2000 + id as u32,
                "worker",
                &[&format!("worker-{id:04}")],
                traffic(id * second, second),
            )
        })
        .collect();
    let groups = (1..=count)
        .map(|id| {
            group(
                id,
                &format!("group-{id:04}"),
                Some((id, 5000 + id as u32, "owner")),
                3,
                published(id * second, 3, 0),
            )
        })
        .collect();
    Snapshot {
        taken_at: START + Duration::from_secs(second),
        bus: Some(Bus::default()),
        peers,
        groups,
        ..Snapshot::default()
    }
}

fn events(second: u64) -> Vec<Event> {
    let at = |millis| START + Duration::from_secs(second) - Duration::from_millis(millis);
    let named = |sequence, millis, kind, name: &str, port, pid| Event {
        sequence,
        time: at(millis),
        pid,
        kind,
        name: Some(name.into()),
        port: Some(port),
        group_id: None,
    };
    match second {
        1 => vec![named(7, 480, EventKind::ServiceAdd, "visitor", 4107, 1500)],
        3 => vec![
            named(8, 210, EventKind::ServiceRemove, "visitor", 4107, 1500),
            Event {
                sequence: 9,
                time: at(209),
                pid: 1500,
                kind: EventKind::PeerRemove,
                name: None,
                port: Some(4107),
                group_id: None,
            },
        ],
        _ => Vec::new(),
    }
}

/// A peer with a queue limit of 208 KiB, made a minute before the first snapshot.
pub(crate) fn peer(
    id: u64,
    port: u32,
    pid: u32,
    comm: &str,
    names: &[&str],
    counters: Counters,
) -> Peer {
    let created_at = START - Duration::from_secs(60);
    let services = names.iter().map(|&name| Service {
        id: id * 10,
        name: name.into(),
        created_at,
    });
    Peer {
        id,
        port,
        pid,
        uid: 1000,
        comm: comm.into(),
        created_at,
        services: services.collect(),
        queue_bytes: 2304 * (id % 3),
        queue_limit: 212_992,
        queue_oldest: (!id.is_multiple_of(3)).then_some(Duration::from_micros(310)),
        counters,
        ..Peer::default()
    }
}

fn traffic(sent: u64, delivered: u64) -> Counters {
    Counters {
        sent_unicast_messages: sent,
        sent_unicast_bytes: sent * 64,
        sent_multicast_messages: sent / 10,
        sent_multicast_bytes: sent / 10 * 256,
        delivered_unicast_messages: delivered,
        delivered_unicast_bytes: delivered * 64,
        delivered_multicast_messages: delivered / 5,
        delivered_multicast_bytes: delivered / 5 * 256,
        ..Counters::default()
    }
}

fn published(sent: u64, members: u64, dropped: u64) -> GroupCounters {
    GroupCounters {
        sent_messages: sent,
        sent_bytes: sent * 256,
        delivered_messages: sent * members - dropped,
        delivered_bytes: (sent * members - dropped) * 256,
        dropped_queue_full: dropped,
        ..GroupCounters::default()
    }
}

fn group(
    id: u64,
    name: &str,
    owner: Option<(u64, u32, &str)>,
    members: u32,
    counters: GroupCounters,
) -> Group {
    let (owner_id, owner_port, owner_name) = owner.unwrap_or((0, 0, ""));
    Group {
        id,
        name: name.into(),
        owner_id,
        owner_port,
        owner_name: owner.map(|_| SafeText::from(owner_name)),
        created_at: START - Duration::from_secs(59),
        members,
        last_len: Some(256),
        counters,
        ..Group::default()
    }
}

fn source(name: Source, state: SourceState, lost: u64) -> SourceStatus {
    SourceStatus {
        name,
        state,
        lost,
        duration: Some(Duration::from_micros(310)),
    }
}

fn sum_of(a: Counters, b: Counters) -> Counters {
    Counters {
        sent_unicast_messages: a.sent_unicast_messages + b.sent_unicast_messages,
        sent_unicast_bytes: a.sent_unicast_bytes + b.sent_unicast_bytes,
        sent_multicast_messages: a.sent_multicast_messages + b.sent_multicast_messages,
        sent_multicast_bytes: a.sent_multicast_bytes + b.sent_multicast_bytes,
        delivered_unicast_messages: a.delivered_unicast_messages + b.delivered_unicast_messages,
        delivered_unicast_bytes: a.delivered_unicast_bytes + b.delivered_unicast_bytes,
        delivered_multicast_messages: a.delivered_multicast_messages
            + b.delivered_multicast_messages,
        delivered_multicast_bytes: a.delivered_multicast_bytes + b.delivered_multicast_bytes,
        refused_queue_full: a.refused_queue_full + b.refused_queue_full,
        refused_no_peer: a.refused_no_peer + b.refused_no_peer,
        refused_no_memory: a.refused_no_memory + b.refused_no_memory,
        dropped_queue_full: a.dropped_queue_full + b.dropped_queue_full,
        dropped_no_memory: a.dropped_no_memory + b.dropped_no_memory,
    }
}
