// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a person sees of the tests: a line for each that ended, and a summary.

use std::io::Write;

use super::results::{News, Results, Test, Verdict};
use super::run::{Run, word};
use crate::progress::{Progress, Step, Verbosity};
use crate::vm::splat;

/// How much of a failed test's output is shown.
const OUTPUT_LINES: usize = 40;

/// Tells how the tests go.
#[derive(Debug)]
pub(super) struct Live {
    /// Stdout is for something else.
    to_stderr: bool,
    progress: Progress,
    /// The running test, which shows up when it takes long.
    running: Option<Step>,
}

impl Live {
    pub(super) fn new(to_stderr: bool) -> Self {
        Self {
            to_stderr,
            progress: Progress::new(Verbosity::Quiet),
            running: None,
        }
    }

    pub(super) fn tell(&mut self, news: &News, results: &Results) {
        self.running = None;
        match news {
            News::Began(name) => self.running = Some(self.progress.step(name.as_str())),
            News::Ended(test) => self.print(&line(&results.tests[*test])),
        }
    }

    fn print(&self, line: &str) {
        // When nobody reads it, the files of the run still tell.
        let _ = if self.to_stderr {
            writeln!(std::io::stderr(), "{line}")
        } else {
            writeln!(std::io::stdout(), "{line}")
        };
    }
}

fn line(test: &Test) -> String {
    let (word, more) = match &test.verdict {
        Verdict::Passed => ("ok", String::new()),
        Verdict::Failed(_) => ("FAILED", String::new()),
        Verdict::Skipped(reason) => ("skipped", format!(" ({reason})")),
        Verdict::TimedOut => ("TIMEOUT", String::new()),
        Verdict::Cut => ("CUT", String::new()),
        Verdict::NotRun => ("not run", String::new()),
    };
    let seconds = test.took.as_secs_f64();
    format!("{word:8}{seconds:7.2} s  {}{more}", test.name)
}

/// What went wrong in a run, in full, and in its last lines the command for another time.
pub(super) fn summary(run: &Run) -> String {
    let mut text = String::new();
    for test in run
        .results
        .tests
        .iter()
        .filter(|it| it.verdict.is_failure())
    {
        text += &format!("\n---- {} ----\n", test.name);
        match &test.verdict {
            Verdict::Failed(message) => text += &format!("{message}\n"),
            Verdict::TimedOut => {
                text += "did not end in its time; the tests after it were not run\n"
            }
            _ => text += "was running when everything ended\n",
        }
        text += &crate::process::tail(&test.output, OUTPUT_LINES);
    }
    if !run.splats.is_empty() {
        text += &format!("\n{}", splat::summary(&run.splats));
    }
    let status = run.status();
    text += &format!(
        "\nvmtest on {}: {} ({}, status {status})\n",
        run.flavour,
        run.counts(),
        word(status)
    );
    if status == 0 {
        return text;
    }
    if let Some(trouble) = run.trouble() {
        text += &format!("  {trouble}\n");
    }
    for test in run
        .results
        .tests
        .iter()
        .filter(|it| it.verdict.is_failure())
    {
        text += &format!("  failed: {}\n", test.name);
    }
    for title in splat::titles(&run.splats) {
        text += &format!("  {title}\n");
    }
    text += &format!(
        "  again: {}\n  files: {}\n",
        run.reproduce,
        run.logs.display()
    );
    text
}

/// A line for each kernel.
pub(super) fn table(lines: &[(&str, i32, String)]) -> String {
    let mut text = String::new();
    for (flavour, status, what) in lines {
        text += &format!("{flavour:12} {:12} {status:3}  {what}\n", word(*status));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::results::tests::EVENTS;
    use super::super::run::tests::{run, splat};
    use super::*;
    use crate::vm::outcome::Outcome;
    use crate::vm::splat::Place;

    #[test]
    fn a_summary_names_what_failed_and_how_to_see_it_again() {
        let place = Place::During("services::a".to_owned());
        let text = summary(&run(EVENTS, Outcome::Crashed, vec![splat(place)]));
        for part in [
            "left ä \"x\"",
            "vmtest on amd64: 2 passed, 1 failed, 1 skipped, 1 reports in the kernel's log (crash, status 125)",
            "  failed: services::b",
            "  kasan during services::a: f < g",
            "  again: cargo xtask vmtest --kernel amd64 --seed 7",
        ] {
            assert!(text.contains(part), "{part} is missing in {text}");
        }
    }
}
