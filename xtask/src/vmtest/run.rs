// SPDX-License-Identifier: MIT OR Apache-2.0
//! The outcome of the tests on one kernel, and the exit status that tells it.

use std::path::PathBuf;

use super::results::{Results, Verdict};
use crate::channel::End;
use crate::setup::Flavour;
use crate::vm::outcome::{Outcome, STATUS_DEADLINE, STATUS_INFRASTRUCTURE, STATUS_SPLAT};
use crate::vm::splat::Splat;

/// Exit status when a test failed.
pub(super) const STATUS_FAILED: i32 = 1;

/// Statuses from the worst to the best. A dead VM says more of the product than a test that failed;
/// a kernel that could not be tested says nothing of it.
const WORST_FIRST: [i32; 6] = [
    crate::vm::outcome::STATUS_CRASH,
    STATUS_DEADLINE,
    STATUS_FAILED,
    STATUS_SPLAT,
    STATUS_INFRASTRUCTURE,
    0,
];

/// The tests of one kernel.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) flavour: Flavour,
    pub(super) outcome: Outcome,
    pub(super) results: Results,
    pub(super) splats: Vec<Splat>,
    /// The command that does the same again.
    pub(super) reproduce: String,
    /// The folder with what is kept.
    pub(super) logs: PathBuf,
}

impl Run {
    /// The exit status. Nothing tested is not a pass, and neither is a result that is not whole.
    pub(super) fn status(&self) -> i32 {
        let Outcome::Ended(end) = self.outcome else {
            return self.outcome.status();
        };
        let timed_out = self.results.count(|verdict| *verdict == Verdict::TimedOut);
        if timed_out > 0 {
            STATUS_DEADLINE
        } else if self.results.count(Verdict::is_failure) > 0 {
            STATUS_FAILED
        } else if self.results.doubt().is_some() || end != End::Status(0) {
            STATUS_INFRASTRUCTURE
        } else if !self.splats.is_empty() {
            STATUS_SPLAT
        } else {
            0
        }
    }

    /// What went wrong around the tests, if anything did.
    pub(super) fn trouble(&self) -> Option<String> {
        self.outcome.complaint().or_else(|| {
            let cut = self.results.count(|verdict| *verdict == Verdict::Cut) > 0;
            match self.outcome {
                Outcome::Ended(End::Signal(signal)) if cut => {
                    Some(format!("signal {signal} ended the test program"))
                }
                _ => self.results.doubt(),
            }
        })
    }

    /// The reports that a test is charged with.
    pub(super) fn splats_of<'a>(&'a self, test: &'a str) -> impl Iterator<Item = &'a Splat> {
        self.splats
            .iter()
            .filter(move |splat| splat.place.test() == Some(test))
    }

    /// The reports that no known test is charged with.
    pub(super) fn other_splats(&self) -> impl Iterator<Item = &Splat> {
        self.splats.iter().filter(|splat| {
            let charged = |test| self.results.tests.iter().any(|known| known.name == test);
            !splat.place.test().is_some_and(charged)
        })
    }

    /// `87 passed, 1 failed, 2 skipped, 1 splat`.
    pub(super) fn counts(&self) -> String {
        let results = &self.results;
        let mut text = format!(
            "{} passed, {} failed",
            results.count(|verdict| *verdict == Verdict::Passed),
            results.count(Verdict::is_failure)
        );
        for (count, what) in [
            (
                results.count(|v| matches!(v, Verdict::Skipped(_))),
                "skipped",
            ),
            (results.count(|v| *v == Verdict::NotRun), "not run"),
            (self.splats.len(), "reports in the kernel's log"),
        ] {
            if count > 0 {
                text += &format!(", {count} {what}");
            }
        }
        text
    }
}

/// The worst of several statuses.
pub(super) fn worst(statuses: impl Iterator<Item = i32>) -> i32 {
    let rank = |status: &i32| WORST_FIRST.iter().position(|known| known == status);
    // A status that is not known is the worst of all.
    statuses.min_by_key(rank).unwrap_or(STATUS_INFRASTRUCTURE)
}

/// What a status means, in a word.
pub(super) fn word(status: i32) -> &'static str {
    match status {
        0 => "passed",
        STATUS_FAILED => "test failed",
        STATUS_SPLAT => "splat",
        STATUS_INFRASTRUCTURE => "not tested",
        STATUS_DEADLINE => "deadline",
        crate::vm::outcome::STATUS_CRASH => "crash",
        _ => "unknown",
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::results::tests::{EVENTS, read};
    use super::*;
    use crate::vm::outcome::STATUS_CRASH;
    use crate::vm::splat::Place;

    pub(in super::super) fn run(events: &str, outcome: Outcome, splats: Vec<Splat>) -> Run {
        Run {
            flavour: Flavour::Amd64,
            outcome,
            results: read(events),
            splats,
            reproduce: "cargo xtask vmtest --kernel amd64 --seed 7".to_owned(),
            logs: "target/vm/1".into(),
        }
    }

    pub(in super::super) fn splat(place: Place) -> Splat {
        Splat {
            detector: "kasan".to_owned(),
            place,
            origin: None,
            text: "[    1.000000] BUG: KASAN: slab-use-after-free in f+0x1/0x2".to_owned(),
            functions: vec!["f".to_owned(), "g".to_owned()],
        }
    }

    fn passed() -> String {
        let failed = EVENTS
            .lines()
            .find(|line| line.contains("\"failed\", \"stdout\""));
        let ok = "{ \"type\": \"test\", \"name\": \"services::b\", \"event\": \"ok\" }";
        EVENTS.replace(failed.unwrap_or_default(), ok)
    }

    #[test]
    fn statuses_tell_what_went_wrong() {
        let ended = Outcome::Ended(End::Status(0));
        let failed = Outcome::Ended(End::Status(101));
        let splats = || vec![splat(Place::AfterTheLast)];
        assert_eq!(run(&passed(), ended.clone(), vec![]).status(), 0);
        assert_eq!(
            run(&passed(), ended.clone(), splats()).status(),
            STATUS_SPLAT
        );
        assert_eq!(
            run(EVENTS, failed.clone(), splats()).status(),
            STATUS_FAILED
        );
        assert_eq!(
            run("", ended.clone(), vec![]).status(),
            STATUS_INFRASTRUCTURE
        );
        assert_eq!(
            run(&passed(), failed, vec![]).status(),
            STATUS_INFRASTRUCTURE
        );
        assert_eq!(
            run(&passed(), Outcome::Crashed, vec![]).status(),
            STATUS_CRASH
        );
        let hung = "{ \"type\": \"test\", \"event\": \"started\", \"name\": \"a::b\" }\n{ \"type\": \"test\", \"event\": \"timeout\", \"name\": \"a::b\" }\n";
        assert_eq!(run(hung, ended, vec![]).status(), STATUS_DEADLINE);
        let cut = "{ \"type\": \"test\", \"event\": \"started\", \"name\": \"a::b\" }\n";
        let killed = Outcome::Ended(End::Signal(11));
        assert_eq!(run(cut, killed, vec![]).status(), STATUS_FAILED);
    }

    #[test]
    fn the_worst_status_is_the_one_that_says_most() {
        assert_eq!(worst([0, 69, 3].into_iter()), 3);
        assert_eq!(worst([1, 125, 0].into_iter()), 125);
        assert_eq!(worst([0, 0].into_iter()), 0);
        assert_eq!(worst([0, 77].into_iter()), 77);
        assert_eq!(worst(std::iter::empty()), STATUS_INFRASTRUCTURE);
    }
}
