// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whether the tests exist that `docs/coroipc-features.md` names.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::world::*;

pub(crate) fn all() -> Vec<Case> {
    cases![
        each_row_names_tests_that_exist_or_says_why_not,
        each_case_of_libqb_has_a_row,
    ]
}

/// The names of all tests of this program, for this test.
pub(crate) static TESTS: OnceLock<Vec<String>> = OnceLock::new();

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn page() -> String {
    std::fs::read_to_string(root().join("../../docs/coroipc-features.md")).unwrap()
}

/// The cells of each row that is about a capability or a case, without those at the top of tables.
fn rows(page: &str) -> Vec<Vec<&str>> {
    let mut rows: Vec<Vec<&str>> = Vec::new();
    let mut lines = page.lines().peekable();
    let mut counts = false;
    while let Some(line) = lines.next() {
        let Some(cells) = line.strip_prefix("| ").and_then(|it| it.strip_suffix(" |")) else {
            continue;
        };
        let cells: Vec<_> = cells.split(" | ").collect();
        if lines.peek().is_some_and(|next| next.starts_with("|---")) {
            counts = cells.last().unwrap().ends_with("or why not");
        } else if counts {
            rows.push(cells);
        }
    }
    rows
}

/// What a cell has between backticks.
fn names(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// Whether there is such a test: one of this program, or a function of a file.
fn exists(name: &str) -> bool {
    let Some((file, function)) = name.split_once('#') else {
        return TESTS.get().unwrap().iter().any(|test| test == name);
    };
    std::fs::read_to_string(root().join(Path::new(file)))
        .is_ok_and(|text| text.contains(&format!("fn {function}(")))
}

fn each_row_names_tests_that_exist_or_says_why_not() {
    let page = page();
    let rows = rows(&page);
    assert!(rows.len() > 80, "only {} rows", rows.len());
    let mut wrong = Vec::new();
    for cells in rows {
        let (what, last) = (cells[0], *cells.last().unwrap());
        let tests: Vec<_> = names(last).collect();
        let missing = tests.iter().filter(|test| !exists(test));
        wrong.extend(missing.map(|test| format!("{what}: there is no test {test}")));
        let has = cells.len() < 3 || cells[1].starts_with("yes");
        let reason = last.contains(". ") || last.ends_with('.');
        if tests.is_empty() && (cells.len() == 3 && has || !reason) {
            wrong.push(format!("{what}: neither a test nor a reason"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn each_case_of_libqb_has_a_row() {
    let page = page();
    let told: Vec<_> = rows(&page).into_iter().flatten().flat_map(names).collect();
    for test in TESTS.get().unwrap() {
        if test.starts_with("libqb::") {
            assert!(told.contains(&test.as_str()), "{test}");
        }
    }
}
