// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask coverage`: which lines the tests on the host run.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};
use serde::Deserialize;

use crate::cache::{Cache, Workspace};
use crate::process::{capture, describe, display, host_target, run_shown};
use crate::setup::BpfToolchain;

mod report;

use report::Report;

/// Longest time of the tests, which are built first.
const DEADLINE: Duration = Duration::from_secs(15 * 60);

/// What is measured: the package, its sources, and the share of lines in percent below which the
/// checks of `cargo xtask test` fail. The sockets of the library are tested in the VM, so that it has
/// no floor here.
const MEASURED: &[(&str, &str, Option<f64>)] = &[
    ("ipcon-core", "ipcon-kmod/core/src/", Some(99.0)),
    ("libipcon", "libipcon/src/", None),
];

/// Options of `cargo xtask coverage`.
///
/// Runs the tests of the core and of libipcon on the host and prints which share of the lines of each
/// file they run. The exit status is 1 when a test fails or a share is below its floor.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Also writes the sources as HTML, with the count of each line, into this folder.
    #[arg(long, value_name = "DIR")]
    html: Option<PathBuf>,
    /// What is printed.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// A table.
    #[default]
    Text,
    /// One JSON object. Keys are added, never renamed.
    Json,
}

/// Runs the command; the result is the exit status.
pub(crate) fn run(args: &Args) -> anyhow::Result<u8> {
    let cache = Cache::locate()?;
    let measurement = Measurement::take(&cache, &Workspace::locate()?)?;
    match args.format {
        Format::Text => print!("{}", measurement.report.table()),
        Format::Json => println!("{}", measurement.report.json()?),
    }
    if let Some(dir) = &args.html {
        measurement.write_html(dir)?;
        eprintln!("sources with counts: {}", dir.join("index.html").display());
    }
    Ok(match measurement.report.check() {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("coverage: {error:#}");
            1
        }
    })
}

/// Measures and prints the table; fails when a share is below its floor.
pub(crate) fn check(cache: &Cache, workspace: &Workspace) -> anyhow::Result<()> {
    let report = Measurement::take(cache, workspace)?.report;
    print!("{}", report.table());
    report.check()
}

/// The counts of one run, and what reads them.
struct Measurement {
    llvm: Llvm,
    profile: PathBuf,
    programs: Vec<PathBuf>,
    sources: Vec<PathBuf>,
    report: Report,
}

impl Measurement {
    fn take(cache: &Cache, workspace: &Workspace) -> anyhow::Result<Self> {
        let llvm = Llvm::find(cache)?;
        let folder = workspace.target().join("coverage");
        let counts = folder.join("counts");
        // What is left of an earlier run would be counted again.
        match fs::remove_dir_all(&counts) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("removing {}", counts.display()));
            }
            _ => {}
        }
        let test = |words: &[&str]| -> anyhow::Result<Command> {
            let mut cargo = Command::new("cargo");
            cargo
                .current_dir(workspace.root())
                .args(["test", "--lib", "--tests"]);
            for (package, _, _) in MEASURED {
                cargo.args(["--package", package]);
            }
            // With a target named, build scripts and macros are not instrumented.
            cargo
                .args(["--target", &host_target()?])
                .arg("--target-dir")
                .arg(&folder);
            cargo.args(words);
            cargo.env("RUSTFLAGS", "-C instrument-coverage");
            cargo.env("LLVM_PROFILE_FILE", counts.join("%p-%m.profraw"));
            Ok(cargo)
        };
        let built = capture(&mut test(&["--no-run", "--message-format=json"])?)?;
        let programs = programs(&built)?;
        let mut tests = test(&["--quiet"])?;
        // The report alone belongs on stdout.
        tests.stdout(std::io::stderr());
        let status = run_shown(&mut tests, DEADLINE)?;
        if !status.success() {
            bail!("`{}` {}", display(&tests), describe(status));
        }
        let profile = folder.join("all.profdata");
        llvm.merge(&counts, &profile)?;
        let sources = MEASURED
            .iter()
            .map(|(_, dir, _)| workspace.root().join(dir))
            .collect();
        let exported = capture(
            llvm.cov("export", &profile, &programs)
                .arg("--summary-only"),
        )?;
        let report = Report::from_export(&exported, workspace.root(), MEASURED)?;
        Ok(Self {
            llvm,
            profile,
            programs,
            sources,
            report,
        })
    }

    fn write_html(&self, dir: &Path) -> anyhow::Result<()> {
        let mut show = self.llvm.cov("show", &self.profile, &self.programs);
        show.args(["--format=html", "--show-line-counts-or-regions"]);
        show.arg(format!("--output-dir={}", dir.display()));
        // Names of files that follow the programs are the only ones to show.
        show.args(self.sources.iter().flat_map(|dir| rust_files(dir)));
        capture(&mut show).map(drop)
    }
}

/// LLVM's own tools, of the version that the compiler writes counts for.
struct Llvm {
    toolchain: BpfToolchain,
}

impl Llvm {
    fn find(cache: &Cache) -> anyhow::Result<Self> {
        let toolchain = BpfToolchain::find(cache)?;
        Ok(Self { toolchain })
    }

    fn tool(&self, name: &str) -> Command {
        let mut tool = Command::new(self.toolchain.llvm_prefix().join("bin").join(name));
        tool.env("LD_LIBRARY_PATH", self.toolchain.library_path());
        tool
    }

    fn merge(&self, counts: &Path, profile: &Path) -> anyhow::Result<()> {
        let mut merge = self.tool("llvm-profdata");
        merge
            .args(["merge", "--sparse", "--output"])
            .arg(profile)
            .arg(counts);
        capture(&mut merge).map(drop).with_context(|| {
            format!(
                "merging the counts with LLVM {}; when it does not know their format, rustc has \
                 another LLVM (rustc -vV): see that both have the same major version",
                self.toolchain.llvm
            )
        })
    }

    fn cov(&self, what: &str, profile: &Path, programs: &[PathBuf]) -> Command {
        let mut cov = self.tool("llvm-cov");
        cov.arg(what).arg("--instr-profile").arg(profile);
        for program in programs {
            cov.arg("--object").arg(program);
        }
        cov
    }
}

/// The test programs that cargo says it has built.
fn programs(messages: &str) -> anyhow::Result<Vec<PathBuf>> {
    #[derive(Deserialize)]
    struct Message {
        #[serde(default)]
        executable: Option<PathBuf>,
    }
    let mut programs = Vec::new();
    for line in messages.lines() {
        let message: Message =
            serde_json::from_str(line).context("reading what cargo has built")?;
        programs.extend(message.executable);
    }
    if programs.is_empty() {
        bail!("cargo has built no test program");
    }
    Ok(programs)
}

fn rust_files(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let files = entries.flat_map(|entry| {
        let path = entry.path();
        match path.extension() {
            Some(extension) if extension == "rs" => vec![path],
            _ if path.is_dir() && !path.ends_with("tests") => rust_files(&path),
            _ => Vec::new(),
        }
    });
    files.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_what_can_be_run() {
        let messages = "{\"reason\":\"compiler-artifact\",\"executable\":null}\n\
                        {\"reason\":\"compiler-artifact\",\"executable\":\"/t/bus-1\"}\n\
                        {\"reason\":\"build-finished\",\"success\":true}\n";
        assert_eq!(
            programs(messages).unwrap_or_default(),
            [Path::new("/t/bus-1")]
        );
        assert!(programs("{\"reason\":\"build-finished\"}").is_err());
    }
}
