// SPDX-License-Identifier: MIT OR Apache-2.0
//! The keys. On a narrow terminal words go before keys, and `q quit` stays to the last.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{DrawContext, Piece, put_pieces, width_of};
use crate::keymap::{Action, BINDINGS, Binding};
use crate::theme::Role;

/// Draws the line.
pub(super) fn draw(buf: &mut Buffer, area: Rect, ctx: &DrawContext<'_>) {
    put_pieces(buf, area, &fitting(area.width, ctx));
}

/// The fullest form that fits.
fn fitting(width: u16, ctx: &DrawContext<'_>) -> Vec<Piece> {
    let bindings: Vec<&Binding> = BINDINGS.iter().filter(|b| b.label.is_some()).collect();
    let (last, others) = match bindings.split_last() {
        Some((last, others)) => (*last, others),
        None => return Vec::new(),
    };
    let labelled = (0..=others.len())
        .rev()
        .map(|words| line(others, last, words, ctx));
    let keys_only = (0..others.len())
        .rev()
        .map(|keys| line(&others[..keys], last, 0, ctx));
    let mut forms = labelled.chain(keys_only);
    forms
        .find(|form| width_of(form) <= width)
        .unwrap_or_default()
}

/// The bindings, the first `words` of them with their word, and the one that leaves.
fn line(others: &[&Binding], last: &Binding, words: usize, ctx: &DrawContext<'_>) -> Vec<Piece> {
    let mut pieces = vec![(
        format!(" {} select ", ctx.theme.glyphs.up_down),
        ctx.theme.style(Role::Quiet),
    )];
    if words < others.len() {
        pieces.clear();
    }
    let others = others
        .iter()
        .enumerate()
        .map(|(i, binding)| (*binding, i < words));
    for (binding, with_word) in others.chain([(last, true)]) {
        let Some(key) = ctx.keymap.first(binding.action) else {
            continue;
        };
        pieces.push((format!(" {key}"), ctx.theme.style(Role::Active)));
        let word = binding
            .label
            .filter(|_| with_word || binding.action == Action::Quit);
        let text = word.map_or_else(|| " ".to_owned(), |word| format!(" {word} "));
        pieces.push((text, ctx.theme.style(Role::Quiet)));
    }
    pieces
}
