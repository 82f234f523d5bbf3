// SPDX-License-Identifier: MIT OR Apache-2.0
//! Rules about groups and about the bus as a whole.

use std::collections::BTreeMap;

use super::{Linter, Rule, Scene, Severity, Subject, Warning, positive};
use crate::format;
use crate::rates::growth;

/// More arrivals and departures of services, groups and peers per second than this are many.
pub const CHURN: f64 = 20.0;
/// More requests per second than this that are answered with the same error are many. Sends do not count: they are told of
/// as refused.
pub const STORM: f64 = 10.0;

/// How the commands that send begin.
const SENDS: &str = "send_";

/// Groups whose messages are lost, or heard by nobody. Those of the kernel need no listener.
pub(super) fn groups(scene: &Scene<'_>, found: &mut Vec<Warning>) {
    for group in &scene.now.groups {
        let rate = |key| positive(scene.rates.group(group.id).and_then(|it| it.get(key)));
        let about =
            |rule, severity| scene.about(rule, severity, Subject::Group(group.id), &group.name);
        let of_the_kernel = group.owner_id == 0;
        let owner = (!of_the_kernel).then(|| format!("group of {}", group.owner_label(scene.now)));
        if let Some(lost) = rate("dropped_messages") {
            found.push(Warning {
                who: owner.clone(),
                what: format!("has {} of its copies lost/s by members", format::rate(lost)),
                ..about(Rule::GroupLoses, Severity::Alarm)
            });
        }
        if let Some(unheard) = rate("unheard_messages").filter(|_| !of_the_kernel) {
            found.push(Warning {
                who: owner,
                what: format!("has {} messages/s that nobody hears", format::rate(unheard)),
                advice: Some("join the group, or stop publishing"),
                ..about(Rule::Unheard, Severity::Warning)
            });
        }
    }
}

/// Many arrivals and departures, and whose.
pub(super) fn churn(scene: &Scene<'_>, found: &mut Vec<Warning>) {
    let rate = scene.rates.bus().get("kevent_sequence");
    let Some(rate) = rate.filter(|&rate| rate > CHURN) else {
        return;
    };
    let mut by_pid: BTreeMap<u32, usize> = BTreeMap::new();
    for event in &scene.now.events {
        *by_pid.entry(event.pid).or_default() += 1;
    }
    let most = by_pid.into_iter().max_by_key(|&(_, count)| count);
    found.push(Warning {
        what: format!(
            "changes {} times a second: services, groups and peers come and go",
            format::rate(rate)
        ),
        cause: most.map(|(pid, count)| {
            format!("process {pid} made {count} of {}", scene.now.events.len())
        }),
        ..scene.about(Rule::Churn, Severity::Warning, Subject::Bus, "the bus")
    });
}

impl Linter {
    /// Requests that fail, by error, on all buses of the machine together.
    pub(super) fn error_storms(&mut self, scene: &Scene<'_>, found: &mut Vec<Warning>) {
        let Some(probes) = &scene.now.probes else {
            self.failed = None;
            return;
        };
        let mut failed: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
        let requests = probes.request_errors.iter();
        for errors in requests.filter(|it| !it.command.starts_with(SENDS)) {
            let by_command = failed.entry(errors.errno.clone()).or_default();
            let sum = by_command.entry(errors.command.clone()).or_default();
            *sum = sum.saturating_add(errors.requests);
        }
        let seconds = scene.rates.interval().as_secs_f64();
        if let Some(before) = self.failed.as_ref().filter(|_| seconds > 0.0) {
            for (errno, commands) in &failed {
                let grown = commands.iter().map(|(command, &count)| {
                    let earlier = before.get(errno).and_then(|it| it.get(command));
                    let grown = growth(earlier.copied().unwrap_or(0), count);
                    (command, grown as f64 / seconds)
                });
                let grown: Vec<(&String, f64)> = grown.collect();
                let all: f64 = grown.iter().map(|it| it.1).sum();
                let most = grown.iter().max_by(|a, b| a.1.total_cmp(&b.1));
                if all > STORM {
                    found.push(Warning {
                        item: errno.clone(),
                        what: format!("has {} requests/s answered with {errno}", format::rate(all)),
                        cause: most
                            .map(|(command, rate)| format!("{command} {}/s", format::rate(*rate))),
                        ..scene.about(
                            Rule::ErrorStorm,
                            Severity::Warning,
                            Subject::Bus,
                            "the machine",
                        )
                    });
                }
            }
        }
        self.failed = Some(failed);
    }
}
