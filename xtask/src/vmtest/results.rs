// SPDX-License-Identifier: MIT OR Apache-2.0
//! What became of each test, read from the events that the test program prints while it runs.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use serde::Deserialize;

/// How much of a test's output is kept, in bytes.
const MAX_OUTPUT: usize = 64 * 1024;

/// What became of one test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    Passed,
    /// With what it said.
    Failed(String),
    /// With the reason.
    Skipped(String),
    /// It did not end in its own time, and the tests after it were not run.
    TimedOut,
    /// It was running when everything ended.
    Cut,
    /// It was not begun.
    NotRun,
}

impl Verdict {
    /// Whether it counts against the run.
    pub(super) fn is_failure(&self) -> bool {
        matches!(self, Self::Failed(_) | Self::TimedOut | Self::Cut)
    }
}

/// One test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Test {
    /// Subject and name, as in `services::waiting_ends_at_the_deadline`.
    pub(super) name: String,
    pub(super) verdict: Verdict,
    pub(super) took: Duration,
    /// What it and its processes printed.
    pub(super) output: String,
}

/// All tests of a run.
#[derive(Debug, Default)]
pub(super) struct Results {
    pub(super) tests: Vec<Test>,
    /// Why tests are skipped, as far as it was told before they came.
    reasons: HashMap<String, String>,
    /// When the running test began.
    running: Option<Instant>,
    /// How many the test program said that it would run.
    announced: Option<usize>,
    /// The test program said that it has come to its end.
    complete: bool,
    /// The beginning of a line of events.
    partial: Vec<u8>,
}

/// What is worth telling while the tests run.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum News {
    Began(String),
    /// With the test's index.
    Ended(usize),
}

/// A line of the test program's, in the format of libtest. What is not known to be needed is left
/// out, so that it may change.
#[derive(Debug, Deserialize)]
struct Event {
    #[serde(rename = "type")]
    kind: String,
    event: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    test_count: usize,
    #[serde(default)]
    stdout: String,
    #[serde(default)]
    reason: String,
}

impl Results {
    /// Takes what the test program printed.
    pub(super) fn events(&mut self, bytes: &[u8]) -> Vec<News> {
        self.partial.extend_from_slice(bytes);
        let mut news = Vec::new();
        while let Some(end) = self.partial.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.partial.drain(..=end).collect();
            match serde_json::from_slice(&line) {
                Ok(event) => news.extend(self.event(event)),
                // Something else printed there; a result that got lost by it is missed at the end.
                Err(_) => self.output(&line),
            }
        }
        news
    }

    /// Takes what the tests and their processes printed.
    pub(super) fn output(&mut self, bytes: &[u8]) {
        // The output of a test may arrive a little after its result.
        if let Some(test) = self.tests.last_mut()
            && test.output.len() < MAX_OUTPUT
        {
            test.output += &String::from_utf8_lossy(bytes);
        }
    }

    fn event(&mut self, event: Event) -> Option<News> {
        match (event.kind.as_str(), event.event.as_str()) {
            ("suite", "started") => self.announced = Some(event.test_count),
            ("suite", _) => self.complete = true,
            ("test", "started") => {
                self.running = Some(Instant::now());
                self.tests.push(Test {
                    name: event.name.clone(),
                    verdict: Verdict::Cut,
                    took: Duration::ZERO,
                    output: String::new(),
                });
                return Some(News::Began(event.name));
            }
            ("test", "reason") => {
                self.reasons.insert(event.name, event.reason);
            }
            ("test", result) => {
                let test = self.named(&event.name)?;
                let began = self.running.take();
                self.tests[test].took = began.map_or(Duration::ZERO, |began| began.elapsed());
                let verdict = &mut self.tests[test].verdict;
                match result {
                    "ok" => *verdict = Verdict::Passed,
                    "failed" => *verdict = Verdict::Failed(plain(&event.stdout)),
                    "timeout" => *verdict = Verdict::TimedOut,
                    "ignored" => {
                        let reason = self.reasons.remove(&event.name);
                        *verdict = Verdict::Skipped(reason.unwrap_or_default());
                    }
                    // An unknown result is none: the test stays cut.
                    _ => {}
                }
                return Some(News::Ended(test));
            }
            _ => {}
        }
        None
    }

    fn named(&self, name: &str) -> Option<usize> {
        self.tests.iter().rposition(|test| test.name == name)
    }

    /// Adds those of `planned` that were not begun.
    pub(super) fn add_missing(&mut self, planned: &[String]) {
        for name in planned {
            if self.named(name).is_none() {
                self.tests.push(Test {
                    name: name.clone(),
                    verdict: Verdict::NotRun,
                    took: Duration::ZERO,
                    output: String::new(),
                });
            }
        }
    }

    /// How many have a verdict like this.
    pub(super) fn count(&self, like: impl Fn(&Verdict) -> bool) -> usize {
        self.tests.iter().filter(|test| like(&test.verdict)).count()
    }

    /// The tests that ran, and whether each came to its end. One that was skipped did not run.
    pub(super) fn ran(&self) -> Vec<(&str, bool)> {
        self.tests
            .iter()
            .filter(|test| !matches!(test.verdict, Verdict::NotRun | Verdict::Skipped(_)))
            .map(|test| {
                let finished = !matches!(test.verdict, Verdict::Cut | Verdict::TimedOut);
                (test.name.as_str(), finished)
            })
            .collect()
    }

    /// Why the results cannot be trusted; none when they are whole.
    pub(super) fn doubt(&self) -> Option<String> {
        let ended = self.count(|verdict| !matches!(verdict, Verdict::Cut | Verdict::NotRun));
        match self.announced {
            None => Some("the test program did not say how many tests it has".to_owned()),
            Some(0) => Some("no test has this name; nothing was tested".to_owned()),
            Some(announced) if !self.complete || ended != announced => {
                Some(format!("of {announced} tests, {ended} told their result"))
            }
            Some(_) if ended != self.tests.len() => {
                Some("the test program has other tests in the VM than on the host".to_owned())
            }
            Some(_) => None,
        }
    }
}

/// The message in libtest's `Error: "…"`.
fn plain(text: &str) -> String {
    let text = text.trim_end();
    text.strip_prefix("Error: \"")
        .and_then(|text| text.strip_suffix('"'))
        .unwrap_or(text)
        .to_owned()
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    pub(in super::super) const EVENTS: &str = r#"{ "type": "suite", "event": "started", "test_count": 4 }
{ "type": "test", "event": "started", "name": "services::a" }
{ "type": "test", "name": "services::a", "event": "ok" }
{ "type": "test", "event": "started", "name": "services::b" }
{ "type": "test", "name": "services::b", "event": "failed", "stdout": "Error: \"left \u00e4 \"x\"\n2\"\n" }
{ "type": "test", "event": "reason", "name": "groups::c", "reason": "the kernel lacks failslab" }
{ "type": "test", "event": "started", "name": "groups::c" }
{ "type": "test", "name": "groups::c", "event": "ignored" }
{ "type": "test", "event": "started", "name": "groups::d" }
{ "type": "test", "name": "groups::d", "event": "ok" }
{ "type": "suite", "event": "failed", "passed": 2, "failed": 1, "ignored": 1, "measured": 0, "filtered_out": 0, "exec_time": 0.1 }
"#;

    pub(in super::super) fn read(events: &str) -> Results {
        let mut results = Results::default();
        // Pieces end anywhere.
        for piece in events.as_bytes().chunks(7) {
            results.events(piece);
        }
        results
    }

    fn verdicts(results: &Results) -> Vec<&Verdict> {
        results.tests.iter().map(|test| &test.verdict).collect()
    }

    #[test]
    fn each_test_has_its_verdict() {
        let results = read(EVENTS);
        assert_eq!(
            verdicts(&results),
            [
                &Verdict::Passed,
                &Verdict::Failed("left ä \"x\"\n2".to_owned()),
                &Verdict::Skipped("the kernel lacks failslab".to_owned()),
                &Verdict::Passed,
            ]
        );
        assert_eq!(results.doubt(), None);
    }

    #[test]
    fn the_test_that_ran_when_all_ended_is_known_and_so_are_those_that_were_not_begun() {
        let cut = &EVENTS[..EVENTS
            .find(r#"{ "type": "test", "name": "groups::d""#)
            .unwrap()];
        let mut results = read(cut);
        results.add_missing(&["services::a".to_owned(), "groups::e".to_owned()]);
        assert_eq!(verdicts(&results)[3..], [&Verdict::Cut, &Verdict::NotRun]);
        assert_eq!(results.ran().last(), Some(&("groups::d", false)));
        assert!(results.doubt().is_some());
    }

    #[test]
    fn a_result_that_is_missing_is_noticed() {
        let ok = "{ \"type\": \"test\", \"name\": \"services::a\", \"event\": \"ok\" }\n";
        assert!(read(&EVENTS.replace(ok, "")).doubt().is_some());
        assert!(
            read(&EVENTS.replace("\"test_count\": 4", "\"test_count\": 5"))
                .doubt()
                .is_some()
        );
        assert!(read("").doubt().is_some());
        let mut results = read(EVENTS);
        results.add_missing(&["groups::e".to_owned()]);
        assert!(results.doubt().is_some());
    }

    #[test]
    fn output_belongs_to_the_last_test() {
        let mut results = read(EVENTS);
        results.output(b"thread panicked\n");
        results.events(b"no event\n");
        assert_eq!(results.tests[3].output, "thread panicked\nno event\n");
    }
}
