// SPDX-License-Identifier: MIT OR Apache-2.0
//! Rules about the connections of coroipc servers.

use std::time::Duration;

use super::{Linter, Rule, Scene, Severity, Subject, Warning, positive};
use crate::format;
use crate::model::{Channel, Channels};

/// How long events may be held back: a client that is only slow takes them in less. Two looks of a second's interval may be
/// a little less than a second apart.
const HELD_BACK: Duration = Duration::from_millis(900);

/// A connection whose events are held back.
#[derive(Clone, Copy, Debug)]
pub(super) struct HeldBack {
    /// Since when, as far as was seen.
    since: Duration,
    /// How often that began or ended so far.
    changes: u64,
}

impl Linter {
    pub(super) fn channels(&mut self, scene: &Scene<'_>, found: &mut Vec<Warning>) {
        let before = std::mem::take(&mut self.held_back);
        let Some(channels) = &scene.now.channels else {
            return;
        };
        for channel in &channels.connections {
            let held_back = held_back(channels, channel, before.get(&channel.id));
            self.held_back.extend(held_back.map(|it| (channel.id, it)));
            check(scene, channel, found);
            found.extend(held_back.and_then(|it| stuck(scene, channels, channel, it)));
        }
    }
}

/// Since when the events of a connection are held back without a break.
fn held_back(
    channels: &Channels,
    channel: &Channel,
    before: Option<&HeldBack>,
) -> Option<HeldBack> {
    let changes = channel.counters.flow_control_count;
    let before = before.filter(|before| before.changes == changes);
    (channel.counters.flow_control > 0).then(|| HeldBack {
        since: before.map_or(channels.read_at, |before| before.since),
        changes,
    })
}

fn about(scene: &Scene<'_>, channel: &Channel, rule: Rule, severity: Severity) -> Warning {
    let subject = Subject::Channel(channel.id);
    Warning {
        who: Some(format!("server {}", channel.server_pid)),
        ..scene.about(rule, severity, subject, &channel.label())
    }
}

fn stuck(
    scene: &Scene<'_>,
    channels: &Channels,
    channel: &Channel,
    held_back: HeldBack,
) -> Option<Warning> {
    let held = channels.read_at.saturating_sub(held_back.since);
    let waiting = format::count(channel.counters.events_queued);
    (held >= HELD_BACK).then(|| Warning {
        what: "has a client that does not take its events".to_owned(),
        figures: Some(format!("{waiting} wait, for {}", format::duration(held))),
        advice: Some("look at the client: is it stopped, blocked, or busy elsewhere?"),
        since: held_back.since,
        ..about(scene, channel, Rule::ChannelClientStuck, Severity::Warning)
    })
}

fn check(scene: &Scene<'_>, channel: &Channel, found: &mut Vec<Warning>) {
    let moving = |key| positive(scene.rates.channel(channel.id).and_then(|it| it.get(key)));
    if let Some(rate) = moving("events_dropped") {
        found.push(Warning {
            what: format!("loses {} events/s", format::rate(rate)),
            cause: Some("its client does not read them".to_owned()),
            ..about(scene, channel, Rule::ChannelEventsDropped, Severity::Alarm)
        });
    }
    let refused = [
        (
            "overload",
            Rule::ChannelOverload,
            "turned down, since the server has too much to do",
        ),
        (
            "expired",
            Rule::ChannelExpired,
            "late before the server got to them",
        ),
    ];
    for (key, rule, what) in refused {
        if let Some(rate) = moving(key) {
            found.push(Warning {
                what: format!("has {} requests/s {what}", format::rate(rate)),
                ..about(scene, channel, rule, Severity::Warning)
            });
        }
    }
}
