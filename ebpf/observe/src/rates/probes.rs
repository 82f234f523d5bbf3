// SPDX-License-Identifier: MIT OR Apache-2.0
//! How often the probes run, and how often requests fail as they see it.

use std::collections::BTreeMap;

use super::growth;
use crate::model::{Probe, Probes, RequestErrors, Snapshot};

/// How fast the probes' counts grew between two snapshots. Without the same probes in both there is nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProbeRates {
    runs: BTreeMap<String, f64>,
    errors: BTreeMap<(String, String), f64>,
}

impl ProbeRates {
    /// From `before` to `now`, `seconds` later.
    pub(super) fn between(before: &Snapshot, now: &Snapshot, seconds: f64) -> Self {
        match (&before.probes, &now.probes) {
            (Some(before), Some(now)) if before.attached_at == now.attached_at => Self {
                runs: runs(before, now, seconds),
                errors: errors(before, now, seconds),
            },
            _ => Self::default(),
        }
    }

    /// Times per second that the probe with this name ran.
    pub fn runs(&self, probe: &str) -> Option<f64> {
        self.runs.get(probe).copied()
    }

    /// Requests per second of one command that were answered with one error.
    pub fn errors(&self, errors: &RequestErrors) -> Option<f64> {
        self.errors.get(&key(errors)).copied()
    }
}

fn runs(before: &Probes, now: &Probes, seconds: f64) -> BTreeMap<String, f64> {
    let rate = |probe: &Probe| {
        let earlier = before.probes.iter().find(|it| it.name == probe.name)?;
        let grown = growth(earlier.seen, probe.seen);
        probe
            .attached
            .then(|| (probe.name.clone(), grown as f64 / seconds))
    };
    now.probes.iter().filter_map(rate).collect()
}

/// The first error of its sort is counted from zero.
fn errors(before: &Probes, now: &Probes, seconds: f64) -> BTreeMap<(String, String), f64> {
    let all = before.request_errors.iter();
    let earlier: BTreeMap<_, _> = all.map(|it| (key(it), it.requests)).collect();
    let rate = |it: &RequestErrors| {
        let earlier = earlier.get(&key(it)).copied().unwrap_or(0);
        (key(it), growth(earlier, it.requests) as f64 / seconds)
    };
    now.request_errors.iter().map(rate).collect()
}

fn key(errors: &RequestErrors) -> (String, String) {
    (errors.command.clone(), errors.errno.clone())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::rates::Rates;

    fn failed(command: &str, requests: u64) -> RequestErrors {
        RequestErrors {
            command: command.into(),
            errno: "ENOENT".into(),
            requests,
        }
    }

    fn snapshot(second: u64, seen: u64, errors: &[RequestErrors]) -> Snapshot {
        let probe = |name: &str, attached| Probe {
            name: name.into(),
            attached,
            seen,
            ..Probe::default()
        };
        Snapshot {
            taken_at: Duration::from_secs(second),
            probes: Some(Probes {
                probes: vec![probe("ipcon_send", true), probe("ipcon_error", false)],
                request_errors: errors.to_vec(),
                ..Probes::default()
            }),
            ..Snapshot::default()
        }
    }

    #[test]
    fn what_the_probes_count_grows_by_seconds() {
        let before = snapshot(10, 100, &[failed("send_unicast", 5)]);
        let errors = [failed("send_unicast", 9), failed("group_join", 2)];
        let rates = Rates::between(&before, &snapshot(12, 700, &errors));
        assert_eq!(rates.probes().runs("ipcon_send"), Some(300.0));
        assert_eq!(rates.probes().runs("ipcon_error"), None, "not attached");
        let errors = errors.map(|it| rates.probes().errors(&it));
        assert_eq!(errors, [Some(2.0), Some(1.0)]);
    }

    #[test]
    fn probes_attached_again_or_not_read_once_have_no_rates() {
        let before = snapshot(10, 100, &[]);
        let errors = [failed("group_join", 2)];
        let mut now = snapshot(12, 700, &errors);
        let unread = Snapshot {
            probes: None,
            ..before.clone()
        };
        let of = |before: &Snapshot, now: &Snapshot| {
            let rates = Rates::between(before, now);
            (
                rates.probes().runs("ipcon_send"),
                rates.probes().errors(&errors[0]),
            )
        };
        assert_eq!(of(&before, &now), (Some(300.0), Some(1.0)));
        assert_eq!(of(&unread, &now), (None, None));
        if let Some(probes) = &mut now.probes {
            probes.attached_at = Duration::from_secs(11);
        }
        assert_eq!(of(&before, &now), (None, None));
    }
}
