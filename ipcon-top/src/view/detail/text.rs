// SPDX-License-Identifier: MIT OR Apache-2.0
//! The details as plain text: all of them, however few lines the pane has.

use ipcon_observe::linter::Warning;

use super::{Counter, Detail, numbers};
use crate::format;
use crate::view::waits;

impl Detail {
    /// Its name, what is wrong in whole sentences, then a fact a line.
    pub(in crate::view) fn text(&self) -> String {
        let mut lines = vec![self.title.clone()];
        lines.extend(self.warnings.iter().flat_map(warning));
        let lists = self.lists.iter().filter(|(_, text)| !text.is_empty());
        let facts = self.facts.iter().chain(lists).chain(&self.notes);
        lines.extend(facts.map(|(label, text)| format!("{label}: {text}")));
        if let Some(waited) = &self.waits {
            lines.push(format!("waited 10 s: {}", waits::numbers(waited)));
        }
        let times = self.times.iter().filter(|times| times.count() > 0);
        lines.extend(
            times.map(|times| format!("timed {}: {}", times.count(), numbers(times).join(", "))),
        );
        lines.extend(self.counters.iter().map(counter));
        lines.join("\n")
    }
}

fn warning(warning: &Warning) -> impl Iterator<Item = String> {
    let sentence = format!("{}: {}", warning.severity.key(), warning.sentence());
    let advice = warning.advice.map(|advice| format!("  {advice}"));
    std::iter::once(sentence).chain(advice)
}

fn counter(counter: &Counter) -> String {
    let Counter {
        title, total, rate, ..
    } = counter;
    if rate == format::ABSENT {
        format!("{title}: {total}")
    } else {
        format!("{title}: {total}, {rate}/s")
    }
}
