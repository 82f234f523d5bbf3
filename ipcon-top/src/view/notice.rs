// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is to be told until the next key, above the footer. All of it shows, in as many lines as it takes.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{DrawContext, put_pieces};
use crate::app::App;
use crate::format::{self, Align, fit};

/// Draws it at the bottom of `area`, over what is there.
pub(super) fn draw(app: &App, buf: &mut Buffer, area: Rect, ctx: &DrawContext<'_>) {
    let Some(notice) = app.notice() else { return };
    let width = usize::from(area.width);
    let lines = format::wrap(&notice.text, width.saturating_sub(2).max(1));
    let height = u16::try_from(lines.len()).unwrap_or(u16::MAX);
    let top = area.bottom().saturating_sub(height).max(area.y);
    for (y, text) in (top..area.bottom()).zip(lines) {
        let text = fit(
            &format!(" {text}"),
            width,
            Align::Left,
            ctx.theme.glyphs.ellipsis,
        );
        let line = Rect {
            y,
            height: 1,
            ..area
        };
        put_pieces(buf, line, &[(text, ctx.theme.style(notice.role))]);
    }
}
