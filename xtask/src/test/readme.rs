// SPDX-License-Identifier: MIT OR Apache-2.0
//! The commands that the README tells people to type, each run for real.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};

use crate::cache::Workspace;
use crate::process::{describe, run_logged};

/// Longest time of one command, builds included.
const DEADLINE: Duration = Duration::from_secs(15 * 60);

/// Each command of the README that begins with cargo, and what runs it.
#[cfg(test)]
const COMMANDS: &[(&str, &str)] = &[
    ("cargo xtask demo", "the check `demo`, with an option more"),
    (
        "cargo xtask demo --stop-archive 20",
        "the check `demo`, which stops it sooner",
    ),
    ("cargo xtask test", "the command that runs the checks"),
    (
        "cargo build --examples",
        "the check `lints`, which builds all targets",
    ),
    (
        "cargo build --examples --features libipcon/coroipc",
        "the test `readme` of libipcon, which runs what it builds",
    ),
    (
        "cargo xtask vm -- target/debug/examples/first",
        "the check `command in the VM`",
    ),
    ("cargo xtask install --prefix DIR", "the check `install`"),
    (
        "cargo doc --open -p libipcon -p coroipc --features libipcon/coroipc,libipcon/tokio",
        "the check `documentation`",
    ),
    ("cargo xtask --help", "a test of the command line"),
];

/// The demonstration without a terminal. Its own exit status says whether all counters agree, and whether the receiver that
/// was stopped is named.
pub(super) fn demo(workspace: &Workspace) -> anyhow::Result<()> {
    let log = workspace.target().join("demo.log");
    run_logged(
        xtask()?.args([
            "demo",
            "--headless",
            "--seconds",
            "15",
            "--stop-archive",
            "5",
        ]),
        &log,
        DEADLINE,
    )
}

/// A command in the VM: its output alone, and its own exit status.
pub(super) fn vm(release: &str) -> anyhow::Result<()> {
    let output = xtask()?
        .args(["vm", "--", "sh", "-c", "uname -r; exit 7"])
        .output()
        .context("starting `cargo xtask vm`")?;
    let stdout = String::from_utf8_lossy(&output.stdout);
    if output.status.code() != Some(7) || stdout != format!("{release}\n") {
        bail!(
            "`uname -r; exit 7` in the VM {} and printed {stdout:?}, not {release:?} and status 7; stderr: {}",
            describe(output.status),
            String::from_utf8_lossy(&output.stderr),
        );
    }
    Ok(())
}

pub(super) fn xtask() -> anyhow::Result<Command> {
    Ok(Command::new(
        std::env::current_exe().context("finding this program")?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const README: &str = include_str!("../../../README.md");

    /// What stands in code spans and shell blocks and begins with cargo.
    fn commands(text: &str) -> Vec<&str> {
        let mut found = Vec::new();
        let mut shell = false;
        for line in text.lines() {
            if line.starts_with("```") {
                shell = line == "```sh";
            } else if shell {
                found.push(line);
            } else {
                found.extend(line.split('`').skip(1).step_by(2));
            }
        }
        found.retain(|text| text.starts_with("cargo "));
        found
    }

    #[test]
    fn every_command_of_the_readme_is_run_by_a_test() {
        let found = commands(README);
        for command in &found {
            assert!(
                COMMANDS.iter().any(|(known, _)| known == command),
                "nothing runs `{command}`"
            );
        }
        for (known, by) in COMMANDS {
            assert!(
                found.contains(known),
                "{by} runs `{known}`, which the README no longer has"
            );
        }
    }

    #[test]
    fn spans_and_shell_blocks_are_found() {
        let text = "Run `cargo a`, not `b`.\n```sh\ncargo c\n```\n```rust\ncargo d\n```\n";
        assert_eq!(commands(text), ["cargo a", "cargo c"]);
    }
}
