// SPDX-License-Identifier: MIT OR Apache-2.0
//! This terminal while a program in the VM uses it.

use std::io::{IsTerminal, Write};

use anyhow::Context;
use rustix::stdio::{stdin, stdout};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};

use crate::channel::Size;
use crate::interrupt::Undo;

/// Whether a person sits at both ends.
pub(crate) fn is_interactive() -> bool {
    std::io::stdin().is_terminal() && std::io::stdout().is_terminal()
}

/// The size of the terminal, or the classical one when it has none.
pub(crate) fn size() -> Size {
    match tcgetwinsize(stdout()) {
        Ok(size) if size.ws_row > 0 && size.ws_col > 0 => Size {
            rows: size.ws_row,
            columns: size.ws_col,
        },
        _ => Size {
            rows: 24,
            columns: 80,
        },
    }
}

/// What a program may have left behind when it was cut off: the alternate screen, mouse reports,
/// bracketed paste, a hidden cursor, colours.
const RESET: &str =
    "\x1b[?1049l\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?2004l\x1b[?25h\x1b[0m\r\n";

/// This terminal in raw mode: every key goes to the program in the VM, also Ctrl-C.
#[derive(Debug)]
pub(crate) struct Raw {
    before: Termios,
    /// For every other way out.
    undo: Undo,
}

impl Raw {
    /// Begins it. It ends with `leave`, or however this program ends.
    pub(crate) fn enter() -> anyhow::Result<Self> {
        let before = tcgetattr(stdin()).context("asking for the terminal's settings")?;
        let mut settings = before.clone();
        settings.make_raw();
        let saved = before.clone();
        let undo = Undo::with(move || {
            reset_screen();
            restore(&saved);
        });
        tcsetattr(stdin(), OptionalActions::Flush, &settings).context("making the terminal raw")?;
        Ok(Self { before, undo })
    }

    /// Ends it. A program that `ended` by itself has tidied up the screen by itself.
    pub(crate) fn leave(self, ended: bool) {
        if ended {
            self.undo.disarm();
            restore(&self.before);
        }
    }
}

fn restore(settings: &Termios) {
    // A terminal that went away needs no settings.
    let _ = tcsetattr(stdin(), OptionalActions::Flush, settings);
}

fn reset_screen() {
    let mut out = std::io::stdout();
    let _ = out.write_all(RESET.as_bytes()).and_then(|()| out.flush());
}
