// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reads a recording that may be cut off, damaged, or made by somebody who means ill.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::time::{Duration, SystemTime};

use super::frame::{
    self, FRAME_HEAD, FRAME_MAGIC, HEADER_LEN, Head, UNPACKED_MAX, VERSION, begins_like_one,
};
use super::pack::Malformed;
use super::shape::{self, Shape};
use crate::model::Snapshot;

/// Why a recording, or a frame of it, cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file is something else.
    #[error("it is not a recording of ipcon-top")]
    NotARecording,
    /// The first bytes are not what was written.
    #[error("its first {HEADER_LEN} bytes are damaged")]
    DamagedHeader,
    /// The file was made by a version of this program that had other frames.
    #[error(
        "it has format version {0}, and this program reads version {VERSION}: \
         replay it with the version of ipcon-top that made it"
    )]
    Version(u32),
    /// The file was made by a version of this program that had another model.
    #[error(
        "it was made by another version of ipcon-top, which saw other things (shape {found:08x}, here {ours:08x}): \
         replay it with that version"
    )]
    Shape {
        /// That of the file.
        found: u32,
        /// That of this program.
        ours: u32,
    },
    /// A frame is not as it was when it was found.
    #[error("the frame at byte {0} is damaged")]
    Damaged(u64),
    /// A frame is whole, but no snapshot.
    #[error("the frame at byte {at} holds no snapshot: {reason}")]
    Malformed {
        /// Where it begins.
        at: u64,
        /// What is wrong.
        reason: Malformed,
    },
    /// The file cannot be read.
    #[error("reading it")]
    Io(#[from] io::Error),
}

/// A frame in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    offset: u64,
    head: Head,
}

impl Place {
    /// Where it begins, in bytes.
    pub fn offset(self) -> u64 {
        self.offset
    }

    /// Where it ends, in bytes.
    pub fn end(self) -> u64 {
        self.offset + FRAME_HEAD as u64 + u64::from(self.head.length)
    }

    /// Wall-clock time at which the snapshot was taken.
    pub fn at(self) -> SystemTime {
        self.head.time()
    }

    /// The same time, `CLOCK_MONOTONIC`.
    pub fn taken_at(self) -> Duration {
        Duration::from_nanos(self.head.taken_at)
    }
}

/// What was seen at one time.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    /// Wall-clock time.
    pub at: SystemTime,
    /// What was seen.
    pub snapshot: Snapshot,
}

/// Bytes that belong to no sound frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Where they begin.
    pub offset: u64,
    /// How many.
    pub bytes: u64,
}

/// What comes next in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// A frame; its checksum is right.
    Frame(Place),
    /// Something else in between.
    Damaged(Damage),
    /// The beginning of a frame, and nothing more: whoever wrote it was interrupted, or is writing.
    CutOff(Damage),
}

/// Finds and reads frames.
#[derive(Debug)]
pub struct Reader<R> {
    source: BufReader<R>,
    shape: Shape,
    /// Where the search goes on.
    next: u64,
    end: u64,
    unpacked_max: usize,
}

impl<R: Read + Seek> Reader<R> {
    /// Begins to read a recording from its first byte on. What is appended later is not looked at.
    ///
    /// # Errors
    ///
    /// It is none, or one of another version.
    pub fn open(mut source: R) -> Result<Self, Error> {
        let end = source.seek(SeekFrom::End(0))?;
        source.rewind()?;
        let mut source = BufReader::new(source);
        let mut header = [0; HEADER_LEN];
        source
            .read_exact(&mut header)
            .map_err(|error| match error.kind() {
                ErrorKind::UnexpectedEof if begins_like_one(&header) => Error::DamagedHeader,
                ErrorKind::UnexpectedEof => Error::NotARecording,
                _ => Error::Io(error),
            })?;
        if !begins_like_one(&header) {
            return Err(Error::NotARecording);
        }
        let found = match frame::read_header(&header).ok_or(Error::DamagedHeader)? {
            (VERSION, found) => found,
            (other, _) => return Err(Error::Version(other)),
        };
        let shape = Shape::with(found).ok_or_else(|| Error::Shape {
            found,
            ours: shape::fingerprint(),
        })?;
        Ok(Self {
            source,
            shape,
            next: HEADER_LEN as u64,
            end,
            unpacked_max: UNPACKED_MAX,
        })
    }

    /// Whether the file has the shape of what this program writes, so that frames may be appended to it. An earlier one can
    /// be read only.
    pub fn is_current(&self) -> bool {
        self.shape == Shape::Current
    }

    /// Takes snapshots of at most so many bytes, and of no more than [`UNPACKED_MAX`].
    #[must_use]
    pub fn with_unpacked_max(mut self, bytes: usize) -> Self {
        self.unpacked_max = bytes.min(UNPACKED_MAX);
        self
    }

    /// What comes next in the file. `None` at its end.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn find(&mut self) -> io::Result<Option<Found>> {
        let (offset, left) = (self.next, self.end.saturating_sub(self.next));
        if left == 0 {
            return Ok(None);
        }
        let damage = |bytes| Damage { offset, bytes };
        self.move_to(offset)?;
        let place = self.head(left)?.map(|head| Place { offset, head });
        let Some(place) = place.filter(|place| place.end() <= self.end) else {
            // Whatever a head says of its length, a frame behind it is no part of its body.
            let bytes = self.search(left)?;
            self.next += bytes;
            let is_last = bytes == left;
            let cut_off = is_last
                && (place.is_some() || left < FRAME_HEAD as u64 && self.is_a_beginning(offset)?);
            let kind = if cut_off {
                Found::CutOff
            } else {
                Found::Damaged
            };
            return Ok(Some(kind(damage(bytes))));
        };
        let head = place.head;
        self.next = place.end();
        let found = if self.body_is_sound(head)? {
            Found::Frame(place)
        } else {
            Found::Damaged(damage(place.end() - offset))
        };
        Ok(Some(found))
    }

    /// The snapshot of a frame that was found.
    ///
    /// # Errors
    ///
    /// The frame is not there any more, or holds no snapshot.
    pub fn read(&mut self, place: Place) -> Result<Frame, Error> {
        self.move_to(place.offset + FRAME_HEAD as u64)?;
        let mut body = Vec::new();
        (&mut self.source)
            .take(place.head.length.into())
            .read_to_end(&mut body)?;
        if crc32fast::hash(&body) != place.head.crc {
            return Err(Error::Damaged(place.offset));
        }
        let snapshot = frame::inflate(self.shape, &body, self.unpacked_max);
        let snapshot = snapshot.map_err(|reason| Error::Malformed {
            at: place.offset,
            reason,
        })?;
        if snapshot.taken_at != place.taken_at() {
            return Err(Error::Malformed {
                at: place.offset,
                reason: Malformed("it was taken at another time than the frame says"),
            });
        }
        let at = place.at();
        Ok(Frame { at, snapshot })
    }

    fn move_to(&mut self, offset: u64) -> io::Result<()> {
        let from = self.source.stream_position()?;
        // Not `seek`, which would forget what was read ahead.
        self.source.seek_relative(offset.wrapping_sub(from) as i64)
    }

    /// The head of a frame, if one is next.
    fn head(&mut self, left: u64) -> io::Result<Option<Head>> {
        if left < FRAME_HEAD as u64 {
            return Ok(None);
        }
        let mut bytes = [0; FRAME_HEAD];
        self.source.read_exact(&mut bytes)?;
        Ok(Head::read(&bytes))
    }

    fn body_is_sound(&mut self, head: Head) -> io::Result<bool> {
        let mut crc = crc32fast::Hasher::new();
        let mut left = head.length as usize;
        while left > 0 {
            let bytes = self.source.fill_buf()?;
            if bytes.is_empty() {
                return Ok(false);
            }
            let some = bytes.len().min(left);
            crc.update(&bytes[..some]);
            self.source.consume(some);
            left -= some;
        }
        Ok(crc.finalize() == head.crc)
    }

    /// How many bytes there are from `self.next` to the next head of a frame, or to the end.
    ///
    /// Each is looked at once: the search ends at a sound head, and goes on behind it where its body is not whole.
    fn search(&mut self, left: u64) -> io::Result<u64> {
        self.move_to(self.next + 1)?;
        let mut window = [0; FRAME_HEAD];
        let mut skipped = 1;
        let mut filled = 0;
        while skipped + (FRAME_HEAD as u64) <= left {
            self.source.read_exact(&mut window[filled..])?;
            if Head::read(&window).is_some() {
                return Ok(skipped);
            }
            let rest = &window[1..];
            let step = 1 + rest
                .iter()
                .position(|&byte| byte == FRAME_MAGIC[0])
                .unwrap_or(rest.len());
            window.copy_within(step.., 0);
            filled = FRAME_HEAD - step;
            skipped += step as u64;
        }
        Ok(left)
    }

    /// Whether the few bytes that are left may be those that a frame begins with.
    fn is_a_beginning(&mut self, offset: u64) -> io::Result<bool> {
        self.move_to(offset)?;
        let mut bytes = Vec::new();
        self.source.read_to_end(&mut bytes)?;
        let some = bytes.len().min(FRAME_MAGIC.len());
        Ok(bytes[..some] == FRAME_MAGIC[..some])
    }
}
