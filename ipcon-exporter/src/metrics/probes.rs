// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the eBPF probes tell, and how the probes themselves are doing.

use ipcon_observe::model::{PROBE_BACKEND, Probes};
use ipcon_observe::probes::Program;

use super::Scrape;
use super::families::Families;

/// Adds the families of the probes. Without probes there is no sample but that they are not attached.
pub(super) fn collect(scrape: &Scrape<'_>, families: &mut Families) {
    match scrape
        .snapshot
        .and_then(|snapshot| snapshot.probes.as_ref())
    {
        Some(probes) => {
            sizes(probes, families);
            programs(probes, families);
            maps(probes, families);
        }
        None if scrape.probes_wanted => {
            for program in Program::ALL {
                attached(program.tracepoint(), PROBE_BACKEND, false, families);
            }
        }
        None => {}
    }
}

fn sizes(probes: &Probes, families: &mut Families) {
    for histogram in &probes.sizes {
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
            above.iter().sum(),
            histogram.sum as f64,
        );
    }
}

fn programs(probes: &Probes, families: &mut Families) {
    for probe in &probes.probes {
        attached(&probe.name, &probe.backend, probe.attached, families);
        for (stage, events) in [("seen", probe.seen), ("counted", probe.counted)] {
            families.counter(
                "ipcon_exporter_events_total",
                "Events by how far they came: seen by a probe, counted by it. \
                 Seen less counted are those lost.",
                &[("probe", &probe.name), ("stage", stage)],
                events,
            );
        }
        if let Some(missed) = probe.missed {
            families.counter(
                "ipcon_exporter_probe_missed_runs_total",
                "Events for which the kernel did not run a probe; not part of those seen.",
                &[("probe", &probe.name)],
                missed,
            );
        }
    }
}

fn attached(name: &str, backend: &str, attached: bool, families: &mut Families) {
    families.gauge(
        "ipcon_exporter_probe_attached",
        "Whether a probe is attached.",
        &[("probe", name), ("backend", backend)],
        f64::from(u8::from(attached)),
    );
}

fn maps(probes: &Probes, families: &mut Families) {
    for map in &probes.maps {
        let labels = [("map", map.map.as_str())];
        families.gauge(
            "ipcon_exporter_map_entries",
            "Entries in a map of the probes.",
            &labels,
            map.entries as f64,
        );
        families.gauge(
            "ipcon_exporter_map_entries_limit",
            "Most entries that a map of the probes can hold.",
            &labels,
            map.limit as f64,
        );
    }
}
