// SPDX-License-Identifier: MIT OR Apache-2.0
//! How what is wrong stands out: rows by their warnings, values by themselves. Pure.

use ipcon_observe::linter::Warning;

use crate::theme::Role;

pub use ipcon_observe::linter::{QUEUE_ALARM, QUEUE_WARNING, Severity};

/// How bad a row is, for the order of rows: the worst warning decides, then how many there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Weight {
    /// The worst of its warnings; `None` when all is well.
    pub worst: Option<Severity>,
    /// How many warnings it has.
    pub count: usize,
}

impl Weight {
    /// Of what is wrong with a row.
    #[must_use]
    pub fn of(warnings: &[Warning]) -> Self {
        Self {
            worst: warnings.iter().map(|warning| warning.severity).max(),
            count: warnings.len(),
        }
    }
}

/// What is said of warnings where the bus was not read for a `reason`: that there are none would be a claim.
#[must_use]
pub fn unknown(reason: &str) -> String {
    format!("not known of the bus: {reason}")
}

/// How what is so bad is drawn.
#[must_use]
pub fn role(severity: Severity) -> Role {
    match severity {
        Severity::Warning => Role::Warning,
        Severity::Alarm => Role::Alarm,
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
    } else if key.starts_with("dropped_") || matches!(key, "events_dropped" | "lost_messages") {
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
    let matters =
        key.starts_with("dropped_") || matches!(key, "lost" | "lost_messages" | "events_dropped");
    (total > 0 && matters).then_some(Severity::Warning)
}
