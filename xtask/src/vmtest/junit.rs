// SPDX-License-Identifier: MIT OR Apache-2.0
//! The results as JUnit's XML, which every CI shows. A report in the kernel's log fails the test it
//! is charged to, also when the test itself passed.

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::results::{Test, Verdict};
use super::run::Run;
use crate::vm::splat::Splat;

/// The suite of what belongs to no test.
const REST: &str = "kernel log";

/// The XML of one kernel's tests.
///
/// # Errors
///
/// The XML cannot be written.
pub(super) fn render(run: &Run) -> anyhow::Result<String> {
    let mut suites: Vec<TestSuite> = Vec::new();
    for test in &run.results.tests {
        let (subject, name) = test.name.split_once("::").unwrap_or(("", &test.name));
        let splats: Vec<_> = run.splats_of(&test.name).collect();
        add(&mut suites, subject, case(name, test, &splats));
    }
    for splat in run.other_splats() {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
        describe(&mut status, splat);
        add(
            &mut suites,
            REST,
            TestCase::new(splat.place.to_string(), status),
        );
    }
    if let Some(trouble) = run.trouble() {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        status.set_message(trouble);
        add(&mut suites, REST, TestCase::new("the run", status));
    }
    let mut report = Report::new(format!("vmtest on {}", run.flavour));
    report.add_test_suites(suites);
    Ok(report.to_string()?)
}

fn add(suites: &mut Vec<TestSuite>, name: &str, case: TestCase) {
    if let Some(suite) = suites.iter_mut().find(|suite| suite.name.as_str() == name) {
        suite.add_test_case(case);
    } else {
        let mut suite = TestSuite::new(name);
        suite.add_test_case(case);
        suites.push(suite);
    }
}

fn case(name: &str, test: &Test, splats: &[&Splat]) -> TestCase {
    let mut status = match &test.verdict {
        Verdict::Passed if splats.is_empty() => TestCaseStatus::success(),
        Verdict::Passed => TestCaseStatus::non_success(NonSuccessKind::Failure),
        Verdict::Skipped(reason) => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(reason.as_str());
            status
        }
        Verdict::Failed(message) => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_message(message.as_str());
            status
        }
        Verdict::TimedOut => failure(NonSuccessKind::Failure, "it did not end in its time"),
        Verdict::Cut => failure(
            NonSuccessKind::Failure,
            "it was running when everything ended",
        ),
        Verdict::NotRun => failure(NonSuccessKind::Error, "not run"),
    };
    if let (Some(splat), Verdict::Passed) = (splats.first(), &test.verdict) {
        describe(&mut status, splat);
    }
    let mut case = TestCase::new(name, status);
    case.set_time(test.took);
    if test.verdict.is_failure() || !splats.is_empty() {
        let reports: Vec<_> = splats
            .iter()
            .map(|splat| splat.render(usize::MAX))
            .collect();
        case.set_system_err(format!("{}{}", test.output, reports.concat()));
    }
    case
}

fn failure(kind: NonSuccessKind, message: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_message(message);
    status
}

fn describe(status: &mut TestCaseStatus, splat: &Splat) {
    status
        .set_message(splat.title())
        .set_type(splat.detector.as_str())
        .set_description(splat.render(usize::MAX));
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::results::tests::EVENTS;
    use super::super::run::tests::{run, splat};
    use super::*;
    use crate::channel::End;
    use crate::vm::outcome::Outcome;
    use crate::vm::splat::Place;

    #[test]
    fn a_report_fails_the_test_that_passed() {
        let place = Place::During("groups::d".to_owned());
        let run = run(EVENTS, Outcome::Ended(End::Status(101)), vec![splat(place)]);
        let xml = render(&run).unwrap();
        assert!(
            xml.contains(r#"tests="4" failures="2" errors="0""#),
            "{xml}"
        );
        assert!(
            xml.contains(r#"message="kasan during groups::d: f &lt; g" type="kasan""#),
            "{xml}"
        );
        assert!(
            xml.contains(r#"<skipped message="the kernel lacks failslab"/>"#),
            "{xml}"
        );
    }

    #[test]
    fn what_was_not_tested_is_an_error() {
        let mut run = run(EVENTS, Outcome::Crashed, vec![splat(Place::BeforeTheFirst)]);
        run.results.add_missing(&["groups::e".to_owned()]);
        let xml = render(&run).unwrap();
        assert!(xml.contains(r#"failures="2" errors="2""#), "{xml}");
        assert!(xml.contains(r#"<error message="not run"/>"#), "{xml}");
        assert!(xml.contains("kernel panic?"), "{xml}");
    }
}
