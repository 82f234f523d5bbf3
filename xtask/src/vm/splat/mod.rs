// SPDX-License-Identifier: MIT OR Apache-2.0
//! Finds in a kernel log what must not be there, and tells which test was running.
//!
//! A WARN, a KASAN report or a hung task leaves the VM running, so a test program still exits 0 on
//! a kernel that hit a real bug. This is the check that turns such a run red. What is looked for
//! stands in `deny.txt` and `allow.txt`; how, in the files beside them. A check that could not look
//! is a report as well: a log that is missing, has a gap, or lacks the mark of a test that ran.

use std::fmt::Write as _;

mod extent;
mod frames;
mod log;
mod policy;
#[cfg(test)]
mod tests;
mod timeline;

use log::Line;
pub(crate) use log::Origin;
pub(crate) use policy::Policy;
use timeline::Timeline;
pub(crate) use timeline::{CLOCK, Place, RUN_END};

/// Begins a line that the guest writes where it could not read the log.
pub(crate) const GAP: &str = "xtask: the kernel's log";
/// Begins a line that the guest writes when it could not look for leaks, or not at all of them.
pub(crate) const SCAN_TROUBLE: &str = "xtask: the scan for leaks";

/// The detector of what was not seen.
const LOG_GAP: &str = "log-gap";
/// The detector of memory that nothing points to any more.
const LEAK: &str = "leak";
/// How many lines of a report are kept. Those of lockdep are the longest.
const KEPT_LINES: usize = 150;
/// How many lines of a report a summary shows.
const SHOWN_LINES: usize = 30;
/// How many reports a summary shows.
const SHOWN: usize = 3;

/// Something a healthy kernel does not log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Splat {
    /// Which kind of trouble, as in `deny.txt`.
    pub(crate) detector: String,
    /// When in the run.
    pub(crate) place: Place,
    /// Where its first line stands; none for something that should be in the log and is not.
    pub(crate) origin: Option<Origin>,
    /// Its lines, with readable names of functions.
    pub(crate) text: String,
    /// The functions it came from, the innermost first. The same for reports of the same fault.
    pub(crate) functions: Vec<String>,
}

/// What is known of a run besides its logs.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Expected<'a> {
    /// The guest came up, so there is a log of the guest's.
    pub(crate) booted: bool,
    /// The guest came to its end, so that log is whole.
    pub(crate) ended: bool,
    /// The tests that ran, and whether each came to its end.
    pub(crate) tests: &'a [(&'a str, bool)],
}

/// All reports of a run, in the order of the log.
pub(crate) fn examine(
    policy: &Policy,
    kernel_log: &str,
    console: &str,
    expected: Expected<'_>,
) -> Vec<Splat> {
    let lines = log::merge(kernel_log, console);
    let timeline = Timeline::read(&lines);
    let mut splats = find(policy, &lines, &timeline);
    splats.extend(missing(kernel_log, &timeline, expected));
    splats
}

fn find(policy: &Policy, lines: &[Line<'_>], timeline: &Timeline) -> Vec<Splat> {
    let hits: Vec<_> = lines
        .iter()
        .map(|line| policy.judge(line.message))
        .collect();
    let mut splats = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        at = match hits[at] {
            None => at + 1,
            Some(hit) if hit.allowed => extent::end_of_allowed(lines, &hits, at),
            Some(hit) => {
                let end = extent::end(lines, &hits, at);
                let place = place(hit.detector, &lines[at..end], at, timeline);
                splats.push(splat(hit.detector, place, &lines[at..end]));
                end
            }
        };
    }
    splats
}

/// Where a report belongs: leaks are found at the end and tell when the memory was allocated.
fn place(detector: &str, report: &[Line<'_>], at: usize, timeline: &Timeline) -> Place {
    let jiffies = (detector == LEAK)
        .then(|| report.iter().find_map(|line| jiffies(line.message)))
        .flatten();
    jiffies
        .and_then(|jiffies| timeline.at_jiffies(jiffies))
        .unwrap_or_else(|| timeline.at_line(at))
}

fn jiffies(message: &str) -> Option<u64> {
    let (_, rest) = message.split_once(", jiffies ")?;
    rest.split_whitespace().next()?.parse().ok()
}

fn splat(detector: &str, place: Place, report: &[Line<'_>]) -> Splat {
    let kept: Vec<_> = report
        .iter()
        .take(KEPT_LINES)
        .map(|line| line.raw)
        .collect();
    let mut text = frames::demangle(&kept.join("\n")).into_owned();
    if report.len() > KEPT_LINES {
        let more = report.len() - KEPT_LINES;
        // Writing to a string does not fail.
        let _ = write!(text, "\n… and {more} more lines");
    }
    Splat {
        detector: detector.to_owned(),
        place,
        origin: report.first().map(|line| line.origin),
        text,
        functions: frames::fingerprint(report.iter().map(|line| line.message)),
    }
}

/// What should be in the log and is not.
fn missing(kernel_log: &str, timeline: &Timeline, expected: Expected<'_>) -> Vec<Splat> {
    let gap = |place, text: String| Splat {
        detector: LOG_GAP.to_owned(),
        place,
        origin: None,
        text,
        functions: Vec::new(),
    };
    let mut gaps = Vec::new();
    if expected.booted && kernel_log.trim().is_empty() {
        let text = "the guest sent no kernel log at all".to_owned();
        gaps.push(gap(Place::BeforeTheFirst, text));
        return gaps;
    }
    if expected.booted && !kernel_log.contains("Linux version ") {
        let text = "the kernel log lacks its beginning".to_owned();
        gaps.push(gap(Place::BeforeTheFirst, text));
    }
    for (test, finished) in expected.tests {
        let place = Place::During((*test).to_owned());
        let text = match timeline.marks_of(test) {
            (false, _) => "the kernel log does not tell when this test began, although it ran",
            (true, false) if *finished => {
                "the kernel log does not tell when this test ended, although it did"
            }
            (true, _) => continue,
        };
        gaps.push(gap(place, text.to_owned()));
    }
    if expected.ended && !timeline.ended {
        let text = "the kernel log lacks its end, and so does what the last checks found";
        gaps.push(gap(Place::AfterTheLast, text.to_owned()));
    }
    gaps
}

impl Splat {
    /// One line that names it: detector, place and the functions, or the first line of the text.
    pub(crate) fn title(&self) -> String {
        format!("{} {}: {}", self.detector, self.place, self.gist())
    }

    /// What identifies the fault.
    pub(crate) fn gist(&self) -> String {
        if self.functions.is_empty() {
            self.text.lines().next().unwrap_or_default().to_owned()
        } else {
            self.functions.join(" < ")
        }
    }

    /// All of it, at most `lines` lines of the text.
    pub(crate) fn render(&self, lines: usize) -> String {
        let mut text = format!("{} {}", self.detector, self.place);
        if let Some(origin) = self.origin {
            text += &format!(", {origin}");
        }
        text += "\n";
        if !self.functions.is_empty() {
            text += &format!("    in: {}\n", self.functions.join(" < "));
        }
        for line in self.text.lines().take(lines) {
            text += &format!("    {line}\n");
        }
        let more = self.text.lines().count().saturating_sub(lines);
        if more > 0 {
            text += &format!("    … {more} more lines in splats.txt\n");
        }
        text
    }
}

/// Every report in full, as a file keeps it.
pub(crate) fn render_all(splats: &[Splat]) -> String {
    let reports: Vec<_> = splats
        .iter()
        .map(|splat| splat.render(usize::MAX))
        .collect();
    reports.join("\n")
}

/// A line for each fault: one that strikes often is told once, with how often it struck.
pub(crate) fn titles(splats: &[Splat]) -> Vec<String> {
    let mut counted: Vec<(String, usize)> = Vec::new();
    for title in splats.iter().map(Splat::title) {
        match counted.iter_mut().find(|(known, _)| *known == title) {
            Some((_, count)) => *count += 1,
            None => counted.push((title, 1)),
        }
    }
    let line = |(title, count): (String, usize)| match count {
        1 => title,
        _ => format!("{title} ({count} times)"),
    };
    counted.into_iter().map(line).collect()
}

/// A short account of the reports, for a person.
pub(crate) fn summary(splats: &[Splat]) -> String {
    let mut text = format!(
        "the kernel log has {} report(s) of trouble:\n",
        splats.len()
    );
    for splat in splats.iter().take(SHOWN) {
        text += &splat.render(SHOWN_LINES);
    }
    for title in titles(splats.get(SHOWN..).unwrap_or_default()) {
        text += &format!("{title}\n");
    }
    text
}
