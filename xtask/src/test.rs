// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask test`: everything that CI runs.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::ValueEnum;

use crate::build::Build;
use crate::build::programs::TESTS;
use crate::cache::{Cache, Workspace};
use crate::process::{describe, display, run_shown};
use crate::progress::{Progress, Verbosity};
use crate::setup::{self, Flavour, Kernel, Scope};
use crate::{codegen, coverage, vmtest};

mod depth;
mod install;
mod readme;
mod vm;

/// Longest time of one check.
const DEADLINE: Duration = Duration::from_secs(30 * 60);

/// Options of `cargo xtask test`.
///
/// Sets up what is missing, then runs every check, also after one has failed: formatting, lints,
/// documentation, unit and doc tests on the host, the same under loom and AddressSanitizer, a fuzzer, their
/// coverage, generated files, licences, the lints of the module, what is installed, the commands of the
/// README, the end-to-end tests in the VM on the default and the debug kernel, and whether these find bugs that
/// were put into the module. The exit status is 0 when all passed, else that of the last `vmtest`
/// that failed, else 1.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Leaves the tests in the VM out.
    #[arg(long)]
    no_vm: bool,
    /// Runs these checks alone, and sets up only what they need.
    #[arg(long, value_enum, value_name = "CHECK", value_delimiter = ',')]
    only: Vec<Name>,
    /// Debian mirror to set up from; the host's own apt configuration names the default.
    #[arg(long, value_name = "URL")]
    mirror: Option<String>,
}

/// A check, in the order in which they run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Name {
    /// Format of the workspace.
    Format,
    /// Format of the probes.
    FormatProbes,
    /// Format of the module.
    FormatModule,
    /// Clippy on the workspace.
    Lints,
    /// Links and examples of the documentation.
    Documentation,
    /// Unit and doc tests on the host.
    UnitTests,
    /// Unit tests of the VM tests.
    VmUnitTests,
    /// Licences and sources of dependencies.
    Licences,
    /// The core and libipcon in every order of their threads.
    Loom,
    /// The core, libipcon and coroipc under AddressSanitizer.
    Asan,
    /// What libipcon reads from the kernel, against a fuzzer.
    Fuzz,
    /// What coroipc reads from the other side, against a fuzzer.
    FuzzCoroipc,
    /// What is read from recordings, against a fuzzer.
    FuzzRecording,
    /// The core, and coroipc without the kernel, under Miri, where the toolchain has it; only when asked for.
    Miri,
    /// The share of lines that the tests on the host run.
    Coverage,
    /// What is generated from the wire definition.
    GeneratedFiles,
    /// The kernel's lints on the module.
    ModuleLints,
    /// What is installed, and programs that use it.
    Install,
    /// The command in the VM that the README shows.
    VmCommand,
    /// The demo that the README shows.
    Demo,
    /// The end-to-end tests.
    VmTests,
    /// The end-to-end tests that attach probes while messages flow, on a VM whose processors take turns.
    VmInTurn,
    /// The end-to-end tests on the debug kernel.
    VmDebug,
    /// Whether the end-to-end tests find bugs that were put into the module.
    SeededBugs,
}

impl Name {
    /// Those to run, in order.
    fn chosen(args: &Args) -> Vec<Self> {
        let asked = |name: &Self| match args.only.is_empty() {
            true => *name != Self::Miri,
            false => args.only.contains(name),
        };
        let all = Self::value_variants().iter().copied();
        all.filter(|name| asked(name) && !(args.no_vm && name.needs_vm()))
            .collect()
    }

    fn needs_vm(self) -> bool {
        matches!(
            self,
            Self::VmCommand
                | Self::Demo
                | Self::VmTests
                | Self::VmInTurn
                | Self::VmDebug
                | Self::SeededBugs
        )
    }

    /// Whether cargo and the compiler are not enough.
    fn needs_setup(self) -> bool {
        !matches!(
            self,
            Self::Format
                | Self::FormatProbes
                | Self::FormatModule
                | Self::Loom
                | Self::Asan
                | Self::Fuzz
                | Self::FuzzCoroipc
                | Self::FuzzRecording
                | Self::Miri
                | Self::GeneratedFiles
        )
    }

    /// As it is given on the command line.
    fn text(self) -> String {
        self.to_possible_value()
            .map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

/// Runs the command; the result is the exit status.
pub(crate) fn run(args: &Args) -> anyhow::Result<u8> {
    let chosen = Name::chosen(args);
    if chosen.is_empty() {
        bail!("no check is left: --no-vm leaves out what --only asks for");
    }
    let cache = Cache::locate()?;
    let workspace = Workspace::locate()?;
    let progress = Progress::new(Verbosity::Steps);
    let build = Build {
        cache: &cache,
        workspace: &workspace,
        progress,
    };
    if chosen.iter().any(|name| name.needs_setup()) {
        setup::ensure(
            &cache,
            progress,
            args.mirror.as_deref(),
            &setup::TESTED,
            Scope::Test,
        )?;
        // What embeds the probes must find them, or it would be checked without.
        build.probes()?;
    }

    let mut checks = Checks {
        progress,
        done: Vec::new(),
    };
    let mut vm_status = 0;
    for name in chosen {
        checks.run(name.text(), || match name {
            Name::Coverage => coverage::check(&cache, &workspace),
            Name::GeneratedFiles => codegen::run(codegen::Args { check: true }),
            Name::ModuleLints => build.lint_module(&Kernel::find(&cache, Flavour::default())?),
            Name::Install => install::check(&workspace),
            Name::VmCommand => readme::vm(&Kernel::find(&cache, Flavour::default())?.release),
            Name::Demo => readme::demo(&workspace),
            Name::VmTests => vm::tests(&vmtest::Args::on(Flavour::default()), &mut vm_status),
            Name::VmInTurn => vm::tests(&vm::in_turn(), &mut vm_status),
            Name::VmDebug => vm::tests(&vmtest::Args::on(Flavour::Debug), &mut vm_status),
            Name::SeededBugs => vm::seeded_bugs(),
            name => shown(host_command(name, &workspace, &cache)?),
        });
    }
    checks.report();
    Ok(match (checks.failed(), vm_status) {
        (false, _) => 0,
        (true, 0) => 1,
        (true, status) => status,
    })
}

/// The command of a check that is one on the host.
fn host_command(name: Name, workspace: &Workspace, cache: &Cache) -> anyhow::Result<Command> {
    const PROBES: &str = "ebpf/programs/Cargo.toml";
    // What is no default, so that it is looked at as well.
    const FEATURES: &str = "--features libipcon/tokio,libipcon/coroipc,coroipc/tracing";
    let (tests_package, _) = TESTS;
    let cargo = |words: &str| {
        let mut command = Command::new("cargo");
        command
            .current_dir(workspace.root())
            .args(words.split_whitespace());
        command
    };
    Ok(match name {
        Name::Format => cargo("fmt --all --check"),
        Name::FormatProbes => cargo(&format!("fmt --manifest-path {PROBES} --check")),
        Name::FormatModule => {
            let mut rustfmt = Command::new("rustfmt");
            rustfmt
                .current_dir(workspace.root())
                .args(["--check", "ipcon-kmod/src/ipcon_main.rs"]);
            rustfmt
        }
        Name::Lints => cargo(&format!(
            "clippy --quiet --workspace --all-targets {FEATURES} -- --deny=warnings"
        )),
        Name::Documentation => {
            let mut doc = cargo(&format!("doc --quiet --workspace --no-deps {FEATURES}"));
            doc.env("RUSTDOCFLAGS", "-D warnings");
            doc
        }
        Name::UnitTests => {
            let mut tests = cargo(&format!(
                "test --quiet --workspace --exclude {tests_package} {FEATURES}"
            ));
            tests.env("PROMTOOL", setup::promtool_path(cache));
            tests
        }
        Name::VmUnitTests => cargo(&format!("test --quiet -p {tests_package} --lib")),
        Name::Licences => {
            let mut deny = cargo("deny --log-level=error check bans licenses sources");
            deny.env("PATH", with_tools(cache)?);
            deny
        }
        Name::Loom => depth::loom(workspace)?,
        Name::Asan => depth::asan(workspace)?,
        Name::Fuzz => depth::fuzz(workspace, &depth::LIBIPCON)?,
        Name::FuzzCoroipc => depth::fuzz(workspace, &depth::COROIPC)?,
        Name::FuzzRecording => depth::fuzz(workspace, &depth::RECORDING)?,
        Name::Miri => depth::miri(workspace)?,
        other => bail!("{} is no command on the host", other.text()),
    })
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
    name: String,
    took: Duration,
    error: Option<String>,
}

impl Checks {
    fn run(&mut self, name: impl Into<String>, check: impl FnOnce() -> anyhow::Result<()>) {
        let name = name.into();
        let begin = Instant::now();
        let error = {
            let _step = self.progress.step(&name);
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
                let (name, took) = (&check.name, check.took.as_secs_f64());
                format!("{name:width$}  {result}  {took:6.1} s")
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(words: &[&str]) -> Vec<Name> {
        #[derive(clap::Parser)]
        struct Line {
            #[command(flatten)]
            args: Args,
        }
        let line = std::iter::once(&"test").chain(words);
        Name::chosen(&<Line as clap::Parser>::parse_from(line).args)
    }

    #[test]
    fn every_check_runs_but_miri_unless_some_are_named() {
        let all = chosen(&[]);
        assert_eq!(all.len(), Name::value_variants().len() - 1);
        assert!(!all.contains(&Name::Miri));
        assert!(!chosen(&["--no-vm"]).contains(&Name::Demo));
        assert_eq!(
            chosen(&["--only", "miri,asan", "--only", "format"]),
            [Name::Format, Name::Asan, Name::Miri]
        );
    }

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
