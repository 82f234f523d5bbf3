// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which columns of a table show, in what order.

use ipcon_observe::fields::Kind;

use super::{Column, Table, cells};
use crate::columns::{self, Extent};
use crate::filter::{Filter, keys};
use crate::store::{Item, Store};

/// A column that can be chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Key of its field; with `/s` after it, its rate.
    pub key: String,
    /// Title.
    pub title: String,
    /// One sentence.
    pub help: &'static str,
    /// Whether it shows, given the room.
    pub shown: bool,
    /// Whether the rows are sorted by it: with the largest or the smallest first.
    pub sorted: Option<Direction>,
}

/// Which end of an order comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The smallest.
    Ascending,
    /// The largest.
    Descending,
}

/// The ready-made columns, then one for each field, and for each rate of a counter, that has none yet.
pub(super) fn complete<T: Item>(mut columns: Vec<Column<T>>) -> Vec<Column<T>> {
    for field in T::fields().iter().filter(|field| keys::is_scalar(field)) {
        let mut generic = vec![cells::value_of(field)];
        if field.kind == Kind::Counter {
            generic.push(cells::rate_of(field));
        }
        for column in generic {
            let is_there = |it: &Column<T>| it.key == column.key || it.title == column.title;
            if !columns.iter().any(is_there) {
                columns.push(column);
            }
        }
    }
    columns
}

impl<T: Item> Table<T> {
    /// All columns: those that show in their order, then the others.
    #[must_use]
    pub fn choices(&self) -> Vec<Choice> {
        let others = (0..self.columns.len()).filter(|i| !self.chosen.contains(i));
        let all = self.chosen.iter().copied().chain(others);
        all.map(|i| self.choice(i)).collect()
    }

    fn choice(&self, index: usize) -> Choice {
        let column = &self.columns[index];
        Choice {
            key: column.key.clone(),
            title: column.title.clone(),
            help: column.help,
            shown: self.chosen.contains(&index),
            sorted: (self.sort == Some(index)).then_some(self.direction(column)),
        }
    }

    pub(super) fn direction(&self, column: &Column<T>) -> Direction {
        if column.largest_first == self.reverse {
            Direction::Ascending
        } else {
            Direction::Descending
        }
    }

    /// Shows the columns with these keys, in this order. Keys that there are not are left out; without any, nothing changes.
    pub fn choose(&mut self, keys: &[String]) {
        let position = |key: &String| self.columns.iter().position(|it| it.key == *key);
        let mut chosen: Vec<usize> = Vec::new();
        for index in keys.iter().filter_map(position) {
            if !chosen.contains(&index) {
                chosen.push(index);
            }
        }
        if !chosen.is_empty() {
            self.chosen = chosen;
        }
    }

    /// Keys of the columns that show unless others are chosen.
    #[must_use]
    pub fn usual(&self) -> Vec<String> {
        let usual = self.columns[..self.usual].iter();
        usual.map(|column| column.key.clone()).collect()
    }

    /// Sorts by the column with this key, in its usual direction or the reverse. False when there is none.
    pub fn sort_on(&mut self, key: &str, reverse: bool, store: &Store, filter: &Filter) -> bool {
        let Some(index) = self.columns.iter().position(|it| it.key == key) else {
            return false;
        };
        self.sort = Some(index);
        self.reverse = reverse;
        self.refresh(store, filter);
        true
    }

    /// The columns that show in this width, with their widths.
    pub(super) fn layout(&self, width: u16) -> Vec<(&Column<T>, u16)> {
        let mut extents: Vec<Extent> = self.chosen.iter().map(|&i| self.extent(i)).collect();
        if extents.iter().all(|extent| extent.priority > 0)
            && let Some(first) = extents.first_mut()
        {
            first.priority = 0;
        }
        let sorted = self
            .sort
            .and_then(|sort| self.chosen.iter().position(|&i| i == sort));
        let widths = columns::layout(&extents, sorted, width);
        let shown = self.chosen.iter().zip(widths);
        shown
            .filter_map(|(&i, width)| Some((&self.columns[i], width?)))
            .collect()
    }

    /// A column that the user asked for is worth more than those that are there anyway.
    fn extent(&self, index: usize) -> Extent {
        let extent = self.columns[index].extent;
        let priority = if index < self.usual {
            extent.priority
        } else {
            1
        };
        Extent { priority, ..extent }
    }
}
