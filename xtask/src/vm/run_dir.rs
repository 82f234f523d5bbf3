// SPDX-License-Identifier: MIT OR Apache-2.0
//! The folder of one VM run: what is kept (logs, under `target/vm/`) and what is not (sockets).

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context;

use crate::cache::{Cache, Workspace};
use crate::interrupt::Undo;

/// Runs whose logs are kept.
const KEPT: usize = 20;

/// Longest path of a socket is 107 bytes; virtme-ng adds a name of its own below the folder.
const MAX_SCRATCH: usize = 80;

/// The folder of one run.
#[derive(Debug)]
pub(crate) struct RunDir {
    kept: PathBuf,
    scratch: PathBuf,
    _clean: Undo,
}

impl RunDir {
    /// Makes a new one and removes the oldest of the earlier ones.
    pub(crate) fn make(workspace: &Workspace, cache: &Cache) -> anyhow::Result<Self> {
        let all = workspace.target().join("vm");
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .context("reading the clock")?;
        let name = format!("{}-{}", since.as_millis(), std::process::id());
        let kept = all.join(&name);
        fs::create_dir_all(&kept).with_context(|| format!("making {}", kept.display()))?;
        point_latest(&all, &name)?;
        remove_oldest(&all, KEPT)?;

        let runs = cache.root().join("run");
        remove_stale(&runs);
        let mut scratch = runs.join(&name);
        if scratch.as_os_str().len() > MAX_SCRATCH {
            scratch = std::env::temp_dir().join(format!("ipcon-{name}"));
        }
        fs::create_dir_all(&scratch).with_context(|| format!("making {}", scratch.display()))?;
        let doomed = scratch.clone();
        let clean = Undo::with(move || {
            // What cannot be removed is found and seen to by the next person who cleans up.
            let _ = fs::remove_dir_all(doomed);
        });
        Ok(Self {
            kept,
            scratch,
            _clean: clean,
        })
    }

    /// Everything the serial console said: the boot, and a panic.
    pub(crate) fn console_log(&self) -> PathBuf {
        self.kept.join("console.log")
    }

    /// The kernel's own log, as far as the guest lived to send it.
    pub(crate) fn kernel_log(&self) -> PathBuf {
        self.kept.join("kernel.log")
    }

    /// The folder that is kept.
    pub(crate) fn kept(&self) -> &Path {
        &self.kept
    }

    /// The folder that goes with the run.
    pub(crate) fn scratch(&self) -> &Path {
        &self.scratch
    }
}

/// `latest` names the newest run, for people.
fn point_latest(all: &Path, name: &str) -> anyhow::Result<()> {
    let draft = all.join(format!("{name}.link"));
    std::os::unix::fs::symlink(name, &draft).context("linking the latest run")?;
    fs::rename(&draft, all.join("latest")).context("linking the latest run")
}

/// Removes what runs left behind that were killed without a chance to tidy up. Their names end with
/// the id of a process that is no more.
fn remove_stale(runs: &Path) {
    let Ok(entries) = fs::read_dir(runs) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let owner = name
            .to_str()
            .and_then(|name| name.rsplit('-').next()?.parse::<u32>().ok());
        if let Some(owner) = owner
            && !Path::new(&format!("/proc/{owner}")).exists()
        {
            // Another run may be removing the same one.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn remove_oldest(all: &Path, kept: usize) -> anyhow::Result<()> {
    let mut runs = Vec::new();
    for entry in fs::read_dir(all).with_context(|| format!("reading {}", all.display()))? {
        let entry = entry.context("reading a folder")?;
        if entry.file_type().context("reading a folder")?.is_dir() {
            runs.push(entry.path());
        }
    }
    // The names begin with the time, all of the same length.
    runs.sort();
    let surplus = runs.len().saturating_sub(kept);
    for run in &runs[..surplus] {
        // Another run may be removing the same one.
        let _ = fs::remove_dir_all(run);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn only_what_has_no_owner_is_stale() {
        let runs = std::env::temp_dir().join(format!("xtask-stale-{}", std::process::id()));
        let (alive, dead) = (
            format!("1-{}", std::process::id()),
            "1-4000000000".to_owned(),
        );
        for name in [&alive, &dead] {
            fs::create_dir_all(runs.join(name)).unwrap();
        }
        remove_stale(&runs);
        assert!(runs.join(alive).exists() && !runs.join(dead).exists());
        fs::remove_dir_all(runs).unwrap();
    }

    #[test]
    fn only_the_oldest_go() {
        let all = std::env::temp_dir().join(format!("xtask-runs-{}", std::process::id()));
        for name in ["1-a", "2-b", "3-c"] {
            fs::create_dir_all(all.join(name)).unwrap();
        }
        point_latest(&all, "3-c").unwrap();
        remove_oldest(&all, 2).unwrap();
        assert!(!all.join("1-a").exists());
        assert!(all.join("2-b").exists() && all.join("latest").exists());
        fs::remove_dir_all(all).unwrap();
    }
}
