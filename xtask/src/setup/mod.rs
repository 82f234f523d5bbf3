// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask setup`: installs and prepares everything the other commands need.
//!
//! Each step leaves a stamp with the inputs it was done for; a step whose stamp is current is
//! skipped, so the command can be interrupted and repeated at will.

use std::fs::{self, File};
use std::time::Duration;

use anyhow::Context;
use rustix::fs::{FlockOperation, flock};

use crate::cache::Cache;
use crate::progress::{Progress, Verbosity};

mod bpf;
mod broker;
mod chroot;
mod flavour;
mod kernel;
mod libqb;
mod mirror;
pub(crate) mod packages;
mod privilege;
pub(crate) mod stamp;
mod tools;
mod unpack;

pub(crate) use bpf::BpfToolchain;
pub(crate) use broker::dbus_broker;
pub(crate) use chroot::{Bind, Chroot};
pub(crate) use flavour::Flavour;
pub(crate) use kernel::Kernel;
pub(crate) use libqb::libqb;
pub(crate) use tools::promtool_path;

/// Longest time for fetching something over the network.
const DOWNLOAD: Duration = Duration::from_secs(20 * 60);
/// Longest time for building something here.
const BUILD: Duration = Duration::from_secs(30 * 60);

/// Options of `cargo xtask setup`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Debian mirror to take packages from; the host's own apt configuration names the default.
    #[arg(long, value_name = "URL")]
    pub(crate) mirror: Option<String>,
    /// Kernel to prepare; may be given several times. Without it, those that `cargo xtask test` boots.
    #[arg(long = "kernel", value_name = "FLAVOUR", default_values_t = TESTED)]
    pub(crate) flavours: Vec<Flavour>,
    /// Looks for a newer kernel even when one is there.
    #[arg(long)]
    pub(crate) update: bool,
}

/// The kernels that `cargo xtask test` boots, so that they must be there.
pub(crate) const TESTED: [Flavour; 2] = [Flavour::Amd64, Flavour::Debug];

/// How much is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// What builds and runs everything in a VM.
    Vm,
    /// That, and what only the checks of `cargo xtask test` use.
    Test,
}

/// What every step gets.
#[derive(Debug)]
pub(crate) struct Setup<'a> {
    pub(crate) cache: &'a Cache,
    pub(crate) progress: Progress,
    pub(crate) mirror: Option<&'a str>,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let cache = Cache::locate()?;
    let progress = Progress::new(Verbosity::Steps);
    let setup = Setup {
        cache: &cache,
        progress,
        mirror: args.mirror.as_deref(),
    };
    setup.everything(&args.flavours, args.update, Scope::Test)?;
    progress.say(format!(
        "everything is in place under {}",
        cache.root().display()
    ));
    Ok(())
}

/// Sets up what another command needs and is missing. Says nothing when nothing is.
pub(crate) fn ensure(
    cache: &Cache,
    progress: Progress,
    mirror: Option<&str>,
    flavours: &[Flavour],
    scope: Scope,
) -> anyhow::Result<()> {
    if has(cache, flavours, scope) {
        return Ok(());
    }
    progress.say("something is missing on this machine; setting it up (cargo xtask setup)");
    Setup {
        cache,
        progress,
        mirror,
    }
    .everything(flavours, false, scope)
}

/// Whether everything was set up that `cargo xtask test` uses.
pub(crate) fn is_complete(cache: &Cache) -> bool {
    has(cache, &TESTED, Scope::Test)
}

fn has(cache: &Cache, flavours: &[Flavour], scope: Scope) -> bool {
    flavours
        .iter()
        .all(|&flavour| kernel::is_current(cache, flavour))
        && packages::missing().is_some_and(|missing| missing.is_empty())
        && Chroot::is_made(cache)
        && BpfToolchain::find(cache).is_ok()
        && tools::current(cache, scope)
}

impl Setup<'_> {
    /// One set-up at a time: two would build in the same folders. Ends with the file that is returned.
    fn lock(&self) -> anyhow::Result<File> {
        let path = self.cache.root().join("setup.lock");
        fs::create_dir_all(self.cache.root()).context("making the cache")?;
        let file = File::create(&path).with_context(|| format!("opening {}", path.display()))?;
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            let _step = self.progress.step("waiting for another set-up to end");
            flock(&file, FlockOperation::LockExclusive).context("waiting for another set-up")?;
        }
        Ok(file)
    }

    fn everything(&self, flavours: &[Flavour], update: bool, scope: Scope) -> anyhow::Result<()> {
        let _alone = self.lock()?;
        packages::install(self)?;
        tools::virtme_ng(self)?;
        chroot::make(self)?;
        for &flavour in flavours {
            kernel::prepare(self, flavour, update)?;
        }
        tools::virtiofsd(self)?;
        bpf::unpack(self)?;
        tools::bpf_linker(self)?;
        tools::promtool(self)?;
        if scope == Scope::Test {
            tools::cargo_deny(self)?;
        }
        Ok(())
    }
}
