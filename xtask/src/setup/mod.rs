// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask setup`: installs and prepares everything the other commands need.
//!
//! Each step leaves a stamp with the inputs it was done for; a step whose stamp is current is
//! skipped, so the command can be interrupted and repeated at will.

use std::time::Duration;

use crate::cache::Cache;
use crate::progress::{Progress, Verbosity};

mod bpf;
mod chroot;
mod kernel;
mod mirror;
pub(crate) mod packages;
mod privilege;
pub(crate) mod stamp;
mod tools;
mod unpack;

pub(crate) use bpf::BpfToolchain;
pub(crate) use chroot::Chroot;
pub(crate) use kernel::{DEFAULT_FLAVOUR, Kernel};

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
    /// Kernel flavours to prepare: amd64, cloud-amd64, rt-amd64.
    #[arg(long = "kernel", value_name = "FLAVOUR", default_value = DEFAULT_FLAVOUR)]
    pub(crate) flavours: Vec<String>,
    /// Looks for a newer kernel even when one is there.
    #[arg(long)]
    pub(crate) update: bool,
}

impl Default for Args {
    fn default() -> Self {
        Self {
            mirror: None,
            flavours: vec![DEFAULT_FLAVOUR.to_owned()],
            update: false,
        }
    }
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
    let setup = Setup {
        cache: &cache,
        progress: Progress::new(Verbosity::Steps),
        mirror: args.mirror.as_deref(),
    };
    packages::install(&setup)?;
    tools::virtme_ng(&setup)?;
    chroot::make(&setup)?;
    for flavour in &args.flavours {
        kernel::prepare(&setup, flavour, args.update)?;
    }
    tools::virtiofsd(&setup)?;
    bpf::unpack(&setup)?;
    tools::bpf_linker(&setup)?;
    tools::promtool(&setup)?;
    tools::cargo_deny(&setup)?;
    setup.progress.say(format!(
        "everything is in place under {}",
        cache.root().display()
    ));
    Ok(())
}
