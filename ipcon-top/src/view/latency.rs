// SPDX-License-Identifier: MIT OR Apache-2.0
//! The latency: how long messages wait from their delivery until they are read, by kind, over time and by peer.
//!
//! ```text
//! unicast    p50 p99 max  histogram
//! multicast  p50 p99 max  histogram
//! heat map: time to the right, slow at the top       with room for it
//! peers, the slowest first
//! ```

use std::cmp::Ordering;

use ipcon_observe::linter::Subject;
use ipcon_observe::model::{Peer, QueueLatency, Source};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::table_view::TableView;
use super::{DrawContext, Piece, View, peers, put_pieces, rule, waits};
use crate::filter::{Filter, FilterError};
use crate::format::{self, Align, fit};
use crate::keymap::Action;
use crate::store::waits::{KINDS, quantile};
use crate::store::{Row, Store};
use crate::table::{Cell, CellContext, Choice, Column, Natural, Table, rate, text, value};
use crate::theme::Role;
use crate::trouble::Severity;

struct LatencyView {
    peers: TableView<Peer>,
}

/// The view of the latency.
pub(super) fn view() -> Box<dyn View> {
    let natural = Natural {
        name: "p99",
        order: slow_first,
    };
    Box::new(LatencyView {
        peers: TableView {
            leads_to: |peer: &Peer| Some(Subject::Peer(peer.id)),
            ..TableView::new("Latency", Table::new(columns(), natural), peers::detail)
        },
    })
}

fn columns() -> Vec<Column<Peer>> {
    let bars = Column::new(
        "1us TO 16s",
        "How many messages waited how long, in the last 10 s: each cell is twice as long as the one before.",
        Align::Left,
        |row: &Row<'_, Peer>, ctx: &CellContext<'_>| match row.waits {
            Some(read) => Cell::new(waits::bars(read, ctx.theme), Role::Graph),
            None => Cell::new("", Role::Quiet),
        },
        |a, b| {
            let read = |row: &Row<'_, Peer>| row.waits.map_or(0, QueueLatency::count);
            read(a).cmp(&read(b))
        },
    );
    vec![
        text("name", peers::name).extent(16, 32, 0),
        rate("read_messages").extent(7, 7, 5),
        value("queue_oldest_seconds").extent(7, 7, 2),
        waits::p50().extent(6, 6, 3),
        waits::p99().extent(7, 7, 1),
        waits::max().extent(6, 6, 4),
        bars.extent(waits::BARS, waits::BARS, 6),
    ]
}

fn slow_first(a: &Row<'_, Peer>, b: &Row<'_, Peer>) -> Ordering {
    let key = |row: &Row<'_, Peer>| (quantile(row.waits, 0.99), row.item.queue_oldest);
    key(b).cmp(&key(a))
}

/// Lines above the peers: the kinds, and with room for it the heat map below its title.
fn strip(lines: u16) -> u16 {
    match lines {
        0..7 => 0,
        7..20 => 2,
        _ => 3 + HEAT_ROWS,
    }
}

/// Buckets in one line of the heat map.
const BUCKETS_A_ROW: usize = 3;
/// Lines of the heat map.
const HEAT_ROWS: u16 = QueueLatency::BUCKETS.div_ceil(BUCKETS_A_ROW) as u16;

fn draw_strip(buf: &mut Buffer, area: Rect, ctx: &DrawContext<'_>) {
    let line = |y: u16| Rect {
        y: area.y + y,
        height: 1,
        ..area
    };
    let measured = ctx.store.waits().measured();
    for (y, kind) in (0..area.height).zip(KINDS) {
        let pieces = if measured {
            waits::line(
                &format!(" {:<9}", kind.key()),
                ctx.store.waits().kind(kind),
                ctx,
            )
        } else if y == 0 {
            unmeasured(ctx)
        } else {
            continue;
        };
        put_pieces(buf, line(y), &pieces);
    }
    if area.height > 2 {
        let title = [(
            " slow at the top, newest at the right ".to_owned(),
            ctx.theme.style(Role::Quiet),
        )];
        rule(buf, line(2), &title, ctx);
        for row in 0..area.height - 3 {
            put_pieces(
                buf,
                line(3 + row),
                &heat_row(usize::from(row), area.width, ctx),
            );
        }
    }
}

/// Why there is nothing to see.
fn unmeasured(ctx: &DrawContext<'_>) -> Vec<Piece> {
    let reason = match ctx.store.absence(Source::Probes) {
        Some(reason) => format!("the probes are off: {reason}"),
        None => "the probes do not tell".to_owned(),
    };
    vec![(
        format!(" waiting times are not measured: {reason}"),
        ctx.theme.style(Role::Quiet),
    )]
}

/// Cells of the times beside the heat map.
const HEAT_LABEL: usize = 8;

/// One line of the heat map. Counts are drawn by their logarithm: one slow message among thousands matters.
fn heat_row(row: usize, width: u16, ctx: &DrawContext<'_>) -> Vec<Piece> {
    let theme = ctx.theme;
    let first = (usize::from(HEAT_ROWS) - 1 - row) * BUCKETS_A_ROW;
    let buckets = first..(first + BUCKETS_A_ROW).min(QueueLatency::BUCKETS);
    let bound = QueueLatency::bound(buckets.end - 1);
    let label = bound.map_or("longer".to_owned(), format::duration);
    let heat = |counts: &[u64]| {
        let sum = counts.iter().fold(0u64, |sum, &n| sum.saturating_add(n));
        (sum as f64).ln_1p()
    };
    let room = usize::from(width).saturating_sub(HEAT_LABEL + 1);
    let all = ctx.store.waits().heat();
    let columns: Vec<&QueueLatency> = all.rev().take(room).collect();
    let hottest = columns
        .iter()
        .flat_map(|it| it.counts.chunks(BUCKETS_A_ROW))
        .map(heat)
        .fold(0.0, f64::max);
    let cells = columns.iter().rev().map(|it| {
        let level = theme.level(heat(&it.counts[buckets.clone()]), hottest);
        theme.glyphs.levels[level]
    });
    let cells: String = cells.collect();
    let label = fit(&label, HEAT_LABEL - 1, Align::Right, theme.glyphs.ellipsis);
    let gap = " ".repeat(room.saturating_sub(columns.len()));
    vec![
        (format!("{label} {gap}"), theme.style(Role::Quiet)),
        (cells, theme.style(Role::Graph)),
    ]
}

fn split(area: Rect) -> (Rect, Rect) {
    let height = strip(area.height);
    let above = Rect { height, ..area };
    let below = Rect {
        y: area.y + height,
        height: area.height - height,
        ..area
    };
    (above, below)
}

impl View for LatencyView {
    fn name(&self) -> &'static str {
        self.peers.name()
    }

    fn rows(&self) -> usize {
        self.peers.rows()
    }

    fn troubled(&self) -> Option<(usize, Severity)> {
        None
    }

    fn sorted_by(&self) -> (&str, bool) {
        self.peers.sorted_by()
    }

    fn legend(&self) -> Vec<(&str, &'static str)> {
        self.peers.legend()
    }

    fn refresh(&mut self, store: &Store, filter: &Filter) {
        self.peers.refresh(store, filter);
    }

    fn check(&self, filter: &Filter) -> Result<(), FilterError> {
        self.peers.check(filter)
    }

    fn keys(&self) -> Vec<String> {
        self.peers.keys()
    }

    fn choices(&self) -> Vec<Choice> {
        self.peers.choices()
    }

    fn usual(&self) -> Vec<String> {
        self.peers.usual()
    }

    fn choose(&mut self, keys: &[String]) {
        self.peers.choose(keys);
    }

    fn sort_on(&mut self, key: &str, reverse: bool, store: &Store, filter: &Filter) -> bool {
        self.peers.sort_on(key, reverse, store, filter)
    }

    fn settle(&mut self, body: Rect) {
        self.peers.settle(split(body).1);
    }

    fn handle(&mut self, action: Action, store: &Store, filter: &Filter) -> bool {
        self.peers.handle(action, store, filter)
    }

    fn leads_to(&self, store: &Store, detail_open: bool) -> Option<Subject> {
        self.peers.leads_to(store, detail_open)
    }

    fn copied(&self, detail_open: bool, ctx: &DrawContext<'_>) -> Option<String> {
        self.peers.copied(detail_open, ctx)
    }

    fn draw(&self, buf: &mut Buffer, area: Rect, ctx: &DrawContext<'_>) {
        let (above, below) = split(area);
        draw_strip(buf, above, ctx);
        self.peers.draw(buf, below, ctx);
    }

    fn draw_detail(&self, buf: &mut Buffer, area: Rect, ctx: &DrawContext<'_>) {
        self.peers.draw_detail(buf, area, ctx);
    }
}
