// SPDX-License-Identifier: MIT OR Apache-2.0
//! How much of a processor the observer takes.

use crate::model::Snapshot;

/// Seconds of processor time in each second from `before` to `now`, `seconds` later. `None` without the same process in both.
pub(super) fn share(before: &Snapshot, now: &Snapshot, seconds: f64) -> Option<f64> {
    let (before, now) = (before.observer?, now.observer?);
    let spent = now.cpu.checked_sub(before.cpu)?;
    (before.pid == now.pid).then(|| spent.as_secs_f64() / seconds)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::Observer;
    use crate::rates::Rates;

    fn snapshot(second: u64, observer: Option<(u32, u64)>) -> Snapshot {
        Snapshot {
            taken_at: Duration::from_secs(second),
            observer: observer.map(|(pid, millis)| Observer {
                pid,
                cpu: Duration::from_millis(millis),
                resident_bytes: None,
            }),
            ..Snapshot::default()
        }
    }

    #[test]
    fn it_is_of_one_processor_and_of_one_process() {
        let share = |before, now| {
            let rates = Rates::between(&snapshot(10, before), &snapshot(12, now));
            rates.observer_cpu()
        };
        assert_eq!(share(Some((7, 500)), Some((7, 600))), Some(0.05));
        assert_eq!(share(Some((7, 500)), Some((8, 600))), None);
        assert_eq!(share(Some((7, 500)), Some((7, 400))), None);
        assert_eq!(share(None, Some((7, 600))), None);
    }
}
