// SPDX-License-Identifier: MIT OR Apache-2.0
//! Drawing a table.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

use super::{CellContext, Column, Table};
use crate::columns::GAP;
use crate::format::{Align, fit};
use crate::store::{Item, Row};
use crate::theme::Role;
use crate::view::DrawContext;

/// Cells before the first column: one for the mark of the selected row, one for that of a departed one.
const MARGIN: u16 = 2;

impl<T: Item> Table<T> {
    /// Draws the titles and as many rows as fit below them.
    pub fn draw(&self, buf: &mut Buffer, area: Rect, ctx: &DrawContext<'_>) {
        let area = area.intersection(buf.area);
        if area.is_empty() {
            return;
        }
        let columns = self.layout(area.width.saturating_sub(MARGIN));
        self.draw_titles(buf, Rect { height: 1, ..area }, &columns, ctx);
        let lines = (area.y + 1..area.bottom()).zip(self.offset..);
        for (y, index) in lines {
            let Some(row) = self.shown.get(index).and_then(|&i| T::row(ctx.store, i)) else {
                break;
            };
            let line = Rect {
                y,
                height: 1,
                ..area
            };
            draw_row(buf, line, &columns, &row, index == self.cursor, ctx);
        }
        if self.shown.is_empty() && area.height > 1 {
            let text = if T::count(ctx.store) > 0 {
                "nothing matches the filter".to_owned()
            } else {
                T::none(ctx.store)
            };
            let style = ctx.theme.style(Role::Quiet);
            let width = usize::from(area.width.saturating_sub(MARGIN));
            buf.set_stringn(
                area.x + MARGIN.min(area.width),
                area.y + 1,
                &text,
                width,
                style,
            );
        }
    }

    /// Key of the column whose title is so many cells from the left of a table that is so wide.
    pub(super) fn column_at(&self, x: u16, width: u16) -> Option<String> {
        let mut left = MARGIN;
        for (column, width) in self.layout(width.saturating_sub(MARGIN)) {
            if (left..left.saturating_add(width)).contains(&x) {
                return Some(column.key.clone());
            }
            left = left.saturating_add(width + GAP);
        }
        None
    }

    fn draw_titles(
        &self,
        buf: &mut Buffer,
        line: Rect,
        columns: &[(&Column<T>, u16)],
        ctx: &DrawContext<'_>,
    ) {
        let glyphs = &ctx.theme.glyphs;
        let by = self.sort.and_then(|i| self.columns.get(i));
        let mut x = line.x + MARGIN;
        for &(column, width) in columns {
            let sorted = by.is_some_and(|by| by.key == column.key);
            let title = if sorted {
                let arrow = self.direction(column).glyph(glyphs);
                format!("{}{arrow}", column.title)
            } else {
                column.title.clone()
            };
            let role = if sorted { Role::Active } else { Role::Label };
            let text = fit(&title, usize::from(width), column.align, glyphs.ellipsis);
            put(buf, line, x, &text, ctx.theme.style(role));
            x = x.saturating_add(width + GAP);
        }
    }
}

fn draw_row<T: Item>(
    buf: &mut Buffer,
    line: Rect,
    columns: &[(&Column<T>, u16)],
    row: &Row<'_, T>,
    selected: bool,
    ctx: &DrawContext<'_>,
) {
    let glyphs = &ctx.theme.glyphs;
    if selected {
        put(
            buf,
            line,
            line.x,
            glyphs.selection,
            ctx.theme.style(Role::Active),
        );
    }
    if row.gone.is_some() {
        put(
            buf,
            line,
            line.x + 1,
            glyphs.gone,
            ctx.theme.style(Role::Alarm),
        );
    }
    let mut x = line.x + MARGIN;
    for &(column, width) in columns {
        let width_of_cell = usize::from(width);
        let context = CellContext {
            store: ctx.store,
            theme: ctx.theme,
            width: width_of_cell,
            epoch: ctx.epoch,
        };
        let cell = (column.cell)(row, &context);
        let role = if row.gone.is_some() {
            Role::Gone
        } else {
            cell.role
        };
        let text = fit(&cell.text, width_of_cell, column.align, glyphs.ellipsis);
        // The style of a row that is gone strikes text out, not the room around it.
        let (lead, bare) = match column.align {
            Align::Left => (0, text.trim_end()),
            Align::Right => (text.width() - text.trim_start().width(), text.trim_start()),
        };
        put(
            buf,
            line,
            x + u16::try_from(lead).unwrap_or(0),
            bare,
            ctx.theme.style(role),
        );
        x = x.saturating_add(width + GAP);
    }
    if selected {
        let rest = Rect {
            x: line.x + 1,
            width: line.width.saturating_sub(1),
            ..line
        };
        buf.set_style(rest, ctx.theme.style(Role::Selected));
    }
}

fn put(buf: &mut Buffer, line: Rect, x: u16, text: &str, style: ratatui::style::Style) {
    if x < line.right() {
        buf.set_stringn(x, line.y, text, usize::from(line.right() - x), style);
    }
}
