// SPDX-License-Identifier: MIT OR Apache-2.0
//! A view that is a table and the details of its selected row.

use ipcon_observe::linter::Subject;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::detail::{self, Detail};
use super::{DrawContext, View};
use crate::filter::{Filter, FilterError, keys};
use crate::keymap::Action;
use crate::store::{Item, Row, Store};
use crate::table::{Choice, Table};
use crate::trouble::Severity;

/// The view.
pub(super) struct TableView<T: Item> {
    /// Name on the tab.
    pub(super) name: &'static str,
    /// The table.
    pub(super) table: Table<T>,
    /// What the details of a row are.
    pub(super) detail: fn(&Row<'_, T>, &Store) -> Detail,
    /// The row of a subject.
    pub(super) row_of: fn(Subject) -> Option<T::Key>,
    /// What a row leads to in another view.
    pub(super) leads_to: fn(&T) -> Option<Subject>,
    /// A row as a line of text, where that is not its cells.
    pub(super) written: fn(&Row<'_, T>) -> Option<String>,
    /// Whether it leads there before its details are open.
    pub(super) leads_at_once: bool,
}

impl<T: Item> TableView<T> {
    /// A view whose rows lead nowhere, and that nothing leads to.
    pub(super) fn new(
        name: &'static str,
        table: Table<T>,
        detail: fn(&Row<'_, T>, &Store) -> Detail,
    ) -> Self {
        Self {
            name,
            table,
            detail,
            row_of: |_| None,
            leads_to: |_| None,
            written: |_| None,
            leads_at_once: false,
        }
    }
}

impl<T: Item> View for TableView<T> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn rows(&self) -> usize {
        self.table.len()
    }

    fn troubled(&self) -> Option<(usize, Severity)> {
        self.table.troubled()
    }

    fn sorted_by(&self) -> (&str, bool) {
        self.table.sorted_by()
    }

    fn legend(&self) -> Vec<(&str, &'static str)> {
        let columns = self.table.columns();
        columns
            .map(|column| (column.title.as_str(), column.help))
            .collect()
    }

    fn refresh(&mut self, store: &Store, filter: &Filter) {
        self.table.refresh(store, filter);
    }

    fn check(&self, filter: &Filter) -> Result<(), FilterError> {
        filter.compile::<T>().map(drop)
    }

    fn keys(&self) -> Vec<String> {
        keys::all(T::fields())
    }

    fn settle(&mut self, body: Rect) {
        // One line goes to the titles.
        self.table
            .settle(usize::from(body.height.saturating_sub(1)));
    }

    fn handle(&mut self, action: Action, store: &Store, filter: &Filter) -> bool {
        self.table.handle(action, store, filter)
    }

    fn choices(&self) -> Vec<Choice> {
        self.table.choices()
    }

    fn usual(&self) -> Vec<String> {
        self.table.usual()
    }

    fn choose(&mut self, keys: &[String]) {
        self.table.choose(keys);
    }

    fn sort_on(&mut self, key: &str, reverse: bool, store: &Store, filter: &Filter) -> bool {
        self.table.sort_on(key, reverse, store, filter)
    }

    fn leads_to(&self, store: &Store, detail_open: bool) -> Option<Subject> {
        let row = self.table.selected(store)?;
        (self.leads_at_once || detail_open)
            .then(|| (self.leads_to)(row.item))
            .flatten()
    }

    fn select(&mut self, subject: Subject, store: &Store) -> bool {
        (self.row_of)(subject).is_some_and(|key| self.table.select(key, store))
    }

    fn click(&mut self, x: u16, y: u16, width: u16, store: &Store, filter: &Filter) {
        self.table.click(x, y, width, store, filter);
    }

    fn copied(&self, detail_open: bool, ctx: &DrawContext<'_>) -> Option<String> {
        let row = self.table.selected(ctx.store)?;
        if detail_open {
            return Some((self.detail)(&row, ctx.store).text());
        }
        Some((self.written)(&row).unwrap_or_else(|| self.table.written(&row, ctx)))
    }

    fn draw(&self, buf: &mut Buffer, area: Rect, ctx: &DrawContext<'_>) {
        self.table.draw(buf, area, ctx);
    }

    fn draw_detail(&self, buf: &mut Buffer, area: Rect, ctx: &DrawContext<'_>) {
        let detail = self
            .table
            .selected(ctx.store)
            .map(|row| (self.detail)(&row, ctx.store));
        detail::draw(detail.as_ref(), buf, area, ctx);
    }
}
