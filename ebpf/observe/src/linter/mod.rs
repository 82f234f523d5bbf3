// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is wrong, and not only what is: rules over the model, each with figures and, where it is known, who does it and
//! what to do. Pure; time is that of the snapshots.

mod bus;
mod channels;
mod observer;
mod receivers;
mod senders;
#[cfg(test)]
mod tests;
mod warning;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::{Peer, Snapshot, Source};
use crate::rates::Rates;
use crate::senders::Senders;

pub use bus::{CHURN, STORM};
pub use observer::{MAP_FULL, stale};
pub use receivers::{QUEUE_ALARM, QUEUE_WARNING, STALLED};
pub use senders::{FLOOD_LOSSES, FLOOD_SHARE};
pub use warning::{Rule, Severity, Subject, Warning};

/// From which values on something is wrong that has no natural bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Objectives {
    /// How long 99 of 100 messages may wait until they are read.
    pub queue_latency: Duration,
}

impl Default for Objectives {
    fn default() -> Self {
        Self {
            queue_latency: Duration::from_millis(100),
        }
    }
}

/// Looks at one snapshot after another, and remembers what it must to judge the next.
#[derive(Clone, Debug, Default)]
pub struct Linter {
    objectives: Objectives,
    /// Queues in which something waited, by peer.
    waiting: BTreeMap<u64, receivers::Waiting>,
    /// Requests that failed so far, by error.
    failed: Option<BTreeMap<String, BTreeMap<String, u64>>>,
    /// Connections whose events are held back, by number.
    held_back: BTreeMap<u64, channels::HeldBack>,
    /// What each source had lost, and when that last grew.
    lost: BTreeMap<Source, observer::Losses>,
    /// The warnings of the snapshot before, and since when each is in force.
    in_force: BTreeMap<(Rule, Subject, String), Duration>,
}

/// What the rules look at.
struct Scene<'a> {
    now: &'a Snapshot,
    /// Against the snapshot before; empty at the first.
    rates: &'a Rates,
    senders: &'a Senders,
}

impl Linter {
    /// Judges by these objectives.
    pub fn new(objectives: Objectives) -> Self {
        Self {
            objectives,
            ..Self::default()
        }
    }

    /// All that is wrong in a snapshot, the worst first. `rates` are against the snapshot looked at before.
    pub fn look(&mut self, now: &Snapshot, rates: &Rates) -> Vec<Warning> {
        self.look_with(now, rates, &Senders::of(now, rates))
    }

    /// The same as [`Linter::look`], by one who has made the [`Senders`] already.
    pub fn look_with(&mut self, now: &Snapshot, rates: &Rates, senders: &Senders) -> Vec<Warning> {
        let scene = Scene {
            now,
            rates,
            senders,
        };
        let mut found = Vec::new();
        self.receivers(&scene, &mut found);
        senders::floods(&scene, &mut found);
        bus::groups(&scene, &mut found);
        bus::churn(&scene, &mut found);
        self.error_storms(&scene, &mut found);
        self.observer(&scene, &mut found);
        self.channels(&scene, &mut found);
        self.date(&mut found);
        found.sort_by(|a, b| {
            let order = |it: &Warning| (std::cmp::Reverse(it.severity), it.rule, it.since);
            order(a).cmp(&order(b)).then_with(|| a.key().cmp(&b.key()))
        });
        found
    }

    /// What was wrong already is so since it was found first.
    fn date(&mut self, found: &mut [Warning]) {
        let before = std::mem::take(&mut self.in_force);
        for warning in found {
            let key = warning.key();
            if let Some(&since) = before.get(&key) {
                warning.since = warning.since.min(since);
            }
            self.in_force.insert(key, warning.since);
        }
    }
}

impl Scene<'_> {
    /// A warning about a peer, in force from now on.
    fn about_peer(&self, rule: Rule, severity: Severity, peer: &Peer) -> Warning {
        let who = match peer.name() {
            Some(_) => format!("pid {} {}", peer.pid, peer.comm),
            None => format!("pid {}", peer.pid),
        };
        Warning {
            name: peer.label(),
            who: Some(who),
            ..self.about(rule, severity, Subject::Peer(peer.id), "")
        }
    }

    /// A warning about anything, in force from now on.
    fn about(&self, rule: Rule, severity: Severity, subject: Subject, name: &str) -> Warning {
        Warning {
            rule,
            severity,
            subject,
            item: String::new(),
            name: name.to_owned(),
            who: None,
            what: String::new(),
            figures: None,
            cause: None,
            advice: None,
            since: self.now.taken_at,
        }
    }

    /// Growth of a peer's counter per second, when it grows at all.
    fn moving(&self, peer: &Peer, key: &str) -> Option<f64> {
        positive(self.rates.peer(peer.id)?.get(key))
    }
}

fn positive(rate: Option<f64>) -> Option<f64> {
    rate.filter(|&rate| rate > 0.0)
}
