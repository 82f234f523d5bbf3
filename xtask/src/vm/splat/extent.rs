// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where a report ends, which the kernel marks in some reports only.

use super::log::Line;
use super::policy::Hit;
use super::timeline::Timeline;

/// Longest report; what follows is looked at anew.
const MAX_LINES: usize = 300;
/// A kernel that is silent for so long, in microseconds, has ended its report.
const SILENCE: u64 = 1_000_000;
/// How many lines of registers stand between the end of an oops and the panic that it leads to.
const TO_PANIC: usize = 80;

/// The index of the first line that is not part of the report that begins at `begin`.
pub(super) fn end(lines: &[Line<'_>], hits: &[Option<Hit<'_>>], begin: usize) -> usize {
    let limit = lines.len().min(begin + MAX_LINES);
    let Some(head) = hits[begin] else {
        return begin + 1;
    };
    let mut trace = Trace::None;
    let mut time = lines[begin].time;
    for at in begin + 1..limit {
        let message = lines[at].message;
        if is_new(hits[at], head, trace) || (trace != Trace::Running && Timeline::is_mark(message))
        {
            return at;
        }
        if let (Some(before), Some(now)) = (time, lines[at].time)
            && now > before + SILENCE
        {
            return at;
        }
        time = lines[at].time.or(time);
        if message.starts_with("---[ end ") {
            return with_panic(lines, hits, at + 1);
        }
        if message.starts_with("==========") && trace == Trace::Done {
            return at + 1;
        }
        match message.trim_start() {
            text if text.starts_with("Call Trace:") => trace = Trace::Running,
            text if text.starts_with("</TASK>") => trace = Trace::Done,
            _ => {}
        }
    }
    limit
}

/// The end of what the list of harmless messages excuses: the line, and a trace that belongs to it.
pub(super) fn end_of_allowed(lines: &[Line<'_>], hits: &[Option<Hit<'_>>], begin: usize) -> usize {
    let end = end(lines, hits, begin);
    let inside = |at: &usize| hits[*at].is_some_and(|hit| !is_trace(hit));
    let end = (begin + 1..end).find(inside).unwrap_or(end);
    if (begin + 1..end).any(|at| lines[at].message.starts_with("Call Trace:")) {
        end
    } else {
        begin + 1
    }
}

/// How far the stack of a report has been printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trace {
    None,
    Running,
    Done,
}

/// Whether a line begins another report. Most faults are told by several messages that would be
/// reports by themselves, the last of them before the stack.
fn is_new(hit: Option<Hit<'_>>, head: Hit<'_>, trace: Trace) -> bool {
    hit.is_some_and(|hit| hit.rule == head.rule || (trace == Trace::Done && !is_trace(hit)))
}

fn is_trace(hit: Hit<'_>) -> bool {
    hit.detector == "trace"
}

/// Past the panic that a report led to, if it did: that is one story.
fn with_panic(lines: &[Line<'_>], hits: &[Option<Hit<'_>>], end: usize) -> usize {
    let limit = lines.len().min(end + TO_PANIC);
    for at in end..limit {
        let message = lines[at].message;
        match hits[at] {
            Some(hit) if hit.detector == "panic" => {
                let last = |line: &Line<'_>| line.message.starts_with("---[ end Kernel panic");
                let last = lines[at..].iter().position(last);
                return last.map_or(lines.len(), |offset| at + offset + 1);
            }
            Some(_) => return end,
            None if Timeline::is_mark(message) => return end,
            None => {}
        }
    }
    end
}
