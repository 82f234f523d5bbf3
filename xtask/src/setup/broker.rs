// SPDX-License-Identifier: MIT OR Apache-2.0
//! dbus-broker, which the bus is measured against.

use std::path::PathBuf;

use super::unpack;
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
    unpack::needed(cache, progress, "dbus-broker", PACKAGES)
}
