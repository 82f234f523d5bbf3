// SPDX-License-Identifier: MIT OR Apache-2.0
//! How the exporter itself is doing.

use std::collections::BTreeMap;

use ipcon_observe::Snapshot;
use ipcon_observe::model::{Source, SourceState};

use super::Scrape;
use super::families::Families;

/// Adds the families of the exporter.
pub(super) fn collect(scrape: &Scrape<'_>, families: &mut Families) {
    families.gauge(
        "ipcon_exporter_build_info",
        "What the exporter was built from; always 1.",
        &[
            ("version", env!("CARGO_PKG_VERSION")),
            ("revision", env!("IPCON_REVISION")),
            ("rustc", env!("IPCON_RUSTC")),
        ],
        1.0,
    );
    let ledger = scrape.ledger;
    for (label, folded) in [
        ("peer", ledger.folded_peers()),
        ("group", ledger.folded_groups()),
        ("channel", ledger.channels().folded()),
        ("endpoint", ledger.endpoints().folded()),
    ] {
        families.counter(
            "ipcon_exporter_series_folded_total",
            "Peers, groups, channels or endpoints that had to share the label _other, since there were too many.",
            &[("label", label)],
            folded,
        );
    }
    match scrape.snapshot {
        Some(snapshot) => {
            sources(snapshot, families);
            losses(snapshot, families);
        }
        None => success(Source::Dumps, false, families),
    }
}

/// A source that is off is absent.
fn sources(snapshot: &Snapshot, families: &mut Families) {
    for status in &snapshot.sources {
        match status.state {
            SourceState::On => success(status.name, true, families),
            SourceState::Failed { .. } => success(status.name, false, families),
            // Nobody can do without asking for the bus.
            SourceState::Off { .. } if status.name == Source::Dumps => {
                success(status.name, false, families);
            }
            SourceState::Off { .. } => {}
        }
        if let Some(duration) = status.duration {
            families.gauge(
                "ipcon_exporter_collector_duration_seconds",
                "Time it took to read a source for this scrape.",
                &[("collector", status.name.key())],
                duration.as_secs_f64(),
            );
        }
    }
}

fn success(source: Source, success: bool, families: &mut Families) {
    families.gauge(
        "ipcon_exporter_collector_success",
        "Whether a source could be read for this scrape.",
        &[("collector", source.key())],
        f64::from(u8::from(success)),
    );
}

fn losses(snapshot: &Snapshot, families: &mut Families) {
    let mut lost = BTreeMap::new();
    for probe in snapshot.probes.iter().flat_map(|probes| &probes.probes) {
        for part in &probe.lost {
            *lost.entry(part.reason.as_str()).or_insert(0) += part.events;
        }
        if let Some(missed) = probe.missed_of_bus() {
            *lost.entry("missed").or_insert(0) += missed;
        }
    }
    if let Some(kevents) = &snapshot.kevents {
        lost.insert("kevent_overrun", kevents.lost);
    }
    for (reason, events) in lost {
        families.counter(
            "ipcon_exporter_lost_events_total",
            "Events that the exporter did not get or count. Any increase means: partly blind.",
            &[("reason", reason)],
            events,
        );
    }
}
