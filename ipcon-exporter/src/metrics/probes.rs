// SPDX-License-Identifier: MIT OR Apache-2.0
//! How the eBPF probes are doing; what they tell is in `probed`.

use ipcon_observe::fields::PROBE_FIELDS;
use ipcon_observe::model::{PROBE_BACKEND, Probes};
use ipcon_observe::probes::Program;

use super::families::Families;
use super::{Scrape, probed};

/// Adds the families of the probes, and of what they tell. Where they were never attached, that is all there is to say.
pub(super) fn collect(scrape: &Scrape<'_>, families: &mut Families) {
    probed::collect(scrape, families);
    match scrape
        .snapshot
        .and_then(|snapshot| snapshot.probes.as_ref())
    {
        Some(probes) => {
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

fn programs(probes: &Probes, families: &mut Families) {
    for probe in &probes.probes {
        attached(&probe.name, &probe.backend, probe.attached, families);
        for field in PROBE_FIELDS {
            families.field(field, probe, &[("probe", &probe.name)]);
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
