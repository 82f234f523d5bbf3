// SPDX-License-Identifier: MIT OR Apache-2.0
//! The programs of the host that run in the VM.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, bail};
use serde::Deserialize;

use super::Build;
use crate::process::{describe, display};

/// The packages with programs or examples for the VM.
const PACKAGES: &[&str] = &["libipcon", "ipcon-top", "ipcon-exporter", "ipcon-bench"];

/// The package that the C library is made of.
const C_LIBRARY: &str = "ipcon-capi";

/// The package with the tests of the VM, and the name of its test program.
pub(crate) const TESTS: (&str, &str) = ("ipcon-vm-tests", "vm");

impl Build<'_> {
    /// Builds the programs and the C library.
    pub(crate) fn programs(&self) -> anyhow::Result<()> {
        {
            let _step = self.progress.step("programs for the VM");
            let mut words = vec!["--bins", "--examples", "--features", "libipcon/tokio"];
            words.extend(PACKAGES.iter().flat_map(|package| ["--package", package]));
            self.cargo_build(&words)?;
            // By itself, so that it has none of the features of the others.
            self.cargo_build(&["--lib", "--package", C_LIBRARY])?;
        }
        self.capi()
    }

    /// Builds the program that measures coroipc on this machine, and returns it.
    pub(crate) fn bench_of_coroipc(&self) -> anyhow::Result<PathBuf> {
        const PROGRAM: &str = "coroipc-bench";
        let _step = self.progress.step(PROGRAM);
        self.cargo_build(&["--package", PROGRAM])?;
        Ok(self.workspace.programs().join(PROGRAM))
    }

    /// Cargo itself shows what it does and what is wrong.
    fn cargo_build(&self, words: &[&str]) -> anyhow::Result<()> {
        let mut cargo = self.cargo("build");
        cargo.args(words);
        let status = cargo
            .stdin(Stdio::null())
            .status()
            .with_context(|| format!("starting `{}`", display(&cargo)))?;
        if !status.success() {
            bail!("`{}` {}", display(&cargo), describe(status));
        }
        Ok(())
    }

    /// Builds the tests of the VM and returns the test program.
    pub(crate) fn tests(&self) -> anyhow::Result<PathBuf> {
        let (package, test) = TESTS;
        let mut cargo = self.cargo("test");
        cargo.args(["--package", package, "--test", test, "--no-run"]);
        cargo.arg("--message-format=json-render-diagnostics");
        let _step = self.progress.step("tests for the VM");
        let output = cargo
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .with_context(|| format!("starting `{}`", display(&cargo)))?;
        if !output.status.success() {
            bail!("`{}` {}", display(&cargo), describe(output.status));
        }
        test_program(&String::from_utf8_lossy(&output.stdout), test)
            .with_context(|| format!("`{}` named no test program", display(&cargo)))
    }

    fn cargo(&self, command: &str) -> Command {
        let mut cargo = Command::new("cargo");
        cargo.current_dir(self.workspace.root());
        cargo.args([command, "--release", "--quiet"]);
        cargo
    }
}

#[derive(Deserialize)]
struct Message {
    reason: String,
    target: Option<Target>,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

/// The test program that cargo's messages name.
fn test_program(messages: &str, test: &str) -> Option<PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Message>(line).ok())
        .find_map(|message| {
            let target = message.target?;
            let wanted = message.reason == "compiler-artifact"
                && target.name == test
                && target.kind.iter().any(|kind| kind == "test");
            if wanted { message.executable } else { None }
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_program_among_the_messages() {
        let messages = r#"{"reason":"compiler-artifact","target":{"name":"vm","kind":["lib"]},"executable":null}
{"reason":"compiler-artifact","target":{"name":"vm","kind":["test"]},"executable":"/t/release/deps/vm-1"}
{"reason":"build-finished","success":true}
"#;
        assert_eq!(
            test_program(messages, "vm"),
            Some("/t/release/deps/vm-1".into())
        );
        assert_eq!(test_program(messages, "other"), None);
    }
}
