// SPDX-License-Identifier: MIT OR Apache-2.0
//! Comma-separated values as in RFC 4180: one header, then each row of each block in a line.
//!
//! Writing them is these few lines; a crate would bring a parser along.

use std::io::{self, Write};

use ipcon_observe::fields::Value;

use super::rows::{Cell, Table};
use super::{Printer, Seen};

pub(super) struct Csv {
    table: Table,
}

impl Csv {
    pub(super) fn new(table: Table) -> Self {
        Self { table }
    }
}

impl Printer for Csv {
    fn begin(&mut self, out: &mut dyn Write) -> io::Result<()> {
        let keys = self.table.columns.iter().map(|column| {
            let end = if column.rate { "_per_second" } else { "" };
            format!("{}{end}", column.key)
        });
        let when = ["at", "taken_at_seconds", "interval_seconds"].map(str::to_owned);
        record(when.into_iter().chain(keys), out)
    }

    fn block(&mut self, seen: &Seen, out: &mut dyn Write) -> io::Result<()> {
        let interval = seen.rates.interval();
        let interval = (!interval.is_zero()).then(|| interval.as_secs_f64().to_string());
        let when = [
            super::wall_clock(seen.at),
            seen.snapshot.taken_at.as_secs_f64().to_string(),
            interval.unwrap_or_default(),
        ];
        for line in self.table.lines(seen) {
            let cells = line.cells.iter().map(cell);
            record(when.iter().cloned().chain(cells), out)?;
        }
        Ok(())
    }
}

/// The plain form of a value; nothing where there is none. A histogram is as in JSON.
fn cell(cell: &Option<Cell<'_>>) -> String {
    match cell {
        None => String::new(),
        Some(Cell::PerSecond(rate)) => rate.to_string(),
        Some(Cell::Value(value @ (Value::Times(_) | Value::Waits(_)))) => {
            serde_json::to_string(value).unwrap_or_default()
        }
        Some(Cell::Value(value)) => value.to_string(),
    }
}

fn record(fields: impl Iterator<Item = String>, out: &mut dyn Write) -> io::Result<()> {
    let fields: Vec<String> = fields.map(quoted).collect();
    write!(out, "{}\r\n", fields.join(","))
}

fn quoted(field: String) -> String {
    if field.contains([',', '"', '\r', '\n']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_needs_quotes_has_them() {
        let mut out = Vec::new();
        let fields = ["a", "", "b c", "d,e", "f\"g", "h\ni"].map(str::to_owned);
        record(fields.into_iter(), &mut out).unwrap();
        let expected = "a,,b c,\"d,e\",\"f\"\"g\",\"h\ni\"\r\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
