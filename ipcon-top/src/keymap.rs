// SPDX-License-Identifier: MIT OR Apache-2.0
//! The one table of keys: what each does, and the words the footer and the help overlay use for it.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// What the user can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Leave the program.
    Quit,
    /// Show the peers.
    ShowPeers,
    /// Show the groups.
    ShowGroups,
    /// Show the events.
    ShowEvents,
    /// Show the connections of coroipc.
    ShowChannels,
    /// Show the view to the right, from the last to the first.
    NextView,
    /// Show the view to the left, from the first to the last.
    PreviousView,
    /// Select the row below.
    Down,
    /// Select the row above.
    Up,
    /// Select a screenful further down.
    PageDown,
    /// Select a screenful further up.
    PageUp,
    /// Select the first row.
    First,
    /// Select the last row.
    Last,
    /// Open or close the details of the selected row.
    Open,
    /// Close what is open; with nothing open, drop the filter.
    Back,
    /// Edit the filter.
    Filter,
    /// Sort by the column to the right.
    SortNext,
    /// Sort by the column to the left.
    SortPrevious,
    /// Turn the order round.
    SortReverse,
    /// Freeze what is shown, or go on.
    Pause,
    /// Refresh more often.
    Faster,
    /// Refresh less often.
    Slower,
    /// Draw everything again.
    Redraw,
    /// Stop the program like any other job of the shell.
    Suspend,
    /// Show or hide the help.
    Help,
}

/// A key with its modifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// A key alone. Shift is part of the character.
    Plain(KeyCode),
    /// A character with Ctrl.
    Ctrl(char),
}

/// One line of the table.
#[derive(Debug)]
pub struct Binding {
    /// What the keys do.
    pub action: Action,
    /// The keys.
    pub keys: &'static [Key],
    /// The keys as printed.
    pub shown: &'static str,
    /// One word for the footer; `None` keeps the binding out of it.
    pub label: Option<&'static str>,
    /// A phrase for the help overlay.
    pub help: &'static str,
}

use Key::{Ctrl, Plain};
use KeyCode::{BackTab, Char, Down, End, Enter, Esc, Home, Left, PageDown, PageUp, Right, Tab, Up};

/// All bindings, in the order of the help overlay. The footer drops from its end when the terminal is
/// narrow, but never `quit`.
pub const BINDINGS: &[Binding] = &[
    Binding {
        action: Action::Down,
        keys: &[Plain(Down), Plain(Char('j'))],
        shown: "down j",
        label: None,
        help: "select the next row",
    },
    Binding {
        action: Action::Up,
        keys: &[Plain(Up), Plain(Char('k'))],
        shown: "up k",
        label: None,
        help: "select the row before",
    },
    Binding {
        action: Action::PageDown,
        keys: &[Plain(PageDown), Ctrl('f')],
        shown: "PgDn ^F",
        label: None,
        help: "a screenful down",
    },
    Binding {
        action: Action::PageUp,
        keys: &[Plain(PageUp), Ctrl('b')],
        shown: "PgUp ^B",
        label: None,
        help: "a screenful up",
    },
    Binding {
        action: Action::First,
        keys: &[Plain(Char('g')), Plain(Home)],
        shown: "g Home",
        label: None,
        help: "the first row",
    },
    Binding {
        action: Action::Last,
        keys: &[Plain(Char('G')), Plain(End)],
        shown: "G End",
        label: None,
        help: "the last row",
    },
    Binding {
        action: Action::ShowPeers,
        keys: &[Plain(Char('1'))],
        shown: "1",
        label: None,
        help: "show peers",
    },
    Binding {
        action: Action::ShowGroups,
        keys: &[Plain(Char('2'))],
        shown: "2",
        label: None,
        help: "show groups",
    },
    Binding {
        action: Action::ShowEvents,
        keys: &[Plain(Char('3'))],
        shown: "3",
        label: None,
        help: "show events",
    },
    Binding {
        action: Action::ShowChannels,
        keys: &[Plain(Char('4'))],
        shown: "4",
        label: None,
        help: "show channels, the connections of coroipc",
    },
    Binding {
        action: Action::NextView,
        keys: &[Plain(Tab)],
        shown: "Tab",
        label: Some("view"),
        help: "the next view",
    },
    Binding {
        action: Action::PreviousView,
        keys: &[Plain(BackTab)],
        shown: "Shift-Tab",
        label: None,
        help: "the view before",
    },
    Binding {
        action: Action::Open,
        keys: &[Plain(Enter)],
        shown: "Enter",
        label: Some("details"),
        help: "open or close the details of the selected row",
    },
    Binding {
        action: Action::Filter,
        keys: &[Plain(Char('/'))],
        shown: "/",
        label: Some("filter"),
        help: "show only some rows: logd drops>0 p99>10ms !(a or b)",
    },
    Binding {
        action: Action::Back,
        keys: &[Plain(Esc)],
        shown: "Esc",
        label: None,
        help: "close what is open, then drop the filter",
    },
    Binding {
        action: Action::SortNext,
        keys: &[Plain(Char('s')), Plain(Right), Plain(Char('l'))],
        shown: "s right",
        label: Some("sort"),
        help: "sort by the column to the right",
    },
    Binding {
        action: Action::SortPrevious,
        keys: &[Plain(Left), Plain(Char('h'))],
        shown: "left h",
        label: None,
        help: "sort by the column to the left",
    },
    Binding {
        action: Action::SortReverse,
        keys: &[Plain(Char('S'))],
        shown: "S",
        label: Some("reverse"),
        help: "turn the order round",
    },
    Binding {
        action: Action::Pause,
        keys: &[Plain(Char(' '))],
        shown: "space",
        label: Some("pause"),
        help: "freeze what is shown, or go on",
    },
    Binding {
        action: Action::Faster,
        keys: &[Plain(Char('+')), Plain(Char('='))],
        shown: "+",
        label: None,
        help: "refresh more often (down to 250ms)",
    },
    Binding {
        action: Action::Slower,
        keys: &[Plain(Char('-'))],
        shown: "-",
        label: None,
        help: "refresh less often (up to 60s)",
    },
    Binding {
        action: Action::Redraw,
        keys: &[Ctrl('l')],
        shown: "^L",
        label: None,
        help: "draw everything again",
    },
    Binding {
        action: Action::Suspend,
        keys: &[Ctrl('z')],
        shown: "^Z",
        label: None,
        help: "back to the shell; fg goes on",
    },
    Binding {
        action: Action::Help,
        keys: &[Plain(Char('?')), Plain(KeyCode::F(1))],
        shown: "?",
        label: Some("help"),
        help: "show or hide this help",
    },
    Binding {
        action: Action::Quit,
        keys: &[Plain(Char('q')), Ctrl('c')],
        shown: "q",
        label: Some("quit"),
        help: "leave (^C as well)",
    },
];

/// The action of a key, if it has one.
#[must_use]
pub fn action(key: KeyEvent) -> Option<Action> {
    BINDINGS
        .iter()
        .find(|b| b.keys.iter().any(|k| k.matches(key)))
        .map(|b| b.action)
}

impl Key {
    fn matches(self, event: KeyEvent) -> bool {
        let held = event.modifiers.difference(KeyModifiers::SHIFT);
        match self {
            Plain(code) => held.is_empty() && event.code == code,
            Ctrl(c) => held == KeyModifiers::CONTROL && event.code == Char(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_has_two_meanings() {
        let keys: Vec<Key> = BINDINGS.iter().flat_map(|b| b.keys).copied().collect();
        for (i, key) in keys.iter().enumerate() {
            assert!(!keys[..i].contains(key), "{key:?}");
        }
    }

    #[test]
    fn every_action_is_bound_once() {
        for (i, binding) in BINDINGS.iter().enumerate() {
            assert!(
                BINDINGS[..i].iter().all(|b| b.action != binding.action),
                "{binding:?}"
            );
        }
    }

    #[test]
    fn modifiers_matter() {
        let plain = |c| KeyEvent::new(Char(c), KeyModifiers::NONE);
        let with = |c, m| KeyEvent::new(Char(c), m);
        assert_eq!(action(plain('q')), Some(Action::Quit));
        assert_eq!(action(with('c', KeyModifiers::CONTROL)), Some(Action::Quit));
        assert_eq!(action(plain('c')), None);
        assert_eq!(action(with('q', KeyModifiers::ALT)), None);
        assert_eq!(
            action(with('S', KeyModifiers::SHIFT)),
            Some(Action::SortReverse)
        );
        assert_eq!(action(plain('S')), Some(Action::SortReverse));
        let back_tab = KeyEvent::new(BackTab, KeyModifiers::SHIFT);
        assert_eq!(action(back_tab), Some(Action::PreviousView));
    }
}
