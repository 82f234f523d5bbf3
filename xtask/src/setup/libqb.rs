// SPDX-License-Identifier: MIT OR Apache-2.0
//! libqb, which coroipc is measured against.

use std::path::PathBuf;

use super::{Setup, stamp, unpack};
use crate::cache::Cache;
use crate::progress::Progress;

/// The library with its headers. The libraries that it needs are on every Debian.
const PACKAGES: &[&str] = &["libqb-dev", "libqb100"];

/// Where libqb is unpacked, fetched now when it is not there. Nothing else needs it installed.
pub(crate) fn libqb(cache: &Cache, progress: Progress) -> anyhow::Result<PathBuf> {
    let target = cache.unpacked("libqb");
    let names: Vec<String> = PACKAGES.iter().map(|&name| name.to_owned()).collect();
    let inputs = names.join(" ");
    let step = "libqb";
    if stamp::is_current(&cache.stamp(step), &inputs) {
        return Ok(target);
    }
    let setup = Setup {
        cache,
        progress,
        mirror: None,
    };
    let _alone = setup.lock()?;
    stamp::once(&setup, step, step, &inputs, || {
        unpack::host_packages(&setup, &names, &target)
    })?;
    Ok(target)
}
