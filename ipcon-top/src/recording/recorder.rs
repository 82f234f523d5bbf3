// SPDX-License-Identifier: MIT OR Apache-2.0
//! Appends snapshots to a file.

use std::fmt;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context, bail, ensure};
use ipcon_observe::Snapshot;
use ipcon_observe::recording::{self, Found, Reader};

use super::file;
use crate::format;

/// Most recordings that begin in the same second.
const SAME_TIME: u32 = 99;

/// A recording that is being made.
#[derive(Debug)]
pub struct Recorder {
    path: PathBuf,
    file: File,
    /// Bytes that are in the file.
    size: u64,
    /// Most bytes in the file and its predecessor together.
    bound: Option<u64>,
    /// `CLOCK_MONOTONIC` of the last frame in the file.
    last: Option<Duration>,
    /// Bytes at the end of the file that were no frame and were cut off.
    cut_off: u64,
    recorded: Recorded,
}

/// What was recorded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Recorded {
    /// Frames.
    pub frames: u64,
    /// Bytes.
    pub bytes: u64,
    /// Files that were full.
    pub full: u64,
}

impl Recorder {
    /// Begins to record to a file, or goes on where a recording ends. With a bound, a file that has reached half of it
    /// gets the end `.1`, and what had this name goes away.
    ///
    /// # Errors
    ///
    /// The file is something else, somebody else's, or cannot be written.
    pub fn open(path: &Path, bound: Option<u64>) -> anyhow::Result<Self> {
        if bound.is_some() {
            ensure_replaceable(&predecessor(path))?;
        }
        Self::of(path.to_owned(), file::open_own(path)?, bound)
    }

    /// Begins to record to a new file in `folder`, which is named after the time and never after one that is there.
    ///
    /// # Errors
    ///
    /// The folder cannot be written to, or has too many files of that time.
    pub fn begin(folder: &Path, at: SystemTime) -> anyhow::Result<Self> {
        let stem = format!(
            "ipcon-{}-{}",
            format::date(at),
            format::time_of_day(at).replace(':', "")
        );
        let mut names = (1..=SAME_TIME).map(|number| match number {
            1 => format!("{stem}.rec"),
            number => format!("{stem}-{number}.rec"),
        });
        let made = names.find_map(|name| {
            let path = folder.join(name);
            let made = file::create_own(&path).transpose()?;
            Some(made.and_then(|file| Self::of(path, file, None)))
        });
        made.unwrap_or_else(|| bail!("there are {SAME_TIME} files {stem}*.rec already"))
    }

    fn of(path: PathBuf, file: File, bound: Option<u64>) -> anyhow::Result<Self> {
        let mut recorder = Self {
            path,
            file,
            size: 0,
            bound,
            last: None,
            cut_off: 0,
            recorded: Recorded::default(),
        };
        recorder.resume()?;
        Ok(recorder)
    }

    /// Finds the end of what is in the file, and makes it the end of the file.
    fn resume(&mut self) -> anyhow::Result<()> {
        let there = self.file.metadata().context("asking for its size")?.len();
        if there == 0 {
            return self.write(&recording::header());
        }
        let told = || format!("{} is not overwritten", self.path.display());
        let mut reader = Reader::open(&self.file).with_context(told)?;
        ensure!(
            reader.is_current(),
            "{} was made by an earlier version of ipcon-top, which reads nothing newer: name another file",
            self.path.display()
        );
        self.size = there;
        while let Some(found) = reader.find().with_context(told)? {
            match found {
                Found::Frame(place) => self.last = Some(place.taken_at()),
                Found::Damaged(_) => {}
                Found::CutOff(rest) => {
                    self.size = rest.offset;
                    self.cut_off = rest.bytes;
                }
            }
        }
        let cut = self.file.set_len(self.size);
        cut.context("cutting off a frame that is not whole")
    }

    /// Appends what was seen at that time. When it comes back, the kernel has it.
    ///
    /// # Errors
    ///
    /// The file cannot be written, or the machine was started anew since the last frame. What is in the file stays good.
    pub fn append(&mut self, at: SystemTime, snapshot: &Snapshot) -> anyhow::Result<()> {
        let frame = recording::frame(at, snapshot).context("recording")?;
        if self.is_full(frame.len() as u64) {
            self.begin_anew()?;
        }
        ensure!(
            self.last.is_none_or(|last| last <= snapshot.taken_at),
            "{} ends later than now by the clock that begins with the machine, which was started anew since: \
             name another file",
            self.path.display()
        );
        self.write(&frame)?;
        self.last = Some(snapshot.taken_at);
        self.recorded.frames += 1;
        self.recorded.bytes += frame.len() as u64;
        Ok(())
    }

    /// A file holds one frame at least, however large that is.
    fn is_full(&self, more: u64) -> bool {
        let full = |bound: u64| self.size.saturating_add(more) > bound / 2;
        self.last.is_some() && self.bound.is_some_and(full)
    }

    fn begin_anew(&mut self) -> anyhow::Result<()> {
        let old = predecessor(&self.path);
        ensure_replaceable(&old)?;
        fs::rename(&self.path, &old)
            .with_context(|| format!("making {} of a full file", old.display()))?;
        self.file = file::open_own(&self.path)?;
        self.size = 0;
        self.last = None;
        self.recorded.full += 1;
        self.write(&recording::header())
    }

    /// Writes all or, as far as that can be had, nothing.
    fn write(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        let written = self.file.write_all(bytes);
        if written.is_err() {
            // If that fails as well, whoever reads it finds a frame that is not whole.
            let _ = self.file.set_len(self.size);
        }
        written.with_context(|| format!("writing to {}", self.path.display()))?;
        self.size += bytes.len() as u64;
        Ok(())
    }

    /// Where it records to.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes that are in the file.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// What was recorded by this one.
    #[must_use]
    pub fn recorded(&self) -> Recorded {
        self.recorded
    }

    /// What is to be said of the file as it was found. `None` when that is nothing.
    #[must_use]
    pub fn found(&self) -> Option<String> {
        (self.cut_off > 0).then(|| {
            let (path, bytes) = (self.path.display(), self.cut_off);
            format!("{path} ended in a frame that was not whole; its {bytes} bytes were cut off")
        })
    }
}

impl fmt::Display for Recorded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            frames,
            bytes,
            full,
        } = *self;
        let s = if frames == 1 { "" } else { "s" };
        write!(f, "{frames} frame{s}, {}", format::bytes(bytes))?;
        match full {
            0 => Ok(()),
            _ => write!(f, ", began anew {full} times"),
        }
    }
}

/// The name that a full file gets.
fn predecessor(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".1");
    name.into()
}

/// Sees that nothing but a recording is there.
fn ensure_replaceable(path: &Path) -> anyhow::Result<()> {
    if path.symlink_metadata().is_err() {
        return Ok(());
    }
    let mut head = [0; 8];
    let file = file::open(path)?;
    let read = std::os::unix::fs::FileExt::read_at(&file, &mut head, 0);
    let read = read.with_context(|| format!("reading {}", path.display()))?;
    ensure!(
        recording::begins_like_one(&head[..read]),
        "{} would be replaced by a full recording, and it is none",
        path.display()
    );
    Ok(())
}
