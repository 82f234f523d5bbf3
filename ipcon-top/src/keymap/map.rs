// SPDX-License-Identifier: MIT OR Apache-2.0
//! The keys in force.

use crossterm::event::KeyEvent;

use super::{Action, BINDINGS, Key};

/// Where keys are pressed. A key means one thing in each place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The views.
    Views,
    /// The choice of columns.
    Columns,
}

/// Which keys do what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keymap {
    /// In the order of [`BINDINGS`].
    bound: Vec<(Action, Vec<Key>)>,
}

impl Default for Keymap {
    fn default() -> Self {
        let bound = BINDINGS.iter();
        Self {
            bound: bound.map(|b| (b.action, b.keys.to_vec())).collect(),
        }
    }
}

impl Keymap {
    /// The action of a key in the views, if it has one.
    #[must_use]
    pub fn action(&self, key: KeyEvent) -> Option<Action> {
        self.find(key, Place::Views)
    }

    /// The action of a key while columns are chosen: those of the views that move and leave keep their keys there, unless
    /// the choice of columns has a use for them.
    #[must_use]
    pub fn action_on_columns(&self, key: KeyEvent) -> Option<Action> {
        self.find(key, Place::Columns)
            .or_else(|| self.find(key, Place::Views))
    }

    fn find(&self, key: KeyEvent, place: Place) -> Option<Action> {
        let mut here = self
            .bound
            .iter()
            .filter(|(action, _)| action.place() == place);
        here.find(|(_, keys)| keys.iter().any(|it| it.matches(key)))
            .map(|(action, _)| *action)
    }

    /// The keys of an action.
    #[must_use]
    pub fn keys(&self, action: Action) -> &[Key] {
        let found = self.bound.iter().find(|(bound, _)| *bound == action);
        found.map_or(&[], |(_, keys)| keys)
    }

    /// The first of the keys of an action as shown; `None` when it has none.
    #[must_use]
    pub fn first(&self, action: Action) -> Option<String> {
        self.keys(action).first().map(ToString::to_string)
    }

    /// The first two of the keys of an action as shown; empty when it has none.
    #[must_use]
    pub fn shown(&self, action: Action) -> String {
        let shown: Vec<String> = self
            .keys(action)
            .iter()
            .take(2)
            .map(ToString::to_string)
            .collect();
        shown.join(" ")
    }

    /// Gives an action these keys and no others.
    pub fn rebind(&mut self, action: Action, keys: Vec<Key>) {
        if let Some(bound) = self.bound.iter_mut().find(|(bound, _)| *bound == action) {
            bound.1 = keys;
        }
    }

    /// A key with two meanings in one place, and the two.
    #[must_use]
    pub fn conflict(&self) -> Option<(Key, Action, Action)> {
        let all = self
            .bound
            .iter()
            .flat_map(|(action, keys)| keys.iter().map(|key| (*key, *action)));
        let all: Vec<(Key, Action)> = all.collect();
        all.iter().enumerate().find_map(|(i, &(key, action))| {
            let mut before = all[..i].iter();
            let other = before.find(|(it, other)| *it == key && other.place() == action.place());
            other.map(|&(_, other)| (key, other, action))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossterm::event::{KeyCode, KeyModifiers};

    fn plain(c: char) -> KeyEvent {
        KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE)
    }

    #[test]
    fn no_key_has_two_meanings() {
        assert_eq!(Keymap::default().conflict(), None);
    }

    #[test]
    fn modifiers_matter() {
        let keymap = Keymap::default();
        let with = |c, m| KeyEvent::new(KeyCode::Char(c), m);
        assert_eq!(keymap.action(plain('q')), Some(Action::Quit));
        assert_eq!(
            keymap.action(with('c', KeyModifiers::CONTROL)),
            Some(Action::Quit)
        );
        assert_eq!(keymap.action(plain('c')), None);
        assert_eq!(keymap.action(with('q', KeyModifiers::ALT)), None);
        assert_eq!(
            keymap.action(with('S', KeyModifiers::SHIFT)),
            Some(Action::SortReverse)
        );
        assert_eq!(keymap.action(plain('S')), Some(Action::SortReverse));
        let back_tab = KeyEvent::new(KeyCode::BackTab, KeyModifiers::SHIFT);
        assert_eq!(keymap.action(back_tab), Some(Action::PreviousView));
    }

    #[test]
    fn a_key_may_mean_something_else_where_columns_are_chosen() {
        let keymap = Keymap::default();
        assert_eq!(keymap.action(plain(' ')), Some(Action::Pause));
        assert_eq!(
            keymap.action_on_columns(plain(' ')),
            Some(Action::ToggleColumn)
        );
        assert_eq!(keymap.action_on_columns(plain('j')), Some(Action::Down));
        assert_eq!(keymap.action(plain('<')), None);
    }

    #[test]
    fn keys_can_be_changed_and_clashes_are_found() {
        let mut keymap = Keymap::default();
        keymap.rebind(Action::Quit, vec![Key::Plain(KeyCode::Char('x'))]);
        assert_eq!(keymap.action(plain('q')), None);
        assert_eq!(keymap.action(plain('x')), Some(Action::Quit));
        assert_eq!(keymap.first(Action::Quit).as_deref(), Some("x"));
        assert_eq!(keymap.conflict(), None);
        let key = Key::Plain(KeyCode::Char('j'));
        keymap.rebind(Action::Quit, vec![key]);
        assert_eq!(keymap.conflict(), Some((key, Action::Down, Action::Quit)));
        keymap.rebind(Action::Down, Vec::new());
        assert_eq!(
            (keymap.conflict(), keymap.shown(Action::Down)),
            (None, String::new())
        );
    }
}
