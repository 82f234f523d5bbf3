// SPDX-License-Identifier: MIT OR Apache-2.0
//! The flows: who sends to whom, how much, and what of it is lost. By pair, by sender or by receiver.

use std::cmp::Ordering;

use ipcon_observe::linter::Subject;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::detail::Detail;
use super::table_view::TableView;
use super::{DrawContext, View};
use crate::filter::{Filter, FilterError};
use crate::format::{self, Align};
use crate::keymap::Action;
use crate::store::streams::{ByPair, ByReceiver, BySender, End, Grouping, Stream, StreamRates};
use crate::store::{Row, Store};
use crate::table::{Cell, CellContext, Choice, Column, Natural, Table};
use crate::theme::Role;
use crate::trouble::Severity;

/// The same flows in three tables, one of which is shown.
struct FlowsView {
    tables: [Box<dyn View>; 3],
    front: usize,
}

/// The view of the flows.
pub(super) fn view() -> Box<dyn View> {
    Box::new(FlowsView {
        tables: [
            Box::new(table::<ByPair>("loss, by pair")),
            Box::new(table::<BySender>("loss, by sender")),
            Box::new(table::<ByReceiver>("loss, by receiver")),
        ],
        front: 0,
    })
}

fn table<G: Grouping>(name: &'static str) -> TableView<Stream<G>> {
    let natural = Natural {
        name,
        order: lossy_first,
    };
    TableView {
        leads_to,
        ..TableView::new("Flows", Table::new(columns(), natural), detail)
    }
}

fn columns<G: Grouping>() -> Vec<Column<Stream<G>>> {
    let mut columns = Vec::new();
    if G::FROM {
        columns.push(
            Column::new(
                "FROM",
                "Who sends: a peer, or a group to its members.",
                Align::Left,
                |row: &Row<'_, Stream<G>>, _: &CellContext<'_>| end(row.item.from.as_ref()),
                |a, b| name(a.item.from.as_ref()).cmp(name(b.item.from.as_ref())),
            )
            .extent(16, 36, 0),
        );
    }
    if G::TO {
        columns.push(
            Column::new(
                "TO",
                "Who receives: a peer, or a group to which its owner publishes.",
                Align::Left,
                |row: &Row<'_, Stream<G>>, _: &CellContext<'_>| end(row.item.to.as_ref()),
                |a, b| name(a.item.to.as_ref()).cmp(name(b.item.to.as_ref())),
            )
            .extent(16, 36, u8::from(G::FROM)),
        );
    }
    if G::FROM && G::TO {
        columns.push(
            Column::new(
                "KIND",
                "Unicast from peer to peer, published from peer to group, copies from group to member.",
                Align::Left,
                |row: &Row<'_, Stream<G>>, _: &CellContext<'_>| {
                    Cell::new(row.item.key.kind.key(), Role::Quiet)
                },
                |a, b| a.item.key.kind.cmp(&b.item.key.kind),
            )
            .extent(9, 9, 5),
        );
    }
    columns.extend([
        rate(
            "MSGS/s",
            "Messages a second, without those lost.",
            2,
            |it| it.messages,
        ),
        bytes_rate(),
        rate(
            "LOST/s",
            "Messages a second that were refused to the sender, or that members lost.",
            1,
            |it| it.lost,
        ),
        total(
            "MSGS",
            "Messages put into receive queues, or published.",
            6,
            |it| it.counters.messages,
        ),
        total(
            "LOST",
            "Messages refused to the sender, or lost by members.",
            4,
            |it| it.counters.lost_messages,
        ),
    ]);
    columns
}

fn rate<G: Grouping>(
    title: &'static str,
    help: &'static str,
    priority: u8,
    of: fn(StreamRates) -> f64,
) -> Column<Stream<G>> {
    let lossy = title == "LOST/s";
    let cell =
        move |row: &Row<'_, Stream<G>>, ctx: &CellContext<'_>| match row.item.per_second.map(of) {
            None => Cell::new(format::ABSENT, Role::Quiet),
            Some(0.0) => Cell::new("0", Role::Quiet),
            Some(rate) if lossy => {
                let mark = ctx.theme.glyphs.alarm;
                Cell::new(format!("{mark}{}", format::rate(rate)), Role::Alarm)
            }
            Some(rate) => Cell::new(format::rate(rate), Role::Normal),
        };
    let order = if lossy { by_lost } else { by_messages };
    let mut column = Column::new(title, help, Align::Right, cell, order);
    column.largest_first = true;
    column.extent(8, 8, priority)
}

fn bytes_rate<G: Grouping>() -> Column<Stream<G>> {
    let cell = |row: &Row<'_, Stream<G>>, _: &CellContext<'_>| match row.item.per_second {
        None => Cell::new(format::ABSENT, Role::Quiet),
        Some(rates) if rates.bytes == 0.0 => Cell::new("0B", Role::Quiet),
        Some(rates) => Cell::new(format::byte_rate(rates.bytes), Role::Normal),
    };
    let help = "Payload bytes a second of the messages.";
    let mut column = Column::new("B/s", help, Align::Right, cell, |a, b| {
        per_second(a, |it| it.bytes).total_cmp(&per_second(b, |it| it.bytes))
    });
    column.largest_first = true;
    column.extent(7, 7, 3)
}

fn total<G: Grouping>(
    title: &'static str,
    help: &'static str,
    priority: u8,
    of: fn(&Stream<G>) -> u64,
) -> Column<Stream<G>> {
    let cell = move |row: &Row<'_, Stream<G>>, _: &CellContext<'_>| match of(row.item) {
        0 => Cell::new("0", Role::Quiet),
        n if title == "LOST" => Cell::new(format::count(n), Role::Warning),
        n => Cell::new(format::count(n), Role::Normal),
    };
    let order = if title == "LOST" {
        |a: &Row<'_, Stream<G>>, b: &Row<'_, Stream<G>>| {
            let lost = |row: &Row<'_, Stream<G>>| row.item.counters.lost_messages;
            lost(a).cmp(&lost(b))
        }
    } else {
        |a: &Row<'_, Stream<G>>, b: &Row<'_, Stream<G>>| {
            let messages = |row: &Row<'_, Stream<G>>| row.item.counters.messages;
            messages(a).cmp(&messages(b))
        }
    };
    let mut column = Column::new(title, help, Align::Right, cell, order);
    column.largest_first = true;
    column.extent(6, 6, priority)
}

/// What is not known is less than nothing.
fn per_second<G: Grouping>(row: &Row<'_, Stream<G>>, of: fn(StreamRates) -> f64) -> f64 {
    row.item.per_second.map_or(-1.0, of)
}

fn by_messages<G: Grouping>(a: &Row<'_, Stream<G>>, b: &Row<'_, Stream<G>>) -> Ordering {
    per_second(a, |it| it.messages).total_cmp(&per_second(b, |it| it.messages))
}

fn by_lost<G: Grouping>(a: &Row<'_, Stream<G>>, b: &Row<'_, Stream<G>>) -> Ordering {
    per_second(a, |it| it.lost).total_cmp(&per_second(b, |it| it.lost))
}

/// Those of which most is lost, then those that carry most.
fn lossy_first<G: Grouping>(a: &Row<'_, Stream<G>>, b: &Row<'_, Stream<G>>) -> Ordering {
    by_lost(b, a).then_with(|| by_messages(b, a))
}

fn name(end: Option<&End>) -> &str {
    end.map_or("", |end| &end.name)
}

fn end(end: Option<&End>) -> Cell {
    match end {
        Some(end) if end.subject.is_some() => Cell::new(end.name.clone(), Role::Normal),
        Some(end) => Cell::new(end.name.clone(), Role::Quiet),
        None => Cell::new("", Role::Quiet),
    }
}

/// To the receiver; by sender, to the sender.
fn leads_to<G: Grouping>(stream: &Stream<G>) -> Option<Subject> {
    let ends = [&stream.to, &stream.from];
    ends.into_iter().flatten().find_map(|end| end.subject)
}

fn detail<G: Grouping>(row: &Row<'_, Stream<G>>, store: &Store) -> Detail {
    let stream = row.item;
    let ends = [("from", &stream.from), ("to", &stream.to)];
    let named = ends
        .iter()
        .filter_map(|(label, end)| Some((*label, end.as_ref()?)));
    let mut facts: Vec<(&str, String)> = named
        .clone()
        .map(|(label, end)| (label, end.name.clone()))
        .collect();
    if G::FROM && G::TO {
        facts.push(("kind", stream.key.kind.key().to_owned()));
    }
    facts.extend([
        ("messages", stream.counters.messages.to_string()),
        ("bytes", stream.counters.bytes.to_string()),
        ("lost", stream.counters.lost_messages.to_string()),
    ]);
    let warnings = named.filter_map(|(_, end)| end.subject);
    let warnings = warnings.flat_map(|subject| store.warnings_about(subject));
    let title = match (&stream.from, &stream.to) {
        (Some(from), Some(to)) => format!("{} to {}", from.name, to.name),
        (Some(end), None) => format!("all that {} sends", end.name),
        (None, end) => format!("all that {} receives", name(end.as_ref())),
    };
    Detail {
        title,
        warnings: warnings.cloned().collect(),
        named: true,
        facts,
        ..Detail::default()
    }
}

impl FlowsView {
    fn table(&self) -> &dyn View {
        &*self.tables[self.front]
    }
}

impl View for FlowsView {
    fn name(&self) -> &'static str {
        "Flows"
    }

    fn rows(&self) -> usize {
        self.table().rows()
    }

    fn troubled(&self) -> Option<(usize, Severity)> {
        None
    }

    fn sorted_by(&self) -> (&str, bool) {
        self.table().sorted_by()
    }

    fn legend(&self) -> Vec<(&str, &'static str)> {
        self.table().legend()
    }

    fn refresh(&mut self, store: &Store, filter: &Filter) {
        for table in &mut self.tables {
            table.refresh(store, filter);
        }
    }

    fn check(&self, filter: &Filter) -> Result<(), FilterError> {
        self.table().check(filter)
    }

    fn keys(&self) -> Vec<String> {
        self.table().keys()
    }

    fn choices(&self) -> Vec<Choice> {
        self.table().choices()
    }

    fn usual(&self) -> Vec<String> {
        self.table().usual()
    }

    fn choose(&mut self, keys: &[String]) {
        self.tables[self.front].choose(keys);
    }

    fn sort_on(&mut self, key: &str, reverse: bool, store: &Store, filter: &Filter) -> bool {
        self.tables[self.front].sort_on(key, reverse, store, filter)
    }

    fn settle(&mut self, body: Rect) {
        for table in &mut self.tables {
            table.settle(body);
        }
    }

    fn handle(&mut self, action: Action, store: &Store, filter: &Filter) -> bool {
        if action == Action::Aggregate {
            self.front = (self.front + 1) % self.tables.len();
            return true;
        }
        self.tables[self.front].handle(action, store, filter)
    }

    fn leads_to(&self, store: &Store, detail_open: bool) -> Option<Subject> {
        self.table().leads_to(store, detail_open)
    }

    fn draw(&self, buf: &mut Buffer, area: Rect, ctx: &DrawContext<'_>) {
        self.table().draw(buf, area, ctx);
    }

    fn draw_detail(&self, buf: &mut Buffer, area: Rect, ctx: &DrawContext<'_>) {
        self.table().draw_detail(buf, area, ctx);
    }
}
