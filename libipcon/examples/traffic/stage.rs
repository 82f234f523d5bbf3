// SPDX-License-Identifier: MIT OR Apache-2.0

//! The end of the program, in steps: who starts messages ends first, then who answers them, then who only listens.
//! What is queued after that is all that there will ever be.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How far the end has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// Everybody works.
    Running,
    /// Nobody starts an exchange any more; answers are still given.
    Answering,
    /// Nobody sends any more.
    Listening,
    /// Nobody does anything any more.
    Over,
}

/// The stage that all parties watch.
#[derive(Debug)]
pub(crate) struct Stages {
    now: Mutex<Stage>,
    changed: Condvar,
}

impl Stages {
    pub(crate) fn new() -> Self {
        Self {
            now: Mutex::new(Stage::Running),
            changed: Condvar::new(),
        }
    }

    pub(crate) fn enter(&self, stage: Stage) {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner) = stage;
        self.changed.notify_all();
    }

    /// Whether `stage` is over.
    pub(crate) fn is_past(&self, stage: Stage) -> bool {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner) > stage
    }

    /// Waits until `deadline`; true when `stage` is over by then, which ends the wait at once.
    pub(crate) fn past_before(&self, stage: Stage, deadline: Instant) -> bool {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        while *now <= stage {
            let Some(left) = deadline.checked_duration_since(Instant::now()) else {
                return false;
            };
            let waited = self
                .changed
                .wait_timeout(now, left.max(Duration::from_nanos(1)));
            (now, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
        true
    }
}

/// Beats of an even rhythm. One that comes late is not made up for.
#[derive(Debug)]
pub(crate) struct Pace {
    interval: Duration,
    next: Instant,
}

impl Pace {
    /// `rate` beats per second, the first at once.
    pub(crate) fn per_second(rate: f64) -> Self {
        Self {
            interval: Duration::from_secs_f64(1.0 / rate),
            next: Instant::now(),
        }
    }

    /// Waits for the next beat; false when `stage` was over first.
    pub(crate) fn beat(&mut self, stages: &Stages, stage: Stage) -> bool {
        let beat = self.next;
        self.next = (beat + self.interval).max(Instant::now());
        !stages.past_before(stage, beat)
    }
}
