// SPDX-License-Identifier: MIT OR Apache-2.0
//! The pane with the details of the observer.

use ipcon_observe::linter::Subject;
use ipcon_observe::model::{SourceState, SourceStatus};

use crate::store::Store;
use crate::view::detail::Detail;

/// What comes from each source, or does not, and why.
fn notes(sources: &[SourceStatus]) -> Vec<(&'static str, String)> {
    let note = |source: &SourceStatus| {
        let tells = source.name.tells().join(", ");
        let text = match &source.state {
            SourceState::On => format!("on, tells {tells}"),
            SourceState::Off { reason } => format!("off: {reason}; not known: {tells}"),
            SourceState::Failed { reason } => format!("failed: {reason}; not known now: {tells}"),
        };
        (source.name.key(), printable(&text))
    };
    let missing = sources.iter().any(|it| it.state != SourceState::On);
    let doctor = missing.then(|| {
        (
            "remedy",
            "`ipcon-top doctor` tells what would change that".to_owned(),
        )
    });
    sources.iter().map(note).chain(doctor).collect()
}

/// A reason is the text of an error, which may have several lines.
pub(super) fn printable(text: &str) -> String {
    text.replace(char::is_control, " ")
}

/// What is wrong with what the observer sees.
pub(super) fn detail(store: &Store) -> Detail {
    let warnings = store.warnings().iter();
    let own = warnings.filter(|it| matches!(it.subject, Subject::Observer(_)));
    Detail {
        title: "the observer".to_owned(),
        warnings: own.cloned().collect(),
        notes: notes(&store.snapshot().sources),
        ..Detail::default()
    }
}
