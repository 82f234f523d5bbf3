// SPDX-License-Identifier: MIT OR Apache-2.0
//! The filters of the views, and typing one.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::line::Line;
use super::{App, Effect};
use crate::filter::{Filter, FilterError};

/// Filters that can be had again.
const REMEMBERED: usize = 20;

/// The filter of each view, and the one being typed.
#[derive(Debug, Default)]
pub(super) struct Filters {
    /// In force, by the index of the view.
    of_views: Vec<Filter>,
    editor: Option<Editor>,
    /// Those that were used, the newest last.
    used: Vec<String>,
}

/// A filter being typed.
#[derive(Debug)]
struct Editor {
    line: Line,
    /// What was in force before.
    before: Filter,
    /// What is wrong with the text; then the last that was right stays in force.
    error: Option<FilterError>,
    /// Which of those used before is shown; their number when none is.
    recalled: usize,
}

/// What the user sees of the filter.
#[derive(Debug, Clone, Copy)]
pub struct FilterState<'a> {
    /// As typed, or in force.
    pub text: &'a str,
    /// Where the next character goes, in bytes; `None` when nobody types.
    pub cursor: Option<usize>,
    /// What is wrong with the text.
    pub error: Option<&'a FilterError>,
}

impl Filters {
    pub(super) fn new(views: usize) -> Self {
        Self {
            of_views: vec![Filter::default(); views],
            ..Self::default()
        }
    }

    /// The filter in force in a view.
    pub(super) fn of(&self, view: usize) -> &Filter {
        &self.of_views[view]
    }

    pub(super) fn set(&mut self, view: usize, filter: Filter) {
        self.of_views[view] = filter;
    }

    pub(super) fn editing(&self) -> bool {
        self.editor.is_some()
    }

    pub(super) fn state(&self, view: usize) -> FilterState<'_> {
        match &self.editor {
            Some(editor) => FilterState {
                text: editor.line.text(),
                cursor: Some(editor.line.cursor()),
                error: editor.error.as_ref(),
            },
            None => FilterState {
                text: self.of(view).text(),
                cursor: None,
                error: None,
            },
        }
    }

    fn remember(&mut self, text: &str) {
        if !text.trim().is_empty() {
            self.used.retain(|used| used != text);
            self.used.push(text.to_owned());
            let old = self.used.len().saturating_sub(REMEMBERED);
            self.used.drain(..old);
        }
    }
}

impl App {
    /// What the user sees of the filter of the view in front.
    #[must_use]
    pub fn filter_state(&self) -> FilterState<'_> {
        self.filters.state(self.front)
    }

    /// Begins to type, from the filter in force.
    pub(super) fn start_filter(&mut self) {
        let before = self.filters.of(self.front).clone();
        self.filters.editor = Some(Editor {
            line: Line::new(before.text()),
            before,
            error: None,
            recalled: self.filters.used.len(),
        });
    }

    /// A key while the filter is typed.
    pub(super) fn edit_filter(&mut self, key: KeyEvent) -> Vec<Effect> {
        let held = key.modifiers.difference(KeyModifiers::SHIFT);
        match (key.code, held) {
            (KeyCode::Char('c'), KeyModifiers::CONTROL) => return vec![Effect::Quit],
            (KeyCode::Char('p'), KeyModifiers::CONTROL) => self.recall(-1),
            (KeyCode::Char('n'), KeyModifiers::CONTROL) => self.recall(1),
            (KeyCode::Enter, _) => self.accept_filter(),
            (KeyCode::Esc, _) => self.abandon_filter(),
            // Rows can be looked at while the filter is typed.
            (KeyCode::Up | KeyCode::Down | KeyCode::PageUp | KeyCode::PageDown, _) => {
                let action = self.keymap.action(key);
                return action.map_or_else(Vec::new, |action| self.act(action));
            }
            _ => {
                let editor = self.filters.editor.as_mut();
                if editor.is_some_and(|editor| editor.line.edit(key)) {
                    self.try_filter();
                }
            }
        }
        Vec::new()
    }

    /// Text that the terminal was made to paste.
    pub(super) fn paste_into_filter(&mut self, text: &str) {
        if let Some(editor) = &mut self.filters.editor {
            for c in text.chars() {
                editor
                    .line
                    .edit(KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE));
            }
            self.try_filter();
        }
    }

    /// Takes what is typed, unless it is wrong: then the user sees why, and types on.
    fn accept_filter(&mut self) {
        let done = self.filters.editor.take_if(|editor| editor.error.is_none());
        if let Some(editor) = done {
            self.filters.remember(editor.line.text());
            if let Ok(filter) = self.read_filter(editor.line.text()) {
                self.set_filter(filter);
            }
        }
    }

    fn abandon_filter(&mut self) {
        if let Some(editor) = self.filters.editor.take() {
            self.set_filter(editor.before);
        }
    }

    /// Goes through the filters that were used before.
    fn recall(&mut self, step: isize) {
        let used = &self.filters.used;
        let Some(editor) = &mut self.filters.editor else {
            return;
        };
        let to = editor.recalled.saturating_add_signed(step).min(used.len());
        editor.recalled = to;
        editor.line = Line::new(used.get(to).map_or("", String::as_str));
        self.try_filter();
    }

    /// Puts what is typed into force if it is a filter for this view. The part that is wrong or not finished at the end does
    /// not count yet; otherwise the last filter that was right stays in force.
    fn try_filter(&mut self) {
        let Some(line) = self.filters.editor.as_ref().map(|editor| &editor.line) else {
            return;
        };
        let text = line.text();
        let is_at_end = line.cursor() == text.len();
        let read = self.read_filter(text);
        let finished = match &read {
            Err(error) => &text[..start_of_part(text, error.span.start)],
            Ok(_) if is_at_end => &text[..start_of_key(text, &self.views[self.front].keys())],
            Ok(_) => text,
        };
        let in_force = match &read {
            Ok(filter) if finished == text => Some(filter.clone()),
            Err(_) if !is_at_end => None,
            Ok(_) | Err(_) => self.read_filter(finished).ok(),
        };
        if let Some(editor) = &mut self.filters.editor {
            editor.error = read.err();
        }
        if let Some(filter) = in_force {
            self.set_filter(filter);
        }
    }

    fn read_filter(&self, text: &str) -> Result<Filter, FilterError> {
        let filter = Filter::parse(text)?;
        self.views[self.front].check(&filter)?;
        Ok(filter)
    }

    /// Puts a filter into force in the view in front.
    pub(super) fn set_filter(&mut self, filter: Filter) {
        self.filters.set(self.front, filter);
        self.refresh();
    }
}

/// Where the part of a filter begins that holds byte `at`.
fn start_of_part(text: &str, at: usize) -> usize {
    after_last(&text[..at], char::is_whitespace)
}

/// Where the last word begins if it may become a key, else the end: `dro` is not a text to look for when `drops>0` is being
/// typed.
fn start_of_key(text: &str, keys: &[String]) -> usize {
    let start = after_last(text, |c| c.is_whitespace() || "(!".contains(c));
    let word = &text[start..];
    let may_be_key = !word.is_empty() && keys.iter().any(|key| key.starts_with(word));
    if may_be_key { start } else { text.len() }
}

/// Where the text goes on after the last of such characters.
fn after_last(text: &str, is_end: impl Fn(char) -> bool) -> usize {
    let end = text.char_indices().rfind(|&(_, c)| is_end(c));
    end.map_or(0, |(at, c)| at + c.len_utf8())
}
