// SPDX-License-Identifier: MIT OR Apache-2.0
//! Rules about the connections of coroipc servers.

use super::{Rule, Scene, Severity, Subject, Warning, positive};
use crate::format;

pub(super) fn check(scene: &Scene<'_>, found: &mut Vec<Warning>) {
    for channel in scene.now.channels() {
        let about = |rule, severity| {
            let subject = Subject::Channel(channel.id);
            Warning {
                who: Some(format!("server {}", channel.server_pid)),
                ..scene.about(rule, severity, subject, &channel.label())
            }
        };
        let moving = |key| positive(scene.rates.channel(channel.id).and_then(|it| it.get(key)));
        if let Some(rate) = moving("events_dropped") {
            found.push(Warning {
                what: format!("loses {} events/s", format::rate(rate)),
                cause: Some("its client does not read them".to_owned()),
                ..about(Rule::ChannelEventsDropped, Severity::Alarm)
            });
        }
        if channel.counters.flow_control > 0 {
            let waiting = format::count(channel.counters.events_queued);
            found.push(Warning {
                what: "has a client that does not take its events".to_owned(),
                figures: Some(format!("{waiting} wait")),
                advice: Some("look at the client: is it stopped, blocked, or busy elsewhere?"),
                ..about(Rule::ChannelClientStuck, Severity::Warning)
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
                    ..about(rule, Severity::Warning)
                });
            }
        }
    }
}
