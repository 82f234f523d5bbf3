// SPDX-License-Identifier: MIT OR Apache-2.0
//! The lines of the view: the sources, what the observer takes itself, and the account of the probes.

use ipcon_observe::model::{Observer, Source, SourceState, SourceStatus};

use super::{account, observer};
use crate::format::{self, ABSENT, Align, fit};
use crate::store::Store;
use crate::theme::{Role, Theme};

/// Cells of names.
pub(super) const NAME: usize = 18;
/// Cells of numbers.
pub(super) const NUMBER: usize = 12;

/// A line in the making: texts and what they are.
pub(super) type Line = Vec<(String, Role)>;

/// All lines of the view, at this width.
pub(super) fn lines(store: &Store, theme: &Theme, width: usize) -> Vec<Line> {
    let mut lines = vec![title("where the numbers come from")];
    for source in &store.snapshot().sources {
        lines.extend(of_source(source, theme, width));
        if source.name == Source::Dumps && !store.snapshot().consistent {
            let told = "the bus changed while it was read: rows may not fit together";
            lines.push(vec![
                (format!("     {}", theme.glyphs.alarm), Role::Warning),
                (told.to_owned(), Role::Warning),
            ]);
        }
    }
    if let Some(observer) = &store.snapshot().observer {
        lines.push(of_observer(observer, store.rates().observer_cpu(), theme));
    }
    match &store.snapshot().probes {
        Some(probes) => account::lines(probes, store.rates().probes(), theme, width, &mut lines),
        None => {
            let reason = store.absence(Source::Probes);
            lines.push(Line::new());
            lines.push(title("probes"));
            lines.push(vec![(
                format!(
                    "   none attached{}",
                    if reason.is_some() {
                        ", as said above"
                    } else {
                        ""
                    }
                ),
                Role::Quiet,
            )]);
        }
    }
    lines
}

pub(super) fn title(text: &str) -> Line {
    vec![(format!(" {text}"), Role::Title)]
}

fn of_source(source: &SourceStatus, theme: &Theme, width: usize) -> Vec<Line> {
    let glyphs = &theme.glyphs;
    let (glyph, role, state, reason) = match &source.state {
        SourceState::On => (glyphs.on, Role::Good, "on", None),
        SourceState::Off { reason } => (glyphs.off, Role::Quiet, "off", Some(reason)),
        SourceState::Failed { reason } => (glyphs.failed, Role::Alarm, "failed", Some(reason)),
    };
    let took = source.duration.map_or(ABSENT.to_owned(), format::duration);
    let lost = match source.lost {
        0 => ("0".to_owned(), Role::Quiet),
        lost => (format!("{}{lost}", glyphs.alarm), Role::Alarm),
    };
    let head = vec![
        (format!("   {glyph} "), role),
        (cell(source.name.key(), NAME - 2, theme), Role::Normal),
        (cell(state, 8, theme), role),
        ("took ".to_owned(), Role::Label),
        (format!("{took:<8}"), Role::Normal),
        ("lost ".to_owned(), Role::Label),
        lost,
    ];
    let reason = reason.map_or(String::new(), |reason| observer::printable(reason));
    let wrapped = format::wrap(&reason, width.saturating_sub(6).max(10));
    let more = wrapped.into_iter().filter(|line| !line.is_empty());
    let more = more.map(|line| vec![(format!("     {line}"), Role::Quiet)]);
    std::iter::once(head).chain(more).collect()
}

/// What it takes itself: in a recording, what the one took that made it.
fn of_observer(observer: &Observer, cpu: Option<f64>, theme: &Theme) -> Line {
    let memory = observer.resident_bytes;
    vec![
        (
            format!("     {}", cell("the observer", NAME - 2, theme)),
            Role::Normal,
        ),
        ("takes ".to_owned(), Role::Label),
        (cpu.map_or(ABSENT.to_owned(), share), Role::Normal),
        (" of a CPU, memory ".to_owned(), Role::Label),
        (
            memory.map_or(ABSENT.to_owned(), format::bytes),
            Role::Normal,
        ),
    ]
}

/// A share of one processor.
pub(super) fn share(share: f64) -> String {
    match 100.0 * share {
        percent if percent > 0.0 && percent < 0.005 => "<0.01%".to_owned(),
        percent => format!("{percent:.2}%"),
    }
}

/// Left-aligned, with a space behind.
pub(super) fn cell(text: &str, width: usize, theme: &Theme) -> String {
    format!("{} ", fit(text, width, Align::Left, theme.glyphs.ellipsis))
}

pub(super) fn number(text: &str, theme: &Theme) -> String {
    fit(text, NUMBER, Align::Right, theme.glyphs.ellipsis)
}
