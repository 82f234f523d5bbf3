// SPDX-License-Identifier: MIT OR Apache-2.0
//! The report for people. Totals are exact, so that they can be held against other sources.

use std::fmt::Write;
use std::time::Duration;

use ipcon_observe::fields::{BUS_FIELDS, Field, Kind, Value, find};
use ipcon_observe::model::{Bus, Channels, Endpoint, Probes, SourceState};
use ipcon_observe::{RowRates, Snapshot};

use super::{Report, flows};
use crate::fielded::{Fielded, counters};
use crate::format::{self, ABSENT, Align};
use crate::grid::Grid;
use crate::theme::Theme;
use crate::trouble;

/// A field in the report, and whether its rate stands beside it.
type Shown = (&'static str, bool);

/// Fields of a peer, as many as fit a wide terminal. The rest is in the JSON form.
const PEER_KEYS: [Shown; 10] = [
    ("name", false),
    ("port", false),
    ("pid", false),
    ("comm", false),
    ("sent_messages", true),
    ("delivered_messages", true),
    ("queue_fill", false),
    ("refused_messages", false),
    ("dropped_messages", true),
    ("lost", false),
];

/// Fields of a group.
const GROUP_KEYS: [Shown; 8] = [
    ("name", false),
    ("owner_name", false),
    ("members", false),
    ("sent_messages", true),
    ("delivered_messages", true),
    ("replayed_messages", false),
    ("unheard_messages", false),
    ("dropped_messages", true),
];

/// Fields of a connection.
const CHANNEL_KEYS: [Shown; 13] = [
    ("server_comm", false),
    ("server_pid", false),
    ("service", false),
    ("client_pid", false),
    ("client_uid", false),
    ("requests", true),
    ("responses", false),
    ("dispatched", true),
    ("queue_size", false),
    ("flow_control", false),
    ("latency_p50_seconds", false),
    ("latency_p99_seconds", false),
    ("events_dropped", false),
];

/// Fields of an endpoint.
const ENDPOINT_KEYS: [Shown; 10] = [
    ("server_comm", false),
    ("server_pid", false),
    ("connections", false),
    ("connections_max", false),
    ("memory_bytes", false),
    ("memory_bytes_max", false),
    ("accepted", true),
    ("connected", false),
    ("refused", true),
    ("address", false),
];

/// Cells of the bars of a histogram.
const BAR: usize = 40;

pub(super) fn print(report: &Report) -> String {
    let mut out = String::new();
    header(report, &mut out);
    warnings(report, &mut out);
    if let Some(bus) = &report.snapshot.bus {
        of_bus(report, bus, &mut out);
    }
    if let Some(found) = &report.snapshot.channels {
        channels(report, found, &mut out);
    }
    out
}

fn of_bus(report: &Report, bus: &Bus, out: &mut String) {
    totals(report, bus, out);
    rows(
        out,
        "peers",
        report.whole(),
        &PEER_KEYS,
        &report.snapshot.peers,
        |peer| report.rates.peer(peer.id),
    );
    rows(
        out,
        "groups",
        report.whole(),
        &GROUP_KEYS,
        &report.snapshot.groups,
        |group| report.rates.group(group.id),
    );
    flows::busiest(report, out);
    drops(report, bus, out);
    if let Some(probes) = &report.snapshot.probes {
        flows::latency(report, probes, out);
        sizes(probes, out);
        request_errors(report, probes, out);
        programs(report, probes, out);
    }
    events(report, out);
    reconciliation(report, out);
}

fn channels(report: &Report, channels: &Channels, out: &mut String) {
    rows(
        out,
        "channels",
        report.whole(),
        &CHANNEL_KEYS,
        &channels.connections,
        |row| report.rates.channel(row.id),
    );
    rows(
        out,
        "endpoints",
        report.whole(),
        &ENDPOINT_KEYS,
        &channels.endpoints,
        |row| report.rates.endpoint(row.id),
    );
    refusals(&channels.endpoints, out);
    if let Some(gaps) = channels.scan.gaps() {
        let _ = writeln!(out, "  not all are seen: {gaps}");
    }
}

/// Who was refused where, by the reasons that there were.
fn refusals(endpoints: &[Endpoint], out: &mut String) {
    for endpoint in endpoints {
        if let Some(refused) = format::refusals(&endpoint.counters) {
            let (server, pid) = (&endpoint.server_comm, endpoint.server_pid);
            let _ = writeln!(out, "  {server} {pid} refused: {refused}");
        }
    }
}

fn header(report: &Report, out: &mut String) {
    let snapshot = &report.snapshot;
    let time = format::time_of_day(report.at);
    let interval = report.rates.interval().as_secs_f64();
    let _ = writeln!(out, "ipcon bus at {time} UTC, rates over {interval:.3} s");
    if let Some(filter) = &report.filter {
        let _ = writeln!(out, "  only rows that pass: {filter}");
    }
    if !snapshot.consistent {
        let _ = writeln!(
            out,
            "  the bus changed while it was read: rows may not fit together"
        );
    }
    for source in &snapshot.sources {
        let state = match &source.state {
            SourceState::On => "on".to_owned(),
            SourceState::Off { reason } => format!("off ({reason})"),
            SourceState::Failed { reason } => format!("FAILED ({reason})"),
        };
        let lost = match source.lost {
            0 => String::new(),
            lost => format!(", LOST {lost} events"),
        };
        let _ = writeln!(out, "  {:<8} {state}{lost}", source.name.key());
    }
}

/// What is wrong, before any number that shows it.
fn warnings(report: &Report, out: &mut String) {
    section(out, "warnings");
    let unknown = report.snapshot.bus_absence().map(trouble::unknown);
    if report.warnings.is_empty() && unknown.is_none() {
        out.push_str("  none\n");
    }
    for warning in &report.warnings {
        let (severity, sentence) = (warning.severity.key(), warning.sentence());
        let _ = writeln!(out, "  {severity:<7}  {sentence}");
        if let Some(advice) = warning.advice {
            let _ = writeln!(out, "           {advice}");
        }
    }
    if let Some(unknown) = unknown {
        let _ = writeln!(out, "  {unknown}");
    }
}

/// All fields of the bus, one a line.
fn totals(report: &Report, row: &Bus, out: &mut String) {
    section(out, "bus");
    let mut grid = Grid::default();
    grid.column("", Align::Left);
    grid.column("total", Align::Right);
    grid.column("per second", Align::Right);
    let counted = BUS_FIELDS.iter().filter(|field| field.kind != Kind::Info);
    for field in counted {
        let total = (field.get)(row).map_or(ABSENT.to_owned(), |value| value.to_string());
        let rate = match field.kind {
            Kind::Counter => per_second(report.rates.bus().get(field.key)),
            Kind::Gauge | Kind::Info => String::new(),
        };
        grid.row(vec![field.key.to_owned(), total, rate]);
    }
    grid.print(out);
}

/// Rows with what is wanted of them; peers and groups are called as in the `whole` snapshot.
fn rows<'a, R: Fielded>(
    out: &mut String,
    title: &str,
    whole: &Snapshot,
    shown: &[Shown],
    rows: &'a [R],
    rates: impl Fn(&R) -> Option<&'a RowRates>,
) {
    section(out, title);
    if rows.is_empty() {
        out.push_str("  none\n");
        return;
    }
    let shown: Vec<(&Field<R>, bool)> = shown
        .iter()
        .filter_map(|(key, rate)| Some((find(R::fields(), key)?, *rate)))
        .collect();
    let mut grid = Grid::default();
    for (field, with_rate) in &shown {
        let text = matches!(
            field.key,
            "name" | "comm" | "owner_name" | "server_comm" | "address"
        );
        grid.column(field.title, if text { Align::Left } else { Align::Right });
        if *with_rate {
            grid.column(format!("{}/s", field.title), Align::Right);
        }
    }
    for row in rows {
        let rates = rates(row);
        let mut cells = Vec::new();
        for (field, with_rate) in &shown {
            let called = row.called(field.key, whole);
            let value = || (field.get)(row).map(|value| exact(&value));
            cells.push(called.or_else(value).unwrap_or(ABSENT.to_owned()));
            if *with_rate {
                cells.push(per_second(rates.and_then(|rates| rates.get(field.key))));
            }
        }
        grid.row(cells);
    }
    grid.print(out);
}

fn exact(value: &Value<'_>) -> String {
    match value {
        Value::Ratio(share) => format!("{:.0}%", share * 100.0),
        Value::Time(time) => format::duration(*time),
        other => other.to_string(),
    }
}

pub(super) fn per_second(rate: Option<f64>) -> String {
    rate.map_or(ABSENT.to_owned(), |rate| format!("{rate:.1}"))
}

/// What did not arrive and why: as the module counts it, and as the probes do.
fn drops(report: &Report, bus: &Bus, out: &mut String) {
    section(out, "not delivered");
    let mut grid = Grid::default();
    grid.column("", Align::Left);
    grid.column("messages", Align::Right);
    grid.column("per second", Align::Right);
    let reasons = counters(BUS_FIELDS).filter(|field| {
        let key = field.key;
        (key.starts_with("refused_") || key.starts_with("dropped_")) && !key.ends_with("_messages")
    });
    for field in reasons {
        let total = field
            .counter(bus)
            .map_or(ABSENT.to_owned(), |n| n.to_string());
        grid.row(vec![
            field.key.to_owned(),
            total,
            per_second(report.rates.bus().get(field.key)),
        ]);
    }
    grid.print(out);
    let Some(probes) = &report.snapshot.probes else {
        return;
    };
    for drops in probes.drops.iter().filter(|drops| drops.messages > 0) {
        let (kind, reason) = (drops.kind.key(), &drops.reason);
        let _ = writeln!(
            out,
            "  probes: {kind} {reason}: {} messages, {} bytes",
            drops.messages, drops.bytes
        );
    }
}

fn sizes(probes: &Probes, out: &mut String) {
    let theme = Theme::new(false, true);
    for histogram in probes
        .sizes
        .iter()
        .filter(|histogram| histogram.count() > 0)
    {
        section(
            out,
            &format!("{} message sizes (bytes)", histogram.kind.key()),
        );
        let most = histogram.counts.iter().copied().max().unwrap_or(0);
        let bounds = histogram.bounds.iter().map(|bound| format!("<= {bound}"));
        let bounds = bounds.chain(std::iter::once("larger".to_owned()));
        let used: Vec<(String, u64)> = bounds.zip(histogram.counts.iter().copied()).collect();
        let first = used.iter().position(|(_, count)| *count > 0).unwrap_or(0);
        let last = used.iter().rposition(|(_, count)| *count > 0).unwrap_or(0);
        for (bound, count) in &used[first..=last] {
            let bar = theme.bar(*count, most, BAR);
            let _ = writeln!(
                out,
                "{}",
                format!("  {bound:>9}  {count:>12}  {bar}").trim_end()
            );
        }
    }
}

/// Requests that were answered with an error, by command and error.
fn request_errors(report: &Report, probes: &Probes, out: &mut String) {
    section(out, "requests that failed");
    if probes.request_errors.is_empty() {
        out.push_str("  none\n");
        return;
    }
    let mut grid = Grid::default();
    grid.column("command", Align::Left);
    grid.column("error", Align::Left);
    grid.column("requests", Align::Right);
    grid.column("per second", Align::Right);
    for failed in &probes.request_errors {
        grid.row(vec![
            failed.command.clone(),
            failed.errno.clone(),
            failed.requests.to_string(),
            per_second(report.rates.probes().errors(failed)),
        ]);
    }
    grid.print(out);
}

/// The probes' own account: a quiet bus and a blind observer must not look the same.
fn programs(report: &Report, probes: &Probes, out: &mut String) {
    section(out, "probes");
    let mut grid = Grid::default();
    grid.column("tracepoint", Align::Left);
    grid.column("attached", Align::Left);
    for title in ["seen", "counted", "lost", "missed", "runs/s"] {
        grid.column(title, Align::Right);
    }
    for probe in &probes.probes {
        grid.row(vec![
            probe.name.clone(),
            if probe.attached {
                probe.backend.clone()
            } else {
                "no".to_owned()
            },
            probe.seen.to_string(),
            probe.counted.to_string(),
            probe.lost_total().to_string(),
            probe
                .missed
                .map_or(ABSENT.to_owned(), |missed| missed.to_string()),
            per_second(report.rates.probes().runs(&probe.name)),
        ]);
    }
    grid.print(out);
}

fn events(report: &Report, out: &mut String) {
    section(out, "events while measuring");
    if report.events.is_empty() {
        out.push_str("  none\n");
        return;
    }
    let mut grid = Grid::default();
    for (title, align) in [
        ("ago", Align::Right),
        ("event", Align::Left),
        ("name", Align::Left),
        ("port", Align::Right),
        ("pid", Align::Right),
        ("number", Align::Right),
    ] {
        grid.column(title, align);
    }
    for event in &report.events {
        let ago: Duration = report.snapshot.taken_at.saturating_sub(event.time);
        grid.row(vec![
            format::duration(ago),
            event.kind.key().to_owned(),
            event
                .name
                .as_ref()
                .map_or(ABSENT.to_owned(), ToString::to_string),
            event
                .port
                .map_or(ABSENT.to_owned(), |port| port.to_string()),
            event.pid.to_string(),
            event.sequence.to_string(),
        ]);
    }
    grid.print(out);
}

fn reconciliation(report: &Report, out: &mut String) {
    section(out, "probes against dumps");
    let Some(found) = &report.reconciliation else {
        out.push_str("  not compared: the probes are not attached\n");
        return;
    };
    let (compared, differ) = (found.compared, found.differences.len());
    let _ = writeln!(out, "  {compared} numbers compared, {differ} differ");
    if found.skipped > 0 {
        let skipped = found.skipped;
        let _ = writeln!(
            out,
            "  {skipped} rows not compared: busy when the probes began"
        );
    }
    if let Some(reason) = found.bus_skipped {
        let _ = writeln!(out, "  the bus as a whole is not compared: {reason}");
    }
    if differ > 0 {
        out.push_str("  while messages flow the two are read at slightly different moments\n");
    }
    for difference in &found.differences {
        let _ = writeln!(out, "  {}", difference.sentence(report.whole()));
    }
}

pub(super) fn section(out: &mut String, title: &str) {
    let _ = writeln!(out, "\n{title}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use ipcon_observe::fields::{CHANNEL_FIELDS, ENDPOINT_FIELDS, GROUP_FIELDS, PEER_FIELDS};

    #[test]
    fn the_field_table_has_what_the_report_shows() {
        for (key, rate) in PEER_KEYS {
            let field = find(PEER_FIELDS, key).unwrap();
            assert!(!rate || field.kind == Kind::Counter, "{key}");
        }
        for (key, rate) in GROUP_KEYS {
            let field = find(GROUP_FIELDS, key).unwrap();
            assert!(!rate || field.kind == Kind::Counter, "{key}");
        }
        for (key, rate) in CHANNEL_KEYS {
            let field = find(CHANNEL_FIELDS, key).unwrap();
            assert!(!rate || field.kind == Kind::Counter, "{key}");
        }
        for (key, rate) in ENDPOINT_KEYS {
            let field = find(ENDPOINT_FIELDS, key).unwrap();
            assert!(!rate || field.kind == Kind::Counter, "{key}");
        }
    }
}
