// SPDX-License-Identifier: MIT OR Apache-2.0
//! The moment that is shown: now, one that has passed, or one of a recording.

use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;
use ipcon_observe::Snapshot;
use ipcon_observe::linter::Objectives;

use super::{App, Effect};
use crate::clock::Now;
use crate::history::{self, Past, Ring};
use crate::keymap::Action;
use crate::store::Store;

/// How far the keys for it jump.
const JUMP: Duration = Duration::from_secs(60);

/// What is known, and what of it is shown.
pub(super) struct Moments {
    past: Source,
    /// The newest of the running program; of a recording, the frame that is shown.
    head: Store,
    /// What is shown while paused. Collection goes on behind it, so that rates are right afterwards.
    frozen: Option<Store>,
    /// Whether a recording goes on by itself.
    playing: bool,
    /// What the warnings of each moment are judged by.
    objectives: Objectives,
}

enum Source {
    Running(Ring),
    Recorded(Box<dyn Past>),
}

/// Which moment is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// The newest there is, and what comes.
    Live,
    /// One that has passed.
    Paused,
    /// A frame of a recording.
    Replay {
        /// Whether it goes on by itself.
        playing: bool,
        /// Number of the frame, from 1.
        frame: usize,
        /// How many there are.
        frames: usize,
    },
}

impl Moments {
    /// Begins to keep the snapshots of a span of time.
    pub(super) fn running(first: Arc<Snapshot>, span: Duration, objectives: Objectives) -> Self {
        let mut ring = Ring::new(span);
        ring.push(Arc::clone(&first));
        Self {
            past: Source::Running(ring),
            head: Store::judging_by(objectives, first),
            frozen: None,
            playing: false,
            objectives,
        }
    }

    /// Begins with the first frame of a recording.
    pub(super) fn recorded(past: Box<dyn Past>, objectives: Objectives) -> anyhow::Result<Self> {
        ensure!(!past.is_empty(), "there is nothing in the recording");
        Ok(Self {
            head: history::store_at(&*past, past.beginning(), objectives)?,
            past: Source::Recorded(past),
            frozen: None,
            playing: false,
            objectives,
        })
    }

    /// The same from its beginning, keeping another span of time and judging by other objectives.
    ///
    /// # Errors
    ///
    /// The recording cannot be read.
    pub(super) fn keeping(self, span: Duration, objectives: Objectives) -> anyhow::Result<Self> {
        match self.past {
            Source::Running(_) => {
                let first = self.head.snapshot().clone();
                Ok(Self::running(first.into(), span, objectives))
            }
            Source::Recorded(_) if self.objectives == objectives => Ok(self),
            Source::Recorded(past) => Self::recorded(past, objectives),
        }
    }

    /// The data to show.
    pub(super) fn store(&self) -> &Store {
        self.frozen.as_ref().unwrap_or(&self.head)
    }

    pub(super) fn moment(&self) -> Moment {
        match &self.past {
            Source::Running(_) if self.frozen.is_some() => Moment::Paused,
            Source::Running(_) => Moment::Live,
            Source::Recorded(past) => Moment::Replay {
                playing: self.playing,
                frame: self.index().map_or(0, |index| index + 1),
                frames: past.len(),
            },
        }
    }

    /// Takes in the newest. Whether it shows.
    pub(super) fn push(&mut self, snapshot: Arc<Snapshot>) -> bool {
        if let Source::Running(ring) = &mut self.past {
            ring.push(Arc::clone(&snapshot));
            self.head.absorb(snapshot);
        }
        self.frozen.is_none()
    }

    /// The newest snapshot of the running program, shown or not. `None` of a recording.
    pub(super) fn newest(&self) -> Option<Arc<Snapshot>> {
        match &self.past {
            Source::Running(ring) => ring.snapshot(ring.len().checked_sub(1)?).ok(),
            Source::Recorded(_) => None,
        }
    }

    fn past(&self) -> &dyn Past {
        match &self.past {
            Source::Running(ring) => ring,
            Source::Recorded(past) => &**past,
        }
    }

    /// Which of the past is shown; `None` when it is not kept any more.
    fn index(&self) -> Option<usize> {
        history::at_or_before(self.past(), self.store().snapshot().taken_at)
    }

    fn pause_or_go_on(&mut self) {
        match &self.past {
            Source::Recorded(past) => {
                let is_last = self.index().is_none_or(|index| index + 1 >= past.len());
                self.playing = !self.playing && !is_last;
            }
            Source::Running(_) => {
                self.frozen = match self.frozen {
                    Some(_) => None,
                    None => Some(self.head.clone()),
                };
            }
        }
    }

    /// Shows what is new again. A recording has nothing new.
    pub(super) fn go_live(&mut self) {
        self.frozen = None;
    }

    fn travel(&mut self, action: Action) -> anyhow::Result<()> {
        if self.index().is_none() && matches!(action, Action::StepBack | Action::MinuteBack) {
            // What is shown is older than all that is kept.
            return Ok(());
        }
        let past = self.past();
        let last = past.len().saturating_sub(1);
        let now = self.store().snapshot().taken_at;
        let index = self.index();
        let here = index.unwrap_or(0);
        let to = match action {
            Action::StepBack => here.saturating_sub(1),
            Action::StepForward => index.map_or(0, |index| index + 1),
            Action::MinuteBack => history::at_or_before(past, now.saturating_sub(JUMP))
                .unwrap_or(0)
                .min(here.saturating_sub(1)),
            Action::MinuteForward => history::at_or_before(past, now + JUMP)
                .unwrap_or(0)
                .max(here + 1),
            Action::OldestMoment => 0,
            _ => last,
        };
        self.playing = false;
        self.show(to.min(last))
    }

    /// The next frame of a recording that plays. Whether there was one.
    fn advance(&mut self) -> anyhow::Result<bool> {
        if !self.playing {
            return Ok(false);
        }
        let next = self.index().map_or(0, |index| index + 1);
        self.show(next)?;
        self.playing = next + 1 < self.past().len();
        Ok(true)
    }

    fn show(&mut self, index: usize) -> anyhow::Result<()> {
        let shown = self.index();
        let store = if shown == Some(index) {
            self.store().clone()
        } else if shown.map(|shown| shown + 1) == Some(index) {
            let mut store = self.store().clone();
            store.absorb(self.past().snapshot(index)?);
            store
        } else {
            history::store_at(self.past(), index, self.objectives)?
        };
        match &self.past {
            Source::Running(_) => self.frozen = Some(store),
            Source::Recorded(_) => self.head = store,
        }
        Ok(())
    }
}

impl App {
    /// Which moment is shown.
    #[must_use]
    pub fn moment(&self) -> Moment {
        self.moments.moment()
    }

    /// Time for what is drawn: a recording is looked at in the time in which it was made.
    #[must_use]
    pub fn time(&self, now: Now) -> Now {
        match self.moment() {
            Moment::Live | Moment::Paused => now,
            Moment::Replay { .. } => Now {
                monotonic: self.store().snapshot().taken_at,
                ..now
            },
        }
    }

    pub(super) fn pause_or_go_on(&mut self) {
        self.moments.pause_or_go_on();
        self.refresh();
    }

    /// Goes to another moment.
    pub(super) fn travel(&mut self, action: Action) -> Vec<Effect> {
        let travelled = self.moments.travel(action);
        self.arrive(travelled);
        Vec::new()
    }

    /// The time of a recording goes on.
    pub(super) fn advance(&mut self) -> Vec<Effect> {
        let advanced = self.moments.advance();
        if !matches!(advanced, Ok(false)) {
            self.arrive(advanced.map(drop));
        }
        Vec::new()
    }

    fn arrive(&mut self, travelled: anyhow::Result<()>) {
        self.failure = travelled.err().map(|error| format!("{error:#}"));
        self.refresh();
    }
}
