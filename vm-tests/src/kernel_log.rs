// SPDX-License-Identifier: MIT OR Apache-2.0

//! Marks in the kernel's log that tell which test was running.

use std::fs::File;
use std::io::Write;

/// Marks the start of a test now, and its end when it is dropped.
#[derive(Debug)]
pub(crate) struct Bracket<'a> {
    test: &'a str,
}

impl<'a> Bracket<'a> {
    pub(crate) fn open(test: &'a str) -> Self {
        note(&format!("START {test}"));
        Self { test }
    }
}

impl Drop for Bracket<'_> {
    fn drop(&mut self) {
        note(&format!("END {}", self.test));
    }
}

/// Writes a line of the tests into the kernel's log.
pub(crate) fn note(text: &str) {
    // The log is a help for the reader; a test does not fail for want of it.
    if let Ok(mut log) = File::options().write(true).open("/dev/kmsg") {
        let _ = log.write_all(format!("ipcon-vmtest: {text}\n").as_bytes());
    }
}
