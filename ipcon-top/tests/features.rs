// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whether the tests exist that `docs/observers-features.md` names.
#![allow(clippy::unwrap_used)]

use std::path::Path;

/// What a cell has between backticks and looks like a test.
fn tests(cell: &str) -> impl Iterator<Item = (&str, &str)> {
    let quoted = cell.split('`').skip(1).step_by(2);
    quoted.filter_map(|name| name.split_once('#'))
}

#[test]
fn each_row_names_tests_that_exist_or_says_why_not() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let page = std::fs::read_to_string(root.join("docs/observers-features.md")).unwrap();
    let (mut rows, mut wrong) = (0, Vec::new());
    for line in page.lines() {
        let Some(cells) = line.strip_prefix("| ").and_then(|it| it.strip_suffix(" |")) else {
            continue;
        };
        let cells: Vec<_> = cells.split(" | ").collect();
        let [what, ours, shown, _] = cells[..] else {
            panic!("a row has not four cells: {line}");
        };
        if what == "capability" {
            continue;
        }
        rows += 1;
        for (file, function) in tests(shown) {
            let text = std::fs::read_to_string(root.join(file)).unwrap_or_default();
            if !text.contains(&format!("fn {function}(")) {
                wrong.push(format!("{what}: {file} has no test {function}"));
            }
        }
        let is_shown = tests(shown).next().is_some();
        if !is_shown && (ours.starts_with("yes") || !shown.ends_with('.')) {
            wrong.push(format!("{what}: neither a test nor a reason"));
        }
    }
    assert!(rows > 40, "only {rows} rows");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
