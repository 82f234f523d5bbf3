// SPDX-License-Identifier: MIT OR Apache-2.0

//! Whether all who tell what the bus counted agree, to the message: the module's own dump, the report of `ipcon-top`,
//! and the page of `ipcon-exporter`. Both observers run in this process.

use std::collections::BTreeMap;
use std::time::Duration;

use ipcon_exporter::metrics::{self, Parts, Scrape};
use ipcon_observe::fields::{BUS_FIELDS, Field, Kind, PEER_FIELDS};
use ipcon_observe::ledger::Limits;
use ipcon_observe::{Ledger, Options, Snapshot};
use ipcon_top::args::Format;
use ipcon_top::frugal::Frugal;
use ipcon_top::once;
use libipcon::{BusInfo, Counters, PeerInfo};
use serde_json::Value;

/// Checks that the report and the page have what the dumps `bus` and `peers` of this thread's bus had. The bus must
/// be quiet.
pub fn assert_observers_agree(bus: &BusInfo, peers: &[PeerInfo]) {
    let report = report();
    assert_report(&report, bus, peers);
    let page = page(&report.snapshot);
    for total in totals(&bus.counters) {
        let told = total.on(&page);
        assert_eq!(told, Some(total.count), "{} of the exporter", total.query());
    }
}

/// Both observers read the dumps alone: as peers of the bus they would be part of what is compared, and the probes see
/// the buses of all network namespaces.
fn report() -> once::Report {
    let options = Options {
        probes: false,
        kevents: false,
        channels: false,
        latency: false,
    };
    // The process of the tests goes on with all its capabilities.
    let mut collector = Frugal::open(options, true).expect("open the bus to observe it");
    once::measure(&mut collector, Duration::ZERO, |_| {}).expect("read the bus as ipcon-top does")
}

fn assert_report(report: &once::Report, bus: &BusInfo, peers: &[PeerInfo]) {
    let text = report.print(Format::Json).expect("print the report");
    let report: Value = serde_json::from_str(&text).expect("the report is JSON");
    assert_counters(&report["bus"], &bus.counters, "the bus");
    let rows = report["peers"].as_array().expect("the report has peers");
    let by_id = rows.iter().map(|row| (row["id"].as_u64(), row));
    let by_id: BTreeMap<_, _> = by_id.collect();
    assert_eq!(by_id.len(), peers.len(), "peers in the report");
    for peer in peers {
        let row = by_id.get(&Some(peer.id));
        let row = row.unwrap_or_else(|| panic!("peer {} is not in the report", peer.id));
        assert_counters(row, &peer.counters, &format!("peer {}", peer.id));
    }
}

fn assert_counters(told: &Value, counted: &Counters, of: &str) {
    for (key, count) in by_key(counted) {
        assert_eq!(told[key], count, "{key} of {of} in the report of ipcon-top");
    }
}

fn page(snapshot: &Snapshot) -> String {
    let mut ledger = Ledger::new(Limits::default());
    ledger.apply(snapshot);
    let scrape = Scrape {
        snapshot: Some(snapshot),
        ledger: &ledger,
        probes_wanted: false,
        process: None,
    };
    metrics::page(&scrape, Parts::ALL).expect("encode the metrics")
}

/// The counters of a dump by the names that they have with the observers.
fn by_key(of: &Counters) -> [(&'static str, u64); 13] {
    [
        ("sent_unicast_messages", of.sent_unicast_messages),
        ("sent_unicast_bytes", of.sent_unicast_bytes),
        ("sent_multicast_messages", of.sent_multicast_messages),
        ("sent_multicast_bytes", of.sent_multicast_bytes),
        ("delivered_unicast_messages", of.delivered_unicast_messages),
        ("delivered_unicast_bytes", of.delivered_unicast_bytes),
        (
            "delivered_multicast_messages",
            of.delivered_multicast_messages,
        ),
        ("delivered_multicast_bytes", of.delivered_multicast_bytes),
        ("refused_queue_full", of.refused_queue_full),
        ("refused_no_peer", of.refused_no_peer),
        ("refused_no_memory", of.refused_no_memory),
        ("dropped_queue_full", of.dropped_queue_full),
        ("dropped_no_memory", of.dropped_no_memory),
    ]
}

/// What the samples of a family that have these labels add up to.
#[derive(Debug)]
pub struct Total {
    family: &'static str,
    labels: &'static [(&'static str, &'static str)],
    /// What the module counted.
    pub count: u64,
}

impl Total {
    /// As a query to Prometheus.
    pub fn query(&self) -> String {
        let labels = self.labels.iter();
        let labels: Vec<_> = labels
            .map(|(name, value)| format!("{name}='{value}'"))
            .collect();
        format!("sum({}{{{}}})", self.family, labels.join(","))
    }

    /// The same on a page of the exporter. `None` when there is no such sample.
    fn on(&self, page: &str) -> Option<u64> {
        let samples = page.lines().filter_map(|line| {
            let sample = line.strip_prefix(self.family)?.strip_prefix('{')?;
            let mut labels = self.labels.iter();
            let has = |(name, value): &(_, _)| sample.contains(&format!("{name}=\"{value}\""));
            labels.all(has).then_some(sample)
        });
        let values = samples.map(|sample| sample.rsplit(' ').next()?.parse::<u64>().ok());
        values.reduce(|sum, value| Some(sum? + value?))?
    }
}

/// Everything that the exporter tells of these counters of a bus.
pub fn totals(counters: &Counters) -> Vec<Total> {
    let counted = by_key(counters);
    let total = |key, metric: Option<&ipcon_observe::fields::Metric>| {
        let (_, count) = counted.iter().find(|(known, _)| *known == key)?;
        let metric = metric?;
        Some(Total {
            family: metric.family.name,
            labels: metric.labels,
            count: *count,
        })
    };
    let of_peers = exported(PEER_FIELDS).map(|field| total(field.key, field.metric.as_ref()));
    let of_bus = exported(BUS_FIELDS).map(|field| total(field.key, field.metric.as_ref()));
    let totals: Vec<_> = of_peers.chain(of_bus).flatten().collect();
    assert_eq!(totals.len(), counted.len(), "each counter is exported once");
    totals
}

fn exported<R>(fields: &'static [Field<R>]) -> impl Iterator<Item = &'static Field<R>> {
    let counters = fields.iter().filter(|field| field.kind == Kind::Counter);
    counters.filter(|field| field.metric.is_some())
}
