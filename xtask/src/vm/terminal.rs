// SPDX-License-Identifier: MIT OR Apache-2.0
//! This terminal while a program in the VM uses it.

use std::io::IsTerminal;

use anyhow::Context;
use rustix::stdio::{stdin, stdout};
use rustix::termios::{OptionalActions, tcgetattr, tcgetwinsize, tcsetattr};

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

/// Hands every key to the program in the VM until the value is dropped, also Ctrl-C.
pub(crate) fn raw() -> anyhow::Result<Undo> {
    let before = tcgetattr(stdin()).context("asking for the terminal's settings")?;
    let mut settings = before.clone();
    settings.make_raw();
    let undo = Undo::with(move || {
        // A terminal that went away needs no settings.
        let _ = tcsetattr(stdin(), OptionalActions::Flush, &before);
    });
    tcsetattr(stdin(), OptionalActions::Flush, &settings).context("making the terminal raw")?;
    Ok(undo)
}
