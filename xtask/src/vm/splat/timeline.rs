// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which test ran when, from the marks that the tests and the guest's agent write into the log.

use std::fmt;

use super::log::Line;

/// Begins every mark. `vm-tests` writes those of the tests.
const MARK: &str = "ipcon-vmtest: ";
/// The agent's last line: whoever reads it has the whole log.
pub(crate) const RUN_END: &str = "ipcon-vmtest: RUN END";
/// A moment of the kernel's clock in jiffies, which is how a report of a leak tells the time.
pub(crate) const CLOCK: &str = "ipcon-vmtest: CLOCK jiffies ";

/// Where in the run something was logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// At the boot, or when the module was loaded. Also all of a run without tests.
    BeforeTheFirst,
    /// While this test ran.
    During(String),
    /// After this test and before the next one: what the test left to be done, most likely.
    After(String),
    /// When all tests had ended.
    AfterTheLast,
}

impl Place {
    /// The test that is charged, if there is one.
    pub(crate) fn test(&self) -> Option<&str> {
        match self {
            Self::During(test) | Self::After(test) => Some(test),
            Self::BeforeTheFirst | Self::AfterTheLast => None,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BeforeTheFirst => f.write_str("before the first test"),
            Self::During(test) => write!(f, "during {test}"),
            Self::After(test) => write!(f, "after {test}"),
            Self::AfterTheLast => f.write_str("after the last test"),
        }
    }
}

/// All marks of a log.
#[derive(Debug, Default)]
pub(super) struct Timeline {
    spans: Vec<Span>,
    /// Jiffies and microseconds of the same moments.
    clocks: Vec<(u64, u64)>,
    pub(super) ended: bool,
}

#[derive(Debug)]
struct Span {
    test: String,
    start: Moment,
    end: Option<Moment>,
}

/// A mark's line, as an index, and its time in microseconds.
#[derive(Debug, Clone, Copy)]
struct Moment {
    line: usize,
    time: u64,
}

impl Timeline {
    pub(super) fn read(lines: &[Line<'_>]) -> Self {
        let mut timeline = Self::default();
        for (index, line) in lines.iter().enumerate() {
            let moment = Moment {
                line: index,
                time: line.time.unwrap_or(0),
            };
            if line.message == RUN_END {
                timeline.ended = true;
            } else if let Some(jiffies) = line.message.strip_prefix(CLOCK) {
                let pair = jiffies.parse().ok().map(|jiffies| (jiffies, moment.time));
                timeline.clocks.extend(pair);
            } else if let Some(mark) = line.message.strip_prefix(MARK) {
                timeline.mark(mark, moment);
            }
        }
        timeline
    }

    fn mark(&mut self, mark: &str, moment: Moment) {
        if let Some(test) = mark.strip_prefix("START ") {
            self.spans.push(Span {
                test: test.to_owned(),
                start: moment,
                end: None,
            });
        } else if let Some(test) = mark.strip_prefix("END ") {
            let open = self.spans.iter_mut().rev().find(|span| span.test == test);
            if let Some(span) = open {
                span.end.get_or_insert(moment);
            }
        }
    }

    /// Whether the test's beginning was marked, and whether its end was.
    pub(super) fn marks_of(&self, test: &str) -> (bool, bool) {
        let span = self.spans.iter().find(|span| span.test == test);
        (span.is_some(), span.is_some_and(|span| span.end.is_some()))
    }

    /// Whether a line is the mark of a test's start or end.
    pub(super) fn is_mark(message: &str) -> bool {
        message
            .strip_prefix(MARK)
            .is_some_and(|mark| mark.starts_with("START ") || mark.starts_with("END "))
    }

    /// The place of the line with this index.
    pub(super) fn at_line(&self, line: usize) -> Place {
        self.place(|moment| moment.line <= line)
    }

    /// The place of a moment in jiffies; none when the log does not tell how the two clocks go.
    pub(super) fn at_jiffies(&self, jiffies: u64) -> Option<Place> {
        let time = self.time_of(jiffies)?;
        Some(self.place(|moment| moment.time <= time))
    }

    /// Both clocks go evenly, so two moments tell all others.
    fn time_of(&self, jiffies: u64) -> Option<u64> {
        let (first, last) = (self.clocks.first()?, self.clocks.last()?);
        let ticks = last.0.checked_sub(first.0).filter(|ticks| *ticks > 0)?;
        let micros = last.1.checked_sub(first.1)?;
        let since = i128::from(jiffies) - i128::from(first.0);
        let time = i128::from(first.1) + since * i128::from(micros) / i128::from(ticks);
        u64::try_from(time.max(0)).ok()
    }

    fn place(&self, passed: impl Fn(&Moment) -> bool) -> Place {
        let Some(index) = self.spans.iter().rposition(|span| passed(&span.start)) else {
            return Place::BeforeTheFirst;
        };
        let span = &self.spans[index];
        match &span.end {
            Some(end) if passed(end) && index + 1 == self.spans.len() => Place::AfterTheLast,
            Some(end) if passed(end) => Place::After(span.test.clone()),
            _ => Place::During(span.test.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::log::merge;
    use super::*;

    const LOG: &str = "\
[    1.000000] ipcon-vmtest: CLOCK jiffies 4294892546
[    2.000000] ipcon-vmtest: START a
[    3.000000] ipcon-vmtest: END a
[    4.000000] ipcon-vmtest: START b
[    5.000000] ipcon-vmtest: END b
[   11.000000] ipcon-vmtest: CLOCK jiffies 4294895046
[   11.100000] ipcon-vmtest: RUN END
";

    #[test]
    fn each_line_has_its_place() {
        let timeline = Timeline::read(&merge(LOG, ""));
        let places: Vec<String> = (0..6).map(|at| timeline.at_line(at).to_string()).collect();
        assert_eq!(
            places,
            [
                "before the first test",
                "during a",
                "after a",
                "during b",
                "after the last test",
                "after the last test",
            ]
        );
        assert!(timeline.ended);
        assert_eq!(timeline.marks_of("a"), (true, true));
        assert_eq!(timeline.marks_of("c"), (false, false));
    }

    #[test]
    fn jiffies_become_a_place() {
        let timeline = Timeline::read(&merge(LOG, ""));
        // 250 of them in a second.
        let at = |jiffies: u64| timeline.at_jiffies(4_294_892_546 + jiffies).unwrap();
        assert_eq!(at(0), Place::BeforeTheFirst);
        assert_eq!(at(375), Place::During("a".to_owned()));
        assert_eq!(at(625), Place::After("a".to_owned()));
        assert_eq!(at(875), Place::During("b".to_owned()));
        assert_eq!(at(2000), Place::AfterTheLast);
        assert_eq!(Timeline::default().at_jiffies(1), None);
    }

    #[test]
    fn a_test_without_an_end_ran_until_the_end() {
        let log = &LOG[..LOG.find("[    5").unwrap()];
        let timeline = Timeline::read(&merge(log, "[    9.000000] panic"));
        assert_eq!(timeline.at_line(4), Place::During("b".to_owned()));
        assert_eq!(timeline.marks_of("b"), (true, false));
        assert!(!timeline.ended);
    }
}
