// SPDX-License-Identifier: MIT OR Apache-2.0
//! The choice of columns, over the view.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{DrawContext, Piece, put_pieces, rule};
use crate::app::Chooser;
use crate::format::{Align, fit};
use crate::keymap::Action;
use crate::table::Choice;
use crate::theme::Role;

/// Cells of a title with its arrow.
const TITLE: usize = 13;

/// Draws the columns of the view `name`.
pub(super) fn draw(
    chooser: &Chooser,
    name: &str,
    buf: &mut Buffer,
    area: Rect,
    ctx: &DrawContext<'_>,
) {
    let area = area.intersection(buf.area);
    for position in area.positions() {
        if let Some(cell) = buf.cell_mut(position) {
            cell.reset();
        }
    }
    let line = |y| Rect {
        y,
        height: 1,
        ..area
    };
    let shown = chooser.entries().iter().filter(|entry| entry.shown).count();
    let title = format!(
        " Columns of {name}, {shown} of {} ",
        chooser.entries().len()
    );
    let title = [(title, ctx.theme.style(Role::Title))];
    if area.height > 0 {
        rule(buf, line(area.y), &title, ctx);
    }
    let body = area.y + 1..area.bottom().saturating_sub(1);
    let page = body.len();
    let last = chooser.entries().len().saturating_sub(page);
    let offset = chooser.cursor().saturating_sub(page / 2).min(last);
    let entries = chooser.entries().iter().enumerate().skip(offset);
    for (y, (index, entry)) in body.zip(entries) {
        let selected = index == chooser.cursor();
        put_pieces(buf, line(y), &pieces(entry, selected, ctx));
        if selected {
            let rest = Rect {
                x: area.x + 1,
                width: area.width.saturating_sub(1),
                ..line(y)
            };
            buf.set_style(rest, ctx.theme.style(Role::Selected));
        }
    }
    if area.height > 1 {
        let foot = [(foot(ctx), ctx.theme.style(Role::Quiet))];
        rule(buf, line(area.bottom() - 1), &foot, ctx);
    }
}

fn pieces(entry: &Choice, selected: bool, ctx: &DrawContext<'_>) -> Vec<Piece> {
    let glyphs = &ctx.theme.glyphs;
    let mark = if selected { glyphs.selection } else { " " };
    let tick = if entry.shown { "[x]" } else { "[ ]" };
    let arrow = entry.sorted.map_or("", |direction| direction.glyph(glyphs));
    let title = format!("{}{arrow}", entry.title);
    let role = if entry.shown {
        Role::Label
    } else {
        Role::Quiet
    };
    vec![
        (mark.to_owned(), ctx.theme.style(Role::Active)),
        (format!("{tick} "), ctx.theme.style(Role::Normal)),
        (
            fit(&title, TITLE, Align::Left, glyphs.ellipsis),
            ctx.theme.style(role),
        ),
        (entry.help.to_owned(), ctx.theme.style(Role::Normal)),
    ]
}

/// The keys that are not those of the views.
fn foot(ctx: &DrawContext<'_>) -> String {
    let keys = [
        (vec![Action::ToggleColumn], "show"),
        (vec![Action::ColumnLeft, Action::ColumnRight], "move"),
        (vec![Action::SortHere], "sort"),
        (vec![Action::UsualColumns], "usual"),
        (vec![Action::Open], "done"),
    ];
    let parts = keys.into_iter().filter_map(|(actions, word)| {
        let keys = actions.into_iter().filter_map(|it| ctx.keymap.first(it));
        let keys = keys.collect::<Vec<_>>().join(" ");
        (!keys.is_empty()).then(|| format!(" {keys} {word} "))
    });
    parts.collect()
}
