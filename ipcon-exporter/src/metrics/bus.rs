// SPDX-License-Identifier: MIT OR Apache-2.0
//! Peers, groups and the bus, from the dumps and the ledger. Most families come from the field table.

use std::collections::BTreeMap;

use ipcon_observe::fields::{BUS_FIELDS, Field, GROUP_FIELDS, Kind, Metric, PEER_FIELDS};
use ipcon_observe::model::Peer;
use ipcon_observe::{Ledger, Snapshot};

use super::Scrape;
use super::families::Families;

/// Adds the families of the bus.
pub(super) fn collect(scrape: &Scrape<'_>, families: &mut Families) {
    let found = scrape
        .snapshot
        .and_then(|snapshot| Some((snapshot, snapshot.bus.as_ref()?)));
    let up = f64::from(u8::from(found.is_some()));
    families.gauge("ipcon_up", "Whether the bus could be read.", &[], up);
    let Some((snapshot, bus)) = found else {
        return;
    };

    peers_by_type(snapshot, families);
    for field in BUS_FIELDS {
        families.field(field, bus, &[]);
    }

    let ledger = scrape.ledger;
    counters("peer", ledger.peer_fields(), ledger.peers(), families);
    counters("group", ledger.group_fields(), ledger.groups(), families);
    gauges(
        "peer",
        PEER_FIELDS,
        &snapshot.peers,
        |peer| ledger.peer_label(peer.id),
        families,
    );
    gauges(
        "group",
        GROUP_FIELDS,
        &snapshot.groups,
        |group| ledger.group_label(group.id),
        families,
    );
    ages(&snapshot.peers, ledger, families);
}

fn peers_by_type(snapshot: &Snapshot, families: &mut Families) {
    let normal = snapshot
        .peers
        .iter()
        .filter(|peer| peer.name().is_some())
        .count();
    let help = "Peers on the bus: normal ones hold a service, anonymous ones hold none.";
    for (kind, count) in [
        ("anonymous", snapshot.peers.len() - normal),
        ("normal", normal),
    ] {
        families.gauge("ipcon_peers", help, &[("type", kind)], count as f64);
    }
}

/// Counters of the ledger: one sample for each label and field.
fn counters<'l, R: 'static>(
    row: &str,
    fields: impl Iterator<Item = &'static Field<R>>,
    totals: impl Iterator<Item = (&'l str, &'l [u64])>,
    families: &mut Families,
) {
    let metrics: Vec<&Metric> = fields.filter_map(|field| field.metric.as_ref()).collect();
    for (label, counts) in totals {
        for (metric, &count) in metrics.iter().zip(counts) {
            let labels = labels(row, label, metric);
            families.counter(metric.family.name, metric.family.help, &labels, count);
        }
    }
}

/// Gauges of the rows; rows that share a label are added up.
fn gauges<'l, R>(
    row: &str,
    fields: &'static [Field<R>],
    rows: &[R],
    label_of: impl Fn(&R) -> Option<&'l str>,
    families: &mut Families,
) {
    for field in fields.iter().filter(|field| field.kind == Kind::Gauge) {
        let Some(metric) = &field.metric else {
            continue;
        };
        let mut sums = BTreeMap::new();
        for row in rows {
            let value = (field.get)(row).and_then(|value| value.as_f64());
            if let (Some(label), Some(value)) = (label_of(row), value) {
                *sums.entry(label).or_insert(0.0) += value;
            }
        }
        for (label, sum) in sums {
            let labels = labels(row, label, metric);
            families.gauge(metric.family.name, metric.family.help, &labels, sum);
        }
    }
}

/// The age of the oldest message of all peers that share a label.
fn ages(peers: &[Peer], ledger: &Ledger, families: &mut Families) {
    let mut oldest: BTreeMap<&str, f64> = BTreeMap::new();
    for peer in peers {
        if let (Some(label), Some(age)) = (ledger.peer_label(peer.id), age(peer)) {
            let oldest = oldest.entry(label).or_default();
            *oldest = oldest.max(age);
        }
    }
    for (label, age) in oldest {
        families.gauge(
            "ipcon_receive_queue_oldest_age_seconds",
            "How long the oldest message in the receive queue of a peer has been waiting; 0 when none waits.",
            &[("peer", label)],
            age,
        );
    }
}

/// `None` when it is not known: of netlink's own answers, which have no time.
fn age(peer: &Peer) -> Option<f64> {
    match peer.queue_oldest {
        Some(age) => Some(age.as_secs_f64()),
        None => (peer.queue_bytes == 0).then_some(0.0),
    }
}

fn labels<'l>(row: &'l str, label: &'l str, metric: &Metric) -> Vec<(&'l str, &'l str)> {
    let mut labels = vec![(row, label)];
    labels.extend_from_slice(metric.labels);
    labels
}
