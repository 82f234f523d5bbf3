// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the exporter takes of the machine, under the names that all exporters use.

use super::Scrape;
use super::families::Families;

/// Adds the families of the process.
pub(super) fn collect(scrape: &Scrape<'_>, families: &mut Families) {
    let Some(usage) = scrape.process else {
        return;
    };
    families.seconds(
        "process_cpu_seconds_total",
        "Total user and system CPU time spent in seconds.",
        &[],
        usage.cpu,
    );
    let gauges = [
        (
            "process_open_fds",
            "Number of open file descriptors.",
            Some(usage.open_files as f64),
        ),
        (
            "process_max_fds",
            "Maximum number of open file descriptors.",
            usage.most_files.map(|most| most as f64),
        ),
        (
            "process_virtual_memory_bytes",
            "Virtual memory size in bytes.",
            Some(usage.virtual_memory as f64),
        ),
        (
            "process_resident_memory_bytes",
            "Resident memory size in bytes.",
            Some(usage.resident_memory as f64),
        ),
        (
            "process_start_time_seconds",
            "Start time of the process since unix epoch in seconds.",
            Some(usage.started_at),
        ),
        (
            "process_threads",
            "Number of OS threads in the process.",
            Some(usage.threads as f64),
        ),
    ];
    for (name, help, value) in gauges {
        if let Some(value) = value {
            families.gauge(name, help, &[], value);
        }
    }
}
