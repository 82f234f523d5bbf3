// SPDX-License-Identifier: MIT OR Apache-2.0
//! The files that something is built of.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use anyhow::Context;

/// Every file below `sources` with its size and time: what is built of them depends on it.
pub(super) fn describe(sources: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    for path in files(sources)? {
        let data = fs::metadata(sources.join(&path))
            .with_context(|| format!("looking at {}", path.display()))?;
        let time = data.modified().context("a file without a time")?;
        let time = time
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_nanos();
        text.push_str(&format!("{} {} {time}\n", path.display(), data.len()));
    }
    Ok(text)
}

/// The files below `folder`, relative to it, in order.
pub(crate) fn files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut pending = vec![PathBuf::new()];
    while let Some(below) = pending.pop() {
        let folder = folder.join(&below);
        for entry in
            fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))?
        {
            let entry = entry.context("reading a folder")?;
            let path = below.join(entry.file_name());
            let kind = entry.file_type().context("reading a folder")?;
            // Cargo's own results, should somebody build inside.
            if kind.is_dir() && entry.file_name() != "target" {
                pending.push(path);
            } else if kind.is_file() {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}
