// SPDX-License-Identifier: MIT OR Apache-2.0
//! Snapshots that a recording may hold which somebody made who means ill: any number anywhere, ids that lead nowhere, names
//! of whatever bytes. Nothing panics, no number overflows, and what is printed is whole and safe.
#![allow(clippy::unwrap_used)]

mod openmetrics;
mod support;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use clap::Parser;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ipcon_observe::linter::Objectives;
use ipcon_observe::recording::{pack, unpack};
use ipcon_observe::{Ledger, Snapshot};
use ipcon_top::app::{App, Event};
use ipcon_top::args::{self, Cli, Format};
use ipcon_top::batch::batch;
use ipcon_top::clock::Clock;
use ipcon_top::once;
use ipcon_top::recording::Recorder;
use ipcon_top::theme::Theme;
use ipcon_top::view;
use proptest::prelude::*;
use proptest::sample::Index;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use support::{FixedClock, START, bus, probed, without_bus};

const FORMS: [&str; 5] = ["text", "json", "jsonl", "csv", "openmetrics"];

const ROWS: [&str; 8] = [
    "bus",
    "peers",
    "groups",
    "flows",
    "channels",
    "endpoints",
    "events",
    "exceptions",
];

/// What may stand in the place of a byte of a snapshot.
#[derive(Debug, Clone)]
enum Change {
    /// The largest number.
    Most,
    Byte(u8),
    /// Two bytes more, so that a text can grow into one with a character that does harm.
    Text(&'static [u8]),
}

fn change() -> impl Strategy<Value = (Index, Change)> {
    let change = prop_oneof![
        3 => Just(Change::Most),
        2 => any::<u8>().prop_map(Change::Byte),
        1 => prop::sample::select(vec![
            &b"\x1b"[..], b"\n", b"\"", b"\\", b",", b"=", b"\xff", "\u{9b}".as_bytes(), "\u{202e}".as_bytes(),
            "\u{301}".as_bytes(), "日".as_bytes(), "\u{3164}".as_bytes(),
        ]).prop_map(Change::Text),
    ];
    (any::<Index>(), change)
}

/// The snapshot after those of the changes that leave it one, taken when it was.
fn changed(snapshot: &Snapshot, changes: &[(Index, Change)]) -> Snapshot {
    let mut bytes = pack(snapshot);
    for (index, change) in changes {
        let at = index.index(bytes.len());
        let mut other = bytes.clone();
        match change {
            // The last byte of a number is the first below 0x80.
            Change::Most => {
                let end = at + bytes[at..].iter().position(|&b| b < 0x80).unwrap_or(0);
                let begin = bytes[..end]
                    .iter()
                    .rposition(|&b| b < 0x80)
                    .map_or(0, |before| before + 1);
                let most = [u64::MAX, u32::MAX.into(), u16::MAX.into()];
                let found = most.iter().find_map(|&number| {
                    let mut other = bytes.clone();
                    other.splice(begin..=end, leb128(number));
                    unpack(&other).is_ok().then_some(other)
                });
                other = found.unwrap_or(other);
            }
            Change::Byte(byte) => other[at] = *byte,
            Change::Text(text) => {
                let end = (at + text.len()).min(other.len());
                other.splice(at..end, text.iter().copied());
            }
        }
        if unpack(&other).is_ok() {
            bytes = other;
        }
    }
    let mut changed = unpack(&bytes).unwrap();
    changed.taken_at = snapshot.taken_at;
    changed
}

fn leb128(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

fn hostile() -> impl Strategy<Value = Vec<Snapshot>> {
    let source = prop::sample::select(vec![probed as fn(u64) -> Snapshot, bus, without_bus]);
    let changes = || prop::collection::vec(change(), 0..60);
    (source, changes(), changes(), changes()).prop_map(|(source, first, second, third)| {
        let at = |second, changes: &[_]| changed(&source(second), changes);
        vec![at(2, &first), at(3, &second), at(4, &third)]
    })
}

/// No control character but the ends of lines.
fn is_safe(text: &str) -> bool {
    !text
        .chars()
        .any(|c| c.is_control() && c != '\n' && c != '\r')
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_dashboard_shows_it(
        snapshots in hostile(),
        keys in prop::collection::vec(prop::sample::select("12345678jkGgsSlha?/oc[]{}()\n ".chars().collect::<Vec<_>>()), 0..40),
    ) {
        let mut snapshots = snapshots.into_iter().map(Arc::new);
        let mut app = App::new(snapshots.next().unwrap(), Duration::from_secs(1), (110, 40));
        for snapshot in snapshots {
            app.update(Event::Snapshot(snapshot));
        }
        let now = FixedClock(START + Duration::from_secs(5)).now();
        let keys = "1\n2\n3\n4\n5\n6\n7\n8\n".chars().chain(keys);
        for key in keys {
            let code = if key == '\n' { KeyCode::Enter } else { KeyCode::Char(key) };
            app.update(Event::Key(KeyEvent::new(code, KeyModifiers::NONE)));
            let mut buffer = Buffer::empty(Rect::new(0, 0, 110, 40));
            let area = buffer.area;
            view::draw(&app, &Theme::new(true, false), now, &mut buffer, area);
            prop_assert!(buffer.content.iter().all(|cell| is_safe(cell.symbol()) && !cell.symbol().contains('\n')));
            let copied = view::copied(&app, now).map_or(String::new(), |it| it.text);
            prop_assert!(is_safe(&copied) && !copied.contains('\r'), "{:?}", copied);
        }
    }

    #[test]
    fn it_is_reported_and_added_up(snapshots in hostile()) {
        let mut ledger = Ledger::new(Default::default());
        for pair in snapshots.windows(2) {
            ledger.apply(&pair[0]);
            let report = once::Report::new(&pair[0], pair[1].clone(), SystemTime::UNIX_EPOCH);
            prop_assert!(is_safe(&report.print(Format::Text).unwrap()));
            let json = report.print(Format::Json).unwrap();
            prop_assert!(is_safe(&json));
            serde_json::from_str::<serde_json::Value>(&json).unwrap();
        }
    }

    #[test]
    fn it_comes_out_in_every_form(snapshots in hostile(), rows in prop::sample::select(&ROWS[..])) {
        let file = File::of(&snapshots);
        for form in FORMS {
            if form == "openmetrics" && ["events", "exceptions"].contains(&rows) {
                continue;
            }
            let text = file.batch(form, rows);
            prop_assert!(is_safe(&text), "{}", text);
            match form {
                "json" | "jsonl" => {
                    let values = serde_json::Deserializer::from_str(&text);
                    values.into_iter::<serde_json::Value>().for_each(|value| drop(value.unwrap()));
                }
                "openmetrics" => drop(openmetrics::check(&text)),
                _ => {}
            }
        }
    }
}

/// A recording, gone afterwards.
struct File(PathBuf);

impl File {
    fn of(snapshots: &[Snapshot]) -> Self {
        let path =
            std::env::temp_dir().join(format!("ipcon-top-hostile-{}.rec", std::process::id()));
        let mut recorder = Recorder::open(&path, None).unwrap();
        for snapshot in snapshots {
            recorder
                .append(SystemTime::UNIX_EPOCH + snapshot.taken_at, snapshot)
                .unwrap();
        }
        Self(path)
    }

    fn batch(&self, form: &str, rows: &str) -> String {
        let from = self.0.to_str().unwrap();
        let line = [
            "ipcon-top",
            "batch",
            "--from",
            from,
            "--rows",
            rows,
            "-o",
            form,
        ];
        let Some(args::Command::Batch(options)) = Cli::try_parse_from(line).unwrap().command else {
            panic!("another command");
        };
        let mut out = Vec::new();
        batch(
            &options,
            Objectives::default(),
            |_| anyhow::bail!("nobody asked for what is there now"),
            &mut out,
        )
        .unwrap();
        String::from_utf8(out).unwrap()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
