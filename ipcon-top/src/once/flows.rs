// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who sends to whom, and how long it waits there, for people.

use std::time::Duration;

use ipcon_observe::model::{Flow, Probes, QueueLatency};

use super::Report;
use super::text::{per_second, section};
use crate::format::{self, ABSENT, Align};
use crate::grid::Grid;

/// Flows that are shown. All are in the JSON form.
const BUSIEST: usize = 10;

/// The flows of which most is lost, then those that carry most.
pub(super) fn busiest(report: &Report, out: &mut String) {
    let flows = &report.snapshot.flows;
    let rate = |flow: &Flow, key| report.rates.flow(flow.key()).and_then(|it| it.get(key));
    let order =
        |flow: &Flow| ["lost_messages", "messages"].map(|key| rate(flow, key).unwrap_or(-1.0));
    let mut order: Vec<_> = flows.iter().map(|flow| (order(flow), flow)).collect();
    order.sort_by(|(a, _), (b, _)| b[0].total_cmp(&a[0]).then(b[1].total_cmp(&a[1])));

    match flows.len() {
        0..=BUSIEST => section(out, "flows"),
        all => section(out, &format!("flows, {BUSIEST} of {all}")),
    }
    if flows.is_empty() {
        out.push_str("  none\n");
        return;
    }
    let mut grid = Grid::default();
    for title in ["kind", "from", "to"] {
        grid.column(title, Align::Left);
    }
    for title in [
        "messages",
        "per second",
        "bytes",
        "per second",
        "lost",
        "per second",
    ] {
        grid.column(title, Align::Right);
    }
    for (_, flow) in order.iter().take(BUSIEST) {
        grid.row(vec![
            flow.kind.key().to_owned(),
            flow.from_label(report.whole()),
            flow.to_label(report.whole()),
            flow.counters.messages.to_string(),
            per_second(rate(flow, "messages")),
            flow.counters.bytes.to_string(),
            per_second(rate(flow, "bytes")),
            flow.counters.lost_messages.to_string(),
            per_second(rate(flow, "lost_messages")),
        ]);
    }
    grid.print(out);
}

/// How long messages waited until they were read, by kind and by peer.
pub(super) fn latency(report: &Report, probes: &Probes, out: &mut String) {
    section(out, "waiting until read, since the probes were attached");
    if probes.queue_latencies.is_empty() {
        out.push_str("  not measured\n");
        return;
    }
    let mut grid = Grid::default();
    grid.column("", Align::Left);
    for title in ["read", "half within", "99% within", "all within"] {
        grid.column(title, Align::Right);
    }
    let kinds = probes.queue_latencies.iter();
    let kinds = kinds.map(|it| (format!("all {}", it.kind.key()), &it.latency));
    let peers = report.snapshot.peers.iter();
    let peers = peers.filter_map(|it| Some((it.label(), it.queue_latency.as_ref()?)));
    for (name, waits) in kinds.chain(peers) {
        let mut cells = vec![name, waits.count().to_string()];
        cells.extend([0.5, 0.99, 1.0].map(|share| within(waits, share)));
        grid.row(cells);
    }
    grid.print(out);
}

fn within(waits: &QueueLatency, share: f64) -> String {
    let longest = QueueLatency::bound(QueueLatency::BUCKETS - 2).map_or(ABSENT.to_owned(), longer);
    match waits.quantile(share) {
        _ if waits.count() == 0 => ABSENT.to_owned(),
        Some(bound) => format::duration(bound),
        None => longest,
    }
}

fn longer(bound: Duration) -> String {
    format!(">{}", format::duration(bound))
}
