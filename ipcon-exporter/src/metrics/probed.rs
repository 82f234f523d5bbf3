// SPDX-License-Identifier: MIT OR Apache-2.0
//! What only the eBPF probes tell of the bus. Totals stay while the probes are not attached; what is now is absent then.

use std::collections::BTreeMap;

use ipcon_observe::ledger::Probed;
use ipcon_observe::model::{ExceptionKind, QueueLatency};

use super::Scrape;
use super::families::Families;

/// Adds its families.
pub(super) fn collect(scrape: &Scrape<'_>, families: &mut Families) {
    let probed = scrape.ledger.probed();
    sizes(probed, families);
    latencies(probed, families);
    reads(probed, families);
    errors(probed, families);
    exceptions(probed, families);
}

fn sizes(probed: &Probed, families: &mut Families) {
    for histogram in probed.sizes() {
        let (buckets, above) = histogram.counts.split_at(histogram.bounds.len());
        families.histogram(
            "ipcon_message_size_bytes",
            "Payload sizes of the send requests on this machine since the probes were attached.",
            &[("kind", histogram.kind.key())],
            histogram
                .bounds
                .iter()
                .map(|&bound| bound as f64)
                .zip(buckets.iter().copied()),
            above.iter().copied().fold(0, u64::saturating_add),
            histogram.sum as f64,
        );
    }
}

/// The bounds are powers of two, which the text format carries to the last digit.
fn latencies(probed: &Probed, families: &mut Families) {
    for (kind, latency) in probed.latencies() {
        let counts = latency.counts.iter().enumerate();
        let buckets = counts
            .filter_map(|(bucket, &count)| Some((QueueLatency::bound_seconds(bucket)?, count)));
        families.histogram(
            "ipcon_queue_latency_seconds",
            "Time from putting a message into a receive queue to its being read, on this machine since the probes were attached.",
            &[("kind", kind.key())],
            buckets,
            latency.counts[QueueLatency::BUCKETS - 1],
            latency.sum_nanos as f64 / 1e9,
        );
    }
}

fn reads(probed: &Probed, families: &mut Families) {
    for (label, read) in probed.reads() {
        families.counter(
            "ipcon_read_messages_total",
            "Messages that a peer read from its receive queue since the probes were attached.",
            &[("peer", label)],
            read,
        );
    }
}

fn errors(probed: &Probed, families: &mut Families) {
    for (command, errno, requests) in probed.errors() {
        families.counter(
            "ipcon_request_errors_total",
            "Requests on this machine that were answered with an error, since the probes were attached.",
            &[("command", command), ("errno", errno)],
            requests,
        );
    }
}

fn exceptions(probed: &Probed, families: &mut Families) {
    let Some(unreported) = probed.unreported() else {
        return;
    };
    let mut reported: BTreeMap<_, _> = ExceptionKind::KEYS.map(|key| (key, 0)).into();
    reported.extend(probed.exceptions());
    for (exception, count) in reported {
        families.counter(
            "ipcon_exceptions_total",
            "Messages refused, dropped or slow, and failed requests, that the probes reported one by one.",
            &[("exception", exception)],
            count,
        );
    }
    families.counter(
        "ipcon_unreported_exceptions_total",
        "Exceptions that were counted and not reported one by one, since there were too many at once.",
        &[],
        unreported,
    );
}
