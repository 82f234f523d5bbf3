// SPDX-License-Identifier: MIT OR Apache-2.0
//! A table of text whose columns are as wide as what they hold.

use std::fmt::Write;

use crate::format::{self, Align, fit};

/// Rows of cells under titles.
#[derive(Debug, Default)]
pub(crate) struct Grid {
    titles: Vec<(String, Align)>,
    rows: Vec<Vec<String>>,
}

impl Grid {
    /// Another column, right of the others.
    pub(crate) fn column(&mut self, title: impl Into<String>, align: Align) {
        self.titles.push((title.into(), align));
    }

    /// Another row, below the others. A cell for each column.
    pub(crate) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// Appends the table to `out`.
    pub(crate) fn print(&self, out: &mut String) {
        let widths: Vec<usize> = self
            .titles
            .iter()
            .enumerate()
            .map(|(i, (title, _))| {
                let cells = self
                    .rows
                    .iter()
                    .filter_map(|row| row.get(i))
                    .map(|cell| format::cells(cell));
                cells.fold(format::cells(title), usize::max)
            })
            .collect();
        let titles: Vec<String> = self.titles.iter().map(|(title, _)| title.clone()).collect();
        for row in std::iter::once(&titles).chain(&self.rows) {
            let cells = row.iter().zip(&widths).zip(&self.titles);
            let line: Vec<String> = cells
                .map(|((cell, &width), (_, align))| fit(cell, width, *align, "~"))
                .collect();
            let _ = writeln!(out, "  {}", line.join("  ").trim_end());
        }
    }
}
