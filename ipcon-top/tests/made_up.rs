// SPDX-License-Identifier: MIT OR Apache-2.0
//! Recordings that nobody made, with numbers as large as they get: they are read as they were written, and everything that shows
//! or prints them holds.
#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use clap::Parser;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ipcon_observe::Snapshot;
use ipcon_observe::linter::Objectives;
use ipcon_top::app::{App, Event};
use ipcon_top::args::{Cli, Command, Format};
use ipcon_top::batch::batch;
use ipcon_top::clock::Clock;
use ipcon_top::history::Past;
use ipcon_top::once::of_recording;
use ipcon_top::recording::{Recorded, Recorder};
use ipcon_top::theme::Theme;
use ipcon_top::view;
use proptest::prelude::*;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use support::{FixedClock, START, probed, without_bus};

/// A file that is gone afterwards.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Numbers at which sums, differences and shares go wrong.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![
        Just(0),
        Just(1),
        Just(u64::MAX),
        Just(u64::MAX / 2 + 1),
        any::<u64>()
    ]
}

/// Numbers for the places of a snapshot that hold them, used in turn.
fn numbers() -> impl Strategy<Value = Vec<u64>> {
    prop::collection::vec(number(), 1..12)
}

/// One frame: which second it looks like, how many milliseconds after the one before, and what is put into it.
type Drawn = (u64, u64, Option<Vec<u64>>, bool);

fn frame() -> impl Strategy<Value = Drawn> {
    (
        0..8_u64,
        0..100_000_u64,
        prop::option::of(numbers()),
        any::<bool>(),
    )
}

fn made_up((second, _, numbers, with_bus): &Drawn, taken_at: Duration) -> Snapshot {
    let mut snapshot = match with_bus {
        true => probed(*second),
        false => without_bus(*second),
    };
    snapshot.taken_at = taken_at;
    let Some(numbers) = numbers else {
        return snapshot;
    };
    let mut next = numbers.iter().copied().cycle();
    let mut next = || next.next().unwrap();
    if let Some(bus) = &mut snapshot.bus {
        bus.counters.sent_unicast_messages = next();
        bus.counters.sent_multicast_messages = next();
        bus.counters.dropped_queue_full = next();
        bus.counters.dropped_no_memory = next();
        bus.kevent_sequence = next();
    }
    for peer in &mut snapshot.peers {
        peer.counters.sent_unicast_messages = next();
        peer.counters.sent_multicast_messages = next();
        peer.counters.delivered_unicast_bytes = next();
        peer.counters.delivered_multicast_bytes = next();
        peer.counters.refused_queue_full = next();
        peer.counters.refused_no_peer = next();
        peer.queue_bytes = next();
        peer.queue_limit = next();
        peer.lost = next();
        peer.created_at = Duration::from_nanos(next());
        peer.queue_oldest = Some(Duration::from_nanos(next()));
        if let Some(waits) = &mut peer.queue_latency {
            waits.counts.fill_with(&mut next);
            waits.sum_nanos = next();
        }
    }
    for group in &mut snapshot.groups {
        group.counters.sent_messages = next();
        group.counters.delivered_messages = next();
        group.counters.dropped_queue_full = next();
        group.counters.dropped_no_memory = next();
        group.owner_id = next();
    }
    for flow in &mut snapshot.flows {
        flow.counters.messages = next();
        flow.counters.bytes = next();
        flow.counters.lost_messages = next();
    }
    for source in &mut snapshot.sources {
        source.lost = next();
    }
    if let Some(probes) = &mut snapshot.probes {
        for probe in &mut probes.probes {
            probe.seen = next();
            for lost in &mut probe.lost {
                lost.events = next();
            }
        }
        for map in &mut probes.maps {
            map.entries = next();
            map.limit = next();
        }
        for sizes in &mut probes.sizes {
            sizes.counts.fill_with(&mut next);
        }
        probes.unreported_exceptions = next();
    }
    if let Some(channels) = &mut snapshot.channels {
        for row in &mut channels.connections {
            row.started_at = Duration::from_nanos(next());
        }
        for row in &mut channels.endpoints {
            row.counters.accepted = next();
            row.counters.refused_denied = next();
            row.counters.refused_version = next();
            row.counters.memory_bytes = next();
        }
    }
    snapshot
}

fn draw(app: &App) {
    let (columns, lines) = app.size();
    let area = Rect::new(0, 0, columns, lines);
    let now = FixedClock(START).now();
    view::draw(
        app,
        &Theme::new(true, false),
        now,
        &mut Buffer::empty(area),
        area,
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn a_recording_that_nobody_made_is_read_shown_and_printed(
        frames in prop::collection::vec(frame(), 1..7),
        keys in "[1-8 jka\\[\\]{}()sSG]{0,24}",
        columns in 1..200_u16,
        lines in 1..60_u16,
    ) {
        let name = format!("ipcon-top-made-up-{}.rec", std::process::id());
        let file = Temporary(std::env::temp_dir().join(name));
        let mut at = START;
        let mut written = Vec::new();
        let mut recorder = Recorder::open(&file.0, None).unwrap();
        for drawn in &frames {
            at += Duration::from_millis(drawn.1);
            let snapshot = made_up(drawn, at);
            recorder.append(SystemTime::UNIX_EPOCH + at, &snapshot).unwrap();
            written.push(snapshot);
        }
        drop(recorder);

        let recorded = Recorded::open(&file.0).unwrap();
        prop_assert!(recorded.gaps().is_empty());
        prop_assert_eq!(recorded.len(), written.len());
        for (index, snapshot) in written.iter().enumerate() {
            prop_assert_eq!(&*recorded.snapshot(index).unwrap(), snapshot);
        }

        let interval = Duration::from_secs(1);
        let mut app = App::replaying(Box::new(recorded), interval, (columns, lines)).unwrap();
        draw(&app);
        for key in keys.chars().chain("))".chars()) {
            app.update(Event::Key(KeyEvent::new(KeyCode::Char(key), KeyModifiers::NONE)));
            draw(&app);
            app.update(Event::Key(KeyEvent::new(KeyCode::Enter, KeyModifiers::NONE)));
            app.update(Event::Advance);
            draw(&app);
        }

        let report = of_recording(&file.0, None, Objectives::default()).unwrap();
        for format in [Format::Text, Format::Json] {
            prop_assert!(!report.print(format).unwrap().is_empty());
        }
        let rows = ["bus", "peers", "groups", "flows", "channels", "endpoints", "events", "exceptions", "probes", "warnings"];
        for rows in rows {
            for form in ["text", "json", "csv"] {
                let line = ["ipcon-top", "batch", "--rows", rows, "-o", form, "--from", file.0.to_str().unwrap()];
                let Some(Command::Batch(options)) = Cli::parse_from(line).command else {
                    panic!("another command");
                };
                let mut out = Vec::new();
                batch(&options, Objectives::default(), |_| unreachable!(), &mut out).unwrap();
                prop_assert!(!out.is_empty());
            }
        }
    }
}
