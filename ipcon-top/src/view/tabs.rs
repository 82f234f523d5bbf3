// SPDX-License-Identifier: MIT OR Apache-2.0
//! The line with the views, the filter and the order.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{DrawContext, Piece, filter_line, put_pieces, width_of};
use crate::app::App;
use crate::theme::Role;
use crate::trouble;

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
        (tabs(app, ctx, Form::Counts), true),
        (tabs(app, ctx, Form::Counts), false),
        (tabs(app, ctx, Form::Names), false),
        (tabs(app, ctx, Form::Numbers), false),
        (tabs(app, ctx, Form::Front), false),
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

/// How much of the views is told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Names, rows, and how many are in trouble.
    Counts,
    /// Names, and whether any row is in trouble.
    Names,
    /// The same without the names, but for the view in front.
    Numbers,
    /// The view in front.
    Front,
}

fn tabs(app: &App, ctx: &DrawContext<'_>, form: Form) -> Vec<Piece> {
    let theme = ctx.theme;
    let alarm = theme.glyphs.alarm;
    let mut pieces = Vec::new();
    for (i, view) in app.views().iter().enumerate() {
        let front = i == app.front();
        let (number, name, rows) = (i + 1, view.name(), view.rows());
        let troubled = view.troubled();
        let style = theme.style(if front { Role::Selected } else { Role::Label });
        let short = match form {
            Form::Counts | Form::Front => {
                if form == Form::Front && !front {
                    continue;
                }
                let (left, right) = if front { ("[", "]") } else { (" ", " ") };
                pieces.push((format!("{left}{number} {name} {rows}{right}"), style));
                if let Some((count, severity)) = troubled {
                    let style = theme.style(trouble::role(severity));
                    pieces.push((format!("{alarm}{count} "), style));
                }
                continue;
            }
            Form::Numbers if !front => number.to_string(),
            Form::Names | Form::Numbers => format!("{number} {name}"),
        };
        match troubled {
            Some((_, severity)) => {
                pieces.push((alarm.to_owned(), theme.style(trouble::role(severity))));
            }
            None => pieces.push((" ".to_owned(), theme.style(Role::Normal))),
        }
        let text = if front { format!("[{short}]") } else { short };
        pieces.push((text, style));
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
