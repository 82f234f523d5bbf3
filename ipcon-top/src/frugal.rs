// SPDX-License-Identifier: MIT OR Apache-2.0
//! The collector of the running bus, which gives up the capabilities that it does not need any more.

use anyhow::Context;
use ipcon_observe::privilege::Dropping;
use ipcon_observe::{Collector, Options, Snapshot};

use crate::collect::SnapshotSource;

/// Collects, and after that has only those capabilities that are needed to go on.
#[derive(Debug)]
pub struct Frugal {
    collector: Collector,
    dropping: Dropping,
}

impl Frugal {
    /// Opens the collector. With `keep_capabilities` all of them stay.
    ///
    /// # Errors
    ///
    /// As of [`Collector::open`].
    pub fn open(options: Options, keep_capabilities: bool) -> anyhow::Result<Self> {
        let dropping = Dropping::begin(options, keep_capabilities);
        let collector = Collector::open(options)?;
        Ok(Self {
            collector,
            dropping,
        })
    }
}

impl SnapshotSource for Frugal {
    fn collect(&mut self) -> anyhow::Result<Snapshot> {
        let collected = self.collector.collect();
        self.dropping
            .after(collected.as_ref())
            .context(HOW_TO_GO_ON)?;
        Ok(collected?)
    }

    fn bystander(&self) -> Box<dyn FnOnce() -> anyhow::Result<()>> {
        let dropping = self.dropping;
        Box::new(move || dropping.elsewhere().context(HOW_TO_GO_ON))
    }
}

const HOW_TO_GO_ON: &str =
    "giving up capabilities that are not needed any more (--keep-capabilities leaves them)";
