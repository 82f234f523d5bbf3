// SPDX-License-Identifier: MIT OR Apache-2.0
//! Things to undo however this program ends.
//!
//! An [`Undo`] runs when it is dropped. When SIGINT, SIGTERM or SIGHUP arrives, all that are
//! pending run, newest first, and the program ends with the status a shell expects of the signal.
//! So nothing that xtask started outlives it, and a terminal in raw mode comes back.

use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use rustix::process::{Pid, Signal, kill_process_group};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

type Action = Box<dyn FnOnce() + Send>;

static PENDING: Mutex<Vec<(u64, Action)>> = Mutex::new(Vec::new());
static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
static WATCHER: Once = Once::new();

/// Something to undo, once: on drop or when a signal ends the program.
#[derive(Debug)]
#[must_use = "an Undo that is dropped at once undoes at once"]
pub(crate) struct Undo(u64);

impl Undo {
    /// Has `action` run later. It must be short and must not panic.
    pub(crate) fn with(action: impl FnOnce() + Send + 'static) -> Self {
        WATCHER.call_once(start_watcher);
        let id = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        pending().push((id, Box::new(action)));
        Self(id)
    }

    /// Has the whole process group killed later.
    pub(crate) fn kill_group(group: Pid) -> Self {
        Self::with(move || {
            // The group may have ended by itself meanwhile.
            let _ = kill_process_group(group, Signal::KILL);
        })
    }

    /// There is nothing to undo any more.
    pub(crate) fn disarm(self) {
        drop(self.take());
        std::mem::forget(self);
    }

    fn take(&self) -> Option<Action> {
        let mut pending = pending();
        let at = pending.iter().position(|(id, _)| *id == self.0)?;
        Some(pending.remove(at).1)
    }
}

impl Drop for Undo {
    fn drop(&mut self) {
        if let Some(action) = self.take() {
            action();
        }
    }
}

/// Runs everything that is pending and ends the program.
pub(crate) fn exit(status: i32) -> ! {
    let mut pending = pending();
    while let Some((_, action)) = pending.pop() {
        action();
    }
    // The lock is kept: nobody may start something new to undo from here on.
    std::process::exit(status)
}

fn pending() -> MutexGuard<'static, Vec<(u64, Action)>> {
    PENDING.lock().unwrap_or_else(PoisonError::into_inner)
}

fn start_watcher() {
    // Without the watcher a signal still ends this program; only the tidying up is lost.
    let Ok(mut signals) = Signals::new([SIGINT, SIGTERM, SIGHUP]) else {
        return;
    };
    std::thread::spawn(move || {
        if let Some(signal) = signals.forever().next() {
            exit(128 + signal);
        }
    });
}
