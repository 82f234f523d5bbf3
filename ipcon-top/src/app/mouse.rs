// SPDX-License-Identifier: MIT OR Apache-2.0
//! The mouse: a click selects a view, a row, or the column to sort by; the wheel scrolls.

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Position;

use super::{App, Effect};
use crate::keymap::Action;
use crate::view::{self, Target};

impl App {
    /// Whether the mouse does something.
    #[must_use]
    pub fn uses_mouse(&self) -> bool {
        self.mouse
    }

    pub(super) fn point(&mut self, mouse: MouseEvent) -> Vec<Effect> {
        if !self.mouse {
            return Vec::new();
        }
        let action = match mouse.kind {
            MouseEventKind::ScrollDown => Action::Down,
            MouseEventKind::ScrollUp => Action::Up,
            MouseEventKind::Down(MouseButton::Left) => {
                self.click(Position::new(mouse.column, mouse.row));
                return Vec::new();
            }
            _ => return Vec::new(),
        };
        if self.chooser.is_some() {
            self.act_on_chooser(action)
        } else {
            self.act(action)
        }
    }

    fn click(&mut self, at: Position) {
        if self.help.is_some() || self.chooser.is_some() || self.editing() {
            return;
        }
        let store = self.moments.store();
        match view::target(self, at) {
            Some(Target::Tab(index)) => self.show(index),
            Some(Target::Body { x, y, width }) => {
                let filter = self.filters.of(self.front);
                self.views[self.front].click(x, y, width, store, filter);
            }
            None => {}
        }
    }
}
