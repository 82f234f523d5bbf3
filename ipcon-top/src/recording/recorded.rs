// SPDX-License-Identifier: MIT OR Apache-2.0
//! A recording in a file, as a past to go back to.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use anyhow::{Context, ensure};
use ipcon_observe::Snapshot;
use ipcon_observe::recording::{Damage, Found, Place, Reader};

use super::kept::Kept;
use super::{Moment, file};
use crate::format;
use crate::history::Past;

/// Damaged places that are told one by one.
const TOLD: usize = 10;

/// A recording whose frames have been found. They are read when they are asked for.
#[derive(Debug)]
pub struct Recorded {
    path: PathBuf,
    frames: Vec<Place>,
    damaged: Vec<Damage>,
    cut_off: Option<Damage>,
    /// Frames that were taken earlier than one before them.
    out_of_order: usize,
    beginning: usize,
    contents: Mutex<Contents>,
}

#[derive(Debug)]
struct Contents {
    reader: Reader<File>,
    kept: Kept,
}

impl Recorded {
    /// Looks through a file.
    ///
    /// # Errors
    ///
    /// It cannot be read, is no recording, or one of another version, or has no frame.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let told = || format!("cannot replay {}", path.display());
        let mut reader = Reader::open(file::open(path)?).with_context(told)?;
        let (mut frames, mut damaged, mut cut_off) = (Vec::<Place>::new(), Vec::new(), None);
        let mut out_of_order = 0;
        while let Some(found) = reader.find().with_context(told)? {
            match found {
                Found::Frame(place) => match frames.last() {
                    Some(last) if last.taken_at() > place.taken_at() => out_of_order += 1,
                    _ => frames.push(place),
                },
                Found::Damaged(damage) => add(&mut damaged, damage),
                Found::CutOff(damage) => cut_off = Some(damage),
            }
        }
        ensure!(!frames.is_empty(), "{} has no frame", path.display());
        Ok(Self {
            path: path.to_owned(),
            frames,
            damaged,
            cut_off,
            out_of_order,
            beginning: 0,
            contents: Mutex::new(Contents {
                reader,
                kept: Kept::default(),
            }),
        })
    }

    /// Wall-clock time of snapshot `index`; that of the last for any beyond.
    #[must_use]
    pub fn at(&self, index: usize) -> SystemTime {
        let place = self.frames.get(index).or(self.frames.last());
        place.map_or(SystemTime::UNIX_EPOCH, |place| place.at())
    }

    /// The last snapshot at this moment or before.
    ///
    /// # Errors
    ///
    /// The recording begins later or ends earlier.
    pub fn find(&self, moment: Moment) -> anyhow::Result<usize> {
        let (first, last) = (self.at(0), self.at(usize::MAX));
        let wanted = moment.within(first, last);
        ensure!(
            (first..=last).contains(&wanted),
            "{} has what was seen from {} to {} UTC, and nothing of {}",
            self.path.display(),
            format::time_of_day(first),
            format::time_of_day(last),
            format::time_of_day(wanted)
        );
        // Not in order if somebody has set the clock.
        let later = self.frames.iter().rposition(|place| place.at() <= wanted);
        Ok(later.unwrap_or(0))
    }

    /// Has the dashboard begin at this moment.
    ///
    /// # Errors
    ///
    /// The recording begins later or ends earlier.
    pub fn beginning_at(mut self, moment: Moment) -> anyhow::Result<Self> {
        self.beginning = self.find(moment)?;
        Ok(self)
    }

    /// What is to be said of the file: what of it cannot be read. Nothing for a sound one.
    #[must_use]
    pub fn gaps(&self) -> Vec<String> {
        let path = self.path.display();
        let (told, more) = self.damaged.split_at(self.damaged.len().min(TOLD));
        let damaged = told.iter().map(|damage| {
            let Damage { offset, bytes } = damage;
            format!("{path}: {bytes} bytes from byte {offset} on are damaged and left out")
        });
        let more = (!more.is_empty()).then(|| {
            let bytes: u64 = more.iter().map(|damage| damage.bytes).sum();
            let places = more.len();
            format!("{path}: {bytes} bytes at {places} further places are damaged and left out")
        });
        let cut_off = self.cut_off.iter().map(|damage| {
            let offset = damage.offset;
            format!("{path} ends within a frame, at byte {offset}: that one is left out")
        });
        let out_of_order = (self.out_of_order > 0).then(|| {
            let frames = self.out_of_order;
            format!("{path}: {frames} frames are older than those before them and left out")
        });
        let damaged = damaged.chain(more);
        damaged.chain(cut_off).chain(out_of_order).collect()
    }
}

/// Places that touch are one.
fn add(places: &mut Vec<Damage>, more: Damage) {
    match places.last_mut() {
        Some(last) if last.offset + last.bytes == more.offset => last.bytes += more.bytes,
        _ => places.push(more),
    }
}

impl Past for Recorded {
    fn len(&self) -> usize {
        self.frames.len()
    }

    fn time(&self, index: usize) -> Duration {
        let place = self.frames.get(index);
        place.map_or(Duration::ZERO, |place| place.taken_at())
    }

    fn beginning(&self) -> usize {
        self.beginning
    }

    fn snapshot(&self, index: usize) -> anyhow::Result<Arc<Snapshot>> {
        let place = self
            .frames
            .get(index)
            .context("the recording has no such moment")?;
        let mut contents = self.contents.lock().unwrap_or_else(PoisonError::into_inner);
        let Contents { reader, kept } = &mut *contents;
        if let Some(snapshot) = kept.get(index) {
            return Ok(snapshot);
        }
        let frame = reader.read(*place);
        let frame = frame.with_context(|| format!("replaying {}", self.path.display()))?;
        let snapshot = Arc::new(frame.snapshot);
        kept.put(index, Arc::clone(&snapshot));
        Ok(snapshot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_that_touch_are_one() {
        let mut places = Vec::new();
        for (offset, bytes) in [(20, 5), (25, 1), (40, 2)] {
            add(&mut places, Damage { offset, bytes });
        }
        let damage = |offset, bytes| Damage { offset, bytes };
        assert_eq!(places, [damage(20, 6), damage(40, 2)]);
    }
}
