// SPDX-License-Identifier: MIT OR Apache-2.0
//! Endpoints of coroipc: who was let in and who was refused, from the pages of the servers and the ledger. Nearly all
//! families come from the field table.

use std::collections::BTreeMap;

use ipcon_observe::fields::{ENDPOINT_FIELDS, Kind};
use ipcon_observe::ledger;
use ipcon_observe::model::Endpoint;

use super::Scrape;
use super::families::Families;

/// Adds the families of the endpoints. Totals stay while channels cannot be read; what is now is absent then.
pub(super) fn collect(scrape: &Scrape<'_>, families: &mut Families) {
    let ledger = scrape.ledger.endpoints();
    totals(ledger, families);
    let endpoints = scrape
        .snapshot
        .map_or(&[][..], |snapshot| snapshot.endpoints());
    gauge(
        endpoints,
        ledger,
        "ipcon_channel_endpoints",
        "Sockets at which coroipc servers let clients in.",
        |_| Some(1.0),
        families,
    );
    for field in ENDPOINT_FIELDS
        .iter()
        .filter(|field| field.kind == Kind::Gauge)
    {
        if let Some(metric) = &field.metric {
            let of = |row: &Endpoint| (field.get)(row).and_then(|value| value.as_f64());
            let (name, help) = (metric.family.name, metric.family.help);
            gauge(endpoints, ledger, name, help, of, families);
        }
    }
}

fn totals(ledger: &ledger::Endpoints, families: &mut Families) {
    for (server, totals) in ledger.totals() {
        let fields = ledger::Endpoints::fields().filter_map(|field| field.metric.as_ref());
        for (metric, &count) in fields.zip(totals) {
            let mut labels = vec![("server", server)];
            labels.extend_from_slice(metric.labels);
            families.counter(metric.family.name, metric.family.help, &labels, count);
        }
    }
}

/// What is now, added up over the endpoints of a server.
fn gauge(
    endpoints: &[Endpoint],
    ledger: &ledger::Endpoints,
    name: &'static str,
    help: &'static str,
    of: impl Fn(&Endpoint) -> Option<f64>,
    families: &mut Families,
) {
    let mut sums = BTreeMap::new();
    for row in endpoints {
        if let (Some(server), Some(value)) = (ledger.label(row.id), of(row)) {
            *sums.entry(server).or_insert(0.0) += value;
        }
    }
    for (server, sum) in sums {
        families.gauge(name, help, &[("server", server)], sum);
    }
}
