// SPDX-License-Identifier: MIT OR Apache-2.0
//! The log of one run as a list of lines: the guest's own, and after it what only the console saw.

use std::fmt;

/// How far from the end of the guest's log the place is looked for where the console goes on. The
/// console leaves out what is for debugging only.
const OVERLAP: usize = 200;

/// One line of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line<'a> {
    pub(super) origin: Origin,
    /// Microseconds since the boot; none for what was not the kernel's.
    pub(super) time: Option<u64>,
    /// The text without time and task.
    pub(super) message: &'a str,
    /// The whole line.
    pub(super) raw: &'a str,
}

/// Where a line stands, for a person who looks it up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) file: &'static str,
    /// From 1.
    pub(crate) line: usize,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// The lines of the guest's log, then those with which the console goes on. A panic ends the guest
/// before it can send its last lines, and powering off comes after them.
pub(super) fn merge<'a>(kernel_log: &'a str, console: &'a str) -> Vec<Line<'a>> {
    let mut lines = split(kernel_log, "kernel.log");
    let console = split(console, "console.log");
    let from = goes_on(&lines, &console);
    lines.extend_from_slice(&console[from..]);
    lines
}

/// The index in `console` of the first line that the guest's log has not.
fn goes_on(lines: &[Line<'_>], console: &[Line<'_>]) -> usize {
    let of_kernel = lines.iter().rev().filter(|line| line.time.is_some());
    for last in of_kernel.take(OVERLAP) {
        let same = |line: &Line<'_>| line.time == last.time && line.message == last.message;
        if let Some(at) = console.iter().rposition(same) {
            return at + 1;
        }
    }
    // Nothing in common: by the time alone, and all of it when there is no log of the guest's.
    let end = lines.iter().filter_map(|line| line.time).max();
    let later = |line: &Line<'_>| line.time > end;
    console
        .iter()
        .position(later)
        .map_or(console.len(), |at| if end.is_none() { 0 } else { at })
}

fn split<'a>(text: &'a str, file: &'static str) -> Vec<Line<'a>> {
    let lines = text.lines().enumerate().map(|(index, raw)| {
        let raw = raw.trim_end();
        let (time, message) = parse(raw);
        Line {
            origin: Origin {
                file,
                line: index + 1,
            },
            time,
            message,
            raw,
        }
    });
    lines.collect()
}

/// Time and message of `[    5.140900][  T12] text`. Only these two brackets go: lockdep's
/// `[ BUG: Invalid wait context ]` is a message.
fn parse(raw: &str) -> (Option<u64>, &str) {
    let Some((time, rest)) = bracket(raw).and_then(|(inside, rest)| Some((micros(inside)?, rest)))
    else {
        return (None, raw);
    };
    let message = match bracket(rest) {
        Some((task, rest)) if is_task(task) => rest,
        _ => rest,
    };
    (Some(time), message.strip_prefix(' ').unwrap_or(message))
}

fn bracket(text: &str) -> Option<(&str, &str)> {
    let (inside, rest) = text.strip_prefix('[')?.split_once(']')?;
    Some((inside.trim(), rest))
}

fn is_task(text: &str) -> bool {
    text.strip_prefix(['T', 'C'])
        .is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}

fn micros(text: &str) -> Option<u64> {
    let (seconds, fraction) = text.split_once('.')?;
    if fraction.len() != 6 {
        return None;
    }
    Some(seconds.parse::<u64>().ok()? * 1_000_000 + fraction.parse::<u64>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages<'a>(lines: &[Line<'a>]) -> Vec<&'a str> {
        lines.iter().map(|line| line.message).collect()
    }

    #[test]
    fn time_and_task_are_no_part_of_the_message() {
        assert_eq!(parse("[    5.140900] x"), (Some(5_140_900), "x"));
        assert_eq!(parse("[   15.140900][   T12] x"), (Some(15_140_900), "x"));
        assert_eq!(
            parse("[    1.000000] [ BUG: Invalid wait context ]"),
            (Some(1_000_000), "[ BUG: Invalid wait context ]")
        );
        assert_eq!(parse("SeaBIOS"), (None, "SeaBIOS"));
        // Frames of a trace are indented, and stay so.
        assert_eq!(parse("[    1.000000]  f+0x1/0x2").1, " f+0x1/0x2");
    }

    #[test]
    fn the_console_goes_on_where_the_guest_ended() {
        let log = "[    1.000000] a\n[    2.000000] b\n[    2.000000] debug\n";
        let console = "BIOS\r\n[    1.000000][    T1] a\r\n[    2.000000] b\r\n[    2.000000] c\r\n[    3.000000] d\r\n";
        let lines = merge(log, console);
        assert_eq!(messages(&lines), ["a", "b", "debug", "c", "d"]);
        assert_eq!(lines[3].origin.to_string(), "console.log:4");
    }

    #[test]
    fn without_anything_in_common_the_time_decides() {
        assert_eq!(
            messages(&merge(
                "[    2.000000] debug",
                "[    1.000000] a\n[    3.000000] b"
            )),
            ["debug", "b"]
        );
        assert_eq!(
            messages(&merge("", "BIOS\n[    1.000000] a")),
            ["BIOS", "a"]
        );
        assert_eq!(messages(&merge("[    2.000000] a", "")), ["a"]);
    }
}
