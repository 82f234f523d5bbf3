// SPDX-License-Identifier: MIT OR Apache-2.0
//! A program that runs beside the dashboard and goes when the demonstration ends.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use rustix::process::{Pid, Signal, kill_process};

use crate::process::{describe, tail};

/// A running program. Dropping it ends it.
#[derive(Debug)]
pub(super) struct Service {
    name: String,
    child: Child,
    /// Kept open: its end would tell the program to go.
    _stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    errors: Arc<Mutex<String>>,
}

impl Service {
    /// Starts it.
    pub(super) fn start(program: &Path, arguments: &[&str]) -> anyhow::Result<Self> {
        let name = program
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("starting {}", program.display()))?;
        let stdout = child.stdout.take().context("a program without stdout")?;
        let mut stderr = child.stderr.take().context("a program without stderr")?;
        let errors = Arc::new(Mutex::new(String::new()));
        let written = Arc::clone(&errors);
        std::thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(length @ 1..) = stderr.read(&mut piece) {
                let text = String::from_utf8_lossy(&piece[..length]);
                written
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push_str(&text);
            }
        });
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let stdin = child.stdin.take();
        Ok(Self {
            name,
            child,
            _stdin: stdin,
            lines,
            errors,
        })
    }

    /// Asks it to stop; what that means is its own affair.
    pub(super) fn terminate(&self) -> anyhow::Result<()> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)
            .with_context(|| format!("asking {} to stop", self.name))
    }

    /// The next line it prints, unless it takes too long or ends without one.
    pub(super) fn line(&mut self, patience: Duration) -> anyhow::Result<String> {
        self.lines.recv_timeout(patience).with_context(|| {
            let state = match self.child.try_wait() {
                Ok(Some(status)) => describe(status),
                _ => "still runs".to_owned(),
            };
            format!(
                "waiting {} s for a line of {}, which {state}\n{}",
                patience.as_secs(),
                self.name,
                self.last_words()
            )
        })
    }

    /// What is wrong with it: it has ended, which it should not.
    pub(super) fn complaint(&mut self) -> anyhow::Result<Option<String>> {
        let status = self
            .child
            .try_wait()
            .with_context(|| format!("watching {}", self.name))?;
        Ok(status.map(|status| {
            format!(
                "{} {} before its time\n{}",
                self.name,
                describe(status),
                self.last_words()
            )
        }))
    }

    fn last_words(&self) -> String {
        const LINES: usize = 20;
        tail(
            &self.errors.lock().unwrap_or_else(PoisonError::into_inner),
            LINES,
        )
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended already; either way nothing is left to do about it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn sh(script: &str) -> Service {
        Service::start(Path::new("/bin/sh"), &["-c", script]).unwrap()
    }

    #[test]
    fn lines_arrive_and_its_end_is_noticed_with_its_last_words() {
        let mut service = sh("echo one; echo trouble >&2; exit 3");
        assert_eq!(service.line(Duration::from_secs(10)).unwrap(), "one");
        let error = service
            .line(Duration::from_secs(10))
            .unwrap_err()
            .to_string();
        assert!(error.contains("sh"), "{error}");
        service.child.wait().unwrap();
        let complaint = service.complaint().unwrap().unwrap();
        assert!(complaint.contains("status 3"), "{complaint}");
    }

    #[test]
    fn a_program_that_reads_stdin_lives_until_it_is_dropped() {
        let mut service = sh("echo up; cat");
        assert_eq!(service.line(Duration::from_secs(10)).unwrap(), "up");
        assert_eq!(service.complaint().unwrap(), None);
    }
}
