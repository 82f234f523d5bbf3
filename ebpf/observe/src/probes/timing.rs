// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whether the kernel times programs.
//!
//! It does while `kernel.bpf_stats_enabled` is 1, or while somebody holds a descriptor of `BPF_ENABLE_STATS`, which that
//! setting does not show. Either costs each program of the machine, so the observer asks for neither.

use std::fs;

/// The setting as a file, which everybody may read.
const SETTING: &str = "/proc/sys/kernel/bpf_stats_enabled";

/// Whether the setting is 1. A kernel that cannot time programs has none.
pub(super) fn is_switched_on() -> bool {
    fs::read_to_string(SETTING).is_ok_and(|text| text.trim() == "1")
}

/// Tells from one reading to the next whether programs were timed.
#[derive(Debug, Default)]
pub(super) struct Timing {
    switched_on: bool,
    timed: bool,
    before: Runs,
}

/// Runs of all programs.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Runs {
    /// Those that the programs counted.
    pub(super) seen: u64,
    /// Those that the kernel timed.
    pub(super) timed: u64,
}

impl Timing {
    /// Whether the runs until now were timed: by the setting, or because the kernel's count grew without it. Where nothing ran,
    /// it is as it was.
    pub(super) fn judge(&mut self, switched_on: bool, now: Runs) -> bool {
        let was_on = std::mem::replace(&mut self.switched_on, switched_on);
        let before = std::mem::replace(&mut self.before, now);
        self.timed = if switched_on || was_on {
            // Just switched off, a count that grew did so before.
            switched_on
        } else if now.timed > before.timed {
            true
        } else {
            self.timed && now.seen == before.seen
        };
        self.timed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is told in each of several readings: the setting, runs seen and runs timed.
    fn told(readings: &[(bool, u64, u64)]) -> Vec<bool> {
        let mut timing = Timing::default();
        let told = |&(on, seen, timed)| timing.judge(on, Runs { seen, timed });
        readings.iter().map(told).collect()
    }

    #[test]
    fn the_setting_tells_at_once() {
        let readings = [
            (false, 0, 0),
            (true, 0, 0),
            (true, 5, 5),
            (false, 9, 8),
            (false, 9, 8),
            (false, 12, 8),
        ];
        assert_eq!(told(&readings), [false, true, true, false, false, false]);
    }

    #[test]
    fn a_descriptor_that_somebody_holds_shows_by_what_was_timed() {
        let readings = [
            (false, 4, 0),
            (false, 7, 3),
            (false, 7, 3),
            (false, 9, 5),
            (false, 11, 5),
            (false, 11, 5),
        ];
        assert_eq!(told(&readings), [false, true, true, true, false, false]);
    }

    #[test]
    fn a_change_of_the_setting_misleads_for_one_reading_at_most() {
        // Switched off while a descriptor is held.
        let held = [(true, 5, 5), (false, 7, 7), (false, 9, 9)];
        assert_eq!(told(&held), [true, false, true]);
        // On and off again between two readings.
        let short = [(false, 5, 0), (false, 9, 2), (false, 11, 2)];
        assert_eq!(told(&short), [false, true, false]);
    }
}
