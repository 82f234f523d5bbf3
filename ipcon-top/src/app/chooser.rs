// SPDX-License-Identifier: MIT OR Apache-2.0
//! Choosing the columns of the view in front.

use super::{App, Effect};
use crate::keymap::Action;
use crate::table::{Choice, Direction};

/// The columns of a view while they are chosen.
#[derive(Debug)]
pub struct Chooser {
    entries: Vec<Choice>,
    cursor: usize,
}

impl Chooser {
    /// All columns, in the order in which those shown are.
    #[must_use]
    pub fn entries(&self) -> &[Choice] {
        &self.entries
    }

    /// Index of the one that keys act upon.
    #[must_use]
    pub fn cursor(&self) -> usize {
        self.cursor
    }

    fn shown(&self) -> Vec<String> {
        let shown = self.entries.iter().filter(|entry| entry.shown);
        shown.map(|entry| entry.key.clone()).collect()
    }

    /// Whether there was something to change.
    fn change(&mut self, action: Action) -> bool {
        let last = self.entries.len() - 1;
        match action {
            Action::ToggleColumn => {
                let is_only = self.shown() == [self.entries[self.cursor].key.clone()];
                self.entries[self.cursor].shown ^= !is_only;
            }
            Action::ColumnLeft if self.cursor > 0 => {
                self.entries.swap(self.cursor, self.cursor - 1);
                self.cursor -= 1;
            }
            Action::ColumnRight if self.cursor < last => {
                self.entries.swap(self.cursor, self.cursor + 1);
                self.cursor += 1;
            }
            _ => return false,
        }
        true
    }

    fn go(&mut self, action: Action, page: usize) {
        let last = self.entries.len() - 1;
        let to = match action {
            Action::Down => self.cursor + 1,
            Action::Up => self.cursor.saturating_sub(1),
            Action::PageDown => self.cursor + page,
            Action::PageUp => self.cursor.saturating_sub(page),
            Action::First => 0,
            Action::Last => last,
            _ => self.cursor,
        };
        self.cursor = to.min(last);
    }
}

impl App {
    /// The columns while they are chosen.
    #[must_use]
    pub fn chooser(&self) -> Option<&Chooser> {
        self.chooser.as_ref()
    }

    /// Begins to choose, where the view has columns.
    pub(super) fn open_chooser(&mut self) {
        let entries = self.views[self.front].choices();
        if !entries.is_empty() {
            self.chooser = Some(Chooser { entries, cursor: 0 });
        }
    }

    /// While columns are chosen, few of the keys of the views do something.
    pub(super) fn act_on_chooser(&mut self, action: Action) -> Vec<Effect> {
        let page = usize::from(crate::view::help_page(self.size.1));
        match action {
            Action::Quit
            | Action::QuitKeep
            | Action::NextTheme
            | Action::Redraw
            | Action::Suspend => self.act(action),
            Action::Open | Action::Back | Action::ChooseColumns => {
                self.chooser = None;
                Vec::new()
            }
            Action::SortHere => {
                self.sort_here();
                Vec::new()
            }
            Action::UsualColumns => {
                let view = &mut self.views[self.front];
                view.choose(&view.usual());
                self.open_chooser();
                Vec::new()
            }
            _ => {
                if let Some(chooser) = &mut self.chooser {
                    if chooser.change(action) {
                        self.views[self.front].choose(&chooser.shown());
                    } else {
                        chooser.go(action, page);
                    }
                }
                Vec::new()
            }
        }
    }

    /// Sorts by the column at the cursor, by that already the other way round.
    fn sort_here(&mut self) {
        let Some(chooser) = &mut self.chooser else {
            return;
        };
        let store = self.moments.store();
        let view = &mut self.views[self.front];
        let entry = &chooser.entries[chooser.cursor];
        let reverse = entry.sorted.is_some() && !view.sorted_by().1;
        view.sort_on(&entry.key, reverse, store, self.filters.of(self.front));
        let choices = view.choices();
        for entry in &mut chooser.entries {
            let now = choices.iter().find(|choice| choice.key == entry.key);
            entry.sorted = now.and_then(|choice| choice.sorted);
        }
    }
}

impl Direction {
    /// The symbol beside a title.
    #[must_use]
    pub fn glyph(self, glyphs: &crate::theme::Glyphs) -> &'static str {
        match self {
            Self::Ascending => glyphs.ascending,
            Self::Descending => glyphs.descending,
        }
    }
}
