// SPDX-License-Identifier: MIT OR Apache-2.0
//! Looks for leaked memory with the kernel's own detector, where the kernel has it.
//!
//! What it finds goes into the stream of the kernel's log, where the host looks for trouble. So does
//! that it could not look: a scan that failed has found nothing, which is not the same as no leak.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::{Host, kernel_log};
use crate::channel::{MAX_BODY, ToHost};
use crate::vm::splat::{CLOCK, SCAN_TROUBLE};

/// The detector's file: commands are written to it, reports are read from it.
const KMEMLEAK: &str = "/sys/kernel/debug/kmemleak";
/// Longest time of one scan. It visits all memory; with translated code that is half a minute.
const SCAN: Duration = Duration::from_secs(120);
/// Time between two scans. Memory counts as leaked only some seconds after it was allocated, and a
/// pointer that was on the move during the first scan is found by the second.
const BETWEEN: Duration = Duration::from_secs(6);
/// How much of the reports is kept, in bytes. What is more is not read, and that is reported as well.
const MAX_REPORTS: usize = 512 * 1024;

/// Longest time that [`look`] takes.
pub(crate) const LONGEST: Duration = Duration::from_secs(300);

/// Has the kernel scan only when asked, since its own scans come when they like and report
/// suspicions. Marks the time, see [`mark_time`].
pub(super) fn prepare() {
    if available() {
        // A kernel that scans by itself as well is no worse a witness.
        let _ = fs::write(KMEMLEAK, "scan=off");
        mark_time();
    }
}

/// Scans, and sends a report of each object that nothing points to. A kernel without the detector, which should have
/// it, is as bad as a scan that failed.
pub(super) fn look(host: &Host) {
    mark_time();
    let scanned = if available() {
        scan().and_then(|()| {
            thread::sleep(BETWEEN);
            scan()
        })
    } else {
        Err(format!("found no {KMEMLEAK}"))
    };
    let text = match scanned {
        Ok(()) => {
            reports().unwrap_or_else(|error| format!("{SCAN_TROUBLE} gave no reports: {error}"))
        }
        Err(error) => format!("{SCAN_TROUBLE} {error}"),
    };
    let uptime = fs::read_to_string("/proc/uptime").unwrap_or_default();
    let seconds: f64 = uptime
        .split_whitespace()
        .next()
        .and_then(|seconds| seconds.parse().ok())
        .unwrap_or(0.0);
    let mut lines = String::new();
    for line in text.lines() {
        lines += &format!("[{seconds:12.6}] {line}\n");
        if lines.len() > MAX_BODY / 2 {
            send(host, &mut lines);
        }
    }
    send(host, &mut lines);
}

fn send(host: &Host, lines: &mut String) {
    // When the host is gone, nobody is left to be told.
    let _ = host.send(&ToHost::KernelLog(std::mem::take(lines).into_bytes()));
}

fn available() -> bool {
    Path::new(KMEMLEAK).exists()
}

/// One scan, in a thread of its own: it cannot be interrupted.
fn scan() -> Result<(), String> {
    let (sender, done) = mpsc::channel();
    thread::spawn(move || {
        // Nobody listens any more when the time is over.
        let _ = sender.send(fs::write(KMEMLEAK, "scan"));
    });
    match done.recv_timeout(SCAN) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(format!("was refused: {error}")),
        Err(_) => Err(format!("did not end within {} s", SCAN.as_secs())),
    }
}

fn reports() -> std::io::Result<String> {
    read_reports(fs::File::open(KMEMLEAK)?, MAX_REPORTS)
}

/// Reports of at most `max` bytes, then that there are more when there are.
fn read_reports(mut from: impl Read, max: usize) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    from.by_ref().take(max as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() <= max {
        return Ok(String::from_utf8_lossy(&bytes).into_owned());
    }
    // A line that is cut may look like another one.
    let end = bytes[..max].iter().rposition(|byte| *byte == b'\n');
    bytes.truncate(end.map_or(0, |end| end + 1));
    let kept = String::from_utf8_lossy(&bytes);
    Ok(format!(
        "{kept}{SCAN_TROUBLE} found more than the {max} bytes of reports above; the rest was not read\n"
    ))
}

/// Writes the kernel's jiffies into its log. A report of a leak tells in jiffies when the memory was
/// allocated, the marks of the tests tell the log's time; two such lines let the host convert.
fn mark_time() {
    let timers = fs::read_to_string("/proc/timer_list").unwrap_or_default();
    if let Some(jiffies) = jiffies(&timers) {
        kernel_log::note(&format!("{CLOCK}{jiffies}"));
    }
}

fn jiffies(timers: &str) -> Option<u64> {
    let line = timers
        .lines()
        .find_map(|line| line.strip_prefix("jiffies: "))?;
    line.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn reports_that_are_cut_say_so() {
        let reports = "one\ntwo\nthree\n";
        let read = |max| read_reports(reports.as_bytes(), max).unwrap();
        assert_eq!(read(reports.len()), reports);
        for (max, kept) in [(13, "one\ntwo\n"), (8, "one\ntwo\n"), (7, "one\n"), (2, "")] {
            let text = read(max);
            let (whole, said) = text.split_at(kept.len());
            assert_eq!(whole, kept);
            assert!(said.starts_with(SCAN_TROUBLE) && said.contains(&max.to_string()));
        }
    }

    #[test]
    fn jiffies_of_the_list_of_timers() {
        let timers = "Timer List Version: v0.10\nnow at 3954604419 nsecs\n\ncpu: 0\n  .last_jiffies   : 4294893277\njiffies: 4294893284\ncpu: 1\njiffies: 4294893285\n";
        assert_eq!(jiffies(timers), Some(4_294_893_284));
        assert_eq!(jiffies(""), None);
    }
}
