// SPDX-License-Identifier: MIT OR Apache-2.0
//! The top of the screen: can these numbers be trusted, and how is the bus doing as a whole.

use ipcon_observe::linter::stale;
use ipcon_observe::model::{Source, SourceState};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{DrawContext, Piece, put_pieces, width_of};
use crate::app::{App, Moment};
use crate::columns::{self, Extent, GAP};
use crate::format::{self, Align, fit};
use crate::theme::Role;
use crate::trouble;

/// Draws as much of the header as `area` has lines: one, two or four.
pub(super) fn draw(app: &App, buf: &mut Buffer, area: Rect, ctx: &DrawContext<'_>) {
    let line = |y: u16| Rect {
        y: area.y + y,
        height: 1,
        ..area
    };
    draw_status(app, buf, line(0), ctx);
    match area.height {
        0 | 1 => {}
        2 => {
            put_pieces(buf, line(1), &rates_in_words(area.width, ctx));
        }
        _ => draw_tiles(
            buf,
            Rect {
                y: area.y + 1,
                height: area.height - 1,
                ..area
            },
            ctx,
        ),
    }
}

/// One line for a terminal with no room for more: what is lost, then what moves.
pub(super) fn draw_summary(buf: &mut Buffer, area: Rect, ctx: &DrawContext<'_>) {
    let line = Rect {
        height: area.height.min(1),
        ..area
    };
    put_pieces(buf, line, &rates_in_words(line.width, ctx));
}

fn draw_status(app: &App, buf: &mut Buffer, line: Rect, ctx: &DrawContext<'_>) {
    let mut right = recording(app, ctx);
    right.extend(state(app, ctx));
    let mut left = vec![(" ipcon-top".to_owned(), ctx.theme.style(Role::Title))];
    let fits = |left: &[Piece], right: &[Piece], more: &[Piece]| {
        [left, right, more]
            .map(|p| u32::from(width_of(p)))
            .iter()
            .sum::<u32>()
            <= line.width.into()
    };
    let failure = app.failure().or(ctx.store.bus_absence());
    if let Some(failure) = failure {
        let text = format!("  {} {failure}", ctx.theme.glyphs.failed);
        left.push((text, ctx.theme.style(Role::Alarm)));
    } else {
        // In order of worth: whole parts are left out at the end, none is cut.
        for part in [sources(ctx), lost(ctx)] {
            if fits(&left, &right, &part) {
                left.extend(part);
            }
        }
    }
    let file = recording_file(app, ctx);
    if fits(&left, &right, &file) {
        right.splice(0..0, file);
    }
    let clock = clock(app, ctx);
    if fits(&left, &right, &clock) {
        right.extend(clock);
    }
    let population = population(ctx);
    if failure.is_none() && fits(&left, &right, &population) {
        left.extend(population);
    }
    let right_width = width_of(&right).min(line.width);
    let left_width = line.width - right_width;
    put_pieces(
        buf,
        Rect {
            width: left_width,
            ..line
        },
        &left,
    );
    put_pieces(
        buf,
        Rect {
            x: line.x + left_width,
            width: right_width,
            ..line
        },
        &right,
    );
}

fn sources(ctx: &DrawContext<'_>) -> Vec<Piece> {
    let theme = ctx.theme;
    let mut pieces = vec![(" ".to_owned(), theme.style(Role::Normal))];
    for name in [Source::Probes, Source::Kevents, Source::Dumps] {
        let (glyph, role) = match ctx
            .store
            .snapshot()
            .source(name)
            .map(|status| &status.state)
        {
            Some(SourceState::On) if name == Source::Dumps && !ctx.store.snapshot().consistent => {
                (theme.glyphs.alarm, Role::Warning)
            }
            Some(SourceState::On) => (theme.glyphs.on, Role::Good),
            Some(SourceState::Failed { .. }) => (theme.glyphs.failed, Role::Alarm),
            Some(SourceState::Off { .. }) | None => (theme.glyphs.off, Role::Quiet),
        };
        pieces.push((format!(" {} ", name.key()), theme.style(Role::Label)));
        pieces.push((glyph.to_owned(), theme.style(role)));
    }
    pieces
}

/// What the observer itself has missed: with more than zero the numbers are partly blind.
fn lost(ctx: &DrawContext<'_>) -> Vec<Piece> {
    let theme = ctx.theme;
    let lost = ctx.store.lost();
    let (mark, role) = if lost > 0 {
        (theme.glyphs.alarm, Role::Alarm)
    } else {
        ("", Role::Quiet)
    };
    vec![
        ("  lost ".to_owned(), theme.style(Role::Label)),
        (format!("{mark}{}", format::count(lost)), theme.style(role)),
    ]
}

fn population(ctx: &DrawContext<'_>) -> Vec<Piece> {
    let Some(bus) = &ctx.store.snapshot().bus else {
        return Vec::new();
    };
    let counts = [
        ("peers", bus.peers),
        ("services", bus.services),
        ("members", bus.memberships),
    ];
    let mut pieces = vec![("   ".to_owned(), ctx.theme.style(Role::Normal))];
    for (label, count) in counts {
        pieces.push((format!("{label} "), ctx.theme.style(Role::Label)));
        pieces.push((format!("{count}  "), ctx.theme.style(Role::Normal)));
    }
    pieces
}

/// That a recording is made, and how large it is.
fn recording(app: &App, ctx: &DrawContext<'_>) -> Vec<Piece> {
    if !app.is_recording() {
        return Vec::new();
    }
    let size = app
        .recording()
        .map_or(format::ABSENT.to_owned(), |it| format::bytes(it.1));
    vec![(format!(" rec {size} "), ctx.theme.style(Role::Warning))]
}

/// The file to which is recorded.
fn recording_file(app: &App, ctx: &DrawContext<'_>) -> Vec<Piece> {
    let file = app.recording().map(|(file, _)| format!(" {file}"));
    let file = file.into_iter();
    file.map(|file| (file, ctx.theme.style(Role::Normal)))
        .collect()
}

/// Live, paused or stale, and the interval.
fn state(app: &App, ctx: &DrawContext<'_>) -> Vec<Piece> {
    let age = ctx.now.saturating_sub(ctx.store.snapshot().taken_at);
    let stale = stale(ctx.store.snapshot().taken_at, ctx.now, app.interval()).is_some();
    let (state, role) = match app.moment() {
        Moment::Paused => (
            format!("PAUSED {} back", format::duration(age)),
            Role::Warning,
        ),
        Moment::Replay {
            playing,
            frame,
            frames,
        } => {
            let what = if playing { "playing" } else { "PAUSED" };
            let role = if playing { Role::Good } else { Role::Warning };
            (format!("{what} {frame} of {frames}"), role)
        }
        Moment::Live if stale => (
            format!("{} {} old", ctx.theme.glyphs.alarm, format::duration(age)),
            Role::Alarm,
        ),
        Moment::Live => (
            format!("live {}", format::interval(app.interval())),
            Role::Good,
        ),
    };
    vec![(format!(" {state} "), ctx.theme.style(role))]
}

/// Time now, or of the moment that is shown.
fn clock(app: &App, ctx: &DrawContext<'_>) -> Vec<Piece> {
    let shown = ctx.epoch + ctx.store.snapshot().taken_at;
    let text = match app.moment() {
        Moment::Live => format::time_of_day(ctx.epoch + ctx.now),
        Moment::Paused => format!("at {}", format::time_of_day(shown)),
        Moment::Replay { .. } => {
            format!("{} {}", format::date(shown), format::time_of_day(shown))
        }
    };
    vec![(format!(" {text} UTC "), ctx.theme.style(Role::Normal))]
}

/// A counter of the bus in the header.
struct Tile {
    key: &'static str,
    title: &'static str,
    bytes: bool,
    extent: Extent,
}

const fn tile(key: &'static str, title: &'static str, bytes: bool, priority: u8) -> Tile {
    Tile {
        key,
        title,
        bytes,
        extent: Extent {
            min: 13,
            max: 13,
            priority,
        },
    }
}

const TILES: [Tile; 6] = [
    tile("sent_unicast_messages", "unicast", false, 2),
    tile("sent_multicast_messages", "multicast", false, 3),
    tile("delivered_messages", "delivered", false, 1),
    tile("sent_bytes", "bytes sent", true, 5),
    tile("refused_messages", "refused", false, 4),
    tile("dropped_messages", "dropped", false, 0),
];

const TILE_LABELS: [&str; 3] = ["", " per sec", " total"];
const TILE_LABEL_WIDTH: u16 = 10;
/// Widest tile, in cells; a longer sparkline tells no more.
const TILE_MAX: u16 = 26;
/// Cells of a rate, a mark before it included; the sparkline takes the rest of a tile.
const RATE_WIDTH: usize = 7;

fn draw_tiles(buf: &mut Buffer, area: Rect, ctx: &DrawContext<'_>) {
    let theme = ctx.theme;
    let extents: Vec<Extent> = TILES.iter().map(|tile| tile.extent).collect();
    // On a narrow terminal the numbers are worth more than the words beside them.
    let label_width = if area.width >= 60 {
        TILE_LABEL_WIDTH
    } else {
        1
    };
    let room = area.width.saturating_sub(label_width);
    let shown = columns::layout(&extents, None, room);
    let count = u16::try_from(shown.iter().flatten().count())
        .unwrap_or(1)
        .max(1);
    let width = (room / count).saturating_sub(GAP).min(TILE_MAX);
    for (y, label) in (area.y..area.bottom()).zip(TILE_LABELS) {
        let line = Rect {
            y,
            height: 1,
            width: label_width.min(area.width),
            ..area
        };
        put_pieces(buf, line, &[(label.to_owned(), theme.style(Role::Label))]);
    }
    let mut x = area.x + label_width;
    for (tile, _) in TILES.iter().zip(shown).filter(|(_, shown)| shown.is_some()) {
        let lines = [
            vec![(tile.title.to_owned(), theme.style(Role::Label))],
            rate_pieces(tile, usize::from(width), ctx),
            vec![total_piece(tile, ctx)],
        ];
        for (y, pieces) in (area.y..area.bottom()).zip(lines) {
            let room = width.min(area.right().saturating_sub(x));
            put_pieces(
                buf,
                Rect {
                    x,
                    y,
                    width: room,
                    height: 1,
                },
                &pieces,
            );
        }
        x = x.saturating_add(width + GAP);
    }
}

fn rate_pieces(tile: &Tile, width: usize, ctx: &DrawContext<'_>) -> Vec<Piece> {
    let theme = ctx.theme;
    let (text, role) = rate_of(tile, ctx);
    let line = theme.sparkline(
        ctx.store.bus_history(tile.key),
        width.saturating_sub(RATE_WIDTH),
    );
    let line_role = match trouble::of_rate(tile.key, 1.0) {
        Some(severity) => trouble::role(severity),
        None => Role::Graph,
    };
    vec![
        (
            fit(&text, RATE_WIDTH, Align::Left, theme.glyphs.ellipsis),
            theme.style(role),
        ),
        (line, theme.style(line_role)),
    ]
}

fn rate_of(tile: &Tile, ctx: &DrawContext<'_>) -> (String, Role) {
    let Some(rate) = ctx.store.bus_rate(tile.key) else {
        return (format::ABSENT.to_owned(), Role::Quiet);
    };
    let text = if tile.bytes {
        format::byte_rate(rate)
    } else {
        format::rate(rate)
    };
    match trouble::of_rate(tile.key, rate) {
        Some(severity) => (
            format!("{}{text}", ctx.theme.glyphs.alarm),
            trouble::role(severity),
        ),
        None if rate == 0.0 => (text, Role::Quiet),
        None => (text, Role::Title),
    }
}

fn total_piece(tile: &Tile, ctx: &DrawContext<'_>) -> Piece {
    match ctx.store.bus_total(tile.key) {
        None => (format::ABSENT.to_owned(), ctx.theme.style(Role::Quiet)),
        Some(total) => {
            let text = if tile.bytes {
                format::bytes(total)
            } else {
                total.to_string()
            };
            let role = trouble::of_total(tile.key, total).map_or(Role::Normal, trouble::role);
            (
                text,
                ctx.theme.style(if total == 0 { Role::Quiet } else { role }),
            )
        }
    }
}

/// As many rates in a row as fit whole, the most urgent first, for terminals without room for tiles.
fn rates_in_words(width: u16, ctx: &DrawContext<'_>) -> Vec<Piece> {
    let mut tiles: Vec<&Tile> = TILES.iter().collect();
    tiles.sort_by_key(|tile| tile.extent.priority);
    let mut pieces: Vec<Piece> = Vec::new();
    for tile in tiles {
        let (text, role) = rate_of(tile, ctx);
        let next = (format!(" {} {text}/s ", tile.title), ctx.theme.style(role));
        // The first one is cut rather than left out.
        if !pieces.is_empty() && width_of(&pieces) + width_of(std::slice::from_ref(&next)) > width {
            break;
        }
        pieces.push(next);
    }
    pieces
}
