// SPDX-License-Identifier: MIT OR Apache-2.0
//! A row of a table as a line of text.

use super::{CellContext, Table};
use crate::format;
use crate::store::{Item, Row};
use crate::view::DrawContext;

/// Cells in which a bar leaves room for its number alone.
const NO_BAR: usize = 0;

impl<T: Item> Table<T> {
    /// The row as `TITLE: value, TITLE: value`: all columns that were chosen, also those for which the terminal has no room, and
    /// nothing cut. Empty cells are left out.
    #[must_use]
    pub fn written(&self, row: &Row<'_, T>, ctx: &DrawContext<'_>) -> String {
        let context = CellContext {
            store: ctx.store,
            theme: ctx.theme,
            width: NO_BAR,
            epoch: ctx.epoch,
        };
        let cells = self.columns().filter_map(|column| {
            let cell = (column.cell)(row, &context);
            let text = cell.text.trim();
            (!text.is_empty()).then(|| format!("{}: {text}", column.title))
        });
        let gone = row
            .gone
            .map(|span| format!("gone for {}", format::duration(span)));
        cells.chain(gone).collect::<Vec<_>>().join(", ")
    }
}
