// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why the attached probes cannot be read.

use aya::maps::MapError;

/// A map could not be read.
#[derive(Debug, thiserror::Error)]
#[error("reading the map {map} of the probes failed; detach and attach them again")]
pub struct ReadError {
    /// Name of the map.
    pub map: &'static str,
    /// What the kernel answered.
    pub source: MapError,
}

/// The error of a map, from what the kernel answered.
pub(super) fn failed(map: &'static str) -> impl Fn(MapError) -> ReadError + Copy {
    move |source| ReadError { map, source }
}
