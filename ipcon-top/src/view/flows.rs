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
use crate::keymap::Action;
use crate::store::streams::{ByPair, ByReceiver, BySender, End, Grouping, Stream};
use crate::store::{Row, Store};
use crate::table::{Cell, Choice, Column, Natural, Table, rate, text, value};
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
        let from = text("from_name", |row: &Row<'_, Stream<G>>| {
            end(row.item.from.as_ref())
        });
        let mut from = from.extent(16, 36, 0);
        from.help = "Who sends: a peer, or a group to its members.";
        columns.push(from);
    }
    if G::TO {
        let to = text("to_name", |row: &Row<'_, Stream<G>>| {
            end(row.item.to.as_ref())
        });
        let mut to = to.extent(16, 36, u8::from(G::FROM));
        to.help = "Who receives: a peer, or a group to which its owner publishes.";
        columns.push(to);
    }
    if G::FROM && G::TO {
        let kind = text("kind", |row: &Row<'_, Stream<G>>| {
            Cell::new(row.item.key.kind.key(), Role::Quiet)
        });
        columns.push(kind.extent(9, 9, 5));
    }
    columns.extend([
        rate("messages").extent(8, 8, 2),
        rate("bytes").extent(8, 8, 3),
        rate("lost_messages").extent(8, 8, 1),
        value("messages").extent(6, 6, 6),
        value("lost_messages").extent(6, 6, 4),
    ]);
    columns
}

/// Those of which most is lost, then those that carry most. What is not known is less than nothing.
fn lossy_first<G: Grouping>(a: &Row<'_, Stream<G>>, b: &Row<'_, Stream<G>>) -> Ordering {
    let by = |key| {
        let rate = |row: &Row<'_, Stream<G>>| row.rate(key).unwrap_or(-1.0);
        rate(b).total_cmp(&rate(a))
    };
    by("lost_messages").then_with(|| by("messages"))
}

fn name(end: Option<&End>) -> &str {
    end.map_or("", |end| &end.label)
}

fn end(end: Option<&End>) -> Cell {
    match end {
        Some(end) if end.subject.is_some() => Cell::new(end.label.clone(), Role::Normal),
        Some(end) => Cell::new(end.label.clone(), Role::Quiet),
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
        .map(|(label, end)| (label, end.label.clone()))
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
        (Some(from), Some(to)) => format!("{} to {}", from.label, to.label),
        (Some(end), None) => format!("all that {} sends", end.label),
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

    fn copied(&self, detail_open: bool, ctx: &DrawContext<'_>) -> Option<String> {
        self.table().copied(detail_open, ctx)
    }

    fn draw(&self, buf: &mut Buffer, area: Rect, ctx: &DrawContext<'_>) {
        self.table().draw(buf, area, ctx);
    }

    fn draw_detail(&self, buf: &mut Buffer, area: Rect, ctx: &DrawContext<'_>) {
        self.table().draw_detail(buf, area, ctx);
    }
}
