// SPDX-License-Identifier: MIT OR Apache-2.0
//! libqb, which coroipc is measured against.

use std::path::PathBuf;

use super::unpack;
use crate::cache::Cache;
use crate::progress::Progress;

/// The library with its headers. The libraries that it needs are on every Debian.
const PACKAGES: &[&str] = &["libqb-dev", "libqb100"];

/// Where libqb is unpacked, fetched now when it is not there. Nothing else needs it installed.
pub(crate) fn libqb(cache: &Cache, progress: Progress) -> anyhow::Result<PathBuf> {
    unpack::needed(cache, progress, "libqb", PACKAGES)
}
