// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the kevent group tells.

use ipcon_observe::model::EventKind;

use super::Scrape;
use super::families::Families;

/// Adds the families of the kevents.
pub(super) fn collect(scrape: &Scrape<'_>, families: &mut Families) {
    let Some(kevents) = scrape
        .snapshot
        .and_then(|snapshot| snapshot.kevents.as_ref())
    else {
        return;
    };
    for kind in EventKind::ALL {
        families.counter(
            "ipcon_kernel_events_total",
            "Kevents received since the exporter began to listen.",
            &[("event", kind.key())],
            kevents.received(kind),
        );
    }
    families.counter(
        "ipcon_exporter_resyncs_total",
        "Times that lost kevents made the exporter start again from a dump.",
        &[],
        kevents.resyncs,
    );
}
