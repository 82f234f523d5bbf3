// SPDX-License-Identifier: MIT OR Apache-2.0
//! Copying what is selected to the clipboard.

use super::App;
use crate::clock::Now;
use crate::theme::Role;
use crate::view::{self, COPIED_MAX};

impl App {
    /// What is selected, as text for the clipboard. Tells the user about it; `None` when nothing is selected.
    pub fn copy(&mut self, now: Now) -> Option<String> {
        let Some(copied) = view::copied(self, now) else {
            self.tell("there is nothing to copy", Role::Warning);
            return None;
        };
        let what = match copied.text.lines().count() {
            _ if copied.cut => format!("the first {COPIED_MAX} bytes"),
            1 => "1 line".to_owned(),
            lines => format!("{lines} lines"),
        };
        // Nobody tells whether it was taken.
        let provided = if self.tmux {
            "if the terminal allows it, and tmux has set-clipboard on"
        } else {
            "if the terminal allows it"
        };
        let told = format!("copied {what} to the terminal's clipboard, {provided}");
        let role = if copied.cut {
            Role::Warning
        } else {
            Role::Good
        };
        self.tell(&told, role);
        Some(copied.text)
    }
}
