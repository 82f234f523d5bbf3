// SPDX-License-Identifier: MIT OR Apache-2.0
//! The report for programs. Keys are those of the field table; absent is what was not measured.

use std::collections::BTreeMap;

use anyhow::Context;
use ipcon_observe::RowRates;
use ipcon_observe::fields::{
    BUS_FIELDS, CHANNEL_FIELDS, ENDPOINT_FIELDS, FLOW_FIELDS, Field, GROUP_FIELDS, PEER_FIELDS,
};
use ipcon_observe::linter::Warning;
use ipcon_observe::model::{
    Bus, Channel, ChannelScan, Endpoint, Event, Exception, Flow, Group, Kevents, Observer, Peer,
    Probes, SourceStatus,
};
use ipcon_observe::reconcile::{Difference, Row};
use serde::Serialize;

use super::Report;
use crate::fielded::counters;

/// Version of the JSON report. A key that changes its meaning or goes away makes it grow; new keys do not.
pub const SCHEMA_VERSION: u32 = 1;

#[derive(Serialize)]
struct Document<'a> {
    schema_version: u32,
    taken_at_seconds: f64,
    interval_seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    filter: Option<&'a str>,
    consistent: bool,
    sources: &'a [SourceStatus],
    warnings: &'a [Warning],
    #[serde(skip_serializing_if = "Option::is_none")]
    bus: Option<Rated<'a, Bus>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    peers: Option<Vec<Rated<'a, Peer>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    groups: Option<Vec<Rated<'a, Group>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    flows: Option<Vec<Rated<'a, Flow>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    channels: Option<RatedChannels<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    probes: Option<&'a Probes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kevents: Option<&'a Kevents>,
    #[serde(skip_serializing_if = "Option::is_none")]
    observer: Option<&'a Observer>,
    events: &'a [Event],
    exceptions: &'a [Exception],
    #[serde(skip_serializing_if = "Option::is_none")]
    reconciliation: Option<Reconciled>,
}

/// A row with the rates of its counters beside it.
#[derive(Serialize)]
struct Rated<'a, R> {
    #[serde(flatten)]
    row: &'a R,
    #[serde(skip_serializing_if = "Option::is_none")]
    per_second: Option<BTreeMap<&'static str, f64>>,
}

#[derive(Serialize)]
struct RatedChannels<'a> {
    read_at_seconds: f64,
    connections: Vec<Rated<'a, Channel>>,
    endpoints: Vec<Rated<'a, Endpoint>>,
    #[serde(flatten)]
    scan: ChannelScan,
}

#[derive(Serialize)]
struct Reconciled {
    compared: usize,
    skipped: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    bus_skipped: Option<String>,
    differences: Vec<Differing>,
}

#[derive(Serialize)]
struct Differing {
    row: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<u64>,
    counter: &'static str,
    dumped: u64,
    counted: u64,
}

pub(super) fn print(report: &Report) -> anyhow::Result<String> {
    let snapshot = &report.snapshot;
    let rates = &report.rates;
    let known = (!rates.bus().is_empty()).then(|| rates.bus());
    let bus = snapshot.bus.as_ref();
    let document = Document {
        schema_version: SCHEMA_VERSION,
        taken_at_seconds: snapshot.taken_at.as_secs_f64(),
        interval_seconds: rates.interval().as_secs_f64(),
        filter: report.filter.as_deref(),
        consistent: snapshot.consistent,
        sources: &snapshot.sources,
        warnings: &report.warnings,
        bus: bus.map(|bus| rated(bus, BUS_FIELDS, known)),
        peers: bus.map(|_| rows(&snapshot.peers, PEER_FIELDS, |peer| rates.peer(peer.id))),
        groups: bus.map(|_| {
            rows(&snapshot.groups, GROUP_FIELDS, |group| {
                rates.group(group.id)
            })
        }),
        flows: bus.map(|_| rows(&snapshot.flows, FLOW_FIELDS, |flow| rates.flow(flow.key()))),
        channels: snapshot.channels.as_ref().map(|channels| RatedChannels {
            read_at_seconds: channels.read_at.as_secs_f64(),
            connections: rows(&channels.connections, CHANNEL_FIELDS, |row| {
                rates.channel(row.id)
            }),
            endpoints: rows(&channels.endpoints, ENDPOINT_FIELDS, |row| {
                rates.endpoint(row.id)
            }),
            scan: channels.scan,
        }),
        probes: snapshot.probes.as_ref(),
        kevents: snapshot.kevents.as_ref(),
        observer: snapshot.observer.as_ref(),
        events: &report.events,
        exceptions: &report.exceptions,
        reconciliation: report.reconciliation.as_ref().map(|found| Reconciled {
            compared: found.compared,
            skipped: found.skipped,
            bus_skipped: found.bus_skipped.map(|reason| reason.to_string()),
            differences: found.differences.iter().map(differing).collect(),
        }),
    };
    let mut text = serde_json::to_string_pretty(&document).context("writing the report as JSON")?;
    text.push('\n');
    Ok(text)
}

fn rows<'a, R>(
    rows: &'a [R],
    fields: &'static [Field<R>],
    rates: impl Fn(&R) -> Option<&'a RowRates>,
) -> Vec<Rated<'a, R>> {
    rows.iter()
        .map(|row| rated(row, fields, rates(row)))
        .collect()
}

fn rated<'a, R>(row: &'a R, fields: &'static [Field<R>], rates: Option<&RowRates>) -> Rated<'a, R> {
    let per_second = rates.map(|rates| {
        counters(fields)
            .filter_map(|field| Some((field.key, rates.get(field.key)?)))
            .collect()
    });
    Rated { row, per_second }
}

fn differing(difference: &Difference) -> Differing {
    let (row, id) = match difference.row {
        Row::Bus => ("bus", None),
        Row::Peer(id) => ("peer", Some(id)),
        Row::Group(id) => ("group", Some(id)),
    };
    let Difference {
        counter,
        dumped,
        counted,
        ..
    } = *difference;
    Differing {
        row,
        id,
        counter,
        dumped,
        counted,
    }
}
