// SPDX-License-Identifier: MIT OR Apache-2.0
//! `ipcon-top fields`: what there is to choose from.

use std::io::{self, Write};

use clap::{Args, ValueEnum};
use ipcon_observe::fields::{Kind, Unit};

use super::Output;
use super::rows::{Rows, Table};
use crate::format::Align;
use crate::grid::Grid;

/// Options of `fields`.
#[derive(Debug, Clone, Args)]
pub struct Fields {
    /// Only those of these rows
    #[arg(long, value_enum, value_name = "ROWS")]
    pub rows: Option<Rows>,
}

/// Writes what fields rows have: key, other words for it, unit, what the value does over time, and a sentence.
///
/// # Errors
///
/// `out` cannot be written.
pub fn list(rows: Option<Rows>, out: &mut dyn Write) -> io::Result<()> {
    let all = Rows::value_variants().iter().copied();
    for rows in all.filter(|it| rows.is_none_or(|rows| rows == *it)) {
        let mut text = format!("{}\n", rows.key());
        let mut grid = Grid::default();
        for title in ["key", "also", "unit", "kind", "what it is"] {
            grid.column(title, Align::Left);
        }
        let table = Table::new(rows, None, None, Output::Json).map_err(io::Error::other)?;
        for column in table.columns.iter().filter(|column| !column.rate) {
            let cells = [
                column.key,
                &column.also.join(" "),
                unit(column.unit),
                kind(column.kind),
                column.help,
            ];
            grid.row(cells.map(str::to_owned).into());
        }
        grid.print(&mut text);
        text.push('\n');
        out.write_all(text.as_bytes())?;
    }
    Ok(())
}

fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::Messages => "messages",
        Unit::Bytes => "bytes",
        Unit::Seconds => "seconds",
        Unit::None => "",
    }
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Info => "info",
    }
}
