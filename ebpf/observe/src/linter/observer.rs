// SPDX-License-Identifier: MIT OR Apache-2.0
//! Rules about the observer itself: a quiet bus and a blind observer must not look the same.

use std::time::Duration;

use super::{Linter, Rule, Scene, Severity, Subject, Warning};
use crate::format;
use crate::model::{Source, SourceState};

/// How long a loss stays a warning.
const REMEMBERED: Duration = Duration::from_secs(60);
/// Youngest age at which data can be called old, however short the interval.
const STALE: Duration = Duration::from_secs(2);
/// A map of the kernel that is fuller than this may overflow soon.
pub const MAP_FULL: f64 = 0.8;

/// What a source has lost.
#[derive(Clone, Copy, Debug)]
pub(super) struct Losses {
    lost: u64,
    /// When that grew.
    noticed: Duration,
}

impl Linter {
    pub(super) fn observer(&mut self, scene: &Scene<'_>, found: &mut Vec<Warning>) {
        let now = scene.now.taken_at;
        for status in &scene.now.sources {
            let source = status.name;
            let about = |rule, severity| {
                scene.about(rule, severity, Subject::Observer(source), "the observer")
            };
            let before = self.lost.get(&source).copied();
            let noticed = match before {
                Some(before) if status.lost <= before.lost => before.noticed,
                _ => now,
            };
            let lost = status.lost;
            self.lost.insert(source, Losses { lost, noticed });
            if lost > 0 && now.saturating_sub(noticed) < REMEMBERED {
                let key = source.key();
                found.push(Warning {
                    what: format!("missed {lost} events of {key}: numbers are too small"),
                    since: noticed,
                    ..about(Rule::ObserverBlind, Severity::Alarm)
                });
            }
            if let SourceState::Failed { reason } = &status.state {
                found.push(Warning {
                    what: format!("cannot read {}", source.key()),
                    figures: Some(reason.clone()),
                    ..about(Rule::SourceFailed, Severity::Alarm)
                });
            }
        }
        maps(scene, found);
    }
}

fn maps(scene: &Scene<'_>, found: &mut Vec<Warning>) {
    for map in scene.now.probes.iter().flat_map(|probes| &probes.maps) {
        let Some(percent) = format::percent(map.entries, map.limit) else {
            continue;
        };
        if map.entries as f64 > map.limit as f64 * MAP_FULL {
            let subject = Subject::Observer(Source::Probes);
            found.push(Warning {
                item: map.map.clone(),
                what: format!("has the map {} of its probes {percent}% full", map.map),
                figures: Some(format!("{} of {} entries", map.entries, map.limit)),
                ..scene.about(Rule::MapFull, Severity::Warning, subject, "the observer")
            });
        }
    }
}

/// Whether what was taken at a moment is old by now, when it comes anew each `interval`.
pub fn stale(taken_at: Duration, now: Duration, interval: Duration) -> Option<Warning> {
    let age = now.saturating_sub(taken_at);
    // A refresh may be late, on a busy machine above all; three in a row are not coming.
    (age > (interval * 3).max(STALE)).then(|| Warning {
        rule: Rule::DataStale,
        severity: Severity::Alarm,
        subject: Subject::Observer(Source::Dumps),
        item: String::new(),
        name: "the observer".to_owned(),
        who: None,
        what: format!("shows data that is {} old", format::duration(age)),
        figures: None,
        cause: None,
        advice: None,
        since: taken_at,
    })
}
