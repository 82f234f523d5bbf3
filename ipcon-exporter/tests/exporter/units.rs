// SPDX-License-Identifier: MIT OR Apache-2.0
//! The units of systemd, in the judgement of systemd.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::{Command, Output};

use crate::program::Folder;

const SERVICE: &str = include_str!("../../systemd/ipcon-exporter.service.in");
const SOCKET: &str = include_str!("../../systemd/ipcon-exporter.socket");

/// Highest exposure that `systemd-analyze security` may find, in tenths of its points of 0 to 10.
const EXPOSURE: &str = "--threshold=20";

/// The units as they are installed below a prefix.
fn installed(test: &str) -> Folder {
    let folder = Folder::new(test);
    fs::create_dir(folder.file("bin")).unwrap();
    let program = env!("CARGO_BIN_EXE_ipcon-exporter");
    symlink(program, folder.file("bin/ipcon-exporter")).unwrap();
    let prefix = folder.file("").display().to_string();
    let service = SERVICE.replace("@PREFIX@", prefix.trim_end_matches('/'));
    fs::write(folder.file("ipcon-exporter.service"), service).unwrap();
    fs::write(folder.file("ipcon-exporter.socket"), SOCKET).unwrap();
    folder
}

fn systemd_analyze(words: &[&str], folder: &Folder, units: &[&str]) -> Option<Output> {
    let mut command = Command::new("systemd-analyze");
    command.args(words);
    command.args(units.iter().map(|unit| folder.file(unit)));
    match command.output() {
        Ok(output) => Some(output),
        Err(error) => {
            eprintln!("not judged by systemd-analyze ({error}): install the package systemd");
            None
        }
    }
}

#[test]
fn systemd_finds_no_fault_with_the_units() {
    let folder = installed("units");
    let units = ["ipcon-exporter.service", "ipcon-exporter.socket"];
    if let Some(output) = systemd_analyze(&["verify", "--man=no"], &folder, &units) {
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        assert!(!said.contains("ipcon-exporter"), "{said}");
    }
}

#[test]
fn the_service_is_exposed_to_little() {
    let folder = installed("exposure");
    let words = ["security", "--offline=true", "--no-pager", EXPOSURE];
    if let Some(output) = systemd_analyze(&words, &folder, &["ipcon-exporter.service"]) {
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{said}");
        assert!(said.contains("Overall exposure level"), "{said}");
    }
}
