// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a row of any benchmark is.

use anyhow::bail;

/// What a row shall reach.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Goal {
    /// Our time is at most so many times the peer's.
    AtMost(f64),
    /// We are at least so many times as fast.
    Faster(f64),
    /// None; the figure is worth knowing.
    Known,
}

impl Goal {
    /// The largest ratio of our time to the peer's that reaches it.
    pub(super) fn ratio(self) -> Option<f64> {
        match self {
            Self::AtMost(times) => Some(times),
            Self::Faster(times) => Some(1.0 / times),
            Self::Known => None,
        }
    }
}

/// One row.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) name: &'static str,
    /// What we do.
    pub(super) ours: &'static str,
    /// What the peer does for the same end.
    pub(super) peer: &'static str,
    pub(super) goal: Goal,
    /// Whether the VM's processors must run at once, so that counting instructions says nothing.
    pub(super) at_once: bool,
    /// What most of our time goes to, as far as it was looked into.
    pub(super) limit: &'static str,
}

/// Those of `rows` with `filter` in their names.
pub(super) fn named(rows: &'static [Row], filter: &str) -> anyhow::Result<Vec<&'static Row>> {
    let named: Vec<_> = rows
        .iter()
        .filter(|row| row.name.contains(filter))
        .collect();
    if named.is_empty() {
        bail!("no row has `{filter}` in its name; docs/benchmarks.md has them");
    }
    Ok(named)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::bus::ROWS;
    use super::*;

    #[test]
    fn a_filter_without_rows_is_refused() {
        assert_eq!(named(ROWS, "").unwrap().len(), ROWS.len());
        assert_eq!(named(ROWS, "one-way").unwrap().len(), 2);
        assert!(named(ROWS, "none such").is_err());
    }

    #[test]
    fn faster_is_a_ratio_below_one() {
        assert_eq!(Goal::Faster(4.0).ratio(), Some(0.25));
        assert_eq!(Goal::AtMost(1.15).ratio(), Some(1.15));
        assert_eq!(Goal::Known.ratio(), None);
    }
}
