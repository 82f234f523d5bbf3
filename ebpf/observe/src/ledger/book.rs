// SPDX-License-Identifier: MIT OR Apache-2.0
//! Totals by label, for rows of one sort.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::{DEPARTED, OTHER};

/// One row as the book sees it.
pub(super) struct Entry {
    /// Never used again for another row.
    pub(super) id: u64,
    /// Label that growth goes to, unless there are too many labels.
    pub(super) label: String,
    /// Counters now.
    pub(super) counts: Vec<u64>,
}

/// Totals by label. No total ever falls.
#[derive(Debug)]
pub(super) struct Book {
    limit: usize,
    retain: Duration,
    rows: BTreeMap<u64, Row>,
    labels: BTreeMap<Arc<str>, Total>,
    /// Labels that are not the book's own; as many rows ask for it, it is not counted each time.
    named: usize,
    folded: u64,
}

#[derive(Debug)]
struct Row {
    label: Arc<str>,
    counts: Vec<u64>,
}

#[derive(Debug)]
struct Total {
    counts: Vec<u64>,
    /// When a row last had the label.
    last_used: Duration,
}

impl Book {
    /// A book with at most `limit` labels beside those of its own, and the given ones from the start.
    pub(super) fn new(limit: usize, retain: Duration, width: usize, always: &[&str]) -> Self {
        let zero = || Total {
            counts: vec![0; width],
            last_used: Duration::ZERO,
        };
        Self {
            limit,
            retain,
            rows: BTreeMap::new(),
            labels: always.iter().map(|&l| (l.into(), zero())).collect(),
            named: 0,
            folded: 0,
        }
    }

    /// Adds what the rows grew by since the call before. Rows that are not there any more are gone for
    /// good; `totals`, where known, are at least what all rows, gone ones included, ever counted.
    pub(super) fn apply(&mut self, now: Duration, entries: Vec<Entry>, totals: &[Option<u64>]) {
        self.forget_labels_unused(now, &entries);
        let before = std::mem::take(&mut self.rows);
        let mut rows = Vec::with_capacity(entries.len());
        for entry in entries {
            let before = before.get(&entry.id);
            let label = self.admit(&entry.label);
            let was_folded = before.is_some_and(|row| &*row.label == OTHER);
            if &*label == OTHER && !was_folded {
                self.folded += 1;
            }
            let earlier = before.map_or(&[][..], |row| &row.counts);
            let counts = self.credit(&label, now, earlier, entry.counts);
            rows.push((entry.id, Row { label, counts }));
        }
        self.rows = rows.into_iter().collect();
        self.credit_departed(now, totals);
    }

    /// The counters of all rows are at zero again; the totals stay.
    pub(super) fn begin_again(&mut self) {
        for row in self.rows.values_mut() {
            row.counts.clear();
        }
    }

    /// Adds the growth from `earlier` to `counts` to a label; returns the highest counts seen.
    fn credit(
        &mut self,
        label: &Arc<str>,
        now: Duration,
        earlier: &[u64],
        mut counts: Vec<u64>,
    ) -> Vec<u64> {
        let total = self.total(label, counts.len(), now);
        for (index, count) in counts.iter_mut().enumerate() {
            let before = earlier.get(index).copied().unwrap_or(0);
            let growth = count.saturating_sub(before);
            *count = before.saturating_add(growth);
            total.counts[index] = total.counts[index].saturating_add(growth);
        }
        counts
    }

    /// What the totals have beyond all labels was counted by rows that left unseen.
    fn credit_departed(&mut self, now: Duration, totals: &[Option<u64>]) {
        for (index, total) in totals.iter().enumerate() {
            let Some(total) = *total else { continue };
            let labels = self.labels.values().map(|label| label.counts[index]);
            let unseen = total.saturating_sub(labels.fold(0, u64::saturating_add));
            if unseen > 0 {
                self.total(&DEPARTED.into(), totals.len(), now).counts[index] += unseen;
            }
        }
    }

    /// Moves the totals of labels that no row has had for a while to the departed.
    fn forget_labels_unused(&mut self, now: Duration, entries: &[Entry]) {
        let is_old = |label: &str, total: &Total| {
            !is_own(label) && now.saturating_sub(total.last_used) > self.retain
        };
        if !self
            .labels
            .iter()
            .any(|(label, total)| is_old(label, total))
        {
            return;
        }
        let used: BTreeSet<&str> = entries.iter().map(|entry| entry.label.as_str()).collect();
        let (gone, kept): (BTreeMap<_, _>, BTreeMap<_, _>) = std::mem::take(&mut self.labels)
            .into_iter()
            .partition(|(label, total)| is_old(label, total) && !used.contains(&**label));
        self.labels = kept;
        self.named -= gone.len();
        for total in gone.into_values() {
            self.credit(&DEPARTED.into(), now, &[], total.counts);
        }
    }

    /// The label to use: a new one only while there is room.
    fn admit(&self, label: &str) -> Arc<str> {
        let known = |label: &str| self.labels.get_key_value(label).map(|(label, _)| label);
        if let Some(known) = known(label) {
            Arc::clone(known)
        } else if is_own(label) || self.named < self.limit {
            label.into()
        } else {
            known(OTHER).map_or_else(|| OTHER.into(), Arc::clone)
        }
    }

    fn total(&mut self, label: &Arc<str>, width: usize, now: Duration) -> &mut Total {
        let named = &mut self.named;
        let total = self.labels.entry(Arc::clone(label)).or_insert_with(|| {
            *named += usize::from(!is_own(label));
            Total {
                counts: vec![0; width],
                last_used: now,
            }
        });
        total.last_used = now;
        total
    }

    /// Labels with their totals, in order of label.
    pub(super) fn totals(&self) -> impl Iterator<Item = (&str, &[u64])> {
        self.labels
            .iter()
            .map(|(label, total)| (&**label, total.counts.as_slice()))
    }

    /// The label that a row of the last call counts for.
    pub(super) fn label_of(&self, id: u64) -> Option<&str> {
        self.rows.get(&id).map(|row| &*row.label)
    }

    /// How many rows had to share a label because there were too many.
    pub(super) fn folded(&self) -> u64 {
        self.folded
    }
}

/// Whether a label is one of the ledger's own, which no name on the bus can take.
fn is_own(label: &str) -> bool {
    label.starts_with('_') && !label.starts_with("__")
}
