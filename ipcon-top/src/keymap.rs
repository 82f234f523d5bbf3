// SPDX-License-Identifier: MIT OR Apache-2.0
//! The one table of keys: what each does unless the configuration says otherwise, and the words the footer and the help
//! overlay use for it.

mod key;
mod map;

use crossterm::event::KeyCode;

pub use key::Key;
pub use map::{Keymap, Place};

/// What the user can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Leave the program.
    Quit,
    /// Leave the program, and leave the last screen behind.
    QuitKeep,
    /// Show the peers.
    ShowPeers,
    /// Show the groups.
    ShowGroups,
    /// Show who sends to whom.
    ShowFlows,
    /// Show the events.
    ShowEvents,
    /// Show how long messages wait.
    ShowLatency,
    /// Show the connections of coroipc.
    ShowChannels,
    /// Show what is wrong.
    ShowWarnings,
    /// Show the probes and the other sources.
    ShowProbes,
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
    /// Copy the selected row, or its details when they are open, to the clipboard.
    Copy,
    /// Edit the filter.
    Filter,
    /// Sort by the column to the right.
    SortNext,
    /// Sort by the column to the left.
    SortPrevious,
    /// Turn the order round.
    SortReverse,
    /// Choose columns.
    ChooseColumns,
    /// Show the column at the cursor, or leave it out.
    ToggleColumn,
    /// Move the column at the cursor to the left.
    ColumnLeft,
    /// Move the column at the cursor to the right.
    ColumnRight,
    /// Sort by the column at the cursor; by that already, turn the order round.
    SortHere,
    /// Show the usual columns in the usual order.
    UsualColumns,
    /// Add flows up in another way.
    Aggregate,
    /// Freeze what is shown, or go on.
    Pause,
    /// Show the snapshot before.
    StepBack,
    /// Show the snapshot after.
    StepForward,
    /// Show what was a minute before.
    MinuteBack,
    /// Show what was a minute later.
    MinuteForward,
    /// Show the oldest snapshot that is kept.
    OldestMoment,
    /// Show the newest snapshot, and stay there.
    NewestMoment,
    /// Begin a recording, or end it.
    Record,
    /// Refresh more often.
    Faster,
    /// Refresh less often.
    Slower,
    /// Show the next colours.
    NextTheme,
    /// Let the mouse do something, or leave it to the terminal.
    Mouse,
    /// Draw everything again.
    Redraw,
    /// Stop the program like any other job of the shell.
    Suspend,
    /// Show or hide the help.
    Help,
}

/// One line of the table.
#[derive(Debug)]
pub struct Binding {
    /// What the keys do.
    pub action: Action,
    /// The keys unless others are configured.
    pub keys: &'static [Key],
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
        label: None,
        help: "select the next row",
    },
    Binding {
        action: Action::Up,
        keys: &[Plain(Up), Plain(Char('k'))],
        label: None,
        help: "select the row before",
    },
    Binding {
        action: Action::PageDown,
        keys: &[Plain(PageDown), Ctrl('f')],
        label: None,
        help: "a screenful down",
    },
    Binding {
        action: Action::PageUp,
        keys: &[Plain(PageUp), Ctrl('b')],
        label: None,
        help: "a screenful up",
    },
    Binding {
        action: Action::First,
        keys: &[Plain(Char('g')), Plain(Home)],
        label: None,
        help: "the first row",
    },
    Binding {
        action: Action::Last,
        keys: &[Plain(Char('G')), Plain(End)],
        label: None,
        help: "the last row",
    },
    Binding {
        action: Action::ShowPeers,
        keys: &[Plain(Char('1'))],
        label: None,
        help: "show peers",
    },
    Binding {
        action: Action::ShowGroups,
        keys: &[Plain(Char('2'))],
        label: None,
        help: "show groups",
    },
    Binding {
        action: Action::ShowFlows,
        keys: &[Plain(Char('3'))],
        label: None,
        help: "show flows, who sends to whom",
    },
    Binding {
        action: Action::ShowEvents,
        keys: &[Plain(Char('4'))],
        label: None,
        help: "show events",
    },
    Binding {
        action: Action::ShowLatency,
        keys: &[Plain(Char('5'))],
        label: None,
        help: "show latency, how long messages wait",
    },
    Binding {
        action: Action::ShowChannels,
        keys: &[Plain(Char('6'))],
        label: None,
        help: "show channels, the connections of coroipc",
    },
    Binding {
        action: Action::ShowWarnings,
        keys: &[Plain(Char('7'))],
        label: None,
        help: "show warnings, what is wrong and why",
    },
    Binding {
        action: Action::ShowProbes,
        keys: &[Plain(Char('8'))],
        label: None,
        help: "show probes, and where the numbers come from",
    },
    Binding {
        action: Action::NextView,
        keys: &[Plain(Tab)],
        label: Some("view"),
        help: "the next view",
    },
    Binding {
        action: Action::PreviousView,
        keys: &[Plain(BackTab)],
        label: None,
        help: "the view before",
    },
    Binding {
        action: Action::Open,
        keys: &[Plain(Enter)],
        label: Some("details"),
        help: "open or close the details of the selected row, or go where it leads",
    },
    Binding {
        action: Action::Copy,
        keys: &[Plain(Char('y'))],
        label: None,
        help: "copy the selected row, or its details when they are open, to the terminal's clipboard",
    },
    Binding {
        action: Action::Filter,
        keys: &[Plain(Char('/'))],
        label: Some("filter"),
        help: "show only some rows: logd drops>0 p99>10ms !(a or b)",
    },
    Binding {
        action: Action::Back,
        keys: &[Plain(Esc)],
        label: None,
        help: "go back where Enter led from, close what is open, drop the filter, come back to now",
    },
    Binding {
        action: Action::SortNext,
        keys: &[Plain(Char('s')), Plain(Right), Plain(Char('l'))],
        label: Some("sort"),
        help: "sort by the column to the right",
    },
    Binding {
        action: Action::SortPrevious,
        keys: &[Plain(Left), Plain(Char('h'))],
        label: None,
        help: "sort by the column to the left",
    },
    Binding {
        action: Action::SortReverse,
        keys: &[Plain(Char('S'))],
        label: Some("reverse"),
        help: "turn the order round",
    },
    Binding {
        action: Action::ChooseColumns,
        keys: &[Plain(Char('o'))],
        label: Some("columns"),
        help: "choose columns, their order, and what the rows are sorted by",
    },
    Binding {
        action: Action::ToggleColumn,
        keys: &[Plain(Char(' '))],
        label: None,
        help: "show the column, or leave it out",
    },
    Binding {
        action: Action::ColumnLeft,
        keys: &[Plain(Char('<')), Plain(Char(','))],
        label: None,
        help: "move the column to the left",
    },
    Binding {
        action: Action::ColumnRight,
        keys: &[Plain(Char('>')), Plain(Char('.'))],
        label: None,
        help: "move the column to the right",
    },
    Binding {
        action: Action::SortHere,
        keys: &[Plain(Char('s'))],
        label: None,
        help: "sort by the column; once more turns the order round",
    },
    Binding {
        action: Action::UsualColumns,
        keys: &[Plain(Char('d'))],
        label: None,
        help: "the usual columns",
    },
    Binding {
        action: Action::Aggregate,
        keys: &[Plain(Char('a'))],
        label: None,
        help: "flows by pair, by sender or by receiver",
    },
    Binding {
        action: Action::Pause,
        keys: &[Plain(Char(' '))],
        label: Some("pause"),
        help: "freeze what is shown, or go on; a recording plays",
    },
    Binding {
        action: Action::StepBack,
        keys: &[Plain(Char('['))],
        label: Some("back"),
        help: "go back in time by one refresh; Esc comes back to now",
    },
    Binding {
        action: Action::StepForward,
        keys: &[Plain(Char(']'))],
        label: None,
        help: "go forward by one refresh",
    },
    Binding {
        action: Action::MinuteBack,
        keys: &[Plain(Char('{'))],
        label: None,
        help: "go back by a minute",
    },
    Binding {
        action: Action::MinuteForward,
        keys: &[Plain(Char('}'))],
        label: None,
        help: "go forward by a minute",
    },
    Binding {
        action: Action::OldestMoment,
        keys: &[Plain(Char('('))],
        label: None,
        help: "go to the oldest moment that is kept",
    },
    Binding {
        action: Action::NewestMoment,
        keys: &[Plain(Char(')'))],
        label: None,
        help: "go to the newest moment",
    },
    Binding {
        action: Action::Record,
        keys: &[Plain(Char('r'))],
        label: None,
        help: "record to a new file in the current folder, or end that",
    },
    Binding {
        action: Action::Faster,
        keys: &[Plain(Char('+')), Plain(Char('='))],
        label: None,
        help: "refresh more often (down to 250ms)",
    },
    Binding {
        action: Action::Slower,
        keys: &[Plain(Char('-'))],
        label: None,
        help: "refresh less often (up to 60s)",
    },
    Binding {
        action: Action::NextTheme,
        keys: &[Plain(Char('t'))],
        label: None,
        help: "the next colours",
    },
    Binding {
        action: Action::Mouse,
        keys: &[Plain(Char('m'))],
        label: None,
        help: "use the mouse, or leave it to the terminal",
    },
    Binding {
        action: Action::Redraw,
        keys: &[Ctrl('l')],
        label: None,
        help: "draw everything again",
    },
    Binding {
        action: Action::Suspend,
        keys: &[Ctrl('z')],
        label: None,
        help: "back to the shell; fg goes on",
    },
    Binding {
        action: Action::Help,
        keys: &[Plain(Char('?')), Plain(KeyCode::F(1))],
        label: Some("help"),
        help: "show or hide this help",
    },
    Binding {
        action: Action::QuitKeep,
        keys: &[Plain(Char('Q'))],
        label: None,
        help: "leave, and leave the last screen behind",
    },
    Binding {
        action: Action::Quit,
        keys: &[Plain(Char('q')), Ctrl('c')],
        label: Some("quit"),
        help: "leave",
    },
];

impl Action {
    /// Stable name, as in the configuration: `show-peers`.
    #[must_use]
    pub fn name(self) -> String {
        let mut name = String::new();
        for c in format!("{self:?}").chars() {
            if c.is_ascii_uppercase() && !name.is_empty() {
                name.push('-');
            }
            name.push(c.to_ascii_lowercase());
        }
        name
    }

    /// Where its keys are pressed.
    #[must_use]
    pub fn place(self) -> Place {
        match self {
            Self::ToggleColumn
            | Self::ColumnLeft
            | Self::ColumnRight
            | Self::SortHere
            | Self::UsualColumns => Place::Columns,
            _ => Place::Views,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn names_are_as_the_configuration_has_them() {
        assert_eq!(Action::Quit.name(), "quit");
        assert_eq!(Action::ShowPeers.name(), "show-peers");
    }
}
