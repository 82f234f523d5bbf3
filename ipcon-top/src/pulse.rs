// SPDX-License-Identifier: MIT OR Apache-2.0
//! The beat of commands that go on until a signal ends them.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

/// Beats once an interval, until a signal comes.
#[derive(Debug)]
pub struct Pulse {
    interval: Duration,
    next: Instant,
    signals: Receiver<()>,
}

impl Pulse {
    /// Begins to listen to the signals that ask a program to end, and beats the first time one interval from now. The
    /// second signal ends the program as if nobody listened.
    ///
    /// # Errors
    ///
    /// There can be no handler for the signals, or no thread.
    pub fn new(interval: Duration) -> anyhow::Result<Self> {
        let mut arriving =
            Signals::new([SIGHUP, SIGINT, SIGTERM]).context("listening to signals")?;
        let (out, signals) = mpsc::channel();
        thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || {
                let mut earlier = false;
                for signal in arriving.forever() {
                    if earlier || out.send(()).is_err() {
                        let _ = emulate_default_handler(signal);
                    }
                    earlier = true;
                }
            })
            .context("starting the thread for signals")?;
        Ok(Self {
            interval,
            next: Instant::now() + interval,
            signals,
        })
    }

    /// Waits for the next beat. False when a signal came instead.
    pub fn wait(&mut self) -> bool {
        let now = Instant::now();
        let left = self.next.saturating_duration_since(now);
        let beats = self.signals.recv_timeout(left) == Err(RecvTimeoutError::Timeout);
        // Beats that were missed while there was too much to do are not made up for.
        self.next = (self.next + self.interval).max(now);
        beats
    }
}
