// SPDX-License-Identifier: MIT OR Apache-2.0
//! The pane with everything about one row. It follows the selection.

mod text;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use ipcon_observe::fields::Unit;
use ipcon_observe::linter::Warning;
use ipcon_observe::model::{LatencyHistogram, QueueLatency};

use super::{DrawContext, Piece, put_pieces, rule, waits};
use crate::fielded::{Fielded, counters as counter_fields};
use crate::format::{self, Align, fit};
use crate::store::Row;
use crate::theme::Role;
use crate::trouble::{self, Severity};

/// Most lines that the pane takes from the table.
pub(super) const HEIGHT: u16 = 15;

/// What the pane shows.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Detail {
    /// Name of the row.
    pub(super) title: String,
    /// What is wrong with it.
    pub(super) warnings: Vec<Warning>,
    /// Whether the warnings are about something else than the row, and need its name.
    pub(super) named: bool,
    /// Short facts with their labels.
    pub(super) facts: Vec<(&'static str, String)>,
    /// Long facts with their labels.
    pub(super) lists: Vec<(&'static str, String)>,
    /// Texts with their labels, in as many lines as each takes.
    pub(super) notes: Vec<(&'static str, String)>,
    /// How long messages waited until they were read.
    pub(super) waits: Option<QueueLatency>,
    /// How long something took.
    pub(super) times: Option<LatencyHistogram>,
    /// Counters, exact.
    pub(super) counters: Vec<Counter>,
}

/// A counter in the pane.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Counter {
    title: &'static str,
    total: u64,
    rate: String,
    severity: Option<Severity>,
}

/// All counters of a row.
pub(super) fn counters<T: Fielded>(row: &Row<'_, T>) -> Vec<Counter> {
    counter_fields(T::fields())
        .filter_map(|field| {
            let rate = row.rate(field.key);
            let shown = match (rate, field.unit) {
                (None, _) => format::ABSENT.to_owned(),
                (Some(rate), Unit::Bytes) => format::byte_rate(rate),
                (Some(rate), _) => format::rate(rate),
            };
            Some(Counter {
                title: field.title,
                total: field.counter(row.item)?,
                rate: shown,
                severity: rate.and_then(|rate| trouble::of_rate(field.key, rate)),
            })
        })
        .collect()
}

/// Draws the pane.
pub(super) fn draw(detail: Option<&Detail>, buf: &mut Buffer, area: Rect, ctx: &DrawContext<'_>) {
    let Some(detail) = detail else {
        rule(
            buf,
            Rect {
                height: area.height.min(1),
                ..area
            },
            &[],
            ctx,
        );
        return;
    };
    let theme = ctx.theme;
    let title = [(format!(" {} ", detail.title), theme.style(Role::Title))];
    rule(
        buf,
        Rect {
            height: area.height.min(1),
            ..area
        },
        &title,
        ctx,
    );

    let width = usize::from(area.width.saturating_sub(2));
    let warnings = detail.warnings.iter();
    let mut lines: Vec<Vec<Piece>> = warnings
        .flat_map(|warning| warning_lines(warning, detail.named, width, ctx))
        .collect();
    if !detail.facts.is_empty() {
        lines.extend(wrap_facts(&detail.facts, width, ctx));
    }
    for (label, text) in detail.lists.iter().filter(|(_, text)| !text.is_empty()) {
        lines.push(vec![
            (format!("{label} "), theme.style(Role::Label)),
            (text.to_owned(), theme.style(Role::Normal)),
        ]);
    }
    lines.extend(note_lines(&detail.notes, width, ctx));
    if let Some(waited) = &detail.waits {
        lines.push(waits::line("waited 10 s", waited, ctx));
    }
    lines.extend(detail.times.iter().flat_map(|times| time_lines(times, ctx)));
    lines.extend(counter_lines(&detail.counters, width, ctx));
    let below = (area.y + 1..area.bottom()).zip(lines);
    for (y, line) in below {
        let line_area = Rect {
            x: area.x + 1,
            y,
            width: area.width.saturating_sub(2),
            height: 1,
        };
        put_pieces(buf, line_area, &line);
    }
}

/// What is wrong, in as many lines as it takes, and what to do.
fn warning_lines(
    warning: &Warning,
    named: bool,
    width: usize,
    ctx: &DrawContext<'_>,
) -> Vec<Vec<Piece>> {
    let theme = ctx.theme;
    let text = if named {
        warning.sentence()
    } else {
        warning.reason()
    };
    let style = theme.style(trouble::role(warning.severity));
    let wrapped = format::wrap(&text, width.saturating_sub(2).max(1));
    let sentence = wrapped.into_iter().enumerate().map(|(i, text)| {
        let mark = if i == 0 { theme.glyphs.alarm } else { " " };
        vec![(format!("{mark} {text}"), style)]
    });
    let advice = warning
        .advice
        .map(|advice| vec![(format!("  {advice}"), theme.style(Role::Label))]);
    sentence.chain(advice).collect()
}

/// Each note below the other, with all texts below each other.
fn note_lines(
    notes: &[(&'static str, String)],
    width: usize,
    ctx: &DrawContext<'_>,
) -> Vec<Vec<Piece>> {
    let labels = notes.iter().map(|(label, _)| format::cells(label));
    let indent = labels.max().unwrap_or_default() + 2;
    let lines = notes.iter().flat_map(|(label, text)| {
        let wrapped = format::wrap(text, width.saturating_sub(indent).max(1));
        let label = fit(label, indent, Align::Left, ctx.theme.glyphs.ellipsis);
        let labels = std::iter::once(label).chain(std::iter::repeat(" ".repeat(indent)));
        labels.zip(wrapped)
    });
    let piece = |text: String, role| (text, ctx.theme.style(role));
    lines
        .map(|(label, text)| vec![piece(label, Role::Label), piece(text, Role::Normal)])
        .collect()
}

/// As many facts on a line as fit.
fn wrap_facts(facts: &[(&str, String)], width: usize, ctx: &DrawContext<'_>) -> Vec<Vec<Piece>> {
    let mut lines: Vec<Vec<Piece>> = vec![Vec::new()];
    let mut used = 0;
    for (label, value) in facts {
        let pieces = [
            (format!("{label} "), ctx.theme.style(Role::Label)),
            (format!("{value}   "), ctx.theme.style(Role::Normal)),
        ];
        let cells = usize::from(super::width_of(&pieces));
        if used > 0 && used + cells > width {
            lines.push(Vec::new());
            used = 0;
        }
        used += cells;
        if let Some(line) = lines.last_mut() {
            line.extend(pieces);
        }
    }
    lines
}

/// A histogram as a line of bars with its ends, and the numbers it is drawn from. No lines when it is empty.
fn time_lines(times: &LatencyHistogram, ctx: &DrawContext<'_>) -> Vec<Vec<Piece>> {
    let theme = ctx.theme;
    let filled = |&bucket: &usize| times.counts[bucket] > 0;
    let first = (0..LatencyHistogram::BUCKETS).find(filled);
    let last = (0..LatencyHistogram::BUCKETS).rfind(filled);
    let (Some(first), Some(last)) = (first, last) else {
        return Vec::new();
    };
    let counts = &times.counts[first..=last];
    let bars = theme.sparkline(counts.iter().map(|&count| count as f64), counts.len());
    let label = |text: &str| (text.to_owned(), theme.style(Role::Label));
    let plain = |text: String| (text, theme.style(Role::Normal));
    vec![
        vec![
            label("answered in "),
            plain(format!("{} ", bound(first))),
            (bars, theme.style(Role::Graph)),
            plain(format!(" {}", bound(last))),
        ],
        vec![
            label("timed "),
            plain(format!("{}: ", times.count())),
            plain(numbers(times).join("  ")),
        ],
    ]
}

/// Where a bucket ends.
fn bound(bucket: usize) -> String {
    LatencyHistogram::bound(bucket).map_or("longer".to_owned(), |bound| {
        format!("<{}", format::duration(bound))
    })
}

/// How many took how long, for each bucket that is not empty.
fn numbers(times: &LatencyHistogram) -> Vec<String> {
    let filled = (0..LatencyHistogram::BUCKETS).filter(|&bucket| times.counts[bucket] > 0);
    filled
        .map(|bucket| format!("{} {}", bound(bucket), format::count(times.counts[bucket])))
        .collect()
}

/// Cells of a counter: title, exact total, rate, gap.
const TITLE: usize = 10;
const TOTAL: usize = 13;
const RATE: usize = 9;
const COUNTER: usize = TITLE + TOTAL + RATE + 3;

/// The counters side by side, in the order of the field table: where they do not all fit, it is the finest
/// ones that are left out.
fn counter_lines(counters: &[Counter], width: usize, ctx: &DrawContext<'_>) -> Vec<Vec<Piece>> {
    let theme = ctx.theme;
    let across = (width / COUNTER).max(1);
    let cell = |counter: &Counter| {
        let role = match (counter.severity, counter.total) {
            (Some(severity), _) => trouble::role(severity),
            (None, 0) => Role::Quiet,
            (None, _) => Role::Normal,
        };
        let total = counter.total.to_string();
        let rate = format!("{}/s", counter.rate);
        [
            (
                fit(counter.title, TITLE, Align::Left, theme.glyphs.ellipsis),
                theme.style(Role::Label),
            ),
            (
                fit(&total, TOTAL, Align::Right, theme.glyphs.ellipsis),
                theme.style(role),
            ),
            (
                fit(&rate, RATE, Align::Right, theme.glyphs.ellipsis),
                theme.style(role),
            ),
            ("   ".to_owned(), theme.style(Role::Normal)),
        ]
    };
    counters
        .chunks(across)
        .map(|line| line.iter().flat_map(cell).collect())
        .collect()
}
