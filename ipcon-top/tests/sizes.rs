// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every size of terminal, in every view: nothing panics, nothing is drawn outside, the keys do no harm.
#![allow(clippy::unwrap_used)]

mod support;

use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ipcon_observe::Snapshot;
use ipcon_top::app::{App, Event};
use ipcon_top::clock::Clock;
use ipcon_top::theme::{Preset, Theme};
use ipcon_top::view;
use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::{Position, Rect};
use support::{FixedClock, START, bus, probed, without_bus};

const COLUMNS: u16 = 200;
const LINES: u16 = 60;

/// What stands where nothing may be drawn.
const UNTOUCHED: &str = "#";

fn app(view: char) -> App {
    app_of(probed, view)
}

fn app_of(bus: fn(u64) -> Snapshot, view: char) -> App {
    let mut app = App::new(Arc::new(bus(0)), Duration::from_secs(1), (80, 24));
    for second in 1..=5 {
        app.update(Event::Snapshot(Arc::new(bus(second))));
    }
    press(&mut app, KeyCode::Char(view));
    app
}

fn press(app: &mut App, code: KeyCode) {
    app.update(Event::Key(KeyEvent::new(code, KeyModifiers::NONE)));
}

/// Every size, where it matters most; the large ones are alike.
fn at_many_sizes(app: &mut App) {
    let widths = (1..=45).chain((46..=COLUMNS).step_by(13));
    let lines: Vec<u16> = (1..=26).chain((27..=LINES).step_by(11)).collect();
    at_sizes(app, widths, &lines);
}

/// Every size up to the largest.
fn at_every_size(app: &mut App) {
    let lines: Vec<u16> = (1..=LINES).collect();
    at_sizes(app, 1..=COLUMNS, &lines);
}

/// Every preset, and no colour at all, each with and without symbols beyond ASCII.
fn themes() -> Vec<Theme> {
    let mut themes = Vec::new();
    for ascii in [false, true] {
        themes.push(Theme::new(false, ascii));
        let coloured = Theme::new(true, ascii);
        let presets = Preset::value_variants().iter();
        themes.extend(presets.map(|&preset| coloured.with_preset(preset)));
    }
    themes
}

/// Draws with a frame of one cell around it that must stay as it is, in each palette in turn.
fn at_sizes(app: &mut App, widths: impl Iterator<Item = u16>, heights: &[u16]) {
    let themes = themes();
    let now = FixedClock(START + Duration::from_secs(5)).now();
    // One buffer for all sizes: making one for each takes longer than drawing.
    let mut buffer = Buffer::empty(Rect::new(0, 0, COLUMNS + 2, LINES + 2));
    for columns in widths {
        for &lines in heights {
            let theme = themes[usize::from(columns + lines) % themes.len()];
            app.update(Event::Resize(columns, lines));
            let frame: Vec<Position> = frame_around(columns, lines).collect();
            for &position in &frame {
                buffer[position] = Cell::new(UNTOUCHED);
            }
            view::draw(
                app,
                &theme,
                now,
                &mut buffer,
                Rect::new(1, 1, columns, lines),
            );
            for &position in &frame {
                let symbol = buffer[position].symbol();
                assert_eq!(symbol, UNTOUCHED, "{columns}x{lines}: drawn at {position}");
            }
        }
    }
}

/// The cells around an area that begins at (1, 1).
fn frame_around(columns: u16, lines: u16) -> impl Iterator<Item = Position> {
    let rows = (0..columns + 2).flat_map(move |x| [(x, 0), (x, lines + 1)]);
    let sides = (0..lines + 2).flat_map(move |y| [(0, y), (columns + 1, y)]);
    rows.chain(sides).map(Position::from)
}

#[test]
fn peers() {
    at_every_size(&mut app('1'));
}

#[test]
fn groups() {
    at_every_size(&mut app('2'));
}

#[test]
fn flows() {
    let mut app = app('3');
    at_every_size(&mut app);
    for _ in 0..2 {
        press(&mut app, KeyCode::Char('a'));
        at_many_sizes(&mut app);
    }
}

#[test]
fn events() {
    at_every_size(&mut app('4'));
}

#[test]
fn latency() {
    at_every_size(&mut app('5'));
}

#[test]
fn channels() {
    at_every_size(&mut app('6'));
}

#[test]
fn warnings() {
    at_every_size(&mut app('7'));
}

#[test]
fn probes() {
    let mut app = app('8');
    at_every_size(&mut app);
    press(&mut app, KeyCode::End);
    at_many_sizes(&mut app);
}

#[test]
fn details() {
    for view in '1'..='8' {
        let mut app = app(view);
        press(&mut app, KeyCode::Enter);
        at_many_sizes(&mut app);
    }
}

#[test]
fn without_probes() {
    for view in ['1', '3', '5', '8'] {
        let mut app = app_of(bus, view);
        at_many_sizes(&mut app);
    }
}

#[test]
fn help_at_its_end_and_a_filter_being_typed() {
    let mut app = app('1');
    press(&mut app, KeyCode::Char('/'));
    "a filter as long as it can be typed into it"
        .chars()
        .for_each(|c| press(&mut app, KeyCode::Char(c)));
    at_many_sizes(&mut app);
    press(&mut app, KeyCode::Enter);
    press(&mut app, KeyCode::Char('?'));
    press(&mut app, KeyCode::End);
    at_many_sizes(&mut app);
}

#[test]
fn a_filter_that_is_wrong_at_its_beginning_and_at_its_end() {
    for (filter, cursor) in [
        (
            "dorps>5\u{3000}and many words 日本 after that",
            KeyCode::Home,
        ),
        ("many words before dorps>5", KeyCode::End),
    ] {
        let mut app = app('1');
        press(&mut app, KeyCode::Char('/'));
        filter
            .chars()
            .for_each(|c| press(&mut app, KeyCode::Char(c)));
        press(&mut app, cursor);
        assert!(app.filter_state().error.is_some());
        at_many_sizes(&mut app);
    }
}

#[test]
fn the_choice_of_columns_and_all_of_them() {
    let mut app = app('1');
    press(&mut app, KeyCode::Char('o'));
    at_many_sizes(&mut app);
    for _ in 0..60 {
        let chooser = app.chooser().unwrap();
        if !chooser.entries()[chooser.cursor()].shown {
            press(&mut app, KeyCode::Char(' '));
        }
        press(&mut app, KeyCode::Down);
    }
    press(&mut app, KeyCode::Esc);
    at_many_sizes(&mut app);
}

#[test]
fn an_empty_bus() {
    let mut app = App::new(Arc::default(), Duration::from_secs(1), (80, 24));
    app.update(Event::CollectFailed("the bus cannot be read".to_owned()));
    press(&mut app, KeyCode::Enter);
    at_many_sizes(&mut app);
}

#[test]
fn channels_without_a_bus() {
    let mut app = App::new(Arc::new(without_bus(0)), Duration::from_secs(1), (80, 24));
    app.update(Event::Snapshot(Arc::new(without_bus(1))));
    at_many_sizes(&mut app);
    press(&mut app, KeyCode::Enter);
    at_many_sizes(&mut app);
}

#[test]
fn every_key_at_a_tiny_size() {
    for (columns, lines) in [(1, 1), (20, 5), (25, 8)] {
        let mut app = app('1');
        app.update(Event::Resize(columns, lines));
        for binding in ipcon_top::keymap::BINDINGS
            .iter()
            .chain(ipcon_top::keymap::BINDINGS)
        {
            for key in binding.keys {
                if let ipcon_top::keymap::Key::Plain(code) = *key {
                    press(&mut app, code);
                    let mut buffer = Buffer::empty(Rect::new(0, 0, columns, lines));
                    let area = buffer.area;
                    let now = FixedClock(START).now();
                    view::draw(&app, &Theme::new(false, true), now, &mut buffer, area);
                }
            }
        }
    }
}

/// No preset draws anything else than the usual one, or in another place: only colours may differ.
#[test]
fn presets_differ_in_colours_only() {
    for name in '1'..='8' {
        let mut app = app(name);
        app.update(Event::Resize(120, 40));
        let now = FixedClock(START + Duration::from_secs(5)).now();
        let drawn = |theme: Theme| {
            let mut buffer = Buffer::empty(Rect::new(0, 0, 120, 40));
            let area = buffer.area;
            view::draw(&app, &theme, now, &mut buffer, area);
            let symbols = buffer.content.iter().map(|cell| cell.symbol().to_owned());
            symbols.collect::<Vec<_>>()
        };
        let usual = drawn(Theme::new(true, false));
        for &preset in Preset::value_variants() {
            let other = drawn(Theme::new(true, false).with_preset(preset));
            assert_eq!(other, usual, "{preset:?} in view {name}");
        }
    }
}
