// SPDX-License-Identifier: MIT OR Apache-2.0
//! Writes a recording.

use std::io::{self, Write};
use std::time::SystemTime;

use super::frame::{self, FRAME_HEAD, HEADER_LEN, Head};
use crate::model::Snapshot;

/// What a recording begins with.
pub fn header() -> [u8; HEADER_LEN] {
    frame::file_header()
}

/// Appends snapshots to a recording.
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
}

impl<W: Write> Writer<W> {
    /// Begins a recording.
    ///
    /// # Errors
    ///
    /// `out` cannot be written.
    pub fn begin(mut out: W) -> io::Result<Self> {
        out.write_all(&header())?;
        out.flush()?;
        Ok(Self { out })
    }

    /// Goes on with a recording of this version, at whose end `out` stands.
    pub fn resume(out: W) -> Self {
        Self { out }
    }

    /// Appends what was seen at that time, in one piece, and flushes it. Gives the bytes that it took.
    ///
    /// # Errors
    ///
    /// `out` cannot be written; then nothing may be appended any more. Or the snapshot is larger than
    /// [`super::UNPACKED_MAX`]; then nothing of it was written.
    pub fn append(&mut self, at: SystemTime, snapshot: &Snapshot) -> io::Result<u64> {
        let frame = frame(at, snapshot)?;
        self.out.write_all(&frame)?;
        self.out.flush()?;
        Ok(frame.len() as u64)
    }

    /// What it writes to.
    pub fn get_ref(&self) -> &W {
        &self.out
    }
}

fn frame(at: SystemTime, snapshot: &Snapshot) -> io::Result<Vec<u8>> {
    let body = frame::deflate(snapshot)?;
    let mut frame = Vec::with_capacity(FRAME_HEAD + body.len());
    frame.extend_from_slice(&Head::of(&body, at).write());
    frame.extend_from_slice(&body);
    Ok(frame)
}
