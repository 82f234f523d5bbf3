// SPDX-License-Identifier: MIT OR Apache-2.0
//! The filter in the line of the tabs, and below it what is wrong with it.

use std::ops::Range;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use unicode_width::UnicodeWidthChar;

use super::{DrawContext, Piece, put_pieces};
use crate::app::{App, FilterState};
use crate::format::{self, Align, fit};
use crate::theme::Role;

const LABEL: &str = " filter ";

/// Cells after the text: the cursor at its end, and a space.
const TAIL: usize = 2;

/// The filter as it stands in a line of so many cells; nothing when there is none.
pub(super) fn pieces(app: &App, width: u16, ctx: &DrawContext<'_>) -> Vec<Piece> {
    let state = app.filter_state();
    if state.text.is_empty() && state.cursor.is_none() {
        return Vec::new();
    }
    let style = |role| ctx.theme.style(role);
    let range = visible(&state, width);
    let shown = &state.text[range.clone()];
    let mut pieces = vec![(LABEL.to_owned(), style(Role::Label))];
    match state.cursor {
        None => pieces.push((clean(shown), style(Role::Warning))),
        Some(cursor) => {
            let (left, right) = shown.split_at((cursor - range.start).min(shown.len()));
            pieces.push((clean(left), style(Role::Warning)));
            let mut right = right.chars();
            match right.next() {
                Some(under) => {
                    pieces.push((clean(under.encode_utf8(&mut [0; 4])), style(Role::Selected)))
                }
                None => pieces.push(("_".to_owned(), style(Role::Active))),
            }
            pieces.push((clean(right.as_str()), style(Role::Warning)));
        }
    }
    pieces.push((" ".to_owned(), style(Role::Normal)));
    pieces
}

/// The part of the text that fits, with the cursor in it.
fn visible(state: &FilterState<'_>, width: u16) -> Range<usize> {
    let room = usize::from(width).saturating_sub(LABEL.len() + TAIL);
    let text = state.text;
    let Some(cursor) = state.cursor else {
        return 0..text.len();
    };
    let mut start = 0;
    // The character under the cursor shall be seen as well.
    let seen = text[cursor..].chars().next().map_or(0, char::len_utf8) + cursor;
    while format::cells(&text[start..seen]) > room {
        start += text[start..].chars().next().map_or(1, char::len_utf8);
    }
    let mut used = 0;
    let end = text[start..].char_indices().find(|(_, c)| {
        used += c.width().unwrap_or(0);
        used > room
    });
    start..end.map_or(text.len(), |(at, _)| start + at)
}

/// Typed by the user, but a terminal can be made to paste anything.
fn clean(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

/// Draws what is wrong with the filter below the line `tabs`, which has the filter at its right end.
pub(super) fn draw_error(
    app: &App,
    buf: &mut Buffer,
    tabs: Rect,
    below: Rect,
    ctx: &DrawContext<'_>,
) {
    let state = app.filter_state();
    let (Some(error), false) = (state.error, below.is_empty()) else {
        return;
    };
    let shown = visible(&state, tabs.width);
    let clamp = |at: usize| at.clamp(shown.start, shown.end);
    let pieces: usize = pieces(app, tabs.width, ctx)
        .iter()
        .map(|(text, _)| format::cells(text))
        .sum();
    let text_at = usize::from(tabs.width).saturating_sub(pieces) + LABEL.len();
    let at = text_at + format::cells(&state.text[shown.start..clamp(error.span.start)]);
    let wrong = &state.text[clamp(error.span.start)..clamp(error.span.end)];
    let under = format::cells(wrong).max(1);
    let width = usize::from(below.width);
    let at = at.min(width.saturating_sub(1));
    let carets = "^".repeat(under.min(width - at));

    let style = ctx.theme.style(Role::Alarm);
    let line = |y| Rect {
        y,
        height: 1,
        ..below
    };
    let put = |buf: &mut Buffer, y, text: String| {
        let text = fit(&text, width, Align::Left, ctx.theme.glyphs.ellipsis);
        put_pieces(buf, line(y), &[(text, style)]);
    };
    let message = &error.message;
    let before = at.saturating_sub(1);
    if at + carets.len() + 1 + format::cells(message) <= width {
        put(
            buf,
            below.y,
            format!("{}{carets} {message}", " ".repeat(at)),
        );
    } else if format::cells(message) <= before {
        let message = fit(message, before, Align::Right, "");
        put(buf, below.y, format!("{message} {carets}"));
    } else {
        put(buf, below.y, format!("{}{carets}", " ".repeat(at)));
        let lines = format::wrap(message, width.saturating_sub(1).max(1));
        for (y, text) in (below.y + 1..below.bottom()).zip(lines) {
            put(buf, y, format!(" {text}"));
        }
    }
}
