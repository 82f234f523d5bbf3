// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask build`: the module, the BPF object and the programs that run in the VM.

use std::time::Duration;

use crate::cache::{Cache, Workspace};
use crate::progress::{Progress, Verbosity};
use crate::setup::{Flavour, Kernel};

pub(crate) mod capi;
mod module;
mod probes;
pub(crate) mod programs;
mod seeded_bug;
pub(crate) mod sources;

pub(crate) use seeded_bug::SeededBug;

/// Longest time for building one part.
const DEADLINE: Duration = Duration::from_secs(30 * 60);

/// What can be built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Part {
    /// The kernel module, to `target/kmod/RELEASE/ipcon.ko`, or with a seeded bug to
    /// `target/kmod/RELEASE/seeded-BUG/ipcon.ko`.
    Module,
    /// The BPF object, to `target/bpf/ipcon-probes`.
    Probes,
    /// The programs that run in the VM, to `target/release`, and the C library with its samples, to
    /// `target/release/capi`. Code is translated there, so they are always optimised.
    Programs,
}

/// Options of `cargo xtask build`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Parts to build; all of them when none is named.
    #[arg(value_name = "PART")]
    parts: Vec<Part>,
    /// Kernel to build the module for.
    #[arg(long, value_name = "FLAVOUR", default_value_t)]
    kernel: Flavour,
    /// Puts a bug into the module, to try the test harness on; its file gets a folder of its own.
    #[arg(long, value_name = "BUG")]
    seeded_bug: Option<SeededBug>,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let build = Build {
        cache: &Cache::locate()?,
        workspace: &Workspace::locate()?,
        progress: Progress::new(Verbosity::Steps),
    };
    let wanted = |part| args.parts.is_empty() || args.parts.contains(&part);
    if wanted(Part::Module) {
        build.module(&Kernel::find(build.cache, args.kernel)?, args.seeded_bug)?;
    }
    if wanted(Part::Probes) {
        build.probes()?;
    }
    if wanted(Part::Programs) {
        build.programs()?;
    }
    Ok(())
}

/// What every part needs to be built.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Build<'a> {
    pub(crate) cache: &'a Cache,
    pub(crate) workspace: &'a Workspace,
    pub(crate) progress: Progress,
}

impl Build<'_> {
    /// Everything that runs in the VM.
    pub(crate) fn all(&self, kernel: &Kernel) -> anyhow::Result<()> {
        self.module(kernel, None)?;
        self.probes()?;
        self.programs()
    }
}
