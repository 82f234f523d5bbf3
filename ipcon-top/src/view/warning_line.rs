// SPDX-License-Identifier: MIT OR Apache-2.0
//! The worst warnings as sentences, on every screen: nobody must press a key to learn what is wrong.

use ipcon_observe::linter::{Warning, stale};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{DrawContext, Piece, put_pieces, width_of};
use crate::app::{App, Moment};
use crate::format::{self, Align, cells, fit};
use crate::theme::Role;
use crate::trouble;

/// Draws as many warnings as `area` has lines; the worst may take them all.
pub(super) fn draw(app: &App, buf: &mut Buffer, area: Rect, ctx: &DrawContext<'_>) {
    let taken_at = ctx.store.snapshot().taken_at;
    let old = stale(taken_at, ctx.now, app.interval()).filter(|_| app.moment() == Moment::Live);
    let warnings: Vec<&Warning> = old.iter().chain(ctx.store.warnings()).collect();
    let mut lines = (area.y..area.bottom()).map(|y| Rect {
        y,
        height: 1,
        ..area
    });
    if warnings.is_empty() {
        if let Some(line) = lines.next() {
            let text = match app.failure().or(ctx.store.bus_absence()) {
                Some(reason) => format!(" warnings: {}", trouble::unknown(reason)),
                None => " no warnings".to_owned(),
            };
            put_pieces(buf, line, &[(text, ctx.theme.style(Role::Quiet))]);
        }
        return;
    }
    let mut left = warnings.len();
    let mut warnings = warnings.into_iter();
    while let (Some(line), Some(warning)) = (lines.next(), warnings.next()) {
        left -= 1;
        let more = more(left, ctx);
        let width = usize::from(line.width).saturating_sub(MARGIN);
        let whole = warning.sentence();
        // The worst may go on in the next line; of all others, and of what is longer, the brief form is shown.
        if cells(&whole) > width && lines.len() > 0 {
            let [first, second] = in_two(&whole, width);
            let rest = width.saturating_sub(usize::from(width_of(&more)));
            if cells(&second) <= rest {
                put(buf, line, warning, &first, &[], true, ctx);
                if let Some(next) = lines.next() {
                    put(buf, next, warning, &second, &more, false, ctx);
                }
                continue;
            }
        }
        let shown = if lines.len() == 0 { &*more } else { &[] };
        let room = width.saturating_sub(usize::from(width_of(shown)));
        let text = if cells(&whole) <= room {
            whole
        } else {
            warning.brief()
        };
        put(buf, line, warning, &text, shown, true, ctx);
    }
}

/// Cells before a sentence: a mark between blanks.
const MARGIN: usize = 3;

/// A sentence over two lines. The second may be longer than a line.
fn in_two(text: &str, width: usize) -> [String; 2] {
    let mut lines = format::wrap(text, width.max(1)).into_iter();
    let first = lines.next().unwrap_or_default();
    [first, lines.collect::<Vec<_>>().join(" ")]
}

/// How many warnings are not shown, and where they are.
fn more(left: usize, ctx: &DrawContext<'_>) -> Vec<Piece> {
    match left {
        0 => Vec::new(),
        _ => vec![(format!("  {left} more: 7 "), ctx.theme.style(Role::Label))],
    }
}

fn put(
    buf: &mut Buffer,
    line: Rect,
    warning: &Warning,
    text: &str,
    right: &[Piece],
    first: bool,
    ctx: &DrawContext<'_>,
) {
    let theme = ctx.theme;
    let style = theme.style(trouble::role(warning.severity));
    let mark = if first { theme.glyphs.alarm } else { " " };
    let right_width = width_of(right).min(line.width);
    let room = usize::from(line.width - right_width).saturating_sub(MARGIN);
    let text = if cells(text) > room {
        fit(text, room, Align::Left, theme.glyphs.ellipsis)
    } else {
        text.to_owned()
    };
    put_pieces(buf, line, &[(format!(" {mark} "), style), (text, style)]);
    let right_area = Rect {
        x: line.right() - right_width,
        width: right_width,
        ..line
    };
    put_pieces(buf, right_area, right);
}
