// SPDX-License-Identifier: MIT OR Apache-2.0
//! The bytes around a snapshot: the head of the file, the head of each frame, the deflated body.

use std::io::{self, Read, Write};
use std::time::{Duration, SystemTime};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;

use super::pack::Malformed;
use super::shape::{self, Shape};
use crate::model::Snapshot;

/// Version of what is around the snapshots. Their own form has a fingerprint.
pub const VERSION: u32 = 1;
/// Bytes at the beginning of the file.
pub const HEADER_LEN: usize = 20;
/// Most bytes of a deflated snapshot.
pub const BODY_MAX: usize = UNPACKED_MAX + UNPACKED_MAX / 64;
/// Most bytes of a snapshot that is not deflated. One with 10,000 peers, all flows that the probes count and all events that
/// are kept between two looks has less than half of them.
pub const UNPACKED_MAX: usize = 16 << 20;

/// The first byte is in no text, and the last one is changed by what converts texts.
const FILE_MAGIC: [u8; 8] = *b"\x89IPCREC\n";
/// Not in any text either: in UTF-8 such a byte would have others of its kind behind it.
pub(super) const FRAME_MAGIC: [u8; 4] = *b"\xf5IFR";
pub(super) const FRAME_HEAD: usize = 32;

/// Whether a file that begins with these bytes is a recording, of whatever version.
pub fn begins_like_one(bytes: &[u8]) -> bool {
    bytes.starts_with(&FILE_MAGIC)
}

pub(super) fn file_header() -> [u8; HEADER_LEN] {
    let mut header = [0; HEADER_LEN];
    header[..8].copy_from_slice(&FILE_MAGIC);
    header[8..12].copy_from_slice(&VERSION.to_le_bytes());
    header[12..16].copy_from_slice(&shape::fingerprint().to_le_bytes());
    seal(&mut header);
    header
}

/// Version and fingerprint. `None` when the header is damaged.
pub(super) fn read_header(header: &[u8; HEADER_LEN]) -> Option<(u32, u32)> {
    is_sealed(header).then(|| (number(header, 8), number(header, 12)))
}

/// What stands before the body of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// Bytes of the body.
    pub(super) length: u32,
    /// CRC of the body.
    pub(super) crc: u32,
    /// Wall-clock time, nanoseconds since 1970.
    pub(super) at: u64,
    /// `CLOCK_MONOTONIC`, nanoseconds.
    pub(super) taken_at: u64,
}

impl Head {
    pub(super) fn of(body: &[u8], at: SystemTime, taken_at: Duration) -> Self {
        let since = at.duration_since(SystemTime::UNIX_EPOCH);
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        Self {
            length: u32::try_from(body.len()).unwrap_or(u32::MAX),
            crc: crc32fast::hash(body),
            at: nanos(since.unwrap_or_default()),
            taken_at: nanos(taken_at),
        }
    }

    pub(super) fn time(self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_nanos(self.at)
    }

    pub(super) fn write(self) -> [u8; FRAME_HEAD] {
        let mut bytes = [0; FRAME_HEAD];
        bytes[..4].copy_from_slice(&FRAME_MAGIC);
        bytes[4..8].copy_from_slice(&self.length.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.crc.to_le_bytes());
        bytes[12..20].copy_from_slice(&self.at.to_le_bytes());
        bytes[20..28].copy_from_slice(&self.taken_at.to_le_bytes());
        seal(&mut bytes);
        bytes
    }

    /// `None` when no sound frame begins with these bytes.
    pub(super) fn read(bytes: &[u8; FRAME_HEAD]) -> Option<Self> {
        let length = number(bytes, 4);
        let sound =
            bytes.starts_with(&FRAME_MAGIC) && is_sealed(bytes) && length as usize <= BODY_MAX;
        sound.then(|| Self {
            length,
            crc: number(bytes, 8),
            at: long_number(bytes, 12),
            taken_at: long_number(bytes, 20),
        })
    }
}

/// Why a snapshot cannot be made into a frame.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// It is larger than [`UNPACKED_MAX`]. The next one may be smaller.
    #[error("a snapshot of {bytes} bytes is larger than a frame may be, {UNPACKED_MAX} bytes")]
    TooLarge {
        /// How large it is.
        bytes: usize,
    },
    /// It cannot be deflated.
    #[error("deflating a snapshot: {0}")]
    Deflate(#[from] io::Error),
}

/// A snapshot as the body of a frame.
///
/// # Errors
///
/// The snapshot is larger than a frame may be.
pub(super) fn deflate(snapshot: &Snapshot) -> Result<Vec<u8>, FrameError> {
    let bytes = shape::pack(snapshot);
    if bytes.len() > UNPACKED_MAX {
        return Err(FrameError::TooLarge { bytes: bytes.len() });
    }
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&bytes)?;
    Ok(encoder.finish()?)
}

/// The snapshot of a body that may be anybody's, in a file of that shape.
pub(super) fn inflate(shape: Shape, body: &[u8], most: usize) -> Result<Snapshot, Malformed> {
    let mut bytes = Vec::new();
    let mut decoder = DeflateDecoder::new(body).take(most as u64 + 1);
    if decoder.read_to_end(&mut bytes).is_err() {
        return Err(Malformed("it cannot be inflated"));
    }
    if bytes.len() > most {
        return Err(Malformed("it is larger than a snapshot may be"));
    }
    shape::unpack_of(shape, &bytes)
}

/// Puts a CRC of all that stands before them into the last four bytes.
fn seal(bytes: &mut [u8]) {
    let (text, crc) = bytes.split_at_mut(bytes.len() - 4);
    crc.copy_from_slice(&crc32fast::hash(text).to_le_bytes());
}

fn is_sealed(bytes: &[u8]) -> bool {
    let end = bytes.len() - 4;
    number(bytes, end) == crc32fast::hash(&bytes[..end])
}

fn number(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn long_number(bytes: &[u8], at: usize) -> u64 {
    u64::from(number(bytes, at)) | u64::from(number(bytes, at + 4)) << 32
}
