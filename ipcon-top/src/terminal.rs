// SPDX-License-Identifier: MIT OR Apache-2.0
//! The terminal is borrowed: whatever way the program ends, it goes back as it was.

use std::io::{self, IsTerminal, Write};
use std::panic;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, bail};
use crossterm::clipboard::CopyToClipboard;
use crossterm::cursor::{Hide, Show};
use crossterm::event::{
    DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture,
};
use crossterm::execute;
use crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};

/// Whether the terminal is ours now. Global because the panic hook has no other way to know.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// Whether the mouse is to be ours while the terminal is.
static MOUSE: AtomicBool = AtomicBool::new(false);

/// The terminal in raw mode with the alternate screen, until dropped.
#[derive(Debug)]
pub struct Screen(());

/// Makes sure that there is a terminal to draw on.
///
/// # Errors
///
/// Standard output is none; the error says what to use instead.
pub fn require() -> anyhow::Result<()> {
    if io::stdout().is_terminal() {
        return Ok(());
    }
    bail!(
        "the dashboard needs a terminal, and standard output is none\n\
         hint: `ipcon-top once` prints a report to a file or a pipe"
    )
}

impl Screen {
    /// Takes the terminal.
    ///
    /// # Errors
    ///
    /// There is no terminal, or it refuses.
    pub fn take() -> anyhow::Result<Self> {
        require()?;
        chain_panic_hook();
        enter().context("taking the terminal for the dashboard")?;
        Ok(Self(()))
    }

    /// Gives the terminal back for a while, as for a suspended job.
    pub fn lend(&self) {
        give_back();
    }

    /// Takes it again after [`Screen::lend`].
    ///
    /// # Errors
    ///
    /// The terminal refuses.
    pub fn retake(&self) -> anyhow::Result<()> {
        enter().context("taking the terminal again")
    }

    /// Takes the mouse, or leaves it to the terminal.
    ///
    /// # Errors
    ///
    /// The terminal refuses.
    pub fn set_mouse(&self, on: bool) -> anyhow::Result<()> {
        MOUSE.store(on, Ordering::SeqCst);
        let set = if on {
            execute!(io::stdout(), EnableMouseCapture)
        } else {
            execute!(io::stdout(), DisableMouseCapture)
        };
        set.context("taking or leaving the mouse")
    }

    /// Hands a text to the clipboard of the terminal by the sequence OSC 52, which works over ssh as well. Only base64 goes
    /// out, whatever the text has in it. A terminal that refuses does not tell.
    ///
    /// # Errors
    ///
    /// The terminal cannot be written.
    pub fn copy(&self, text: &str) -> anyhow::Result<()> {
        execute!(io::stdout(), CopyToClipboard::to_clipboard_from(text))
            .context("handing a text to the terminal's clipboard")
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

fn enter() -> io::Result<()> {
    enable_raw_mode()?;
    TAKEN.store(true, Ordering::SeqCst);
    // Pasted text comes marked as such, so that it is not taken for keys. The mouse only when it is asked for: it would take
    // copy and paste away from the user's terminal.
    let entered = execute!(
        io::stdout(),
        EnterAlternateScreen,
        EnableBracketedPaste,
        Hide
    );
    let entered = match entered {
        Ok(()) if MOUSE.load(Ordering::SeqCst) => execute!(io::stdout(), EnableMouseCapture),
        entered => entered,
    };
    if entered.is_err() {
        give_back();
    }
    entered
}

/// Undoes everything that [`enter`] did; does nothing when there is nothing to undo. Errors are ignored:
/// the terminal may be gone (SIGHUP), and the other steps still matter.
fn give_back() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        let mut out = io::stdout();
        if MOUSE.load(Ordering::SeqCst) {
            let _ = execute!(out, DisableMouseCapture);
        }
        let _ = execute!(out, Show, DisableBracketedPaste, LeaveAlternateScreen);
        let _ = out.flush();
        let _ = disable_raw_mode();
    }
}

/// A panic message printed into the alternate screen would vanish with it.
fn chain_panic_hook() {
    let next = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        give_back();
        next(info);
    }));
}
