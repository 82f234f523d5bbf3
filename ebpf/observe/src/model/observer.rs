// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the observer itself takes.

use std::time::Duration;

use serde::Serialize;

use super::seconds;

/// What the process that made a snapshot had taken of the machine by then. What its probes take of the kernel is in
/// [`super::Probe::run_time`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Observer {
    /// Its process.
    pub pid: u32,
    /// Processor time of all its threads since it was started, in user space and in the kernel.
    #[serde(rename = "cpu_seconds", serialize_with = "seconds")]
    pub cpu: Duration,
    /// Bytes in memory. `None` when that could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resident_bytes: Option<u64>,
}
