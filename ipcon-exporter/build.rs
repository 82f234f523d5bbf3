// SPDX-License-Identifier: MIT OR Apache-2.0
//! Notes what this program is built from, for `ipcon_exporter_build_info`.

use std::env;
use std::path::Path;
use std::process::Command;

fn main() {
    let rustc = env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    // "rustc 1.95.0 (59807616e 2026-04-14)"
    let version = first_line(Command::new(rustc).arg("--version"));
    let version = version.as_deref().and_then(|line| line.split(' ').nth(1));
    println!(
        "cargo::rustc-env=IPCON_RUSTC={}",
        version.unwrap_or("unknown")
    );

    // A source archive has no history; packagers set the variable.
    println!("cargo::rerun-if-env-changed=IPCON_REVISION");
    let revision = env::var("IPCON_REVISION")
        .ok()
        .or_else(|| first_line(Command::new("git").args(["rev-parse", "--short=12", "HEAD"])));
    println!(
        "cargo::rustc-env=IPCON_REVISION={}",
        revision.as_deref().unwrap_or("unknown")
    );
    let history = "../.git/logs/HEAD";
    let watched = if Path::new(history).exists() {
        history
    } else {
        "build.rs"
    };
    println!("cargo::rerun-if-changed={watched}");
}

fn first_line(command: &mut Command) -> Option<String> {
    let output = command
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.lines().next().map(str::to_owned)
}
