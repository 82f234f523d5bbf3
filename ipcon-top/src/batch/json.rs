// SPDX-License-Identifier: MIT OR Apache-2.0
//! JSON: an object for each block, or an object in a line of its own for each row.

use std::io::{self, Write};

use ipcon_observe::model::SCHEMA_VERSION;
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::columns::Column;
use super::rows::{Cell, Line, Table};
use super::{Printer, Seen};

pub(super) struct Json {
    table: Table,
    /// Whether each row has a line.
    lines: bool,
}

impl Json {
    pub(super) fn blocks(table: Table) -> Self {
        let lines = false;
        Self { table, lines }
    }

    pub(super) fn lines(table: Table) -> Self {
        let lines = true;
        Self { table, lines }
    }
}

impl Printer for Json {
    fn block(&mut self, seen: &Seen, out: &mut dyn Write) -> io::Result<()> {
        let lines = self.table.lines(seen);
        let columns = &self.table.columns;
        let row = |line| Row { columns, line };
        let object = |rows| Object {
            seen,
            sort: self.table.rows.key(),
            rows,
        };
        if !self.lines {
            let rows = lines.iter().map(row).collect();
            serde_json::to_writer_pretty(&mut *out, &object(Part::Rows(rows)))?;
            return out.write_all(b"\n");
        }
        for line in &lines {
            serde_json::to_writer(&mut *out, &object(Part::Row(row(line))))?;
            out.write_all(b"\n")?;
        }
        Ok(())
    }
}

/// When it was, and one row or all.
struct Object<'a> {
    seen: &'a Seen,
    sort: &'static str,
    rows: Part<'a>,
}

enum Part<'a> {
    Row(Row<'a>),
    Rows(Vec<Row<'a>>),
}

struct Row<'a> {
    columns: &'a [Column],
    line: &'a Line<'a>,
}

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("schema_version", &SCHEMA_VERSION)?;
        map.serialize_entry("rows", self.sort)?;
        map.serialize_entry("at", &super::wall_clock(self.seen.at))?;
        let taken_at = self.seen.snapshot.taken_at.as_secs_f64();
        map.serialize_entry("taken_at_seconds", &taken_at)?;
        let interval = self.seen.rates.interval();
        if !interval.is_zero() {
            map.serialize_entry("interval_seconds", &interval.as_secs_f64())?;
        }
        match &self.rows {
            Part::Row(row) => row.put::<S>(&mut map)?,
            Part::Rows(rows) => map.serialize_entry("items", rows)?,
        }
        map.end()
    }
}

impl Row<'_> {
    /// The fields that the row has, then the rates.
    fn put<S: Serializer>(&self, map: &mut S::SerializeMap) -> Result<(), S::Error> {
        let cells = self.columns.iter().zip(&self.line.cells);
        for (column, cell) in cells {
            if let Some(Cell::Value(value)) = cell {
                map.serialize_entry(column.key, value)?;
            }
        }
        let rates = Rates(self);
        if rates.each().next().is_some() {
            map.serialize_entry("per_second", &rates)?;
        }
        Ok(())
    }
}

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.put::<S>(&mut map)?;
        map.end()
    }
}

struct Rates<'a>(&'a Row<'a>);

impl Rates<'_> {
    fn each(&self) -> impl Iterator<Item = (&'static str, f64)> {
        let cells = self.0.columns.iter().zip(&self.0.line.cells);
        cells.filter_map(|(column, cell)| match cell {
            Some(Cell::PerSecond(rate)) => Some((column.key, *rate)),
            _ => None,
        })
    }
}

impl Serialize for Rates<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.each())
    }
}
