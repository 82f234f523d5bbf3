// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask test`: everything that CI runs.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::build::Build;
use crate::build::programs::TESTS;
use crate::cache::{Cache, Workspace};
use crate::process::{describe, display, run_shown};
use crate::progress::{Progress, Verbosity};
use crate::setup::{self, Flavour, Kernel, Scope};
use crate::{codegen, vmtest};

mod readme;

/// Longest time of one check.
const DEADLINE: Duration = Duration::from_secs(30 * 60);

/// Options of `cargo xtask test`.
///
/// Sets up what is missing, then runs every check, also after one has failed: formatting, lints,
/// documentation, unit and doc tests on the host, generated files, licences, the lints of the
/// module, the commands of the README, and the end-to-end tests in the VM. The exit status is 0 when all passed, else that of
/// `vmtest`, else 1.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Leaves the tests in the VM out.
    #[arg(long)]
    no_vm: bool,
    /// Debian mirror to set up from; the host's own apt configuration names the default.
    #[arg(long, value_name = "URL")]
    mirror: Option<String>,
}

/// Runs the command; the result is the exit status.
pub(crate) fn run(args: &Args) -> anyhow::Result<u8> {
    let cache = Cache::locate()?;
    let workspace = Workspace::locate()?;
    let progress = Progress::new(Verbosity::Steps);
    setup::ensure(
        &cache,
        progress,
        args.mirror.as_deref(),
        &setup::TESTED,
        Scope::Test,
    )?;
    let kernel = Kernel::find(&cache, Flavour::default())?;
    let build = Build {
        cache: &cache,
        workspace: &workspace,
        progress,
    };
    // What embeds the probes must find them, or it would be checked without.
    build.probes()?;

    let mut checks = Checks {
        progress,
        done: Vec::new(),
    };
    for (name, command) in host_checks(&workspace, &cache)? {
        checks.run(name, || shown(command));
    }
    checks.run("generated files", || {
        codegen::run(codegen::Args { check: true })
    });
    checks.run("module lints", || build.lint_module(&kernel));
    let mut vm_status = 0;
    if !args.no_vm {
        checks.run("command in the VM", || readme::vm(&kernel.release));
        checks.run("demo", || readme::demo(&workspace));
        checks.run("tests in the VM", || {
            vm_status = vmtest::run(&vmtest::Args::all())?;
            if vm_status == 0 {
                Ok(())
            } else {
                bail!("vmtest ended with status {vm_status}")
            }
        });
    }
    checks.report();
    Ok(match (checks.failed(), vm_status) {
        (false, _) => 0,
        (true, 0) => 1,
        (true, status) => status,
    })
}

/// The checks that are a command on the host.
fn host_checks(
    workspace: &Workspace,
    cache: &Cache,
) -> anyhow::Result<Vec<(&'static str, Command)>> {
    let (tests_package, _) = TESTS;
    let cargo = |words: &[&str]| {
        let mut command = Command::new("cargo");
        command.current_dir(workspace.root()).args(words);
        command
    };
    let mut rustfmt = Command::new("rustfmt");
    rustfmt
        .current_dir(workspace.root())
        .args(["--check", "ipcon-kmod/src/ipcon_main.rs"]);
    let mut doc = cargo(&["doc", "--quiet", "--workspace", "--no-deps"]);
    doc.env("RUSTDOCFLAGS", "-D warnings");
    let mut tests = cargo(&["test", "--quiet", "--workspace", "--exclude", tests_package]);
    tests.env("PROMTOOL", setup::promtool_path(cache));
    let mut deny = cargo(&[
        "deny",
        "--log-level=error",
        "check",
        "bans",
        "licenses",
        "sources",
    ]);
    deny.env("PATH", with_tools(cache)?);
    let programs = "ebpf/programs/Cargo.toml";
    Ok(vec![
        ("format", cargo(&["fmt", "--all", "--check"])),
        (
            "format of the probes",
            cargo(&["fmt", "--manifest-path", programs, "--check"]),
        ),
        ("format of the module", rustfmt),
        (
            "lints",
            cargo(&[
                "clippy",
                "--quiet",
                "--workspace",
                "--all-targets",
                "--",
                "--deny=warnings",
            ]),
        ),
        ("documentation", doc),
        ("unit and doc tests", tests),
        (
            "unit tests of the VM tests",
            cargo(&["test", "--quiet", "-p", tests_package, "--lib"]),
        ),
        ("licences and sources", deny),
    ])
}

fn with_tools(cache: &Cache) -> anyhow::Result<std::ffi::OsString> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let tools: PathBuf = cache.tools().join("bin");
    std::env::join_paths(std::iter::once(tools).chain(std::env::split_paths(&path)))
        .context("putting the cache's programs on PATH")
}

fn shown(mut command: Command) -> anyhow::Result<()> {
    let status = run_shown(&mut command, DEADLINE)?;
    if !status.success() {
        bail!("`{}` {}", display(&command), describe(status));
    }
    Ok(())
}

/// The checks that were run, with their results.
struct Checks {
    progress: Progress,
    done: Vec<Check>,
}

struct Check {
    name: &'static str,
    took: Duration,
    error: Option<String>,
}

impl Checks {
    fn run(&mut self, name: &'static str, check: impl FnOnce() -> anyhow::Result<()>) {
        let begin = Instant::now();
        let error = {
            let _step = self.progress.step(name);
            check().err().map(|error| format!("{error:#}"))
        };
        if let Some(error) = &error {
            self.progress.say(format!("{name}: FAILED: {error}"));
        }
        self.done.push(Check {
            name,
            took: begin.elapsed(),
            error,
        });
    }

    fn failed(&self) -> bool {
        self.done.iter().any(|check| check.error.is_some())
    }

    fn report(&self) {
        for line in self.lines() {
            self.progress.say(line);
        }
    }

    fn lines(&self) -> Vec<String> {
        let width = self
            .done
            .iter()
            .map(|check| check.name.len())
            .max()
            .unwrap_or(0);
        self.done
            .iter()
            .map(|check| {
                let result = if check.error.is_none() {
                    "passed"
                } else {
                    "FAILED"
                };
                let (name, took) = (check.name, check.took.as_secs_f64());
                format!("{name:width$}  {result}  {took:6.1} s")
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_check_does_not_stop_the_next_and_is_not_forgotten() {
        let mut checks = Checks {
            progress: Progress::new(Verbosity::Quiet),
            done: Vec::new(),
        };
        checks.run("first", || bail!("broken"));
        checks.run("second one", || Ok(()));
        assert!(checks.failed());
        let lines = checks.lines();
        assert!(lines[0].starts_with("first       FAILED"), "{lines:?}");
        assert!(lines[1].starts_with("second one  passed"), "{lines:?}");
    }
}
