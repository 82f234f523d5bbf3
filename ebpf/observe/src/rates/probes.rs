// SPDX-License-Identifier: MIT OR Apache-2.0
//! How often the probes run and how long they take, and how often requests fail as they see it.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{RowRates, growth};
use crate::fields::{Field, Kind, PROBE_FIELDS, Value};
use crate::model::{Probe, Probes, RequestErrors, Snapshot};

/// How fast the probes' counts grew between two snapshots. Without the same probes in both there is nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProbeRates {
    rows: BTreeMap<String, RowRates>,
    errors: BTreeMap<(String, String), f64>,
}

impl ProbeRates {
    /// From `before` to `now`, `seconds` later.
    pub(super) fn between(before: &Snapshot, now: &Snapshot, seconds: f64) -> Self {
        match (&before.probes, &now.probes) {
            (Some(before), Some(now)) if before.attached_at == now.attached_at => Self {
                rows: rows(before, now, seconds),
                errors: errors(before, now, seconds),
            },
            _ => Self::default(),
        }
    }

    /// Rates of the probe with this name. `None` when it is not attached, or there is nothing to compare it with.
    pub fn row(&self, probe: &str) -> Option<&RowRates> {
        self.rows.get(probe)
    }

    /// Times per second that the probe with this name ran.
    pub fn runs(&self, probe: &str) -> Option<f64> {
        self.row(probe)?.get("seen")
    }

    /// How much of one processor the probe with this name took, 0 to about 1; more when it ran on several at once. `None` when
    /// the kernel did not time it.
    pub fn cpu(&self, probe: &str) -> Option<f64> {
        self.row(probe)?.get("run_time_seconds")
    }

    /// How long the probe with this name took for each run. `None` when the kernel did not time it, or it did not run.
    pub fn per_run(&self, probe: &str) -> Option<Duration> {
        let runs = self.row(probe)?.get("timed_runs")?;
        Duration::try_from_secs_f64(self.cpu(probe)? / runs).ok()
    }

    /// Requests per second of one command that were answered with one error.
    pub fn errors(&self, errors: &RequestErrors) -> Option<f64> {
        self.errors.get(&key(errors)).copied()
    }
}

/// Looked up by name in one go: a recording may have any number of probes, and some with equal names, of which the first counts.
fn rows(before: &Probes, now: &Probes, seconds: f64) -> BTreeMap<String, RowRates> {
    let mut by_name = BTreeMap::new();
    for probe in &before.probes {
        by_name.entry(probe.name.as_str()).or_insert(probe);
    }
    let rates = |probe: &Probe| {
        let earlier = by_name.get(probe.name.as_str())?;
        probe
            .attached
            .then(|| (probe.name.clone(), row(earlier, probe, seconds)))
    };
    now.probes.iter().filter_map(rates).collect()
}

/// Of what one of them does not tell there is no rate.
fn row(before: &Probe, now: &Probe, seconds: f64) -> RowRates {
    let rate = |field: &Field<Probe>| {
        let grown = match ((field.get)(before)?, (field.get)(now)?) {
            (Value::Time(before), Value::Time(now)) => {
                now.checked_sub(before).unwrap_or(now).as_secs_f64()
            }
            (before, now) => growth(before.as_u64()?, now.as_u64()?) as f64,
        };
        Some((field.key, grown / seconds))
    };
    let counters = PROBE_FIELDS.iter().filter(|it| it.kind == Kind::Counter);
    counters.filter_map(rate).collect()
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
    use super::*;
    use crate::model::RunTime;
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

    fn of_probes(second: u64, probes: Vec<Probe>) -> Snapshot {
        let mut snapshot = snapshot(second, 0, &[]);
        snapshot.probes.as_mut().unwrap().probes = probes;
        snapshot
    }

    fn probe(name: String, seen: u64) -> Probe {
        Probe {
            name,
            attached: true,
            seen,
            ..Probe::default()
        }
    }

    /// Looked for one by one they would take minutes.
    #[test]
    fn as_many_probes_as_a_recording_may_have_are_compared_at_once() {
        const MANY: u64 = 200_000;
        let probes = |seen| (0..MANY).map(|n| probe(n.to_string(), seen)).collect();
        let (before, now) = (of_probes(10, probes(5)), of_probes(12, probes(9)));
        let begun = std::time::Instant::now();
        let rates = Rates::between(&before, &now);
        assert_eq!(rates.probes().runs("199999"), Some(2.0));
        assert!(begun.elapsed() < Duration::from_secs(40));
    }

    #[test]
    fn of_equal_names_the_first_counts() {
        let before = of_probes(10, vec![probe("a".into(), 10), probe("a".into(), 20)]);
        let now = of_probes(12, vec![probe("a".into(), 30)]);
        assert_eq!(Rates::between(&before, &now).probes().runs("a"), Some(10.0));
    }

    #[test]
    fn what_the_kernel_timed_is_a_share_of_a_processor_and_a_time_for_each_run() {
        let timed = |second, run_time: Option<(u64, u64)>| {
            let mut snapshot = snapshot(second, 0, &[]);
            let probes = snapshot.probes.as_mut().unwrap();
            probes.probes[0].run_time = run_time.map(|(runs, nanos)| RunTime {
                runs,
                time: Duration::from_nanos(nanos),
            });
            snapshot
        };
        let rates = |before, now| {
            let rates = Rates::between(&timed(10, before), &timed(12, now));
            let rates = rates.probes();
            (rates.cpu("ipcon_send"), rates.per_run("ipcon_send"))
        };
        let (cpu, per_run) = rates(Some((100, 50_000)), Some((1_100, 4_050_000)));
        assert!((cpu.unwrap() - 0.002).abs() < 1e-12, "{cpu:?}");
        assert_eq!(per_run, Some(Duration::from_nanos(4_000)));
        let idle = rates(Some((100, 50_000)), Some((100, 50_000)));
        assert_eq!(idle, (Some(0.0), None), "it did not run");
        assert_eq!(rates(None, Some((5, 9))), (None, None), "not timed before");
        assert_eq!(rates(Some((5, 9)), None), (None, None), "not timed now");
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
