// SPDX-License-Identifier: MIT OR Apache-2.0
//! The whole page, from fixed snapshots, against a file.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use ipcon_observe::ledger::Limits;
use ipcon_observe::model::{
    Bus, Channel, ChannelCounters, ChannelScan, Channels, Counters, Endpoint, EndpointCounters,
    EventKind, Exception, ExceptionKind, Group, GroupCounters, Kevents, Kind, KindLatency, Lost,
    MapFill, PROBE_BACKEND, Peer, Probe, Probes, QueueLatency, RequestErrors, RunTime, Service,
    SizeHistogram, Source, SourceState, SourceStatus,
};
use ipcon_observe::{Ledger, Snapshot};

use super::*;

/// A bus with named and anonymous peers, a slow reader, a hostile name and losses.
pub(super) fn busy() -> Snapshot {
    let mut kevents = Kevents {
        lost: 3,
        resyncs: 1,
        ..Kevents::default()
    };
    kevents.count(EventKind::ServiceAdd);
    kevents.count(EventKind::PeerRemove);
    Snapshot {
        taken_at: Duration::from_secs(100),
        bus: Some(Bus {
            started_at: Some(Duration::from_secs(1)),
            peers: 5,
            services: 4,
            groups: 1,
            memberships: 2,
            counters: totals(),
            ..Bus::default()
        }),
        peers: vec![
            peer(1, &["logd", "logd.control"], 10),
            peer(2, &[], 200),
            peer(3, &[], 3000),
            peer(4, &["evil\"\n\u{1b}[2J\\"], 40_000),
            peer(5, &["too.many"], 500_000),
        ],
        groups: vec![group(1, "ipcon_kevent", 0), group(9, "news", 1)],
        probes: Some(probes()),
        kevents: Some(kevents),
        sources: vec![
            status(Source::Dumps, SourceState::On, Some(1250)),
            status(
                Source::Kevents,
                SourceState::Failed {
                    reason: "gone".into(),
                },
                Some(10),
            ),
            status(Source::Probes, SourceState::On, Some(300)),
            status(Source::Channels, SourceState::On, Some(700)),
        ],
        channels: Some(channels()),
        exceptions: [
            ExceptionKind::default(),
            ExceptionKind::default(),
            ExceptionKind::Failed {
                peer_id: 1,
                command: "group_join".into(),
                errno: "ENOENT".into(),
            },
        ]
        .map(|what| Exception {
            time: Duration::from_secs(99),
            what,
        })
        .into(),
        ..Snapshot::default()
    }
}

/// As many messages waited for the least time, some for a second, and one for longer than any bound.
fn latency(quick: u64) -> QueueLatency {
    let mut latency = QueueLatency::default();
    (latency.counts[0], latency.counts[20]) = (quick, 7);
    latency.counts[QueueLatency::BUCKETS - 1] = 1;
    latency.sum_nanos = 27_250_000_000;
    latency
}

/// Two connections of a service, one of a server with a hostile name, and one too many; endpoints of the same servers.
fn channels() -> Channels {
    Channels {
        connections: vec![
            channel(1, "clockd", 7, 3200),
            channel(2, "clockd", 7, 160),
            channel(3, "evil\"\n\u{1b}[2J", 65_535, 40),
            channel(4, "too-many", 1, 16),
        ],
        endpoints: vec![
            endpoint(5, "clockd", 3),
            endpoint(6, "clockd", 4),
            endpoint(7, "evil\"\n\u{1b}[2J", 1),
            endpoint(8, "too-many", 2),
        ],
        scan: ChannelScan {
            processes: 90,
            unreadable_processes: 12,
            left_out_connections: 3,
            left_out_endpoints: 2,
            cut_processes: 0,
            rejected_files: 1,
        },
        ..Channels::default()
    }
}

fn channel(id: u64, comm: &str, service: u16, requests: u64) -> Channel {
    let mut channel = Channel {
        id,
        server_pid: 70 + id as u32,
        client_pid: 170 + id as u32,
        server_comm: comm.into(),
        service,
        counters: ChannelCounters {
            requests,
            responses: requests.saturating_sub(id),
            dispatched: 2 * requests,
            queue_size: id,
            flow_control: id % 2,
            flow_control_count: 3 * id,
            overload: id,
            no_reply: id,
            request_bytes: 30 * requests,
            events_dropped: id,
            events_queued: 5 * id,
            ..ChannelCounters::default()
        },
        ..Channel::default()
    };
    channel.latency.counts[8] = requests / 32;
    channel.latency.counts[9] = requests / 40;
    channel.latency.counts[38] = 1;
    channel
}

fn endpoint(id: u64, comm: &str, connections: u64) -> Endpoint {
    Endpoint {
        id,
        server_pid: 70 + id as u32,
        server_comm: comm.into(),
        counters: EndpointCounters {
            accepted: 100 * id,
            connected: 90 * id,
            connections,
            connections_max: 2 * connections,
            memory_bytes: 65_536 * connections,
            memory_bytes_max: 131_072 * connections,
            refused_denied: 7 * id,
            refused_overloaded: 2 * id,
            refused_other: id,
            ..EndpointCounters::default()
        },
        ..Endpoint::default()
    }
}

fn peer(id: u64, names: &[&str], sent: u64) -> Peer {
    let services = names.iter().map(|&name| Service {
        name: name.into(),
        ..Service::default()
    });
    Peer {
        id,
        port: 4000 + id as u32,
        pid: 70 + id as u32,
        queue_bytes: 1000 * id,
        queue_limit: 212_992,
        // Of the last one it is not known how long what it has waits.
        queue_oldest: (id < 5).then(|| Duration::from_millis(250 * id)),
        queue_latency: (id < 5).then(|| latency(sent)),
        services: services.collect(),
        counters: Counters {
            sent_unicast_messages: sent,
            sent_unicast_bytes: 20 * sent,
            delivered_unicast_messages: sent - 1,
            delivered_multicast_messages: 2 * sent,
            dropped_queue_full: id,
            ..Counters::default()
        },
        ..Peer::default()
    }
}

/// What the peers above counted, and one peer that left unseen after it had sent 6 messages.
fn totals() -> Counters {
    Counters {
        sent_unicast_messages: 543_216,
        sent_unicast_bytes: 20 * 543_210 + 90,
        delivered_unicast_messages: 543_205,
        delivered_multicast_messages: 1_086_420,
        refused_queue_full: 7,
        refused_no_peer: 4,
        dropped_queue_full: 15,
        ..Counters::default()
    }
}

fn group(id: u64, name: &str, unheard: u64) -> Group {
    Group {
        id,
        name: name.into(),
        members: 2,
        unheard_messages: unheard,
        counters: GroupCounters {
            sent_messages: 100 * id,
            sent_bytes: 4000 * id,
            delivered_messages: 199 * id,
            delivered_bytes: 7960 * id,
            replayed_messages: 1,
            replayed_bytes: 40,
            dropped_queue_full: id,
            dropped_no_memory: 0,
        },
        ..Group::default()
    }
}

fn probes() -> Probes {
    let sizes = |kind, counts: [u64; 4], sum| SizeHistogram {
        kind,
        bounds: vec![16, 64, 4096],
        counts: counts.into(),
        sum,
    };
    Probes {
        probes: vec![Probe {
            name: "ipcon_send".into(),
            backend: PROBE_BACKEND.into(),
            attached: true,
            seen: 110,
            counted: 108,
            lost: vec![Lost {
                reason: "peers_full".into(),
                events: 2,
            }],
            missed: Some(1),
            run_time: Some(RunTime {
                runs: 111,
                time: Duration::from_micros(222),
            }),
        }],
        maps: vec![MapFill {
            map: "peers".into(),
            entries: 5,
            limit: 16_384,
        }],
        sizes: vec![
            sizes(Kind::Unicast, [1, 20, 300, 4], 123_456),
            sizes(Kind::Multicast, [0, 0, 0, 0], 0),
        ],
        queue_latencies: [(Kind::Unicast, 500), (Kind::Multicast, 0)]
            .map(|(kind, quick)| KindLatency {
                kind,
                latency: latency(quick),
            })
            .into(),
        request_errors: [("service_register", "EEXIST", 2), ("other", "other", 1)]
            .map(|(command, errno, requests)| RequestErrors {
                command: command.into(),
                errno: errno.into(),
                requests,
            })
            .into(),
        unreported_exceptions: 9,
        ..Probes::default()
    }
}

fn status(name: Source, state: SourceState, micros: Option<u64>) -> SourceStatus {
    SourceStatus {
        name,
        state,
        lost: 0,
        duration: micros.map(Duration::from_micros),
    }
}

fn render(snapshot: Option<&Snapshot>, probes_wanted: bool) -> String {
    let limits = Limits {
        peers: 2,
        groups: 2,
        channels: 2,
        ..Limits::default()
    };
    let mut ledger = Ledger::new(limits);
    if let Some(snapshot) = snapshot {
        ledger.apply(snapshot);
    }
    let scrape = Scrape {
        snapshot,
        ledger: &ledger,
        probes_wanted,
        process: Some(&usage()),
    };
    page(&scrape, Parts::ALL).unwrap()
}

fn usage() -> Usage {
    Usage {
        cpu: Duration::from_millis(1250),
        open_files: 12,
        most_files: Some(1024),
        virtual_memory: 4_000_000,
        resident_memory: 3_000_000,
        started_at: 1_700_000_000.25,
        threads: 2,
    }
}

/// Compares a page with the file of that name; `UPDATE_GOLDEN=1` writes the file instead.
fn check_golden(name: &str, page: &str) {
    let page = page
        .replace(env!("CARGO_PKG_VERSION"), "VERSION")
        .replace(env!("IPCON_REVISION"), "REVISION")
        .replace(env!("IPCON_RUSTC"), "RUSTC");
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap();
    let differs = golden
        .lines()
        .zip(page.lines())
        .find(|(golden, page)| golden != page);
    assert_eq!(differs, None, "first line that differs (file, page)");
    assert_eq!(golden.lines().count(), page.lines().count());
}

/// Lets Prometheus's own tool, from PATH or `PROMTOOL`, judge a page.
fn check_promtool(page: &str) {
    let program = std::env::var_os("PROMTOOL").unwrap_or_else(|| "promtool".into());
    let promtool = Command::new(program)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .spawn();
    let mut promtool = match promtool {
        Ok(promtool) => promtool,
        Err(error) => {
            // Past the capture of the test harness, so that it is seen.
            let mut stderr = std::io::stderr();
            _ = writeln!(
                stderr,
                "not checked by promtool ({error}): install the package prometheus"
            );
            return;
        }
    };
    promtool
        .stdin
        .take()
        .unwrap()
        .write_all(page.as_bytes())
        .unwrap();
    assert!(
        promtool.wait().unwrap().success(),
        "promtool finds fault, see above"
    );
}

#[test]
fn a_busy_bus() {
    let page = render(Some(&busy()), true);
    check_golden("busy.prom", &page);
    check_promtool(&page);
}

#[test]
fn without_probes_and_kevents() {
    let mut snapshot = Snapshot {
        probes: None,
        kevents: None,
        channels: None,
        exceptions: Vec::new(),
        sources: vec![
            status(Source::Dumps, SourceState::On, Some(1250)),
            status(
                Source::Kevents,
                SourceState::Off {
                    reason: "not asked for".into(),
                },
                None,
            ),
            status(
                Source::Probes,
                SourceState::Off {
                    reason: "not permitted".into(),
                },
                None,
            ),
        ],
        ..busy()
    };
    for peer in &mut snapshot.peers {
        peer.queue_latency = None;
    }
    let page = render(Some(&snapshot), true);
    check_golden("dumps_only.prom", &page);
    check_promtool(&page);
    for absent in [
        "ipcon_message_size_bytes",
        "ipcon_queue_latency_seconds",
        "ipcon_read_messages_total",
        "ipcon_request_errors_total",
        "exceptions_total",
        "ipcon_kernel_events_total",
    ] {
        assert!(!page.contains(absent), "{absent} is not measured");
    }
    let age = "ipcon_receive_queue_oldest_age_seconds{peer=\"logd\"} 0.25\n";
    assert!(page.contains(age), "the module tells it");
    let page = render(Some(&snapshot), false);
    assert!(
        !page.contains("ipcon_exporter_probe_attached"),
        "nobody asked for probes"
    );
}

#[test]
fn without_a_bus() {
    let page = render(None, true);
    check_golden("no_bus.prom", &page);
    check_promtool(&page);
}

/// No bus, and no channels wanted either, is the page above.
#[test]
fn channels_without_a_bus() {
    let off = SourceState::Off {
        reason: "cannot read the bus".into(),
    };
    let snapshot = Snapshot {
        taken_at: Duration::from_secs(100),
        channels: Some(channels()),
        sources: vec![
            status(Source::Dumps, off, None),
            status(Source::Channels, SourceState::On, Some(700)),
        ],
        ..Snapshot::default()
    };
    let page = render(Some(&snapshot), true);
    check_golden("channels_only.prom", &page);
    check_promtool(&page);
    assert!(page.contains("ipcon_up 0\n"), "{page}");
    assert!(!page.contains("ipcon_peers"), "absent and not zero");
}

#[test]
fn times_are_where_they_belong() {
    let page = render(Some(&busy()), true);
    let value = |le: &str| {
        let start = format!(
            "ipcon_channel_request_duration_seconds_bucket{{server=\"clockd\",service=\"7\",le=\"{le}\"}} "
        );
        page.lines()
            .find_map(|line| line.strip_prefix(&start))
            .unwrap()
            .to_owned()
    };
    // 105 took less than 256 ns, 84 less than 512 ns, two longer than a second.
    assert_eq!(value("0.000000255"), "105");
    assert_eq!(value("0.000001023"), "189");
    assert_eq!(value("1.073741823"), "189");
    assert_eq!(value("+Inf"), "191");
}

#[test]
fn ten_thousand_channels_give_a_bounded_page() {
    let mut snapshot = busy();
    let rows = (1..=10_000).map(|id| channel(id, &format!("server.{}", id % 5000), 1, 160));
    let channels = snapshot.channels.as_mut().unwrap();
    channels.connections = rows.collect();
    let rows = (1..=10_000).map(|id| Endpoint {
        counters: EndpointCounters {
            refused_denied: 10,
            ..EndpointCounters::default()
        },
        ..endpoint(id, &format!("server.{}", id % 5000), 1)
    });
    channels.endpoints = rows.collect();
    let mut ledger = Ledger::new(Limits::default());
    ledger.apply(&snapshot);
    let scrape = Scrape {
        snapshot: Some(&snapshot),
        ledger: &ledger,
        probes_wanted: true,
        process: None,
    };
    let page = page(&scrape, Parts::ALL).unwrap();
    let of = |name: &'static str| page.lines().filter(move |line| line.starts_with(name));
    let requests: f64 = of("ipcon_channel_requests_total{")
        .map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap())
        .sum();
    assert_eq!(requests, 1_600_000.0, "none is lost by folding");
    assert_eq!(of("ipcon_channel_requests_total{").count(), 201);
    let refused: f64 = of("ipcon_channel_refused_connections_total{")
        .map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap())
        .sum();
    assert_eq!(refused, 100_000.0, "none is lost by folding");
    assert_eq!(of("ipcon_channel_accepted_connections_total{").count(), 201);
    assert!(page.len() < 2_000_000, "{} bytes", page.len());
    assert!(!page.contains("pid"), "no process has a label");
}

#[test]
fn ten_thousand_peers_give_a_bounded_page() {
    let name = |id| format!("service.{id}");
    let mut snapshot = busy();
    snapshot.peers = (1..=10_000).map(|id| peer(id, &[&name(id)], 5)).collect();
    let mut ledger = Ledger::new(Limits::default());
    ledger.apply(&snapshot);
    let scrape = Scrape {
        snapshot: Some(&snapshot),
        ledger: &ledger,
        probes_wanted: true,
        process: None,
    };
    let page = page(&scrape, Parts::ALL).unwrap();
    let labels: std::collections::BTreeSet<_> = page
        .lines()
        .filter_map(|line| line.split("peer=\"").nth(1)?.split('"').next())
        .collect();
    assert_eq!(
        labels.len(),
        203,
        "200 names, _anonymous, _departed and _other"
    );
    assert!(page.contains("ipcon_exporter_series_folded_total{label=\"peer\"} 9800"));
}

#[test]
fn the_lost_events_are_those_that_the_sources_lost() {
    let snapshot = busy();
    let probes = snapshot.probes.iter().flat_map(|probes| &probes.probes);
    let blind_to: u64 = probes.map(Probe::blind_to).sum();
    let kevents = snapshot.kevents.map_or(0, |kevents| kevents.lost);
    let page = render(Some(&snapshot), true);
    let told: u64 = page
        .lines()
        .filter(|line| line.starts_with("ipcon_exporter_lost_events_total{"))
        .map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap())
        .sum();
    assert_eq!(told, blind_to + kevents);
}

#[test]
fn the_sum_over_peers_is_what_the_bus_counted() {
    let page = render(Some(&busy()), true);
    let sum: f64 = page
        .lines()
        .filter(|line| line.starts_with("ipcon_sent_messages_total{"))
        .filter(|line| line.contains("kind=\"unicast\""))
        .map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap())
        .sum();
    assert_eq!(sum, 543_216.0);
}

#[test]
fn the_bounds_of_waiting_times_are_exact_powers_of_two() {
    let page = render(Some(&busy()), true);
    let start = "ipcon_queue_latency_seconds_bucket{kind=\"unicast\",le=\"";
    let bounds = page
        .lines()
        .filter_map(|line| line.strip_prefix(start)?.split('"').next());
    let bounds: Vec<f64> = bounds.map(|bound| bound.parse().unwrap()).collect();
    let exact: Vec<_> = (-20..=4).map(|log2| f64::from(log2).exp2()).collect();
    assert_eq!(bounds, [exact, vec![f64::INFINITY]].concat());
}

/// The age of the oldest message of these peers, by label.
fn ages(peers: Vec<Peer>) -> Vec<String> {
    let page = render(Some(&Snapshot { peers, ..busy() }), true);
    let start = "ipcon_receive_queue_oldest_age_seconds{peer=";
    let lines = page.lines().filter_map(|line| line.strip_prefix(start));
    lines.map(str::to_owned).collect()
}

#[test]
fn the_age_of_the_oldest_message_is_zero_where_none_waits() {
    // With probes and without.
    for latency in [None, Some(QueueLatency::default())] {
        let waiting = |queue_bytes, oldest: Option<u64>| Peer {
            queue_bytes,
            queue_oldest: oldest.map(Duration::from_secs),
            queue_latency: latency,
            ..peer(1, &["a"], 1)
        };
        assert_eq!(ages(vec![waiting(900, Some(7))]), ["\"a\"} 7"]);
        assert_eq!(ages(vec![waiting(0, None)]), ["\"a\"} 0"]);
        let unknown = "what waits has no time";
        assert!(ages(vec![waiting(900, None)]).is_empty(), "{unknown}");
        // Of those that share a label, the one that waits longest counts.
        let mut shared = [(2, 3), (3, 9), (4, 5)].map(|(id, age)| Peer {
            id,
            services: Vec::new(),
            ..waiting(900, Some(age))
        });
        shared[2].queue_oldest = None;
        assert_eq!(ages(shared.into()), ["\"_anonymous\"} 9"]);
    }
}

#[test]
fn the_age_of_the_oldest_message_is_a_part_of_the_dumps() {
    let snapshot = busy();
    let mut ledger = Ledger::new(Limits::default());
    ledger.apply(&snapshot);
    let has_age = |query| {
        let scrape = Scrape {
            snapshot: Some(&snapshot),
            ledger: &ledger,
            probes_wanted: true,
            process: None,
        };
        let page = page(&scrape, Parts::from_query(query).unwrap()).unwrap();
        page.contains("ipcon_receive_queue_oldest_age_seconds{")
    };
    assert!(has_age("collect[]=dumps"));
    assert!(!has_age("exclude[]=dumps"));
}
