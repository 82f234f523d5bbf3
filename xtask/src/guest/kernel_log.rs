// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sends the kernel's log to the host, from its first line and as it grows.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::thread::JoinHandle;

use anyhow::Context;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::OFlags;

use super::Host;
use crate::channel::ToHost;
use crate::vm::splat::GAP;

/// Longest record that `/dev/kmsg` gives.
const MAX_RECORD: usize = 8192;

/// Follows the log in a thread of its own.
#[derive(Debug)]
pub(super) struct Follower {
    thread: JoinHandle<()>,
    stop: OwnedFd,
}

impl Follower {
    /// Starts with the oldest line there is.
    pub(super) fn start(host: Host) -> anyhow::Result<Self> {
        let log = File::options()
            .read(true)
            .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
            .open("/dev/kmsg")
            .context("opening the kernel's log")?;
        let (stopped, stop) = rustix::pipe::pipe().context("making a pipe")?;
        let thread = std::thread::spawn(move || {
            if let Err(error) = follow(log, &stopped, &host) {
                eprintln!("xtask guest: following the kernel's log: {error}");
                let gap = gap(&format!("could not be followed further: {error}"));
                // When the host is gone, nobody is left to be told.
                let _ = host.send(&ToHost::KernelLog(gap));
            }
        });
        Ok(Self { thread, stop })
    }

    /// Returns when everything logged so far has been sent.
    pub(super) fn finish(self) {
        drop(self.stop);
        if self.thread.join().is_err() {
            eprintln!("xtask guest: the follower of the kernel's log died");
        }
    }
}

/// Writes a line into the kernel's log.
pub(super) fn note(text: &str) {
    // The host misses the line when it is not there.
    let _ = std::fs::write("/dev/kmsg", format!("{text}\n"));
}

fn follow(mut log: File, stopped: &OwnedFd, host: &Host) -> io::Result<()> {
    let mut record = vec![0; MAX_RECORD];
    loop {
        let stopping = wait(&log, stopped)?;
        let mut lines = Vec::new();
        loop {
            match log.read(&mut record) {
                Ok(length) => lines.extend_from_slice(&line(&record[..length])),
                // The oldest records were overwritten before they were read.
                Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                    lines.extend_from_slice(&gap("lost lines here"));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
            if lines.len() > crate::channel::MAX_BODY / 2 {
                host.send(&ToHost::KernelLog(std::mem::take(&mut lines)))?;
            }
        }
        if !lines.is_empty() {
            host.send(&ToHost::KernelLog(lines))?;
        }
        if stopping {
            return Ok(());
        }
    }
}

/// Waits for a record or for the stop; true when it is the stop.
fn wait(log: &File, stopped: &OwnedFd) -> io::Result<bool> {
    let mut fds = [
        PollFd::new(log, PollFlags::IN),
        PollFd::new(stopped, PollFlags::IN | PollFlags::HUP),
    ];
    poll(&mut fds, None)?;
    Ok(!fds[1].revents().is_empty())
}

/// A line that says that the log is not whole. The host takes it for a report of trouble: what was not
/// seen was not clean.
fn gap(what: &str) -> Vec<u8> {
    format!("[    0.000000] {GAP} {what}\n").into_bytes()
}

/// `6,339,5140900,-;text` and its continuation lines as `[    5.140900] text`.
fn line(record: &[u8]) -> Vec<u8> {
    let record = String::from_utf8_lossy(record);
    let (head, rest) = record.split_once(';').unwrap_or(("", &record));
    let microseconds: u64 = head
        .split(',')
        .nth(2)
        .and_then(|t| t.parse().ok())
        .unwrap_or(0);
    let (seconds, fraction) = (microseconds / 1_000_000, microseconds % 1_000_000);
    // The lines after the first are properties of a device, not text. A message of several lines
    // has its newlines escaped; the console shows it as that many lines.
    let text = unescape(rest.lines().next().unwrap_or_default());
    let mut lines = Vec::new();
    for text in text.split(|byte| *byte == b'\n') {
        lines.extend_from_slice(format!("[{seconds:5}.{fraction:06}] ").as_bytes());
        lines.extend_from_slice(text);
        lines.push(b'\n');
    }
    lines
}

/// The message itself: the kernel gives what is not printable ASCII, and the backslash, as `\xNN`.
fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut pieces = text.split(r"\x");
    bytes.extend_from_slice(pieces.next().unwrap_or_default().as_bytes());
    for piece in pieces {
        let byte = piece
            .get(..2)
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match byte {
            Some(byte) => {
                bytes.push(byte);
                bytes.extend_from_slice(&piece.as_bytes()[2..]);
            }
            None => {
                bytes.extend_from_slice(br"\x");
                bytes.extend_from_slice(piece.as_bytes());
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used)]

    use super::*;
    use crate::vm::splat;

    #[test]
    fn records_become_lines_of_dmesg() {
        let record = b"6,339,5140900,-;NET: Registered PF_INET\n SUBSYSTEM=net\n";
        assert_eq!(line(record), b"[    5.140900] NET: Registered PF_INET\n");
        assert_eq!(line(b"odd"), b"[    0.000000] odd\n");
    }

    #[test]
    fn a_message_of_several_lines_is_shown_as_such() {
        let record =
            br"0,1,5000000,-;rust_kernel: panicked at x.rs:1:2:\x0aoverflow of gr\xc3\xb6\xc3\x9fe";
        let lines = String::from_utf8(line(record)).unwrap_or_default();
        assert_eq!(
            lines,
            "[    5.000000] rust_kernel: panicked at x.rs:1:2:\n[    5.000000] overflow of größe\n"
        );
        assert_eq!(unescape(r"\x5cx41 \xzz"), br"\x41 \xzz");
    }

    #[test]
    fn a_gap_is_trouble() {
        let log = String::from_utf8(gap("lost lines here")).unwrap_or_default();
        let policy = splat::Policy::built_in().expect("lists that can be used");
        let splats = splat::examine(&policy, &log, "", splat::Expected::default());
        assert_eq!(splats.len(), 1);
    }
}
