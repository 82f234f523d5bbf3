// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is wrong, and not only what is: the rules by which a row or a value stands out. Pure.

use ipcon_observe::model::{Channel, Group, Peer};

use crate::format;
use crate::store::{LogLine, Row};
use crate::theme::Role;

/// Fill of a receive queue from which it needs a look.
pub const QUEUE_WARNING: f64 = 0.8;
/// Fill of a receive queue that is as good as full: one larger message is refused already.
pub const QUEUE_ALARM: f64 = 0.95;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Needs a look.
    Warning,
    /// Something is being lost, or is about to be.
    Alarm,
}

impl Severity {
    /// How it is drawn.
    #[must_use]
    pub fn role(self) -> Role {
        match self {
            Severity::Warning => Role::Warning,
            Severity::Alarm => Role::Alarm,
        }
    }
}

/// One thing that is wrong with one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// How bad it is.
    pub severity: Severity,
    /// What it is, as a sentence without a subject.
    pub text: String,
}

/// Rows in which something can be wrong.
pub trait Troubled: Sized {
    /// All that is wrong, the worst first.
    fn troubles(row: &Row<'_, Self>) -> Vec<Trouble>;

    /// How bad it is altogether: the worst trouble decides, then how many there are.
    fn weight(row: &Row<'_, Self>) -> Weight {
        let troubles = Self::troubles(row);
        Weight {
            worst: troubles.first().map(|worst| worst.severity),
            count: troubles.len(),
        }
    }
}

/// How bad a row is, for the order of rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Weight {
    /// The worst of its troubles; `None` when all is well.
    pub worst: Option<Severity>,
    /// How many troubles it has.
    pub count: usize,
}

impl Troubled for Peer {
    fn troubles(row: &Row<'_, Self>) -> Vec<Trouble> {
        let mut found = Vec::new();
        if row.gone.is_some() {
            return found;
        }
        let peer = row.item;
        if let Some(rate) = moving(row, "dropped_messages") {
            found.push(Trouble {
                severity: Severity::Alarm,
                text: format!("loses {} group messages/s", format::rate(rate)),
            });
        }
        if let Some(severity) = peer.queue_fill().and_then(of_fill) {
            found.push(Trouble {
                severity,
                text: format!(
                    "has {} of {} waiting in its receive queue",
                    format::bytes(peer.queue_bytes),
                    format::bytes(peer.queue_limit)
                ),
            });
        }
        if let Some(rate) = moving(row, "refused_messages") {
            found.push(Trouble {
                severity: Severity::Warning,
                text: format!("has {} of its unicast sends refused/s", format::rate(rate)),
            });
        }
        if peer.lost > 0 {
            found.push(Trouble {
                severity: Severity::Warning,
                text: format!("has not read yet that it lost {} messages", peer.lost),
            });
        }
        found.sort_by_key(|trouble| std::cmp::Reverse(trouble.severity));
        found
    }
}

impl Troubled for Group {
    fn troubles(row: &Row<'_, Self>) -> Vec<Trouble> {
        let dropped = row
            .gone
            .map_or_else(|| moving(row, "dropped_messages"), |_| None);
        dropped
            .map(|rate| Trouble {
                severity: Severity::Alarm,
                text: format!("members lose {} of its messages/s", format::rate(rate)),
            })
            .into_iter()
            .collect()
    }
}

impl Troubled for Channel {
    fn troubles(row: &Row<'_, Self>) -> Vec<Trouble> {
        let mut found = Vec::new();
        if row.gone.is_some() {
            return found;
        }
        if let Some(rate) = moving(row, "events_dropped") {
            found.push(Trouble {
                severity: Severity::Alarm,
                text: format!("loses {} events/s", format::rate(rate)),
            });
        }
        if row.item.counters.flow_control > 0 {
            let waiting = format::count(row.item.counters.events_queued);
            found.push(Trouble {
                severity: Severity::Warning,
                text: format!("its client does not read its events: {waiting} wait"),
            });
        }
        for (key, what) in [
            (
                "overload",
                "turned down, since the server has too much to do",
            ),
            ("expired", "late before the server got to them"),
        ] {
            if let Some(rate) = moving(row, key) {
                found.push(Trouble {
                    severity: Severity::Warning,
                    text: format!("has {} requests/s {what}", format::rate(rate)),
                });
            }
        }
        found
    }
}

impl Troubled for LogLine {
    /// Events are not states: nothing stays wrong with them.
    fn troubles(_: &Row<'_, Self>) -> Vec<Trouble> {
        Vec::new()
    }
}

/// How a queue that is `fill` full stands out.
#[must_use]
pub fn of_fill(fill: f64) -> Option<Severity> {
    if fill >= QUEUE_ALARM {
        Some(Severity::Alarm)
    } else if fill >= QUEUE_WARNING {
        Some(Severity::Warning)
    } else {
        None
    }
}

/// How the rate of a counter stands out.
#[must_use]
pub fn of_rate(key: &str, per_second: f64) -> Option<Severity> {
    if per_second <= 0.0 {
        None
    } else if key.starts_with("dropped_") || key == "events_dropped" {
        Some(Severity::Alarm)
    } else if key.starts_with("refused_") || matches!(key, "overload" | "expired") {
        Some(Severity::Warning)
    } else {
        None
    }
}

/// How a total stands out: what was lost once stays worth a look.
#[must_use]
pub fn of_total(key: &str, total: u64) -> Option<Severity> {
    let matters = key.starts_with("dropped_") || matches!(key, "lost" | "events_dropped");
    (total > 0 && matters).then_some(Severity::Warning)
}

fn moving<T>(row: &Row<'_, T>, key: &str) -> Option<f64> {
    row.rate(key).filter(|&rate| rate > 0.0)
}
