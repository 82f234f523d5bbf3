// SPDX-License-Identifier: MIT OR Apache-2.0
//! `ipcon-top record`: snapshots into a file, one each interval.

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context;
use clap::Args;
use ipcon_observe::Snapshot;
use ipcon_observe::recording::FrameError;

use super::{Moment, Recorder, size, span};
use crate::args::{Sources, interval};
use crate::collect::SnapshotSource;
use crate::complaint::Complaint;
use crate::pulse::Pulse;

/// Options of `record`.
#[derive(Debug, Clone, Args)]
pub struct Record {
    /// File to append to; made if there is none, for its owner alone to read
    pub file: PathBuf,
    /// Time from one frame to the next, 250ms to 60s
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = interval)]
    pub interval: Duration,
    /// End after this time, such as 90s, 5m, 1h30m or 2d; a signal ends it otherwise
    #[arg(long, value_name = "TIME", value_parser = span, conflicts_with = "frames")]
    pub duration: Option<Duration>,
    /// End after so many frames
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub frames: Option<u64>,
    /// Keep no more than so many bytes, such as 100M: a file that has half of them becomes FILE.1
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub max_size: Option<u64>,
    /// Where the numbers come from.
    #[command(flatten)]
    pub sources: Sources,
}

/// A recording instead of what is there now.
#[derive(Debug, Clone, Args)]
pub struct From {
    /// Print what a recording has, instead of what is there now
    #[arg(long, value_name = "FILE")]
    pub from: Option<PathBuf>,
    /// Begin at this moment of the recording: 14:03 (UTC), +5m, or -30s from its end
    #[arg(
        short = 't',
        long,
        value_name = "TIME",
        requires = "from",
        allow_hyphen_values = true
    )]
    pub at: Option<Moment>,
}

/// Records until it is enough, or a signal comes, and says what was recorded.
///
/// # Errors
///
/// The bus cannot be read at first, or the file cannot be written.
pub fn record(options: &Record, source: &mut dyn SnapshotSource) -> anyhow::Result<()> {
    let mut pulse = Pulse::new(options.interval)?;
    let mut recorder = Recorder::open(&options.file, options.max_size)?;
    if let Some(found) = recorder.found() {
        eprintln!("ipcon-top: {found}");
    }
    let mut complaint = Complaint::default();
    take(&mut recorder, &source.collect()?, &mut complaint)?;
    let begun = Instant::now();
    let ends = |recorder: &Recorder| {
        let enough = |frames| recorder.recorded().frames >= frames;
        options.frames.is_some_and(enough)
            || options.duration.is_some_and(|span| begun.elapsed() >= span)
    };
    while !ends(&recorder) && pulse.wait() {
        match source.collect() {
            Ok(snapshot) => take(&mut recorder, &snapshot, &mut complaint)?,
            Err(error) => complaint.tell(NOTHING, &format!("{error:#}"), &error),
        }
    }
    let (recorded, path) = (recorder.recorded(), recorder.path().display());
    writeln!(io::stdout(), "recorded {recorded} to {path}").context("saying what was recorded")
}

/// What is said of a time that has no frame.
const NOTHING: &str = "nothing recorded at this time";

/// Records one snapshot. One that is too large for a frame is left out, since the next may be smaller again.
fn take(
    recorder: &mut Recorder,
    snapshot: &Snapshot,
    complaint: &mut Complaint,
) -> anyhow::Result<()> {
    match recorder.append(SystemTime::now(), snapshot) {
        Err(error) if is_too_large(&error) => complaint.tell(NOTHING, "too large", &error),
        appended => {
            appended?;
            complaint.look(snapshot);
        }
    }
    Ok(())
}

fn is_too_large(error: &anyhow::Error) -> bool {
    let reason = error.downcast_ref::<FrameError>();
    matches!(reason, Some(FrameError::TooLarge { .. }))
}
