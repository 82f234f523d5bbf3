// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tables for people.

use std::io::{self, Write};

use ipcon_observe::fields::{Kind, Unit, Value};
use ipcon_observe::model::Source;

use super::rows::{Cell, Rows, Table};
use super::{Printer, Seen};
use crate::format::{self, ABSENT, Align};
use crate::grid::Grid;
use crate::trouble;

/// Writes a line that says what and when, and a table below.
pub(super) struct Text {
    table: Table,
}

impl Text {
    pub(super) fn new(table: Table) -> Self {
        Self { table }
    }
}

impl Printer for Text {
    fn block(&mut self, seen: &Seen, out: &mut dyn Write) -> io::Result<()> {
        let mut text = format!(
            "{} at {} UTC\n",
            self.table.rows.key(),
            format::time_of_day(seen.at)
        );
        let mut grid = Grid::default();
        for column in &self.table.columns {
            let end = if column.rate { "/s" } else { "" };
            let left = column.kind == Kind::Info && column.unit == Unit::None;
            let align = if left { Align::Left } else { Align::Right };
            grid.column(format!("{}{end}", column.title), align);
        }
        for line in self.table.lines(seen) {
            let cells = self.table.columns.iter().zip(&line.cells);
            grid.row(cells.map(|(column, it)| cell(column.unit, it)).collect());
        }
        grid.print(&mut text);
        if let Some(absence) = absence(self.table.rows, seen) {
            text.push_str(&format!("  {absence}\n"));
        }
        text.push('\n');
        out.write_all(text.as_bytes())
    }
}

fn cell(unit: Unit, cell: &Option<Cell<'_>>) -> String {
    match cell {
        None => ABSENT.to_owned(),
        // Seconds in a second are a share, and mostly a small one.
        Some(Cell::PerSecond(share)) if unit == Unit::Seconds => format!("{share:.6}"),
        Some(Cell::PerSecond(rate)) => format::rate(*rate),
        Some(Cell::Value(Value::Ratio(number) | Value::Mean(number))) => format!("{number:.3}"),
        Some(Cell::Value(value)) => value.to_string(),
    }
}

/// Why there are no rows, or not all of them. `None` when they were read.
fn absence(rows: Rows, seen: &Seen) -> Option<String> {
    let snapshot = &seen.snapshot;
    let bus = snapshot.bus_absence();
    let reason = match rows {
        Rows::Channels | Rows::Endpoints => snapshot.absence(Source::Channels),
        Rows::Events => snapshot.absence(Source::Kevents).or(bus),
        Rows::Exceptions | Rows::Probes => snapshot.absence(Source::Probes).or(bus),
        Rows::Warnings => return bus.map(trouble::unknown),
        Rows::Bus | Rows::Peers | Rows::Groups | Rows::Flows => bus,
    };
    reason.map(|reason| format!("nothing was read: {reason}"))
}
