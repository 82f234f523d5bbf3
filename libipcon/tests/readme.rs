// SPDX-License-Identifier: MIT OR Apache-2.0
//! The server and the client of the README, as two processes.
#![cfg(not(loom))]
#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a test ends where something is missing"
)]

use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

const README: &str = include_str!("../../README.md");
const PROGRAMS: [&str; 2] = [
    include_str!("../examples/adder_server.rs"),
    include_str!("../examples/adder_client.rs"),
];

const MOST_LINES: usize = 30;

/// The blocks of the README that are programs of coroipc.
fn blocks() -> Vec<&'static str> {
    let blocks = README.split("```rust,no_run\n").skip(1);
    let blocks = blocks.map(|rest| rest.split("```").next().unwrap());
    blocks.filter(|text| text.contains("coroipc")).collect()
}

#[test]
fn the_programs_of_the_readme_are_the_examples_and_short() {
    assert_eq!(blocks(), PROGRAMS);
    for program in PROGRAMS {
        assert!(program.lines().count() <= MOST_LINES, "{program}");
    }
}

#[test]
fn the_programs_of_the_readme_do_what_it_says() {
    let programs = built();
    let folder = Folder::new();
    let server = Command::new(programs.join("adder_server"))
        .current_dir(&folder.0)
        .spawn()
        .unwrap();
    let mut server = Server(server);
    // It says nothing, so the first client that gets through tells that it listens.
    let until = Instant::now() + Duration::from_secs(20);
    let client = loop {
        let client = Command::new(programs.join("adder_client"))
            .current_dir(&folder.0)
            .output()
            .unwrap();
        if client.status.success() {
            break client;
        }
        let why = String::from_utf8_lossy(&client.stderr);
        assert!(Instant::now() < until, "the client failed: {why}");
        assert_eq!(server.0.try_wait().unwrap(), None, "the server ended");
    };
    let expected = "the sum is 7\nthe server told that it is 7\nthe sum is 12\nthe server told that it is 12\n";
    assert_eq!(String::from_utf8_lossy(&client.stdout), expected);
}

/// The folder with the examples, up to date.
fn built() -> PathBuf {
    let this = std::env::current_exe().unwrap();
    // It is in `debug/deps` of that folder.
    let target = this.ancestors().nth(3).unwrap();
    let status = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--target-dir"])
        .arg(target)
        .args(["--package", "libipcon", "--features", "coroipc"])
        .args(["--example", "adder_server", "--example", "adder_client"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status();
    assert!(status.unwrap().success(), "building the examples failed");
    target.join("debug/examples")
}

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let name = format!("ipcon-readme-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A server that goes with the test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
