// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tests of the host under tools that see more than a plain run: loom, AddressSanitizer, a fuzzer, Miri.
//!
//! Each has a target folder of its own, since its flags would have everything built anew.

use std::process::Command;

use anyhow::{Context, bail};

use crate::cache::Workspace;
use crate::process::host_target;

/// The models of the core, of the library and of coroipc, in every order of their threads.
pub(super) fn loom(workspace: &Workspace) -> anyhow::Result<Command> {
    let mut cargo = cargo(workspace, "loom");
    // Optimised, since loom runs each model thousands of times.
    cargo.args([
        "--release",
        "--package",
        "ipcon-core",
        "--package",
        "libipcon",
        "--package",
        "coroipc",
    ]);
    cargo.args(["--test", "loom"]);
    cargo.env("RUSTFLAGS", "--cfg loom");
    Ok(cargo)
}

/// The core, the library and coroipc with checks of each access to memory, and of leaks.
pub(super) fn asan(workspace: &Workspace) -> anyhow::Result<Command> {
    let mut cargo = cargo(workspace, "asan");
    cargo.args([
        "--package",
        "ipcon-core",
        "--package",
        "libipcon",
        "--package",
        "coroipc",
        "--lib",
        "--tests",
    ]);
    // With a target named, build scripts and macros are not instrumented: cargo could not load them.
    cargo.args(["--target", &host_target()?]);
    cargo.env("RUSTFLAGS", "-Z sanitizer=address");
    // The sanitizers are unstable options. Their runtime comes with every toolchain.
    cargo.env("RUSTC_BOOTSTRAP", "1");
    cargo.env("PROPTEST_CASES", FEWER_CASES);
    // Processes with so much memory take longer to die.
    cargo.env("COROIPC_AT_ONCE_MS", "2000");
    Ok(cargo)
}

/// A program that reads what others wrote, and its corpus.
pub(super) struct Fuzzed {
    /// The folder of its crate.
    folder: &'static str,
    program: &'static str,
}

/// What libipcon reads from the kernel.
pub(super) const LIBIPCON: Fuzzed = Fuzzed {
    folder: "libipcon/fuzz",
    program: "wire",
};

/// What coroipc reads from the other side.
pub(super) const COROIPC: Fuzzed = Fuzzed {
    folder: "libipcon/coroipc/fuzz",
    program: "untrusted",
};

/// What is read from recordings of a bus.
pub(super) const RECORDING: Fuzzed = Fuzzed {
    folder: "ebpf/observe/fuzz",
    program: "recording",
};

/// A program against a fuzzer that begins with the corpus.
///
/// cargo-fuzz does the same with a nightly toolchain, and for longer: `cargo fuzz run --fuzz-dir libipcon/fuzz wire`.
pub(super) fn fuzz(workspace: &Workspace, fuzzed: &Fuzzed) -> anyhow::Result<Command> {
    let Fuzzed { folder, program } = fuzzed;
    let target = workspace.target().join("fuzz");
    // What it finds new goes into the first folder, the corpus is only read.
    let found = target.join("found").join(program);
    std::fs::create_dir_all(&found).with_context(|| format!("making {}", found.display()))?;
    let mut cargo = Command::new("cargo");
    cargo.current_dir(workspace.root());
    cargo.args(["run", "--quiet", "--release"]);
    cargo.args(["--manifest-path", &format!("{folder}/Cargo.toml")]);
    cargo.arg("--target-dir").arg(&target);
    cargo.args(["--target", &host_target()?, "--bin", program, "--"]);
    let corpus = format!("{folder}/corpus/{program}");
    cargo.args(FUZZER);
    cargo.arg(format!("-artifact_prefix={}/", target.display()));
    cargo.arg(found).arg(corpus);
    cargo.env("RUSTFLAGS", COVERAGE_FOR_THE_FUZZER);
    cargo.env("RUSTC_BOOTSTRAP", "1");
    Ok(cargo)
}

/// Seconds and bytes as libFuzzer takes them: no input of these lengths may make for a piece of memory of 1 MiB. The
/// longest one is more than an attribute can hold, whose length has 16 bits. It begins with long ones too, and keeps the
/// corpus whole: the long ones in there run through the same code as the short ones.
const FUZZER: [&str; 5] = [
    "-max_total_time=20",
    "-max_len=66000",
    "-len_control=0",
    "-keep_seed=1",
    "-malloc_limit_mb=1",
];

/// What cargo-fuzz gives the compiler.
const COVERAGE_FOR_THE_FUZZER: &str = "--cfg fuzzing -Z sanitizer=address -C codegen-units=1 \
    -C passes=sancov-module \
    -C llvm-args=-sanitizer-coverage-level=4 \
    -C llvm-args=-sanitizer-coverage-inline-8bit-counters \
    -C llvm-args=-sanitizer-coverage-pc-table";

/// The core, and what of coroipc needs no kernel, in an interpreter that knows what Rust leaves undefined.
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
    cargo.args(["--package", "coroipc", "--lib", "--test", "ring"]);
    // Threads under load and hundreds of random runs take hours in an interpreter.
    cargo.args([
        "--",
        "--skip",
        "threads::",
        "--skip",
        "random_runs",
        "--skip",
        "storm::",
        // It makes files of memory.
        "--skip",
        "ring::requests::tests",
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
