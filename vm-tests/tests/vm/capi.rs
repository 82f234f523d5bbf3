// SPDX-License-Identifier: MIT OR Apache-2.0

//! The C library: programs of C, compiled as C and as C++, that an unprivileged user runs.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::{env, fs};

use ipcon_vm_tests::process::{Process, program};
use ipcon_vm_tests::{Case, cases, settings};

mod memory;
mod tutorial;

pub(crate) fn all() -> Vec<Case> {
    let seconds = settings::sharing_seconds() + 60;
    [
        tutorial::all(),
        cases![
            every_call_refuses_what_it_must,
            a_program_may_choose_the_largest_messages,
            a_wait_ends_with_a_message_a_signal_or_the_handler,
            sixteen_threads_share_a_handler_and_lose_nothing => within(seconds),
        ],
        memory::all(),
    ]
    .concat()
}

const NOBODY: u32 = 65_534;

/// What a program was compiled as: the end of its file's name.
const LANGUAGES: [&str; 2] = ["", ".cxx"];

/// A program of C, to be started by somebody without any privilege.
pub(crate) fn c_program(path: &str) -> Command {
    as_nobody(Command::new(place_of(path)))
}

fn as_nobody(mut command: Command) -> Command {
    command.uid(NOBODY).gid(NOBODY);
    command
}

/// Where a program of C is: a copy, because the folders of a checkout may be closed to others.
fn place_of(path: &str) -> PathBuf {
    static COPIES: OnceLock<PathBuf> = OnceLock::new();
    let copies = COPIES.get_or_init(|| {
        let copies = env::temp_dir().join(format!("ipcon-capi-{}", std::process::id()));
        copy(Path::new(program("capi").get_program()), &copies);
        copies
    });
    copies.join(path)
}

/// Copies the library and its programs.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    fs::set_permissions(to, fs::Permissions::from_mode(0o755)).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy(&from, &to);
        } else if entry.file_name() != "ipcon.o" {
            fs::copy(&from, &to).unwrap();
        }
    }
}

/// Listens to what a program says on its standard error, as those of the tutorial do.
fn start(path: &str) -> Process {
    Process::spawn_complaining(&mut c_program(path))
}

/// Runs a program to its end, which must be a good one, and gives what it printed.
fn run(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{command:?}: {}\n{said}",
        output.status
    );
    String::from_utf8(output.stdout).unwrap()
}

fn every_call_refuses_what_it_must() {
    for language in LANGUAGES {
        let said = run(&mut c_program(&format!("tests/edges{language}")));
        assert_eq!(said, "all is well\n");
    }
}

fn a_program_may_choose_the_largest_messages() {
    for language in LANGUAGES {
        let said = run(&mut c_program(&format!("tests/large{language}")));
        assert_eq!(said, "all is well\n");
    }
}

fn a_wait_ends_with_a_message_a_signal_or_the_handler() {
    for language in LANGUAGES {
        let said = run(&mut c_program(&format!("tests/waiting{language}")));
        assert_eq!(said, "all is well\n");
    }
}

fn sixteen_threads_share_a_handler_and_lose_nothing() {
    let seconds = settings::sharing_seconds();
    let said = run(c_program("tests/threads").arg(seconds.to_string()));
    let [calls, longest, sent, received, idle] = numbers(&said);
    eprintln!("{seconds} s: {said}");
    assert!(calls > 100, "{said}");
    assert!(sent > 0 && received == sent, "lost: {said}");
    // How long the longest call took is told and not judged: it depends on what else the machine does.
    assert!(longest > 0 && idle > 0, "{said}");
}

/// The numbers that a program told, each after a word.
fn numbers<const N: usize>(said: &str) -> [u64; N] {
    let numbers: Vec<u64> = said
        .split_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect();
    numbers.try_into().unwrap_or_else(|_| panic!("{said}"))
}
