// SPDX-License-Identifier: MIT OR Apache-2.0
//! The line with the views, the filter and the order.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{DrawContext, Piece, filter_line, put_pieces, width_of};
use crate::app::App;
use crate::theme::Role;

/// Draws the line.
pub(super) fn draw(app: &App, buf: &mut Buffer, area: Rect, ctx: &DrawContext<'_>) {
    let filter = filter_line::pieces(app, area.width, ctx);
    // What is wrong with a filter stands below it, so it has a place of its own while it is typed.
    let order = if app.editing() {
        Vec::new()
    } else {
        order(app, ctx)
    };
    // The filter hides rows, so it is never hidden itself.
    let candidates = [
        (tabs(app, ctx, true), true),
        (tabs(app, ctx, true), false),
        (tabs(app, ctx, false), false),
    ];
    let room = |left: &[Piece], with_order: bool| {
        let order_width = if with_order { width_of(&order) } else { 0 };
        u32::from(width_of(left)) + u32::from(width_of(&filter)) + u32::from(order_width)
            <= u32::from(area.width)
    };
    let (left, with_order) = candidates
        .into_iter()
        .find(|(left, with_order)| room(left, *with_order))
        .unwrap_or((Vec::new(), false));
    put_pieces(buf, area, &left);
    let mut right = filter;
    if with_order {
        right.extend(order);
    }
    let width = width_of(&right).min(area.width);
    put_pieces(
        buf,
        Rect {
            x: area.right() - width,
            width,
            ..area
        },
        &right,
    );
}

fn tabs(app: &App, ctx: &DrawContext<'_>, all: bool) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for (i, view) in app.views().iter().enumerate() {
        let front = i == app.front();
        if !all && !front {
            continue;
        }
        let role = if front { Role::Selected } else { Role::Label };
        let (left, right) = if front { ("[", "]") } else { (" ", " ") };
        let text = format!("{left}{} {} {}{right}", i + 1, view.name(), view.rows());
        pieces.push((text, ctx.theme.style(role)));
        if let Some((count, severity)) = view.troubled() {
            let text = format!("{}{count} ", ctx.theme.glyphs.alarm);
            pieces.push((text, ctx.theme.style(severity.role())));
        }
    }
    pieces
}

fn order(app: &App, ctx: &DrawContext<'_>) -> Vec<Piece> {
    let (name, reversed) = app.view().sorted_by();
    let reversed = if reversed { " reversed" } else { "" };
    vec![
        (" sorted by ".to_owned(), ctx.theme.style(Role::Label)),
        (format!("{name}{reversed} "), ctx.theme.style(Role::Normal)),
    ]
}
