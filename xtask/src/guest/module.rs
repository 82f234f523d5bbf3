// SPDX-License-Identifier: MIT OR Apache-2.0
//! Loading the module under test.

use std::fs::File;

use anyhow::Context;

/// Loads the module at `path`. Why the kernel refused one is in its log.
pub(super) fn load(path: &str) -> anyhow::Result<()> {
    let file = File::open(path).with_context(|| format!("opening {path}"))?;
    rustix::system::finit_module(&file, c"", 0)
        .with_context(|| format!("loading {path} (the kernel's log says more)"))
}
