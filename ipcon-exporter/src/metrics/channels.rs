// SPDX-License-Identifier: MIT OR Apache-2.0
//! Connections of coroipc, from the pages of the servers and the ledger. Most families come from the field table.

use std::collections::BTreeMap;

use ipcon_observe::fields::{CHANNEL_FIELDS, Kind};
use ipcon_observe::ledger::{self, ChannelLabel};
use ipcon_observe::model::{Channel, Channels, LatencyHistogram};

use super::families::Families;
use super::{Scrape, endpoints};

/// Adds the families of the channels and of their endpoints. Totals stay while channels cannot be read; what is now is absent then.
pub(super) fn collect(scrape: &Scrape<'_>, families: &mut Families) {
    totals(scrape.ledger.channels(), families);
    endpoints::collect(scrape, families);
    let channels = scrape
        .snapshot
        .and_then(|snapshot| snapshot.channels.as_ref());
    if let Some(channels) = channels {
        gauges(channels, scrape.ledger.channels(), families);
        scan(channels, families);
    }
}

fn totals(ledger: &ledger::Channels, families: &mut Families) {
    for (label, totals) in ledger.totals() {
        let fields = ledger::Channels::fields().filter_map(|field| field.metric.as_ref());
        for (metric, &count) in fields.zip(totals.counters) {
            let labels = labels(label, metric.labels);
            families.counter(metric.family.name, metric.family.help, &labels, count);
        }
        times(label, totals.times, families);
    }
}

/// Buckets of the page that are exported as one: four times as long as the one before, from a quarter of a microsecond
/// to a second.
const BOUNDS: [usize; 12] = [8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30];

fn times(label: ChannelLabel<'_>, counts: &[u64], families: &mut Families) {
    let sum = |counts: &[u64]| {
        counts
            .iter()
            .fold(0u64, |sum, &count| sum.saturating_add(count))
    };
    let mut next = 0;
    let buckets = BOUNDS.iter().map(|&bucket| {
        let observations = sum(&counts[next..=bucket]);
        next = bucket + 1;
        (inclusive_bound(bucket), observations)
    });
    // Collected first, since what is above comes after the last bound.
    let buckets: Vec<_> = buckets.collect();
    families.histogram(
        "ipcon_channel_request_duration_seconds",
        "Time from reading a request to answering it; one of sixteen is timed. The sum is not measured.",
        &labels(label, &[]),
        buckets.into_iter(),
        sum(&counts[next..]),
        f64::NAN,
    );
}

/// The longest time of a bucket, in seconds: its times are less than its bound, in whole nanoseconds.
fn inclusive_bound(bucket: usize) -> f64 {
    let bound = LatencyHistogram::bound(bucket).map_or(0, |bound| bound.as_nanos() as u64);
    bound.saturating_sub(1) as f64 / 1e9
}

/// What is now, added up over the connections of a label.
fn gauges(channels: &Channels, ledger: &ledger::Channels, families: &mut Families) {
    gauge(
        channels,
        ledger,
        "ipcon_channel_connections",
        "Connections of coroipc clients.",
        |_| Some(1.0),
        families,
    );
    gauge(
        channels,
        ledger,
        "ipcon_channel_held_back_connections",
        "Connections whose events are held back, since the client does not read them.",
        |row| Some(f64::from(u8::from(row.counters.flow_control > 0))),
        families,
    );
    for field in CHANNEL_FIELDS
        .iter()
        .filter(|field| field.kind == Kind::Gauge)
    {
        if let Some(metric) = &field.metric {
            let of = |row: &Channel| (field.get)(row).and_then(|value| value.as_f64());
            gauge(
                channels,
                ledger,
                metric.family.name,
                metric.family.help,
                of,
                families,
            );
        }
    }
}

fn gauge(
    channels: &Channels,
    ledger: &ledger::Channels,
    name: &'static str,
    help: &'static str,
    of: impl Fn(&Channel) -> Option<f64>,
    families: &mut Families,
) {
    let mut sums = BTreeMap::new();
    for row in &channels.connections {
        if let (Some(label), Some(value)) = (ledger.label(row.id), of(row)) {
            *sums.entry(label).or_insert(0.0) += value;
        }
    }
    for (label, sum) in sums {
        families.gauge(name, help, &labels(label, &[]), sum);
    }
}

/// How much of the machine was seen.
fn scan(channels: &Channels, families: &mut Families) {
    let scan = channels.scan;
    let readable = scan.processes.saturating_sub(scan.unreadable_processes);
    for (state, processes) in [
        ("readable", readable),
        ("unreadable", scan.unreadable_processes),
    ] {
        families.gauge(
            "ipcon_channel_processes",
            "Processes by whether their descriptors may be looked at: servers among the unreadable are not seen.",
            &[("state", state)],
            processes as f64,
        );
    }
    for (reason, count) in [
        (
            "too_many",
            scan.left_out_connections
                .saturating_add(scan.left_out_endpoints),
        ),
        ("not_a_page", scan.rejected_files),
    ] {
        families.gauge(
            "ipcon_channel_left_out_files",
            "Files named as a server's page of statistics that are not counted.",
            &[("reason", reason)],
            count as f64,
        );
    }
}

fn labels<'l>(label: ChannelLabel<'l>, more: &[(&'l str, &'l str)]) -> Vec<(&'l str, &'l str)> {
    let mut labels = vec![("server", label.server), ("service", label.service)];
    labels.extend_from_slice(more);
    labels
}
