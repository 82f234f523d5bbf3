// SPDX-License-Identifier: MIT OR Apache-2.0
//! A recording that is made while the dashboard shows the bus.

use std::sync::Arc;

use ipcon_observe::Snapshot;

use super::{App, Effect, Moment};
use crate::theme::Role;

/// How a recording gets on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recording {
    /// It goes on.
    Going {
        /// Name of the file.
        file: String,
        /// Bytes that are in it.
        bytes: u64,
    },
    /// It is over. What was recorded, in words.
    Over(String),
    /// It could not begin or go on. Why, in words.
    Failed(String),
}

/// What is known of the recording that is made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum State {
    /// There is none.
    #[default]
    Off,
    /// It was asked for; what it told last.
    On(Option<(String, u64)>),
    /// It ends as soon as all is written.
    Ending,
}

impl App {
    /// Whether a recording is made.
    #[must_use]
    pub fn is_recording(&self) -> bool {
        matches!(self.recording, State::On(_))
    }

    /// The file to which is recorded, and the bytes in it. `None` when there is no recording, or none yet.
    #[must_use]
    pub fn recording(&self) -> Option<(&str, u64)> {
        match &self.recording {
            State::On(Some((file, bytes))) => Some((file, *bytes)),
            State::On(None) | State::Off | State::Ending => None,
        }
    }

    /// Begins a recording, or ends it.
    pub(super) fn record_or_stop(&mut self) -> Vec<Effect> {
        match (&self.recording, self.moments.newest()) {
            (State::On(_), _) => {
                self.recording = State::Ending;
                vec![Effect::StopRecording]
            }
            (State::Off, Some(newest)) => {
                self.recording = State::On(None);
                vec![Effect::StartRecording(newest)]
            }
            (State::Off, None) if matches!(self.moment(), Moment::Replay { .. }) => {
                self.tell("this is a recording already", Role::Warning);
                Vec::new()
            }
            (State::Ending, _) | (State::Off, None) => Vec::new(),
        }
    }

    /// The effects of a new snapshot on the recording that is made.
    pub(super) fn record(&self, snapshot: &Arc<Snapshot>) -> Vec<Effect> {
        match self.recording {
            State::On(_) => vec![Effect::Record(Arc::clone(snapshot))],
            State::Off | State::Ending => Vec::new(),
        }
    }

    /// A recording tells how it gets on.
    pub(super) fn follow_recording(&mut self, news: Recording) {
        match news {
            Recording::Going { file, bytes } => {
                if let State::On(known) = &mut self.recording {
                    *known = Some((file, bytes));
                }
            }
            Recording::Over(words) => {
                self.recording = State::Off;
                self.tell(&words, Role::Good);
            }
            Recording::Failed(why) => {
                self.recording = State::Off;
                self.tell(&format!("not recorded: {why}"), Role::Alarm);
            }
        }
    }
}
