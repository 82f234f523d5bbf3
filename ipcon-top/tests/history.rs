// SPDX-License-Identifier: MIT OR Apache-2.0
//! Going back in time, and a recording: what is shown at a moment is what was shown then.
#![allow(clippy::unwrap_used)]

#[path = "support/session.rs"]
mod session;
mod support;

use std::sync::Arc;
use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ipcon_observe::Snapshot;
use ipcon_observe::linter::{Objectives, Rule};
use ipcon_top::app::{App, Effect, Event, Moment, Setup};
use ipcon_top::clock::Clock;
use ipcon_top::history::Past;
use ipcon_top::theme::Theme;
use ipcon_top::view;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use session::{Session, text};
use support::{FixedClock, START, bus, probed};

/// The screen without the line that tells the moment, and without the warnings: to this clock, what is live has been old
/// for some seconds, and what has passed is not old.
fn content(text: &str) -> String {
    let lines = text.lines().enumerate();
    let kept = lines.filter(|(i, _)| ![0, 4, 5].contains(i));
    kept.map(|(_, line)| format!("{line}\n")).collect()
}

fn status(session: &Session) -> String {
    session.text().lines().next().unwrap().to_owned()
}

#[test]
fn a_past_moment_looks_as_it_did() {
    for view in ["1", "2", "3", "4"] {
        let mut session = Session::new(120, 32, bus(0));
        session.keys(view);
        let mut seen = vec![content(&session.text())];
        for second in 1..=8 {
            session.snapshot(bus(second));
            seen.push(content(&session.text()));
        }
        for second in (0..8).rev() {
            session.keys("[");
            assert_eq!(content(&session.text()), seen[second], "second {second}");
        }
        session.keys("[");
        assert_eq!(content(&session.text()), seen[0], "there is no more");
        for (second, seen) in seen.iter().enumerate().skip(1) {
            session.keys("]");
            assert_eq!(&content(&session.text()), seen, "second {second}");
        }
    }
}

#[test]
fn the_moment_is_told_and_now_is_one_key_away() {
    let mut session = Session::new(120, 32, bus(0));
    for second in 1..=5 {
        session.snapshot(bus(second));
    }
    let live = session.text();
    assert!(status(&session).contains("live 1s  04:50:05 UTC"));
    session.keys("[[");
    let line = status(&session);
    assert!(line.contains("PAUSED 2.0s back  at 04:50:03 UTC"), "{line}");
    session.code(KeyCode::Esc);
    assert_eq!(session.text(), live);
    session.keys("( ");
    assert_eq!(session.text(), live, "space goes on as well");
    session.keys("(");
    assert!(status(&session).contains("at 04:50:00 UTC"));
    session.snapshot(bus(6)).keys(")");
    assert!(status(&session).contains("PAUSED"), "it stays there");
    assert!(status(&session).contains("at 04:50:06 UTC"));
    session.keys("/logd").code(KeyCode::Enter);
    session.code(KeyCode::Esc);
    assert!(status(&session).contains("PAUSED"), "first the filter goes");
    session.code(KeyCode::Esc);
    assert!(status(&session).contains("live 1s"), "{}", status(&session));
}

#[test]
fn minutes_are_jumped() {
    let mut session = Session::new(120, 32, bus(0));
    for second in 1..=150 {
        session.snapshot(bus(second));
    }
    let at = |session: &Session| {
        let line = status(session);
        line.split("at ").nth(1).unwrap_or("live")[..8].to_owned()
    };
    session.keys("{");
    assert_eq!(at(&session), "04:51:30");
    session.keys("{");
    assert_eq!(at(&session), "04:50:30");
    session.keys("{{");
    assert_eq!(at(&session), "04:50:00");
    session.keys("}");
    assert_eq!(at(&session), "04:51:00");
    session.keys("]}}");
    assert_eq!(at(&session), "04:52:30");
}

#[test]
fn what_is_not_kept_any_more_stays_on_the_screen_while_it_is_looked_at() {
    let setup = Setup {
        history: Duration::from_secs(2),
        ..Setup::default()
    };
    let app = App::new(Arc::new(bus(0)), Duration::from_secs(1), (120, 32));
    let mut app = app.set_up(&setup).unwrap();
    let seconds = |app: &App| (app.store().snapshot().taken_at - START).as_secs();
    let press = |app: &mut App, key| {
        let key = KeyEvent::new(KeyCode::Char(key), KeyModifiers::NONE);
        app.update(Event::Key(key));
    };
    app.update(Event::Snapshot(Arc::new(bus(1))));
    press(&mut app, '[');
    for second in 2..=9 {
        app.update(Event::Snapshot(Arc::new(bus(second))));
    }
    assert_eq!(seconds(&app), 0);
    press(&mut app, '[');
    assert_eq!((seconds(&app), app.moment()), (0, Moment::Paused));
    press(&mut app, ']');
    assert_eq!(seconds(&app), 7, "the oldest that there is");
    press(&mut app, '(');
    assert_eq!(seconds(&app), 7);
}

/// A recording of which one frame cannot be read.
struct Recording(Vec<u64>);

impl Past for Recording {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn time(&self, index: usize) -> Duration {
        START + Duration::from_secs(self.0.get(index).copied().unwrap_or(0))
    }

    fn snapshot(&self, index: usize) -> anyhow::Result<Arc<Snapshot>> {
        match self.0.get(index) {
            Some(13) => anyhow::bail!("its checksum is wrong"),
            Some(&second) => Ok(Arc::new(bus(second))),
            None => anyhow::bail!("there is no such frame"),
        }
    }
}

struct Replay(App);

impl Replay {
    fn press(&mut self, keys: &str) -> Vec<Effect> {
        let press = |key| Event::Key(KeyEvent::new(KeyCode::Char(key), KeyModifiers::NONE));
        keys.chars()
            .flat_map(|key| self.0.update(press(key)))
            .collect()
    }

    fn screen(&self) -> String {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 120, 32));
        let area = buffer.area;
        // Looked at a year later.
        let now = FixedClock(START + Duration::from_secs(365 * 86_400)).now();
        view::draw(&self.0, &Theme::new(true, false), now, &mut buffer, area);
        text(&buffer)
    }

    fn status(&self) -> String {
        self.screen().lines().next().unwrap().to_owned()
    }
}

#[test]
fn a_recording_is_looked_at_like_the_past() {
    let past = Box::new(Recording((0..=13).collect()));
    let app = App::replaying(past, Duration::from_secs(1), (120, 32)).unwrap();
    let mut replay = Replay(app);
    let line = replay.status();
    assert!(
        line.contains("PAUSED 1 of 14  2001-09-09 04:50:00 UTC"),
        "{line}"
    );

    let mut session = Session::new(120, 32, bus(0));
    for second in 1..=5 {
        session.snapshot(bus(second));
        replay.press("]");
    }
    assert_eq!(content(&replay.screen()), content(&session.text()));
    replay.0.update(Event::Advance);
    assert!(replay.status().contains("PAUSED 6 of 14"), "it stands");
    replay.press(" ");
    assert!(replay.status().contains("playing 6 of 14"));
    replay.0.update(Event::Advance);
    replay.0.update(Event::Advance);
    assert!(
        replay
            .status()
            .contains("playing 8 of 14  2001-09-09 04:50:07")
    );
    assert_eq!(
        replay.press("+"),
        [Effect::SetInterval(Duration::from_millis(500))],
        "the pace can be changed"
    );
    replay.press("/logd");
    for _ in 0..5 {
        replay.0.update(Event::Advance);
    }
    assert!(replay.status().contains("playing 13 of 14"));
    replay.0.update(Event::Advance);
    let line = replay.status();
    assert!(line.contains("✗ its checksum is wrong"), "{line}");
}

#[test]
fn a_recording_stops_at_its_end_and_an_empty_one_is_an_error() {
    let past = Box::new(Recording(vec![0, 1]));
    let app = App::replaying(past, Duration::from_secs(1), (120, 32)).unwrap();
    let mut replay = Replay(app);
    replay.press(" ");
    replay.0.update(Event::Advance);
    assert!(
        replay.status().contains("PAUSED 2 of 2"),
        "{}",
        replay.status()
    );
    replay.press(" ");
    assert!(replay.status().contains("PAUSED 2 of 2"));
    let empty = App::replaying(
        Box::new(Recording(vec![])),
        Duration::from_secs(1),
        (80, 24),
    );
    assert!(empty.is_err());
}

/// Of messages that wait up to two seconds there is a warning at every moment, unless they may.
#[test]
fn warnings_are_judged_by_the_objective_at_every_moment() {
    let slow = |app: &App| {
        let warnings = app.store().warnings().iter();
        warnings.filter(|it| it.rule == Rule::QueueLatency).count()
    };
    let recording = || {
        let snapshots = (0..=4).map(|second| Arc::new(probed(second)));
        Box::new(Measured(snapshots.collect()))
    };
    for (objective, expected) in [(100, 1), (10_000, 0)] {
        let setup = Setup {
            objectives: Objectives {
                queue_latency: Duration::from_millis(objective),
            },
            ..Setup::default()
        };
        let interval = Duration::from_secs(1);
        let app = App::new(Arc::new(probed(0)), interval, (120, 32));
        let mut live = app.set_up(&setup).unwrap();
        for second in 1..=2 {
            live.update(Event::Snapshot(Arc::new(probed(second))));
        }
        assert_eq!(slow(&live), expected, "{objective} ms");
        let app = App::replaying(recording(), interval, (120, 32)).unwrap();
        let mut replay = Replay(app.set_up(&setup).unwrap());
        replay.press(")");
        replay.press("[[");
        assert_eq!(slow(&replay.0), expected, "{objective} ms, recorded");
    }
}

/// A recording of a bus with probes.
struct Measured(Vec<Arc<Snapshot>>);

impl Past for Measured {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn time(&self, index: usize) -> Duration {
        self.0.get(index).map_or(Duration::ZERO, |it| it.taken_at)
    }

    fn snapshot(&self, index: usize) -> anyhow::Result<Arc<Snapshot>> {
        let found = self.0.get(index).cloned();
        found.ok_or_else(|| anyhow::anyhow!("there is no such frame"))
    }
}
