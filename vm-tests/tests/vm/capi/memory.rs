// SPDX-License-Identifier: MIT OR Apache-2.0

//! The C library under valgrind's tools.

use std::fs;
use std::process::{Command, Stdio};

use ipcon_vm_tests::{Case, cases, settings};

use super::{as_nobody, place_of};

pub(super) fn all() -> Vec<Case> {
    cases![
        no_call_leaves_memory_behind => within(300).needs(valgrind),
        no_call_touches_memory_that_is_not_its_own => within(300).needs(valgrind),
        threads_do_not_race_under_helgrind => within(300).needs(valgrind),
    ]
}

fn valgrind() -> Result<(), String> {
    settings::quick_kernel()?;
    let found = Command::new("valgrind").arg("--version").output();
    match found {
        Ok(output) if output.status.success() => Ok(()),
        _ => Err("valgrind is not installed".to_owned()),
    }
}

/// A program under one of valgrind's tools, which fails when that finds something; with what valgrind said.
fn under(tool: &[&str], path: &str, words: &[&str]) -> String {
    let mut valgrind = as_nobody(Command::new("valgrind"));
    valgrind.arg("--error-exitcode=9").args(tool);
    valgrind.arg(place_of(path)).args(words);
    let output = valgrind.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.success(),
        "{valgrind:?}: {}\n{said}",
        output.status
    );
    said
}

fn no_call_leaves_memory_behind() {
    let left = |times: &str| {
        // The table of handlers stays until the process ends, and is reachable.
        let kinds = "--errors-for-leak-kinds=definite,indirect,possible";
        let said = under(&["--leak-check=full", kinds], "tests/calls", &[times]);
        said.lines()
            .find_map(|line| Some(line.split_once("in use at exit: ")?.1.to_owned()))
            .unwrap_or_else(|| panic!("{said}"))
    };
    let (few, many) = (left("5"), left("25"));
    eprintln!("in use at exit: {few}");
    assert_eq!(few, many, "what stays grows with the number of calls");
}

fn no_call_touches_memory_that_is_not_its_own() {
    for program in ["tests/edges", "tests/large", "tests/waiting"] {
        under(&["--leak-check=no"], program, &[]);
    }
}

/// It knows the locks of C and not those of Rust, so what the library does inside is none of its business here: it
/// sees what the library does with the program's memory, and when.
fn threads_do_not_race_under_helgrind() {
    let suppressions = std::env::temp_dir().join(format!("ipcon-helgrind-{}", std::process::id()));
    let kinds = ["Race", "Misc"].map(|kind| {
        format!("{{\ninside-the-library-{kind}\nHelgrind:{kind}\n...\nobj:*/libipcon.so.0\n}}\n")
    });
    fs::write(&suppressions, kinds.concat()).unwrap();
    let suppressions = format!("--suppressions={}", suppressions.display());
    under(
        &["--tool=helgrind", "--fair-sched=yes", &suppressions],
        "tests/threads",
        &["1"],
    );
}
