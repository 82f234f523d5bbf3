// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kernels of the VM, each with an image to boot from and a tree to build modules against.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use super::{BUILD, Flavour, Setup, stamp};
use crate::cache::Cache;
use crate::process::{find_program, run_logged};

mod debug;
mod stock;

/// A kernel that was made ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kernel {
    pub(crate) flavour: Flavour,
    /// What `uname -r` says, such as `7.3.4+deb13-amd64`.
    pub(crate) release: String,
    /// The bootable image.
    pub(crate) image: PathBuf,
    /// The tree to build modules against.
    pub(crate) tree: PathBuf,
}

impl Kernel {
    /// The kernel in use for `flavour`.
    ///
    /// # Errors
    /// When `setup` has not prepared one; the text says what to run.
    pub(crate) fn find(cache: &Cache, flavour: Flavour) -> anyhow::Result<Self> {
        let name = cache.flavour(flavour.name());
        let Ok(release) = fs::read_to_string(&name) else {
            bail!("there is no {flavour} kernel; run: cargo xtask setup --kernel {flavour}");
        };
        let release = release.trim().to_owned();
        let kernel = Self {
            flavour,
            image: cache
                .kernel(&release)
                .join("usr/lib/modules")
                .join(&release)
                .join("vmlinuz"),
            tree: cache.kernel_tree(&release),
            release,
        };
        if !kernel.image.is_file() {
            bail!(
                "{} is missing; run: cargo xtask setup --kernel {flavour}",
                kernel.image.display()
            );
        }
        Ok(kernel)
    }
}

/// Makes a kernel of `flavour` ready for booting and for building modules.
pub(super) fn prepare(setup: &Setup<'_>, flavour: Flavour, update: bool) -> anyhow::Result<()> {
    let release = match flavour {
        Flavour::Amd64 | Flavour::CloudAmd64 | Flavour::RtAmd64 => {
            stock::prepare(setup, flavour, update)?
        }
        Flavour::Debug => {
            // Its source comes with this one.
            prepare(setup, Flavour::Amd64, update)?;
            debug::prepare(setup, &Kernel::find(setup.cache, Flavour::Amd64)?.release)?
        }
    };
    stamp::write(
        &setup.cache.flavour(flavour.name()),
        &format!("{release}\n"),
    )
}

/// Whether the kernel of `flavour` is there and is what this checkout wants.
pub(super) fn is_current(cache: &Cache, flavour: Flavour) -> bool {
    let wanted = match flavour {
        Flavour::Amd64 | Flavour::CloudAmd64 | Flavour::RtAmd64 => true,
        Flavour::Debug => debug::is_current(cache),
    };
    wanted && Kernel::find(cache, flavour).is_ok()
}

/// `7.3` of `7.3.4+deb13-amd64`: what the source package is named after.
fn series_of(release: &str) -> anyhow::Result<&str> {
    let second = release.match_indices('.').nth(1).map(|(at, _)| at);
    let end = second
        .or_else(|| release.find(['+', '-']))
        .unwrap_or(release.len());
    let series = &release[..end];
    if series.split('.').count() == 2 && series.split('.').all(|n| n.parse::<u32>().is_ok()) {
        return Ok(series);
    }
    bail!("{release} does not look like a kernel release")
}

fn index_modules(base: &Path, release: &str, log: &Path) -> anyhow::Result<()> {
    run_logged(
        Command::new(kmod("depmod")?)
            .arg("-b")
            .arg(base)
            .arg(release),
        log,
        BUILD,
    )
}

fn kmod(program: &str) -> anyhow::Result<PathBuf> {
    find_program(program).with_context(|| format!("{program} is missing; run: cargo xtask setup"))
}
