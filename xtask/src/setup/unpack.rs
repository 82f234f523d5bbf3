// SPDX-License-Identifier: MIT OR Apache-2.0
//! Packages that are unpacked into the cache instead of being installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use super::{DOWNLOAD, Setup, stamp};
use crate::cache::Cache;
use crate::process::run_logged;
use crate::progress::Progress;

/// Where packages of the host's own distribution are unpacked, which are fetched now when they are not there.
pub(super) fn needed(
    cache: &Cache,
    progress: Progress,
    name: &str,
    packages: &[&str],
) -> anyhow::Result<PathBuf> {
    let target = cache.unpacked(name);
    let packages: Vec<String> = packages.iter().map(|&name| name.to_owned()).collect();
    let inputs = packages.join(" ");
    if stamp::is_current(&cache.stamp(name), &inputs) {
        return Ok(target);
    }
    let setup = Setup {
        cache,
        progress,
        mirror: None,
    };
    let _alone = setup.lock()?;
    stamp::once(&setup, name, name, &inputs, || {
        host_packages(&setup, &packages, &target)
    })?;
    Ok(target)
}

/// Fetches packages of the host's own distribution and unpacks them into `target`.
pub(super) fn host_packages(
    setup: &Setup<'_>,
    names: &[String],
    target: &Path,
) -> anyhow::Result<()> {
    let debs = target.with_extension("debs");
    fresh(&debs)?;
    let log = setup.cache.log("unpack");
    let mut download = Command::new("apt-get");
    download
        .current_dir(&debs)
        .args(["--quiet", "download"])
        .args(names);
    run_logged(&mut download, &log, DOWNLOAD)
        .with_context(|| format!("fetching {}", names.join(" ")))?;
    fresh(target)?;
    all(&debs, target, &log)?;
    fs::remove_dir_all(&debs).with_context(|| format!("removing {}", debs.display()))
}

/// Unpacks every package file in `debs` into `target`.
pub(super) fn all(debs: &Path, target: &Path, log: &Path) -> anyhow::Result<()> {
    let files = package_files(debs)?;
    if files.is_empty() {
        bail!("no package file in {}", debs.display());
    }
    for file in files {
        run_logged(
            Command::new("dpkg").arg("-x").arg(&file).arg(target),
            log,
            DOWNLOAD,
        )
        .with_context(|| format!("unpacking {}", file.display()))?;
    }
    Ok(())
}

/// An empty folder, whatever was there before.
pub(super) fn fresh(dir: &Path) -> anyhow::Result<()> {
    if dir.exists() {
        fs::remove_dir_all(dir).with_context(|| format!("removing {}", dir.display()))?;
    }
    fs::create_dir_all(dir).with_context(|| format!("making {}", dir.display()))
}

fn package_files(dir: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).with_context(|| format!("reading {}", dir.display()))? {
        let path = entry.context("reading a folder")?.path();
        if path.extension().is_some_and(|extension| extension == "deb") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
