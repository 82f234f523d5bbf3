// SPDX-License-Identifier: MIT OR Apache-2.0
//! What came of a key, on a line of its own.

use super::App;
use crate::theme::Role;

/// Something to be told until the next key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// What. Safe to print.
    pub text: String,
    /// How it is drawn.
    pub role: Role,
}

impl App {
    /// What is to be told until the next key.
    #[must_use]
    pub fn notice(&self) -> Option<&Notice> {
        self.notice.as_ref()
    }

    /// Tells it, without control characters.
    pub(super) fn tell(&mut self, text: &str, role: Role) {
        let text = text.chars().filter(|c| !c.is_control()).collect();
        self.notice = Some(Notice { text, role });
    }
}
