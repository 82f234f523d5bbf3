// SPDX-License-Identifier: MIT OR Apache-2.0
//! A table of rows: which are shown, in what order, which is selected, how they are drawn.

mod cells;
mod choice;
mod draw;
mod written;

use std::cmp::Ordering;

use crate::columns::Extent;
use crate::filter::Filter;
use crate::format::Align;
use crate::keymap::Action;
use crate::store::{Item, Row, Store};
use crate::theme::{Role, Theme};
use crate::trouble::{Severity, Weight};

pub use cells::{queue, rate, text, text_of, value};
pub use choice::{Choice, Direction};

/// What one cell shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// The text; cut to the column when it is too long.
    pub text: String,
    /// How it is drawn.
    pub role: Role,
}

impl Cell {
    /// A cell of a role.
    #[must_use]
    pub fn new(text: impl Into<String>, role: Role) -> Self {
        Self {
            text: text.into(),
            role,
        }
    }
}

/// What a cell may depend on beside its row.
#[derive(Debug, Clone, Copy)]
pub struct CellContext<'a> {
    /// Where the row is from.
    pub store: &'a Store,
    /// Symbols.
    pub theme: &'a Theme,
    /// Cells there are.
    pub width: usize,
    /// Wall-clock time at zero of `CLOCK_MONOTONIC`.
    pub epoch: std::time::SystemTime,
}

type CellOf<T> = Box<dyn Fn(&Row<'_, T>, &CellContext<'_>) -> Cell + Send>;
type OrderOf<T> = Box<dyn Fn(&Row<'_, T>, &Row<'_, T>) -> Ordering + Send>;

/// One column.
pub struct Column<T: 'static> {
    /// Stable name: key of its field, with `/s` after it for a rate.
    pub key: String,
    /// Title, upper case.
    pub title: String,
    /// One sentence for the help.
    pub help: &'static str,
    /// Where text stands in the cell.
    pub align: Align,
    /// Width and priority.
    pub extent: Extent,
    /// Whether the largest comes first when the column is chosen for sorting.
    pub largest_first: bool,
    cell: CellOf<T>,
    /// Ascending; rows without a value compare as equal and are put last by the caller.
    order: OrderOf<T>,
}

impl<T> Column<T> {
    /// A column that is in no field table. Its smallest values come first.
    #[must_use]
    pub fn new(
        title: &str,
        help: &'static str,
        align: Align,
        cell: impl Fn(&Row<'_, T>, &CellContext<'_>) -> Cell + Send + 'static,
        order: fn(&Row<'_, T>, &Row<'_, T>) -> Ordering,
    ) -> Self {
        let extent = Extent {
            min: 0,
            max: 0,
            priority: u8::MAX,
        };
        let key = title.to_lowercase().replace(' ', "_");
        let title = title.to_owned();
        let (cell, order) = (Box::new(cell), Box::new(order));
        Self {
            key,
            title,
            help,
            align,
            extent,
            largest_first: false,
            cell,
            order,
        }
    }

    /// The same column with another width and priority.
    #[must_use]
    pub fn extent(mut self, min: u16, max: u16, priority: u8) -> Self {
        self.extent = Extent { min, max, priority };
        self
    }
}

/// The order of a table before the user chooses a column, among rows that are equally well.
pub struct Natural<T: 'static> {
    /// What it is called.
    pub name: &'static str,
    /// The order, first row first.
    pub order: fn(&Row<'_, T>, &Row<'_, T>) -> Ordering,
}

/// A table and what the user has done to it.
pub struct Table<T: Item> {
    /// Those that can be chosen, the usual ones first.
    columns: Vec<Column<T>>,
    /// How many of them are usual.
    usual: usize,
    /// Those that show, given the room: indices of `columns`.
    chosen: Vec<usize>,
    natural: Natural<T>,
    /// `None`: the natural order.
    sort: Option<usize>,
    reverse: bool,
    /// Indices of [`Item::row`] in the order shown.
    shown: Vec<usize>,
    /// Rows in trouble, those that the filter hides included, and how bad the worst is.
    troubled: Option<(usize, Severity)>,
    /// The row the user went to. `None`: whatever comes first.
    pinned: Option<T::Key>,
    cursor: usize,
    offset: usize,
    page: usize,
}

impl<T: Item> Table<T> {
    /// A table in its natural order, the first row selected. It shows these columns; others can be chosen, one for each
    /// field.
    #[must_use]
    pub fn new(columns: Vec<Column<T>>, natural: Natural<T>) -> Self {
        let usual = columns.len();
        Self {
            columns: choice::complete(columns),
            usual,
            chosen: (0..usual).collect(),
            natural,
            sort: None,
            reverse: false,
            shown: Vec::new(),
            troubled: None,
            pinned: None,
            cursor: 0,
            offset: 0,
            page: 1,
        }
    }

    /// The columns that show, given the room.
    pub fn columns(&self) -> impl Iterator<Item = &Column<T>> {
        self.chosen.iter().map(|&i| &self.columns[i])
    }

    /// What the rows are sorted by, and whether that is the reverse of the usual.
    #[must_use]
    pub fn sorted_by(&self) -> (&str, bool) {
        let name = self
            .sort
            .and_then(|i| self.columns.get(i))
            .map(|column| column.title.as_str());
        (name.unwrap_or(self.natural.name), self.reverse)
    }

    /// How many rows are in trouble, and how bad the worst is.
    #[must_use]
    pub fn troubled(&self) -> Option<(usize, Severity)> {
        self.troubled
    }

    /// Number of rows that pass the filter.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shown.len()
    }

    /// Whether no row passes the filter.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.shown.is_empty()
    }

    /// Index of the selected row among those shown.
    #[must_use]
    pub fn cursor(&self) -> usize {
        self.cursor
    }

    /// The selected row.
    #[must_use]
    pub fn selected<'a>(&self, store: &'a Store) -> Option<Row<'a, T>> {
        T::row(store, *self.shown.get(self.cursor)?)
    }

    /// Works out anew which rows are shown, after the data, the filter or the order changed. The selection
    /// stays with its row; when that is gone, with its place.
    pub fn refresh(&mut self, store: &Store, filter: &Filter) {
        // The filter was checked when it was set; a view without its keys shows everything.
        let filter = filter.compile::<T>().ok();
        let all = (0..T::count(store)).filter_map(|index| {
            let row = T::row(store, index)?;
            Some(Weighed {
                index,
                row,
                weight: Weight::of(row.warnings),
            })
        });
        let mut rows: Vec<Weighed<'_, T>> = all.collect();
        self.troubled =
            rows.iter()
                .filter_map(|row| row.weight.worst)
                .fold(None, |sum, severity| {
                    let (count, worst) = sum.unwrap_or((0, severity));
                    Some((count + 1, worst.max(severity)))
                });
        rows.retain(|row| filter.as_ref().is_none_or(|it| it.matches(&row.row)));
        rows.sort_by(|a, b| self.compare(a, b));
        self.shown = rows.iter().map(|row| row.index).collect();
        let pinned = self.pinned.as_ref();
        let found = pinned.and_then(|key| rows.iter().position(|r| r.row.item.key() == *key));
        self.cursor = match (pinned, found) {
            (None, _) => 0,
            (Some(_), Some(at)) => at,
            (Some(_), None) => self.cursor.min(rows.len().saturating_sub(1)),
        };
        if self.pinned.is_some() {
            self.pinned = rows.get(self.cursor).map(|row| row.row.item.key());
        }
        self.settle(self.page);
    }

    /// Goes to the row with this key. False when it is not among those shown, and nothing changes then.
    pub fn select(&mut self, key: T::Key, store: &Store) -> bool {
        let is_it = |&index: &usize| T::row(store, index).is_some_and(|row| row.item.key() == key);
        let Some(cursor) = self.shown.iter().position(is_it) else {
            return false;
        };
        self.go_to(cursor, store);
        true
    }

    /// Takes note of how many rows fit, and scrolls so that the selected one is among them.
    pub fn settle(&mut self, page: usize) {
        self.page = page.max(1);
        let last = self.shown.len().saturating_sub(self.page);
        let lowest = (self.cursor + 1).saturating_sub(self.page);
        self.offset = self.offset.clamp(lowest, self.cursor).min(last);
    }

    /// Does what concerns a table. False when the action does not.
    pub fn handle(&mut self, action: Action, store: &Store, filter: &Filter) -> bool {
        match action {
            Action::Down => self.go_to(self.cursor.saturating_add(1), store),
            Action::Up => self.go_to(self.cursor.saturating_sub(1), store),
            Action::PageDown => self.go_to(self.cursor.saturating_add(self.page), store),
            Action::PageUp => self.go_to(self.cursor.saturating_sub(self.page), store),
            Action::First => {
                self.pinned = None;
                self.cursor = 0;
                self.settle(self.page);
            }
            Action::Last => self.go_to(usize::MAX, store),
            Action::SortNext => self.sort_beside(1, store, filter),
            Action::SortPrevious => self.sort_beside(-1, store, filter),
            Action::SortReverse => {
                self.reverse = !self.reverse;
                self.refresh(store, filter);
            }
            _ => return false,
        }
        true
    }

    /// Sorts by the column that shows so far to the right; between the last and the first is the natural order.
    fn sort_beside(&mut self, step: isize, store: &Store, filter: &Filter) {
        let now = self
            .sort
            .and_then(|sort| self.chosen.iter().position(|&i| i == sort));
        let places = self.chosen.len() + 1;
        let place = now.map_or(0, |at| at + 1) + places;
        let to = place.saturating_add_signed(step) % places;
        self.sort = to.checked_sub(1).map(|at| self.chosen[at]);
        self.reverse = false;
        self.refresh(store, filter);
    }

    /// A click so many cells from the left and the top of the table, which is so wide: a title sorts by its column, once more
    /// turns the order round; a row is selected.
    pub fn click(&mut self, x: u16, y: u16, width: u16, store: &Store, filter: &Filter) {
        if y > 0 {
            let row = self.offset + usize::from(y - 1);
            if row < self.shown.len() {
                self.go_to(row, store);
            }
            return;
        }
        let Some(key) = self.column_at(x, width) else {
            return;
        };
        let by = self.sort.and_then(|i| self.columns.get(i));
        let reverse = by.is_some_and(|by| by.key == key) && !self.reverse;
        self.sort_on(&key, reverse, store, filter);
    }

    fn go_to(&mut self, cursor: usize, store: &Store) {
        self.cursor = cursor.min(self.shown.len().saturating_sub(1));
        self.pinned = self.selected(store).map(|row| row.item.key());
        self.settle(self.page);
    }

    /// Order of two rows: as sorted; ties by how bad they are, then by the natural order, then by age.
    fn compare(&self, a: &Weighed<'_, T>, b: &Weighed<'_, T>) -> Ordering {
        let turn = |order: Ordering, turned| if turned { order.reverse() } else { order };
        let natural = || {
            let order = b
                .weight
                .cmp(&a.weight)
                .then_with(|| (self.natural.order)(&a.row, &b.row));
            // Only when it is the order the user sees can it be turned round.
            turn(order, self.reverse && self.sort.is_none())
        };
        let chosen = match self.sort.and_then(|i| self.columns.get(i)) {
            Some(column) => turn(
                (column.order)(&a.row, &b.row),
                column.largest_first != self.reverse,
            ),
            None => Ordering::Equal,
        };
        chosen
            .then_with(natural)
            .then_with(|| a.row.item.key().cmp(&b.row.item.key()))
    }
}

/// A row while the rows are sorted. Its weight takes longer to find than to compare.
struct Weighed<'a, T> {
    index: usize,
    row: Row<'a, T>,
    weight: Weight,
}
