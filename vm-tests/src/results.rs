// SPDX-License-Identifier: MIT OR Apache-2.0

//! The results of the tests as events for the harness, one a line, on a stream of their own.

use std::fs::File;
use std::io::Write;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::OnceLock;

use libtest_mimic::{Arguments, FormatSetting};

/// The stream, when the harness wants events.
static STREAM: OnceLock<OwnedFd> = OnceLock::new();

/// Keeps stdout for the events when they are asked for; whatever the tests and their children print
/// there goes to stderr, so that it cannot end up in the middle of an event.
pub(crate) fn keep_stdout(arguments: &mut Arguments) {
    if arguments.format != Some(FormatSetting::Json) {
        return;
    }
    let stream = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdout(), 3)
        .expect("keep stdout for the results");
    rustix::stdio::dup2_stdout(rustix::stdio::stderr()).expect("print to stderr");
    arguments.logfile = Some(format!("/proc/self/fd/{}", stream.as_raw_fd()));
    let _ = STREAM.set(stream);
}

/// Tells why a test will be skipped, which libtest's own events leave out.
pub(crate) fn skipped(test: &str, reason: &str) {
    if STREAM.get().is_none() {
        println!("skipped: {test}: {reason}");
    }
    let reason = reason.replace(['"', '\\', '\n'], " ");
    event(&format!(
        r#"{{ "type": "test", "event": "reason", "name": "{test}", "reason": "{reason}" }}"#
    ));
}

/// Tells that a test did not end in its time.
pub(crate) fn timeout(test: &str) {
    event(&format!(
        r#"{{ "type": "test", "name": "{test}", "event": "timeout" }}"#
    ));
}

fn event(line: &str) {
    if let Some(stream) = STREAM.get() {
        let mut stream = File::from(stream.try_clone().expect("share the stream of results"));
        writeln!(stream, "{line}").expect("tell the harness");
    }
}
