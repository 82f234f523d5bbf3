// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a person sees while something takes long: lines with the time since the start, on stderr.

use std::fs::File;
use std::io::{IsTerminal, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// When a step tells that it is running.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verbosity {
    /// At its start and its end.
    Steps,
    /// Only when it takes long enough for somebody to wonder.
    Quiet,
}

/// A quiet step shows up after this time when stderr is a terminal…
const QUIET_TERMINAL: Duration = Duration::from_millis(800);
/// …and after this time when it is a file or a pipe.
const QUIET_FILE: Duration = Duration::from_secs(60);
/// How often a running step says that it still runs.
const STILL: Duration = Duration::from_secs(30);

/// Prints what goes on, each line with the time since this was made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Progress {
    start: Instant,
    verbosity: Verbosity,
}

impl Progress {
    /// Starts the clock.
    pub(crate) fn new(verbosity: Verbosity) -> Self {
        Self {
            start: Instant::now(),
            verbosity,
        }
    }

    /// Prints one line, unless this is quiet.
    pub(crate) fn say(&self, line: impl AsRef<str>) {
        if self.verbosity == Verbosity::Steps {
            print_line(self.start, line.as_ref());
        }
    }

    /// Announces a step; it ends when the returned value is dropped.
    pub(crate) fn step(&self, what: impl Into<String>) -> Step {
        self.start_step(what.into(), None)
    }

    /// The same for a step that writes a log: as long as it runs, its lines tell how far it is.
    pub(crate) fn step_following(&self, what: impl Into<String>, log: &Path) -> Step {
        self.start_step(what.into(), Some(log.to_path_buf()))
    }

    fn start_step(&self, what: String, log: Option<PathBuf>) -> Step {
        let (done, waiting) = mpsc::channel::<()>();
        let start = self.start;
        let first = match self.verbosity {
            Verbosity::Steps => Duration::ZERO,
            Verbosity::Quiet if std::io::stderr().is_terminal() => QUIET_TERMINAL,
            Verbosity::Quiet => QUIET_FILE,
        };
        let ticker = std::thread::spawn(move || {
            let began = Instant::now();
            let mut wait = first;
            let mut shown = false;
            while waiting.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
                if shown {
                    let seconds = began.elapsed().as_secs();
                    let at = log.as_deref().and_then(last_line).unwrap_or_default();
                    print_line(
                        start,
                        &format!("{what} … still running after {seconds} s{at}"),
                    );
                } else {
                    print_line(start, &format!("{what} …"));
                }
                shown = true;
                wait = STILL;
            }
        });
        Step {
            done: Some(done),
            ticker: Some(ticker),
        }
    }
}

/// A step that is running.
#[derive(Debug)]
pub(crate) struct Step {
    done: Option<Sender<()>>,
    ticker: Option<JoinHandle<()>>,
}

impl Drop for Step {
    fn drop(&mut self) {
        drop(self.done.take());
        if let Some(ticker) = self.ticker.take() {
            // The ticker prints and nothing else; there is no result to lose.
            let _ = ticker.join();
        }
    }
}

/// The last complete line of a log, as words to follow a line of ours.
fn last_line(log: &Path) -> Option<String> {
    const LONGEST: u64 = 400;
    let mut file = File::open(log).ok()?;
    let length = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LONGEST)))
        .ok()?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let (complete, _) = text.rsplit_once('\n')?;
    let words: Vec<&str> = complete.lines().last()?.split_whitespace().collect();
    Some(format!(": {}", words.join(" ")))
}

fn print_line(start: Instant, line: &str) {
    let seconds = start.elapsed().as_secs_f64();
    // In raw mode a newline alone would not return the carriage; `\r\n` is right in both modes.
    let end = if std::io::stderr().is_terminal() {
        "\r\n"
    } else {
        "\n"
    };
    // Nobody is left to be told when stderr is closed.
    let _ = write!(std::io::stderr(), "[{seconds:6.1}s] {line}{end}");
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_last_complete_line_of_a_log_is_shown() {
        let log = std::env::temp_dir().join(format!("xtask-progress-{}", std::process::id()));
        assert_eq!(last_line(&log), None);
        std::fs::write(&log, "  CC      a.o\n  CC      net/core/b.o\n  CC  c").unwrap();
        assert_eq!(last_line(&log).as_deref(), Some(": CC net/core/b.o"));
        std::fs::remove_file(log).unwrap();
    }
}
