// SPDX-License-Identifier: MIT OR Apache-2.0
//! The line with the views, the filter and the order.

use std::time::{Duration, SystemTime};

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{DrawContext, Piece, View, filter_line, put_pieces, width_of};
use crate::app::App;
use crate::theme::{Role, Theme};
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
    let (form, with_order) = form(app, area.width, &filter, &order, ctx);
    let left = form.map_or(Vec::new(), |form| tabs(app, ctx, form));
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

/// The fullest form that fits, `None` when none does, and whether the order fits as well. The filter hides rows, so it is
/// never hidden itself.
fn form(
    app: &App,
    width: u16,
    filter: &[Piece],
    order: &[Piece],
    ctx: &DrawContext<'_>,
) -> (Option<Form>, bool) {
    let candidates = [
        (Form::Counts, true),
        (Form::Counts, false),
        (Form::Names, false),
        (Form::Numbers, false),
        (Form::Front, false),
    ];
    let fits = |&(form, with_order): &(Form, bool)| {
        let order = if with_order { width_of(order) } else { 0 };
        let widths = [width_of(&tabs(app, ctx, form)), width_of(filter), order];
        widths.map(u32::from).iter().sum::<u32>() <= u32::from(width)
    };
    let found = candidates.into_iter().find(fits);
    found.map_or((None, false), |(form, with_order)| (Some(form), with_order))
}

/// The view whose tab is at `x`.
pub(super) fn at(app: &App, area: Rect, x: u16) -> Option<usize> {
    // All symbols are one cell wide, so any theme does.
    let theme = Theme::new(false, true);
    let ctx = DrawContext {
        store: app.store(),
        theme: &theme,
        filter: app.filter(),
        keymap: app.keymap(),
        now: Duration::ZERO,
        epoch: SystemTime::UNIX_EPOCH,
    };
    let filter = filter_line::pieces(app, area.width, &ctx);
    let (form, _) = form(app, area.width, &filter, &order(app, &ctx), &ctx);
    let form = form?;
    let mut end = area.x;
    for (index, view) in app.views().iter().enumerate() {
        end += width_of(&tab(app, &**view, index, form, &ctx));
        if x < end {
            return Some(index);
        }
    }
    None
}

fn tabs(app: &App, ctx: &DrawContext<'_>, form: Form) -> Vec<Piece> {
    let views = app.views().iter().enumerate();
    views
        .flat_map(|(index, view)| tab(app, &**view, index, form, ctx))
        .collect()
}

/// One tab; nothing where only that in front has room.
fn tab(app: &App, view: &dyn View, index: usize, form: Form, ctx: &DrawContext<'_>) -> Vec<Piece> {
    let theme = ctx.theme;
    let alarm = theme.glyphs.alarm;
    let front = index == app.front();
    let (number, name, rows) = (index + 1, view.name(), view.rows());
    let troubled = view.troubled();
    let style = theme.style(if front { Role::Selected } else { Role::Label });
    let short = match form {
        Form::Front if !front => return Vec::new(),
        Form::Counts | Form::Front => {
            let (left, right) = if front { ("[", "]") } else { (" ", " ") };
            let mut pieces = vec![(format!("{left}{number} {name} {rows}{right}"), style)];
            if let Some((count, severity)) = troubled {
                let style = theme.style(trouble::role(severity));
                pieces.push((format!("{alarm}{count} "), style));
            }
            return pieces;
        }
        Form::Numbers if !front => number.to_string(),
        Form::Names | Form::Numbers => format!("{number} {name}"),
    };
    let mark = match troubled {
        Some((_, severity)) => (alarm.to_owned(), theme.style(trouble::role(severity))),
        None => (" ".to_owned(), theme.style(Role::Normal)),
    };
    let text = if front { format!("[{short}]") } else { short };
    vec![mark, (text, style)]
}

fn order(app: &App, ctx: &DrawContext<'_>) -> Vec<Piece> {
    let (name, reversed) = app.view().sorted_by();
    let reversed = if reversed { " reversed" } else { "" };
    vec![
        (" sorted by ".to_owned(), ctx.theme.style(Role::Label)),
        (format!("{name}{reversed} "), ctx.theme.style(Role::Normal)),
    ]
}
