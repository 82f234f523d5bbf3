// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask vmtest`: the end-to-end tests, all of them in one VM.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;

use crate::build::Build;
use crate::cache::{Cache, Workspace};
use crate::channel::{End, Start};
use crate::progress::{Progress, Verbosity};
use crate::setup::{self, Scope};
use crate::vm::machine::{Job, Machine, Options};
use crate::vm::outcome::{Outcome, STATUS_INFRASTRUCTURE, STATUS_SPLAT};
use crate::vm::splat::Splat;
use crate::vm::{current_directory, environment};

/// Longest time for all tests, in seconds.
const DEFAULT_TIMEOUT: u64 = 1800;

/// Options of `cargo xtask vmtest`.
///
/// The exit status is 0 when all tests passed, 1 when one failed, 3 when all passed but the kernel
/// complained in its log, 69 when the tests could not be run, 124 when they took too long, 125 when
/// the VM died under them.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Runs only the tests whose names contain this.
    #[arg(value_name = "FILTER")]
    filter: Option<String>,
    #[command(flatten)]
    options: Options,
    /// Longest time all tests together may take, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = DEFAULT_TIMEOUT)]
    timeout: u64,
}

impl Args {
    /// All tests, on the default kernel.
    pub(crate) fn all() -> Self {
        Self {
            filter: None,
            options: Options::default(),
            timeout: DEFAULT_TIMEOUT,
        }
    }
}

/// Runs the command; the result is the exit status.
pub(crate) fn run(args: &Args) -> anyhow::Result<u8> {
    let cache = Cache::locate()?;
    let workspace = Workspace::locate()?;
    let progress = Progress::new(Verbosity::Steps);
    let machine = Machine {
        cache: &cache,
        workspace: &workspace,
        options: &args.options,
        progress,
    };
    setup::ensure(&cache, progress, None, &[args.options.kernel], Scope::Vm)?;
    let kernel = machine.kernel()?;
    let build = Build {
        cache: &cache,
        workspace: &workspace,
        progress,
    };
    build.all(&kernel)?;
    let program = build.tests()?;
    let module = workspace.module(&kernel.release).display().to_string();

    let mut command = vec![program.display().to_string()];
    command.extend(args.filter.clone());
    // One at a time: they share one bus, one kernel log and two processors.
    command.push("--test-threads=1".to_owned());
    let mut environment = environment();
    environment.extend([
        ("IPCON_KO".to_owned(), module.clone()),
        (
            "IPCON_BIN_DIR".to_owned(),
            workspace.programs().display().to_string(),
        ),
        ("IPCON_KVER".to_owned(), kernel.release.clone()),
        (
            "IPCON_PROMTOOL".to_owned(),
            setup::promtool_path(&cache).display().to_string(),
        ),
    ]);
    let output = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&output);
    let report = machine.run(Job {
        start: Start {
            own: false,
            command,
            directory: current_directory()?,
            environment,
            user: "root".to_owned(),
            module: Some(module),
            look_for_leaks: true,
            terminal: None,
        },
        timeout: Some(Duration::from_secs(args.timeout)),
        on_stdout: Box::new(move |bytes| {
            seen.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .extend_from_slice(bytes);
        }),
        ..Job::default()
    })?;
    let splats = report.splats(&[])?;
    report.complain(&splats);
    let output = output.lock().unwrap_or_else(PoisonError::into_inner);
    let tally = Tally::read(&String::from_utf8_lossy(&output));
    let status = verdict(&report.outcome, &splats, tally);
    progress.say(match (status, tally) {
        (0, Some(tally)) => format!("vmtest: {} passed, kernel log clean", tally.passed),
        (STATUS_SPLAT, _) => "vmtest: all passed, but the kernel log is not clean".to_owned(),
        (
            STATUS_INFRASTRUCTURE,
            Some(Tally {
                passed: 0,
                failed: 0,
            }),
        ) => "vmtest: no test has this name; nothing was tested".to_owned(),
        (_, Some(tally)) => format!("vmtest: {} passed, {} failed", tally.passed, tally.failed),
        (_, None) => "vmtest: the tests did not come to their end".to_owned(),
    });
    if status != 0 {
        let filter = args
            .filter
            .as_deref()
            .map(|filter| format!(" {filter}"))
            .unwrap_or_default();
        progress.say(format!(
            "again: cargo xtask vmtest{filter} --kernel {}; logs: {}",
            args.options.kernel,
            report.logs.display()
        ));
    }
    u8::try_from(status).context("an exit status beyond a byte")
}

/// How many tests there were, as libtest counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Tally {
    passed: usize,
    failed: usize,
}

impl Tally {
    /// Reads `test result: ok. 12 passed; 0 failed; …`. None when the tests did not get that far.
    fn read(output: &str) -> Option<Self> {
        let line = output
            .lines()
            .rev()
            .find_map(|line| line.strip_prefix("test result: "))?;
        let count = |what: &str| {
            let (before, _) = line.split_once(what)?;
            before.trim_end().rsplit([' ', ';']).next()?.parse().ok()
        };
        Some(Self {
            passed: count("passed")?,
            failed: count("failed;")?,
        })
    }
}

/// The exit status. Nothing tested is not a pass, and neither is a clean exit without a count.
fn verdict(outcome: &Outcome, splats: &[Splat], tally: Option<Tally>) -> i32 {
    match (outcome, tally) {
        (Outcome::Ended(End::Status(0)), None | Some(Tally { passed: 0, .. })) => {
            STATUS_INFRASTRUCTURE
        }
        (Outcome::Ended(End::Status(0)), Some(_)) if splats.is_empty() => 0,
        (Outcome::Ended(End::Status(0)), Some(_)) => STATUS_SPLAT,
        (Outcome::Ended(_), _) => 1,
        (outcome, _) => outcome.status(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used)]

    use super::*;
    use crate::vm::splat;

    const PASSED: &str = "running 2 tests\n..\n\ntest result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 7 filtered out\n";

    fn verdict_of(status: i32, log: &str, tally: Option<Tally>) -> i32 {
        let policy = splat::Policy::built_in().expect("lists that can be used");
        let splats = splat::examine(&policy, log, "", splat::Expected::default());
        verdict(&Outcome::Ended(End::Status(status)), &splats, tally)
    }

    #[test]
    fn the_last_result_counts() {
        assert_eq!(
            Tally::read(PASSED),
            Some(Tally {
                passed: 2,
                failed: 0
            })
        );
        let failed = "test result: FAILED. 3 passed; 1 failed; 0 ignored\n";
        assert_eq!(
            Tally::read(&format!("{PASSED}{failed}")),
            Some(Tally {
                passed: 3,
                failed: 1
            })
        );
        assert_eq!(Tally::read("running 2 tests\n"), None);
    }

    #[test]
    fn verdicts() {
        let passed = Tally::read(PASSED);
        assert_eq!(verdict_of(0, "", passed), 0);
        assert_eq!(verdict_of(101, "", passed), 1);
        assert_eq!(
            verdict_of(0, "[    1.000000] WARNING: CPU: 0", passed),
            STATUS_SPLAT
        );
        assert_eq!(verdict_of(101, "[    1.000000] WARNING: CPU: 0", passed), 1);
    }

    #[test]
    fn an_exit_that_counts_nothing_is_no_pass() {
        assert_eq!(verdict_of(0, "", None), STATUS_INFRASTRUCTURE);
        let none = Some(Tally {
            passed: 0,
            failed: 0,
        });
        assert_eq!(verdict_of(0, "", none), STATUS_INFRASTRUCTURE);
    }
}
