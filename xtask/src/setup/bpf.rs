// SPDX-License-Identifier: MIT OR Apache-2.0
//! The compiler of the BPF programs: Debian's `rustc-web` with its `core` for BPF and the LLVM it
//! was built with. Installing it would replace the host's own Rust, so it is unpacked instead.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, bail};

use super::{Setup, packages, stamp, unpack};
use crate::cache::Cache;
use crate::process::capture;

const STAMP: &str = "bpf-compiler";

/// Libraries that every Debian system has, in the version it was built with.
const OF_THE_HOST: &[&str] = &["libc6", "libgcc-s1", "libstdc++6", "zlib1g"];

/// The unpacked compiler.
#[derive(Debug, Clone)]
pub(crate) struct BpfToolchain {
    root: PathBuf,
    /// LLVM's major version, such as `22`.
    pub(crate) llvm: String,
}

impl BpfToolchain {
    /// The one in the cache.
    ///
    /// # Errors
    /// When `setup` has not unpacked it; the text says what to run.
    pub(crate) fn find(cache: &Cache) -> anyhow::Result<Self> {
        let root = cache.unpacked("bpf");
        let llvm = fs::read_to_string(cache.stamp(STAMP))
            .ok()
            .as_deref()
            .and_then(llvm_version)
            .context("the BPF compiler is missing; run: cargo xtask setup")?
            .to_owned();
        Ok(Self { root, llvm })
    }

    /// The compiler itself.
    pub(crate) fn rustc(&self) -> PathBuf {
        self.root.join("usr/bin/rustc")
    }

    /// Where LLVM lies, for whoever links with it.
    pub(crate) fn llvm_prefix(&self) -> PathBuf {
        self.root.join(format!("usr/lib/llvm-{}", self.llvm))
    }

    /// What `LD_LIBRARY_PATH` must be for the compiler and for programs linked with its LLVM.
    pub(crate) fn library_path(&self) -> OsString {
        let dirs = [
            self.root.join("usr/lib/x86_64-linux-gnu"),
            self.root.join("lib/x86_64-linux-gnu"),
            self.llvm_prefix().join("lib"),
        ];
        // None of the three can contain the separator: their names are ours, the cache's is checked
        // by the kernel build long before.
        std::env::join_paths(dirs).unwrap_or_default()
    }
}

/// Fetches and unpacks the compiler unless it is there.
pub(super) fn unpack(setup: &Setup<'_>) -> anyhow::Result<()> {
    let stamp = setup.cache.stamp(STAMP);
    if BpfToolchain::find(setup.cache).is_ok_and(|found| found.rustc().is_file()) {
        setup.progress.say("BPF compiler: there already");
        return Ok(());
    }
    stamp::forget(&stamp)?;
    let _step = setup.progress.step("BPF compiler: fetching and unpacking");
    // Their names hold versions, and an index of yesterday names what the archive has dropped.
    packages::update_index(setup)?;
    let names = package_names()?;
    let target = setup.cache.unpacked("bpf");
    unpack::host_packages(setup, &names, &target).context("unpacking the BPF compiler")?;
    stamp::write(&stamp, &names.join("\n"))?;
    let found = BpfToolchain::find(setup.cache)?;
    let version = capture(
        Command::new(found.rustc())
            .arg("--version")
            .env("LD_LIBRARY_PATH", found.library_path()),
    )
    .or_else(|error| stamp::forget(&stamp).and(Err(error)))
    .context("trying the unpacked BPF compiler")?;
    setup
        .progress
        .say(format!("BPF compiler: {}", version.trim()));
    Ok(())
}

/// The packages, found from their dependencies: versions are part of the names and move.
fn package_names() -> anyhow::Result<Vec<String>> {
    let std = depends("libstd-rust-web-dev")?
        .into_iter()
        .find(|name| name.starts_with("libstd-rust-web-"))
        .context("libstd-rust-web-dev depends on no libstd-rust-web-VERSION")?;
    let std_needs = depends(&std)?;
    let llvm = std_needs
        .iter()
        .find(|name| name.starts_with("libllvm"))
        .with_context(|| format!("{std} depends on no libllvm"))?
        .clone();
    let version = llvm.trim_start_matches("libllvm").to_owned();
    let tools = format!("llvm-{version}");
    let mut names: BTreeSet<String> = [
        "rustc-web",
        "libstd-rust-web-dev",
        "libstd-rust-web-dev-bpf",
    ]
    .map(str::to_owned)
    .into();
    let mut libraries = depends(&llvm)?;
    libraries.extend(std_needs);
    names.extend(with_needs(libraries, depends)?);
    names.extend([std, llvm, format!("{tools}-dev"), tools]);
    names.retain(|name| !OF_THE_HOST.contains(&name.as_str()));
    Ok(names.into_iter().collect())
}

/// The libraries and all that they need in turn: a machine has few of them before something else is
/// installed.
fn with_needs(
    mut open: Vec<String>,
    depends: impl Fn(&str) -> anyhow::Result<Vec<String>>,
) -> anyhow::Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    while let Some(name) = open.pop() {
        if OF_THE_HOST.contains(&name.as_str()) || !found.insert(name.clone()) {
            continue;
        }
        open.extend(depends(&name)?);
    }
    Ok(found)
}

fn depends(package: &str) -> anyhow::Result<Vec<String>> {
    let shown = capture(
        Command::new("apt-cache")
            .args([
                "depends",
                "--no-recommends",
                "--no-suggests",
                "--no-conflicts",
            ])
            .args(["--no-breaks", "--no-replaces", "--no-enhances", package]),
    )
    .with_context(|| format!("looking for {package} in the package index"))?;
    let names = depended_on(&shown);
    if names.is_empty() {
        bail!(
            "the package index has no {package}; set-up knows Debian 12 and 13 \
             (on those, see that their security archive is among apt's sources)"
        );
    }
    Ok(names)
}

fn depended_on(shown: &str) -> Vec<String> {
    shown
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("Depends: "))
        .filter(|name| !name.starts_with('<'))
        .map(|name| name.split(':').next().unwrap_or(name).to_owned())
        .collect()
}

fn llvm_version(stamp: &str) -> Option<&str> {
    stamp.lines().find_map(|name| name.strip_prefix("libllvm"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_by_name() {
        let shown = "libllvm22\n  Depends: libc6\n  Depends: libedit2\n  Depends: <libc-dev>\n\
                     \x20   libc6-dev\n  Depends: gcc:any\n";
        assert_eq!(depended_on(shown), ["libc6", "libedit2", "gcc"]);
    }

    #[test]
    fn what_libraries_need_is_found_and_what_the_host_has_is_left_out() {
        let index = |name: &str| {
            Ok(match name {
                "libxml2" => vec!["libc6".to_owned(), "libicu72".to_owned()],
                "libicu72" => vec!["libxml2".to_owned(), "libc6".to_owned()],
                other => bail!("nobody asked for {other}"),
            })
        };
        let found = with_needs(vec!["libxml2".to_owned()], index).unwrap_or_default();
        assert_eq!(Vec::from_iter(found), ["libicu72", "libxml2"]);
    }

    #[test]
    fn llvm_version_is_part_of_the_stamp() {
        assert_eq!(llvm_version("libedit2\nlibllvm22\nllvm-22\n"), Some("22"));
        assert_eq!(llvm_version("libedit2\n"), None);
    }
}
