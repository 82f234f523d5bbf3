// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the program that measures tells meanwhile, in the VM or on the host.

use anyhow::{Context, bail};

use super::figures::{Figures, Line, Unit};
use super::rows::Row;
use crate::progress::Progress;

/// What one program has told so far.
#[derive(Debug, Default)]
pub(super) struct Told {
    progress: Option<Progress>,
    /// The beginning of a line whose end has not come yet.
    rest: Vec<u8>,
    lines: Vec<anyhow::Result<Line>>,
}

/// What one program has measured.
#[derive(Debug)]
pub(super) struct Measured {
    pub(super) kernel: String,
    pub(super) cpus: usize,
    pub(super) clocksource: String,
    pub(super) rows: Vec<Figures>,
    /// Rows that were not measured, and why.
    pub(super) left_out: Vec<(String, String)>,
}

impl Measured {
    /// Together with what another one has measured on the same kernel.
    pub(super) fn and(mut self, other: Self) -> Self {
        self.rows.extend(other.rows);
        self.left_out.extend(other.left_out);
        self
    }
}

impl Told {
    pub(super) fn new(progress: Progress) -> Self {
        Self {
            progress: Some(progress),
            ..Self::default()
        }
    }

    /// More of what it prints, in pieces of any size.
    pub(super) fn hear(&mut self, bytes: &[u8]) {
        self.rest.extend_from_slice(bytes);
        while let Some(end) = self.rest.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            let line = serde_json::from_slice(&line).with_context(|| {
                format!("reading what was told: {}", String::from_utf8_lossy(&line))
            });
            if let (Some(progress), Ok(Line::Row(samples))) = (self.progress, &line) {
                progress.say(format!("measured {}", samples.name));
            }
            self.lines.push(line);
        }
    }

    /// All of it, counted in `unit`; fails unless it is about just the rows that were wanted.
    pub(super) fn all(self, wanted: &[&'static Row], unit: Unit) -> anyhow::Result<Measured> {
        let mut place = None;
        let (mut rows, mut left_out) = (Vec::new(), Vec::new());
        for line in self.lines {
            match line? {
                Line::Place {
                    kernel,
                    cpus,
                    clocksource,
                } => place = Some((kernel, cpus, clocksource)),
                Line::Row(samples) => {
                    let row = wanted
                        .iter()
                        .find(|row| row.name == samples.name)
                        .with_context(|| format!("nobody wanted a row {}", samples.name))?;
                    let figures = Figures::of(row, &samples, unit).with_context(|| {
                        format!("{} was not measured as often on both sides", samples.name)
                    })?;
                    rows.push(figures);
                }
                Line::LeftOut { name, why } => left_out.push((name, why)),
            }
        }
        for row in wanted {
            let told = rows.iter().any(|figures| figures.row.name == row.name)
                || left_out.iter().any(|(name, _)| name == row.name);
            if !told {
                bail!("nothing was told of {}", row.name);
            }
        }
        let (kernel, cpus, clocksource) = place.context("it was not told where that was")?;
        Ok(Measured {
            kernel,
            cpus,
            clocksource,
            rows,
            left_out,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::bus;
    use super::*;

    const PLACE: &[u8] =
        b"{\"kind\":\"place\",\"kernel\":\"7\",\"cpus\":2,\"clocksource\":\"tsc\"}\n";

    #[test]
    fn lines_are_whole_however_they_arrive() {
        let mut told = Told::default();
        told.hear(b"{\"kind\":\"left_out\",\"name\":\"a\",");
        assert!(told.lines.is_empty());
        told.hear(b"\"why\":\"b\"}\nnonsense\n{");
        assert_eq!(told.lines.len(), 2);
        assert!(matches!(told.lines[0], Ok(Line::LeftOut { .. })));
        assert!(told.lines[1].is_err());
    }

    #[test]
    fn a_row_that_is_missing_is_an_error() {
        let wanted = [bus::row("one-way").unwrap(), bus::row("connect").unwrap()];
        let tell = |more: &[u8]| {
            let mut told = Told::default();
            told.hear(PLACE);
            told.hear(
                b"{\"kind\":\"row\",\"name\":\"one-way\",\"times\":1,\"ours\":[1],\"peer\":[2]}\n",
            );
            told.hear(more);
            told.all(&wanted, Unit::Instructions)
        };
        let error = tell(b"").unwrap_err().to_string();
        assert!(error.contains("connect"), "{error}");
        let all = tell(b"{\"kind\":\"left_out\",\"name\":\"connect\",\"why\":\"x\"}\n").unwrap();
        assert_eq!((all.rows.len(), all.left_out.len()), (1, 1));
        assert_eq!(all.rows[0].unit, Unit::Instructions);
    }
}
