// SPDX-License-Identifier: MIT OR Apache-2.0
//! The results as KTAP version 1, which the tools of kernel developers read: a test for each subject,
//! its cases nested in it, and one for the kernel's log.

use std::fmt::Write as _;

use super::results::{Test, Verdict};
use super::run::Run;

/// A test, or several.
struct Node {
    name: String,
    ok: bool,
    /// Such as `SKIP the kernel lacks failslab`.
    directive: String,
    diagnostics: Vec<String>,
    children: Vec<Node>,
}

/// The results of one kernel, or of each of several.
pub(super) fn render(runs: &[Run]) -> String {
    let nodes = match runs {
        [run] => subjects(run),
        runs => runs
            .iter()
            .map(|run| parent(run.flavour.name(), subjects(run)))
            .collect(),
    };
    let mut text = String::new();
    write_all(&mut text, &nodes, 0);
    text
}

fn subjects(run: &Run) -> Vec<Node> {
    let mut subjects: Vec<(&str, Vec<Node>)> = Vec::new();
    for test in &run.results.tests {
        let (subject, name) = test.name.split_once("::").unwrap_or(("", &test.name));
        let node = case(name, test, run);
        match subjects.iter_mut().find(|(known, _)| *known == subject) {
            Some((_, nodes)) => nodes.push(node),
            None => subjects.push((subject, vec![node])),
        }
    }
    let mut nodes: Vec<_> = subjects
        .into_iter()
        .map(|(subject, nodes)| parent(subject, nodes))
        .collect();
    let mut diagnostics: Vec<String> = run.trouble().into_iter().collect();
    diagnostics.extend(run.other_splats().map(|splat| splat.render(usize::MAX)));
    nodes.push(Node {
        name: "kernel_log".to_owned(),
        ok: diagnostics.is_empty(),
        directive: String::new(),
        diagnostics,
        children: Vec::new(),
    });
    nodes
}

fn parent(name: &str, children: Vec<Node>) -> Node {
    Node {
        name: name.to_owned(),
        ok: children.iter().all(|child| child.ok),
        directive: String::new(),
        diagnostics: Vec::new(),
        children,
    }
}

fn case(name: &str, test: &Test, run: &Run) -> Node {
    let mut diagnostics = Vec::new();
    let directive = match &test.verdict {
        Verdict::Passed => String::new(),
        Verdict::Failed(message) => {
            diagnostics.push(message.clone());
            String::new()
        }
        Verdict::Skipped(reason) => format!("SKIP {reason}"),
        Verdict::TimedOut => "TIMEOUT".to_owned(),
        Verdict::Cut => "ERROR it was running when everything ended".to_owned(),
        Verdict::NotRun => "ERROR not run".to_owned(),
    };
    let splats: Vec<_> = run
        .splats_of(&test.name)
        .map(|splat| splat.render(usize::MAX))
        .collect();
    let ok = matches!(test.verdict, Verdict::Passed | Verdict::Skipped(_)) && splats.is_empty();
    diagnostics.extend(splats);
    Node {
        name: name.to_owned(),
        ok,
        directive,
        diagnostics,
        children: Vec::new(),
    }
}

fn write_all(text: &mut String, nodes: &[Node], depth: usize) {
    let indent = "  ".repeat(depth);
    // Writing to a string does not fail.
    let _ = write!(text, "{indent}KTAP version 1\n{indent}1..{}\n", nodes.len());
    for (index, node) in nodes.iter().enumerate() {
        if !node.children.is_empty() {
            write_all(text, &node.children, depth + 1);
        }
        for line in node.diagnostics.iter().flat_map(|text| text.lines()) {
            let _ = writeln!(text, "{indent}# {line}");
        }
        let (result, number) = (if node.ok { "ok" } else { "not ok" }, index + 1);
        let _ = write!(text, "{indent}{result} {number} {}", node.name);
        if !node.directive.is_empty() {
            // A line is a result; a reason of several lines is told in one.
            let directive = node.directive.trim_end().replace('\n', " ");
            let _ = write!(text, " # {directive}");
        }
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::super::results::tests::EVENTS;
    use super::super::run::tests::{run, splat};
    use super::*;
    use crate::channel::End;
    use crate::vm::outcome::Outcome;
    use crate::vm::splat::Place;

    #[test]
    fn results_are_nested_by_subject() {
        let splats = vec![
            splat(Place::During("groups::d".to_owned())),
            splat(Place::BeforeTheFirst),
        ];
        let run = run(EVENTS, Outcome::Ended(End::Status(101)), splats);
        assert_eq!(
            render(&[run]),
            r#"KTAP version 1
1..3
  KTAP version 1
  1..2
  ok 1 a
  # left ä "x"
  # 2
  not ok 2 b
not ok 1 services
  KTAP version 1
  1..2
  ok 1 c # SKIP the kernel lacks failslab
  # kasan during groups::d
  #     in: f < g
  #     [    1.000000] BUG: KASAN: slab-use-after-free in f+0x1/0x2
  not ok 2 d
not ok 2 groups
# kasan before the first test
#     in: f < g
#     [    1.000000] BUG: KASAN: slab-use-after-free in f+0x1/0x2
not ok 3 kernel_log
"#
        );
    }

    #[test]
    fn several_kernels_are_one_level_more() {
        let one = || run(EVENTS, Outcome::Ended(End::Status(101)), vec![]);
        let text = render(&[one(), one()]);
        assert!(text.starts_with("KTAP version 1\n1..2\n  KTAP version 1\n  1..3\n    KTAP"));
        assert!(text.ends_with("  ok 3 kernel_log\nnot ok 2 amd64\n"));
    }
}
