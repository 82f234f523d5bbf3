// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is selected as text for the clipboard: for somebody who was not there, so it says when it was so.

use super::DrawContext;
use crate::app::App;
use crate::clock::Now;
use crate::format;
use crate::theme::{Glyphs, Theme};

/// Most bytes of a text for the clipboard. Some terminals take no sequence longer than 100,000 bytes, and this one has nine
/// beside the base64 of the text.
pub const COPIED_MAX: usize = 74_991;

/// A text for the clipboard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// Lines without a control character in them.
    pub text: String,
    /// Whether it would have been longer than [`COPIED_MAX`].
    pub cut: bool,
}

/// What is selected in the view in front. `None` when nothing is.
#[must_use]
pub fn copied(app: &App, now: Now) -> Option<Copied> {
    let theme = plain();
    let now = app.time(now);
    let ctx = DrawContext {
        store: app.store(),
        theme: &theme,
        filter: app.filter(),
        keymap: app.keymap(),
        now: now.monotonic,
        epoch: now.epoch,
    };
    let text = app.view().copied(app.detail_open(), &ctx)?;
    let at = now.epoch + ctx.store.snapshot().taken_at;
    let (date, time) = (format::date(at), format::time_of_day(at));
    Some(bounded(&format!("{date} {time} UTC: {text}")))
}

/// Without marks and bars: in a text they are noise.
fn plain() -> Theme {
    let mut theme = Theme::new(false, true);
    theme.glyphs = Glyphs {
        alarm: "",
        levels: [""; 9],
        eighths: [""; 9],
        ..theme.glyphs
    };
    theme
}

/// The text as far as a terminal takes it, without control characters but line feeds.
fn bounded(text: &str) -> Copied {
    let plain = |c: char| if c.is_control() && c != '\n' { ' ' } else { c };
    let mut text: String = text.chars().map(plain).collect();
    let cut = text.len() > COPIED_MAX;
    let mut end = text.len().min(COPIED_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    Copied { text, cut }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters_and_has_no_controls() {
        let fits = "a".repeat(COPIED_MAX);
        let whole = Copied {
            text: fits.clone(),
            cut: false,
        };
        assert_eq!(bounded(&fits), whole);
        let long = bounded(&format!("{}é", &fits[1..]));
        assert_eq!((long.text.len(), long.cut), (COPIED_MAX - 1, true));
        assert_eq!(bounded("a\x1b]52;c;x\x07\r\nb").text, "a ]52;c;x  \nb");
    }
}
