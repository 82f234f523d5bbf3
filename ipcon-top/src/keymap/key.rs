// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keys, as they are pressed, shown and written in the configuration.

use std::fmt;
use std::str::FromStr;

use KeyCode::{
    BackTab, Backspace, Char, Delete, Down, End, Enter, Esc, Home, Insert, Left, PageDown, PageUp,
    Right, Tab, Up,
};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// A key with its modifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// A key alone. Shift is part of the character.
    Plain(KeyCode),
    /// A small letter with Ctrl.
    Ctrl(char),
}

/// Keys without a character: how they are shown, and how the configuration has them.
const NAMED: [(KeyCode, &str, &str); 17] = [
    (Char(' '), "space", "space"),
    (Tab, "Tab", "tab"),
    (BackTab, "Shift-Tab", "shift-tab"),
    (Enter, "Enter", "enter"),
    (Esc, "Esc", "esc"),
    (Up, "up", "up"),
    (Down, "down", "down"),
    (Left, "left", "left"),
    (Right, "right", "right"),
    (Home, "Home", "home"),
    (End, "End", "end"),
    (PageUp, "PgUp", "pgup"),
    (PageDown, "PgDn", "pgdn"),
    (Backspace, "Bksp", "backspace"),
    (Delete, "Del", "delete"),
    (Insert, "Ins", "insert"),
    (KeyCode::Null, "none", "none"),
];

impl Key {
    pub(super) fn matches(self, event: KeyEvent) -> bool {
        let held = event.modifiers.difference(KeyModifiers::SHIFT);
        match self {
            Self::Plain(code) => held.is_empty() && event.code == code,
            Self::Ctrl(c) => held == KeyModifiers::CONTROL && event.code == Char(c),
        }
    }

    /// As the configuration has it: `q`, `ctrl-c`, `space`, `f1`.
    #[must_use]
    pub fn written(self) -> String {
        match self {
            Self::Ctrl(c) => format!("ctrl-{c}"),
            Self::Plain(KeyCode::F(n)) => format!("f{n}"),
            Self::Plain(code) => match NAMED.iter().find(|(named, ..)| *named == code) {
                Some((.., written)) => (*written).to_owned(),
                None => self.to_string(),
            },
        }
    }
}

/// As the footer and the help show it: `q`, `^C`, `space`, `F1`.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = |code| NAMED.iter().find(|(named, ..)| *named == code);
        match *self {
            Self::Ctrl(c) => write!(f, "^{}", c.to_ascii_uppercase()),
            Self::Plain(KeyCode::F(n)) => write!(f, "F{n}"),
            Self::Plain(code) => match (named(code), code) {
                (Some((_, shown, _)), _) => f.write_str(shown),
                (None, Char(c)) => write!(f, "{c}"),
                (None, other) => write!(f, "{other:?}"),
            },
        }
    }
}

impl FromStr for Key {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut chars = text.chars();
        if let (Some(c), None) = (chars.next(), chars.next())
            && !c.is_control()
            && !c.is_whitespace()
        {
            return Ok(Self::Plain(Char(c)));
        }
        let name = text.to_ascii_lowercase();
        if let Some(letter) = name.strip_prefix("ctrl-").or(name.strip_prefix('^')) {
            let mut letters = letter.chars();
            return match (letters.next(), letters.next()) {
                (Some(c @ 'a'..='z'), None) => Ok(Self::Ctrl(c)),
                _ => Err(format!(
                    "`{text}`: after ctrl- comes one letter, as in ctrl-f"
                )),
            };
        }
        let number = name.strip_prefix('f').and_then(|n| n.parse().ok());
        if let Some(n @ 1..=12) = number {
            return Ok(Self::Plain(KeyCode::F(n)));
        }
        let names = NAMED.iter().take(NAMED.len() - 1);
        match names.clone().find(|(.., written)| *written == name) {
            Some((code, ..)) => Ok(Self::Plain(*code)),
            None => {
                let all: Vec<&str> = names.map(|(.., written)| *written).collect();
                Err(format!(
                    "`{text}` is no key; write one character, ctrl- and a letter, f1 to f12, or one of {}",
                    all.join(", ")
                ))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_read_as_they_are_written() {
        let named = NAMED.iter().take(NAMED.len() - 1);
        let keys = named.map(|(code, ..)| Key::Plain(*code)).chain([
            Key::Plain(Char('q')),
            Key::Plain(Char('Q')),
            Key::Plain(Char('[')),
            Key::Plain(Char('^')),
            Key::Plain(Char('é')),
            Key::Plain(KeyCode::F(1)),
            Key::Plain(KeyCode::F(12)),
            Key::Ctrl('c'),
        ]);
        for key in keys {
            assert_eq!(key.written().parse(), Ok(key));
        }
        assert_eq!("^F".parse(), Ok(Key::Ctrl('f')));
        assert_eq!("PgDn".parse(), Ok(Key::Plain(PageDown)));
        for wrong in [
            "", " ", "none", "ctrl-", "ctrl-1", "ctrl-ab", "f0", "f13", "qq", "\n",
        ] {
            assert!(wrong.parse::<Key>().is_err(), "{wrong:?}");
        }
    }
}
