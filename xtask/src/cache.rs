// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where things lie: the cache shared by all checkouts, and this checkout's `target/`.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

/// Everything that `setup` makes, under `$XDG_CACHE_HOME/ipcon`.
#[derive(Debug, Clone)]
pub(crate) struct Cache {
    root: PathBuf,
}

impl Cache {
    /// The cache of this user; the folder need not exist yet.
    pub(crate) fn locate() -> anyhow::Result<Self> {
        let base = match env::var_os("XDG_CACHE_HOME") {
            Some(dir) if Path::new(&dir).is_absolute() => PathBuf::from(dir),
            _ => match env::var_os("HOME") {
                Some(home) if !home.is_empty() => Path::new(&home).join(".cache"),
                _ => bail!("neither XDG_CACHE_HOME nor HOME is set: no place for the cache"),
            },
        };
        Ok(Self {
            root: base.join("ipcon"),
        })
    }

    /// A cache at a place of the caller's choice.
    #[cfg(test)]
    pub(crate) fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The cache itself.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// What records that a step of `setup` is done, and for which inputs.
    pub(crate) fn stamp(&self, step: &str) -> PathBuf {
        self.root.join("stamps").join(step)
    }

    /// Logs of the programs that `setup` and `build` run.
    pub(crate) fn log(&self, step: &str) -> PathBuf {
        self.root.join("log").join(format!("{step}.log"))
    }

    /// The Debian root that holds the compilers of the kernel.
    pub(crate) fn chroot(&self) -> PathBuf {
        self.root.join("chroot")
    }

    /// Unpacked kernel packages, one folder a release.
    pub(crate) fn kernel(&self, release: &str) -> PathBuf {
        self.root.join("kernels").join(release)
    }

    /// Names the release that is in use for a flavour.
    pub(crate) fn flavour(&self, flavour: &str) -> PathBuf {
        self.root.join("kernels").join(format!("{flavour}.release"))
    }

    /// The kernel's source and headers, prepared for building modules, one folder a release.
    pub(crate) fn kernel_tree(&self, release: &str) -> PathBuf {
        self.root.join("trees").join(release)
    }

    /// The Python environment with virtme-ng.
    pub(crate) fn venv(&self) -> PathBuf {
        self.root.join("venv")
    }

    /// Unpacked packages that need not be installed: the BPF compiler, LLVM, promtool.
    pub(crate) fn unpacked(&self, what: &str) -> PathBuf {
        self.root.join(what)
    }

    /// Programs built with `cargo install`.
    pub(crate) fn tools(&self) -> PathBuf {
        self.root.join("tools")
    }

    /// One of the programs built with `cargo install`.
    pub(crate) fn tool(&self, name: &str) -> PathBuf {
        self.tools().join("bin").join(name)
    }
}

/// The checkout that this program was built from.
#[derive(Debug, Clone)]
pub(crate) struct Workspace {
    root: PathBuf,
    target: PathBuf,
}

impl Workspace {
    /// The checkout around the current folder, else the one this program was built in.
    pub(crate) fn locate() -> anyhow::Result<Self> {
        let manifest = env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = manifest
            .parent()
            .context("looking for the workspace above xtask's own folder")?
            .to_path_buf();
        if !root.join("xtask/Cargo.toml").is_file() {
            bail!(
                "{} is no checkout of ipcon; run `cargo xtask` inside one",
                root.display()
            );
        }
        let target = match env::var_os("CARGO_TARGET_DIR") {
            Some(dir) => root.join(dir),
            None => root.join("target"),
        };
        Ok(Self { root, target })
    }

    /// The folder with the workspace's `Cargo.toml`.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Where everything built goes.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// The kernel module for one kernel release.
    pub(crate) fn module(&self, release: &str) -> PathBuf {
        self.target.join("kmod").join(release).join("ipcon.ko")
    }

    /// The folder of the host programs that run in the VM.
    pub(crate) fn programs(&self) -> PathBuf {
        self.target.join("release")
    }
}
