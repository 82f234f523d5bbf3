// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tests of the host under tools that see more than a plain run: loom, AddressSanitizer, Miri.
//!
//! Each has a target folder of its own, since its flags would have everything built anew.

use std::process::Command;

use anyhow::bail;

use crate::cache::Workspace;
use crate::process::host_target;

/// The models of the core, in every order of their threads.
pub(super) fn loom(workspace: &Workspace) -> anyhow::Result<Command> {
    let mut cargo = cargo(workspace, "loom");
    // Optimised, since loom runs each model thousands of times.
    cargo.args(["--release", "--package", "ipcon-core", "--test", "loom"]);
    cargo.env("RUSTFLAGS", "--cfg loom");
    Ok(cargo)
}

/// The core and the library with checks of each access to memory, and of leaks.
pub(super) fn asan(workspace: &Workspace) -> anyhow::Result<Command> {
    let mut cargo = cargo(workspace, "asan");
    cargo.args([
        "--package",
        "ipcon-core",
        "--package",
        "libipcon",
        "--lib",
        "--tests",
    ]);
    // With a target named, build scripts and macros are not instrumented: cargo could not load them.
    cargo.args(["--target", &host_target()?]);
    cargo.env("RUSTFLAGS", "-Z sanitizer=address");
    // The sanitizers are unstable options. Their runtime comes with every toolchain.
    cargo.env("RUSTC_BOOTSTRAP", "1");
    cargo.env("PROPTEST_CASES", FEWER_CASES);
    Ok(cargo)
}

/// The core in an interpreter that knows what Rust leaves undefined.
pub(super) fn miri(workspace: &Workspace) -> anyhow::Result<Command> {
    let found = Command::new("cargo")
        .current_dir(workspace.root())
        .args(["miri", "--version"])
        .output();
    if !found.is_ok_and(|output| output.status.success()) {
        bail!(
            "this toolchain has no Miri; with rustup: \
             `rustup toolchain install nightly --component miri,rust-src`, then \
             `cargo +nightly xtask test --only miri`"
        );
    }
    let mut cargo = Command::new("cargo");
    cargo.current_dir(workspace.root());
    cargo.args(["miri", "test", "--package", "ipcon-core", "--test", "bus"]);
    // Threads under load and hundreds of random runs take hours in an interpreter.
    cargo.args([
        "--",
        "--skip",
        "threads::",
        "--skip",
        "random_runs",
        "--skip",
        "storm::",
    ]);
    cargo.env("PROPTEST_CASES", "2");
    // proptest asks for the current folder.
    cargo.env("MIRIFLAGS", "-Zmiri-disable-isolation");
    Ok(cargo)
}

/// Random runs under tools that make each of them slow.
const FEWER_CASES: &str = "300";

fn cargo(workspace: &Workspace, folder: &str) -> Command {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(workspace.root());
    cargo.args(["test", "--quiet", "--target-dir"]);
    cargo.arg(workspace.target().join(folder));
    cargo
}
