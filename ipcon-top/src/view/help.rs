// SPDX-License-Identifier: MIT OR Apache-2.0
//! The help: all keys, from the keymap, the columns of the view in front, and why a source is off.

use ipcon_observe::model::{Channel, Source, SourceState, SourceStatus};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{DrawContext, Piece, View, put_pieces, rule};
use crate::format::{self, Align, fit};
use crate::keymap::{BINDINGS, Keymap, Place};
use crate::store::{Item, Store};
use crate::theme::Role;

/// Cells of keys, column titles and names of sources.
const LABEL: usize = 12;

/// One line of the help.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Entry {
    /// Title of a part.
    Title(String),
    /// Explanation of a key, a column or a source. The label is empty where a long text goes on.
    Line(String, String),
}

/// The lines of the help on a terminal of so many columns.
pub(super) fn entries(view: &dyn View, store: &Store, keymap: &Keymap, columns: u16) -> Vec<Entry> {
    let width = usize::from(columns).saturating_sub(LABEL + 3).max(10);
    let mut entries = Vec::new();
    let keys = BINDINGS
        .iter()
        .filter(|binding| binding.action.place() == Place::Views)
        .map(|binding| (keymap.shown(binding.action), binding.help))
        .filter(|(keys, _)| !keys.is_empty());
    for (keys, help) in keys {
        add(
            &mut entries,
            width,
            std::iter::once((keys.as_str(), help.to_owned())),
        );
    }
    entries.push(Entry::Title(format!("Columns of {}", view.name())));
    add(
        &mut entries,
        width,
        view.legend()
            .into_iter()
            .map(|(title, help)| (title, help.to_owned())),
    );
    entries.push(Entry::Title("Where the numbers come from".to_owned()));
    let sources = store.snapshot().sources.iter();
    add(
        &mut entries,
        width,
        sources.map(|source| (source.name.key(), describe(source, store))),
    );
    entries
}

fn add<'a>(entries: &mut Vec<Entry>, width: usize, parts: impl Iterator<Item = (&'a str, String)>) {
    for (label, text) in parts {
        for (i, line) in format::wrap(&text, width).into_iter().enumerate() {
            let label = if i == 0 { label } else { "" };
            entries.push(Entry::Line(label.to_owned(), line));
        }
    }
}

/// How a source is doing, in words.
fn describe(source: &SourceStatus, store: &Store) -> String {
    let state = match &source.state {
        SourceState::On => match (source.name, Channel::unseen(store)) {
            (Source::Channels, Some(gaps)) => format!("on; {gaps}"),
            _ => "on".to_owned(),
        },
        SourceState::Off { reason } => format!("off: {reason}"),
        SourceState::Failed { reason } => format!("failed: {reason}"),
    };
    match source.lost {
        0 => state,
        lost => format!("{state}; {lost} events lost"),
    }
}

/// Draws the help from line `offset` on, over what is there.
pub(super) fn draw(
    view: &dyn View,
    offset: u16,
    buf: &mut Buffer,
    area: Rect,
    ctx: &DrawContext<'_>,
) {
    let area = area.intersection(buf.area);
    let theme = ctx.theme;
    for position in area.positions() {
        if let Some(cell) = buf.cell_mut(position) {
            cell.reset();
        }
    }
    let title = [(" Keys ".to_owned(), theme.style(Role::Title))];
    rule(
        buf,
        Rect {
            height: area.height.min(1),
            ..area
        },
        &title,
        ctx,
    );

    let entries = entries(view, ctx.store, ctx.keymap, area.width);
    let body = area.y + 1..area.bottom().saturating_sub(1);
    for (y, entry) in body.zip(entries.iter().skip(offset.into())) {
        let pieces: Vec<Piece> = match entry {
            Entry::Title(title) => vec![(format!(" {title}"), theme.style(Role::Title))],
            Entry::Line(label, text) => {
                let label = fit(label, LABEL, Align::Left, theme.glyphs.ellipsis);
                vec![
                    (format!("  {label}"), theme.style(Role::Active)),
                    (text.clone(), theme.style(Role::Normal)),
                ]
            }
        };
        put_pieces(
            buf,
            Rect {
                y,
                height: 1,
                ..area
            },
            &pieces,
        );
    }
    if area.height > 1 {
        let below = entries.len().saturating_sub(offset.into()) > usize::from(area.height - 2);
        let more = if below { "more below, " } else { "" };
        let foot = [(format!(" {more}Esc closes "), theme.style(Role::Quiet))];
        rule(
            buf,
            Rect {
                y: area.bottom() - 1,
                height: 1,
                ..area
            },
            &foot,
            ctx,
        );
    }
}
