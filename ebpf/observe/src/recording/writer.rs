// SPDX-License-Identifier: MIT OR Apache-2.0
//! Makes the parts of a recording. Written one after the other they are one; each goes out in one piece.

use std::time::SystemTime;

use super::frame::{self, FRAME_HEAD, FrameError, HEADER_LEN, Head};
use crate::model::Snapshot;

/// What a recording begins with.
pub fn header() -> [u8; HEADER_LEN] {
    frame::file_header()
}

/// The frame of what was seen at that time.
///
/// # Errors
///
/// The snapshot is larger than [`super::UNPACKED_MAX`].
pub fn frame(at: SystemTime, snapshot: &Snapshot) -> Result<Vec<u8>, FrameError> {
    let body = frame::deflate(snapshot)?;
    let mut frame = Vec::with_capacity(FRAME_HEAD + body.len());
    frame.extend_from_slice(&Head::of(&body, at, snapshot.taken_at).write());
    frame.extend_from_slice(&body);
    Ok(frame)
}
