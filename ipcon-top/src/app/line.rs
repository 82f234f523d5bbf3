// SPDX-License-Identifier: MIT OR Apache-2.0
//! A line of text being typed.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// Most bytes of a line.
const LENGTH_MAX: usize = 200;

/// The text and the cursor in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Line {
    text: String,
    /// In bytes, at the beginning of a character or at the end.
    cursor: usize,
}

impl Line {
    /// A line with this text, the cursor at its end.
    #[must_use]
    pub(super) fn new(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            cursor: text.len(),
        }
    }

    /// The text.
    #[must_use]
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Where the next character goes, in bytes.
    #[must_use]
    pub(super) fn cursor(&self) -> usize {
        self.cursor
    }

    /// Does what a key asks for. False when it is no key of a line.
    pub(super) fn edit(&mut self, key: KeyEvent) -> bool {
        let held = key.modifiers.difference(KeyModifiers::SHIFT);
        match (key.code, held) {
            (KeyCode::Left, KeyModifiers::NONE) => self.cursor = self.before(),
            (KeyCode::Right, KeyModifiers::NONE) => self.cursor = self.after(),
            (KeyCode::Home, _) | (KeyCode::Char('a'), KeyModifiers::CONTROL) => self.cursor = 0,
            (KeyCode::End, _) | (KeyCode::Char('e'), KeyModifiers::CONTROL) => {
                self.cursor = self.text.len();
            }
            (KeyCode::Backspace, _) | (KeyCode::Char('h'), KeyModifiers::CONTROL) => {
                self.remove_from(self.before());
            }
            (KeyCode::Delete, _) | (KeyCode::Char('d'), KeyModifiers::CONTROL) => {
                let from = self.cursor;
                self.cursor = self.after();
                self.remove_from(from);
            }
            (KeyCode::Char('w'), KeyModifiers::CONTROL) => self.remove_from(self.word_before()),
            (KeyCode::Char('u'), KeyModifiers::CONTROL) => self.remove_from(0),
            (KeyCode::Char('k'), KeyModifiers::CONTROL) => self.text.truncate(self.cursor),
            (KeyCode::Char(c), KeyModifiers::NONE) => self.insert(c),
            _ => return false,
        }
        true
    }

    fn insert(&mut self, c: char) {
        if self.text.len() + c.len_utf8() <= LENGTH_MAX && !c.is_control() {
            self.text.insert(self.cursor, c);
            self.cursor += c.len_utf8();
        }
    }

    /// Takes out what is between `from` and the cursor.
    fn remove_from(&mut self, from: usize) {
        self.text.replace_range(from..self.cursor, "");
        self.cursor = from;
    }

    fn before(&self) -> usize {
        let left = self.text[..self.cursor].chars().next_back();
        self.cursor - left.map_or(0, char::len_utf8)
    }

    fn after(&self) -> usize {
        let right = self.text[self.cursor..].chars().next();
        self.cursor + right.map_or(0, char::len_utf8)
    }

    /// Where the word before the cursor begins.
    fn word_before(&self) -> usize {
        let left = self.text[..self.cursor].trim_end();
        let space = left.char_indices().rfind(|(_, c)| c.is_whitespace());
        space.map_or(0, |(at, c)| at + c.len_utf8())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn typed(line: &mut Line, keys: &[(KeyCode, KeyModifiers)]) {
        for (code, modifiers) in keys {
            line.edit(KeyEvent::new(*code, *modifiers));
        }
    }

    const PLAIN: KeyModifiers = KeyModifiers::NONE;
    const CTRL: KeyModifiers = KeyModifiers::CONTROL;

    #[test]
    fn the_cursor_goes_where_it_is_sent() {
        let mut line = Line::new("tx>5 日本");
        typed(
            &mut line,
            &[(KeyCode::Left, PLAIN), (KeyCode::Backspace, PLAIN)],
        );
        assert_eq!((line.text(), line.cursor()), ("tx>5 本", 5));
        typed(&mut line, &[(KeyCode::Char('w'), CTRL)]);
        assert_eq!((line.text(), line.cursor()), ("本", 0));
        typed(
            &mut line,
            &[(KeyCode::Delete, PLAIN), (KeyCode::Delete, PLAIN)],
        );
        assert_eq!(line.text(), "");
        let mut line = Line::new("one two  ");
        typed(&mut line, &[(KeyCode::Char('w'), CTRL)]);
        assert_eq!(line.text(), "one ");
        typed(
            &mut line,
            &[(KeyCode::Home, PLAIN), (KeyCode::Char('n'), PLAIN)],
        );
        assert_eq!(line.text(), "none ");
        typed(&mut line, &[(KeyCode::Char('u'), CTRL)]);
        assert_eq!((line.text(), line.cursor()), ("one ", 0));
        typed(&mut line, &[(KeyCode::End, PLAIN), (KeyCode::Right, PLAIN)]);
        assert_eq!(line.cursor(), 4);
        assert!(!line.edit(KeyEvent::new(KeyCode::Char('x'), CTRL)));
        assert!(!line.edit(KeyEvent::new(KeyCode::Up, PLAIN)));
    }

    proptest! {
        #[test]
        fn no_keys_break_the_line(text in "[a-z 日\u{301}]{0,9}", keys in prop::collection::vec(
            (prop::sample::select(vec![
                KeyCode::Left, KeyCode::Right, KeyCode::Home, KeyCode::End, KeyCode::Backspace,
                KeyCode::Delete, KeyCode::Char('w'), KeyCode::Char('日'), KeyCode::Char('u'),
            ]), prop::bool::ANY), 0..40,
        )) {
            let mut line = Line::new(&text);
            for (code, ctrl) in keys {
                line.edit(KeyEvent::new(code, if ctrl { CTRL } else { PLAIN }));
                prop_assert!(line.text().is_char_boundary(line.cursor()));
                prop_assert!(line.text().len() <= LENGTH_MAX);
            }
        }
    }
}
