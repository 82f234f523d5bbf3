// SPDX-License-Identifier: MIT OR Apache-2.0
//! The page with the figures: a part of it is written by the command, the rest by people.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::cache::Workspace;

/// Where the page is in a checkout.
const PAGE: &str = "docs/benchmarks.md";

/// Puts `text` into the part of the page that belongs to this benchmark; returns the page's path.
pub(super) fn write(workspace: &Workspace, benchmark: &str, text: &str) -> anyhow::Result<PathBuf> {
    let path = workspace.root().join(PAGE);
    let page = read(&path)?;
    let page = replace(&page, benchmark, text)
        .with_context(|| format!("writing the figures into {}", path.display()))?;
    fs::write(&path, page).with_context(|| format!("writing {}", path.display()))?;
    Ok(path)
}

fn read(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
}

/// The page with another text between the marks of `benchmark`.
fn replace(page: &str, benchmark: &str, text: &str) -> anyhow::Result<String> {
    let begin = format!("<!-- begin: cargo xtask bench {benchmark} -->\n");
    let end = format!("<!-- end: cargo xtask bench {benchmark} -->\n");
    let Some((before, rest)) = page.split_once(&begin) else {
        bail!("there is no line `{}`", begin.trim_end());
    };
    let Some((_, after)) = rest.split_once(&end) else {
        bail!("there is no line `{}` after the beginning", end.trim_end());
    };
    Ok(format!("{before}{begin}\n{}\n\n{end}{after}", text.trim()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn only_the_marked_part_changes() {
        let page = "a\n<!-- begin: cargo xtask bench bus -->\nold\n<!-- end: cargo xtask bench bus -->\nb\n";
        let new = replace(page, "bus", "new\n").unwrap();
        assert_eq!(
            new,
            "a\n<!-- begin: cargo xtask bench bus -->\n\nnew\n\n<!-- end: cargo xtask bench bus -->\nb\n"
        );
        assert_eq!(replace(&new, "bus", "new").unwrap(), new);
        assert!(replace(page, "coroipc", "new").is_err());
    }

    #[test]
    fn the_page_has_the_marks() {
        let page = include_str!("../../../docs/benchmarks.md");
        for benchmark in ["bus", "coroipc", "observe"] {
            replace(page, benchmark, "").unwrap();
        }
    }
}
