// SPDX-License-Identifier: MIT OR Apache-2.0
//! The units of systemd, in the judgement of systemd.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::process::{Command, Output};

use rustix::process::Signal;

use crate::program::{Exporter, Folder, shell};

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

/// The system calls of a set of systemd, with those of the sets in it.
fn set(name: &str) -> Option<BTreeSet<String>> {
    if !name.starts_with('@') {
        return Some([name.to_owned()].into());
    }
    let mut command = Command::new("systemd-analyze");
    let output = command
        .args(["syscall-filter", "--no-pager", name])
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).unwrap();
    let members = text.lines().filter_map(|line| line.strip_prefix("    "));
    let members = members.filter(|member| !member.starts_with('#'));
    members
        .map(set)
        .try_fold(BTreeSet::new(), |all, members| Some(&all | &members?))
}

/// What the filter of the service lets through.
fn permitted() -> Option<BTreeSet<String>> {
    let mut permitted = set("@default")?;
    for line in SERVICE
        .lines()
        .filter_map(|line| line.strip_prefix("SystemCallFilter="))
    {
        let (forbids, names) = match line.strip_prefix('~') {
            Some(names) => (true, names),
            None => (false, line),
        };
        for name in names.split(' ') {
            permitted = match forbids {
                true => &permitted - &set(name)?,
                false => &permitted | &set(name)?,
            };
        }
    }
    Some(permitted)
}

#[test]
fn the_service_makes_no_system_call_that_its_unit_forbids() {
    let folder = Folder::new("calls");
    let trace = folder.file("trace");
    // Into a file, strace takes no signal, and what it traces outlives it: neither is wanted here.
    let strace = format!(
        "exec strace -I1 --follow-forks --quiet=all --output={} setpriv --pdeathsig=TERM \"$0\" \"$@\"",
        trace.display()
    );
    let mut command = shell(&strace, &["--web.listen-address=127.0.0.1:0"]);
    let (Some(permitted), true) = (permitted(), is_installed("strace")) else {
        eprintln!("not traced: install the packages strace and systemd");
        return;
    };
    let exporter = Exporter::spawn(&mut command, 1);
    assert!(
        exporter
            .get("/metrics")
            .0
            .starts_with("HTTP/1.1 200 OK\r\n")
    );
    exporter.end(Signal::TERM);

    // Since the program itself began; a line is a process id, blanks, and the call up to its arguments.
    let text = fs::read_to_string(trace).unwrap();
    let (_, text) = text.rsplit_once("execve(").unwrap();
    let calls = text.lines().filter_map(|line| {
        let line = line.trim_start_matches(|c: char| c.is_ascii_digit());
        Some(line.trim_start().split_once('(')?.0)
    });
    // A call that was interrupted has a second line: `<... ppoll resumed>) = 0 (Timeout)`.
    let calls = calls.filter(|call| call.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'));
    let calls: BTreeSet<String> = calls.map(str::to_owned).collect();
    assert!(
        calls.contains("accept4") && calls.contains("epoll_wait"),
        "{calls:?}"
    );
    let forbidden: Vec<_> = calls.difference(&permitted).collect();
    assert!(forbidden.is_empty(), "{forbidden:?}");
}

fn is_installed(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok()
}
