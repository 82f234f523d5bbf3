// SPDX-License-Identifier: MIT OR Apache-2.0
//! How waiting times are shown: in columns, as a histogram, as a map over time.

use std::time::Duration;

use ipcon_observe::linter::Rule;
use ipcon_observe::model::{Peer, QueueLatency};

use super::{DrawContext, Piece};
use crate::format::{self, ABSENT, Align};
use crate::store::Row;
use crate::store::waits::quantile;
use crate::table::{Cell, CellContext, Column};
use crate::theme::{Role, Theme};

/// Cells of a histogram: one a bucket.
pub(super) const BARS: u16 = QueueLatency::BUCKETS as u16;

/// A result of [`quantile`] in at most six cells.
pub(super) fn shown(bound: Option<Duration>) -> String {
    match bound {
        None => ABSENT.to_owned(),
        Some(Duration::MAX) => ">16s".to_owned(),
        Some(bound) => format::duration(bound),
    }
}

/// Column with a quantile of what peers read in the last seconds.
pub(super) fn column(
    title: &'static str,
    help: &'static str,
    of: fn(Option<&QueueLatency>) -> Option<Duration>,
    order: fn(&Row<'_, Peer>, &Row<'_, Peer>) -> std::cmp::Ordering,
) -> Column<Peer> {
    let cell = move |row: &Row<'_, Peer>, ctx: &CellContext<'_>| {
        let bound = of(row.waits);
        let late = row.warnings.iter().any(|it| it.rule == Rule::QueueLatency);
        match bound {
            None => Cell::new(ABSENT, Role::Quiet),
            Some(_) if late && title == "P99" => {
                let mark = ctx.theme.glyphs.alarm;
                Cell::new(format!("{mark}{}", shown(bound)), Role::Warning)
            }
            Some(_) => Cell::new(shown(bound), Role::Normal),
        }
    };
    let mut column = Column::new(title, help, Align::Right, cell, order);
    column.largest_first = true;
    column.extent(6, 6, 0)
}

/// Half of the messages.
pub(super) fn p50() -> Column<Peer> {
    column(
        "P50",
        "Half of the messages read in the last 10 s waited no longer than this; absent without probes.",
        |waits| quantile(waits, 0.5),
        |a, b| quantile(a.waits, 0.5).cmp(&quantile(b.waits, 0.5)),
    )
}

/// All but one message in a hundred.
pub(super) fn p99() -> Column<Peer> {
    column(
        "P99",
        "99 of 100 messages read in the last 10 s waited no longer than this; absent without probes.",
        |waits| quantile(waits, 0.99),
        |a, b| quantile(a.waits, 0.99).cmp(&quantile(b.waits, 0.99)),
    )
}

/// The slowest message.
pub(super) fn max() -> Column<Peer> {
    column(
        "MAX",
        "No message read in the last 10 s waited longer than this; absent without probes.",
        |waits| quantile(waits, 1.0),
        |a, b| quantile(a.waits, 1.0).cmp(&quantile(b.waits, 1.0)),
    )
}

/// A histogram, one cell a bucket, each twice as long as the one before.
pub(super) fn bars(waits: &QueueLatency, theme: &Theme) -> String {
    let counts = waits.counts.iter().map(|&count| count as f64);
    theme.sparkline(counts, usize::from(BARS))
}

/// What can be read from a histogram: `p50 62us, p99 1.0ms, max 4.2s`.
pub(super) fn numbers(waits: &QueueLatency) -> String {
    let quantiles = QUANTILES.map(|(name, share)| {
        let bound = shown(quantile(Some(waits), share));
        format!("{name} {bound}")
    });
    quantiles.join(", ")
}

/// The quantiles that are told, and what they are called.
const QUANTILES: [(&str, f64); 3] = [("p50", 0.5), ("p99", 0.99), ("max", 1.0)];

/// A line with the histogram between its ends, and what can be read from it.
pub(super) fn line(label: &str, waits: &QueueLatency, ctx: &DrawContext<'_>) -> Vec<Piece> {
    let theme = ctx.theme;
    let quiet = theme.style(Role::Quiet);
    let mut pieces = vec![(format!("{label} "), theme.style(Role::Label))];
    for (name, share) in QUANTILES {
        let bound = shown(quantile(Some(waits), share));
        pieces.push((format!("{name} "), theme.style(Role::Label)));
        pieces.push((format!("{bound:<6} "), theme.style(Role::Normal)));
    }
    pieces.extend([
        (" 1us ".to_owned(), quiet),
        (bars(waits, theme), theme.style(Role::Graph)),
        (" 16s+ ".to_owned(), quiet),
    ]);
    pieces
}
