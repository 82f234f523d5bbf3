// SPDX-License-Identifier: MIT OR Apache-2.0
//! dbus-broker, which the bus is measured against.

use std::path::PathBuf;

use super::{Setup, stamp, unpack};
use crate::cache::Cache;
use crate::progress::Progress;

/// The broker, and those of its libraries that a small system may lack.
const PACKAGES: &[&str] = &[
    "dbus-broker",
    "libapparmor1",
    "libaudit1",
    "libcap-ng0",
    "libexpat1",
];

/// Where dbus-broker is unpacked, fetched now when it is not there. Installing the package would make it
/// the machine's own system bus.
pub(crate) fn dbus_broker(cache: &Cache, progress: Progress) -> anyhow::Result<PathBuf> {
    let target = cache.unpacked("dbus-broker");
    let names: Vec<String> = PACKAGES.iter().map(|&name| name.to_owned()).collect();
    let inputs = names.join(" ");
    let step = "dbus-broker";
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
