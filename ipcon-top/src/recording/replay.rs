// SPDX-License-Identifier: MIT OR Apache-2.0
//! `ipcon-top replay`: the dashboard on a recording.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use clap::Args;

use super::{Moment, Recorded};
use crate::app::Setup;
use crate::args::interval;
use crate::clock::{Clock, Now};
use crate::history::Past;
use crate::live::{self, Exit};
use crate::look::Look;

/// Options of `replay`.
#[derive(Debug, Clone, Args)]
pub struct Replay {
    /// The recording
    pub file: PathBuf,
    /// Begin at this moment: 14:03 (UTC), +5m, or -30s from the end
    #[arg(short = 't', long, value_name = "TIME", allow_hyphen_values = true)]
    pub at: Option<Moment>,
    /// How long each frame shows while it plays, 250ms to 60s [default: 1s]
    #[arg(long, value_name = "TIME", value_parser = interval)]
    pub interval: Option<Duration>,
    /// How it looks.
    #[command(flatten)]
    pub look: Look,
}

/// Shows a recording in the terminal of this process.
///
/// # Errors
///
/// The recording cannot be read or does not have that moment, or there is no usable terminal.
pub fn replay(options: &Replay, setup: &Setup, display: &live::Options) -> anyhow::Result<Exit> {
    let mut recorded = Recorded::open(&options.file)?;
    if let Some(moment) = options.at {
        recorded = recorded.beginning_at(moment)?;
    }
    let gaps = recorded.gaps();
    let clock = ThatTime::of(&recorded);
    let exit = live::replay(Box::new(recorded), &clock, setup, display);
    // Afterwards, since the dashboard takes the whole terminal.
    for gap in gaps {
        eprintln!("ipcon-top: {gap}");
    }
    exit
}

/// The clocks of the machine that was recorded, as they stood to each other where the replay begins.
#[derive(Debug, Clone, Copy)]
struct ThatTime(Now);

impl ThatTime {
    fn of(recorded: &Recorded) -> Self {
        let beginning = recorded.beginning();
        let monotonic = recorded.time(beginning);
        let epoch = recorded.at(beginning).checked_sub(monotonic);
        Self(Now {
            monotonic,
            epoch: epoch.unwrap_or(SystemTime::UNIX_EPOCH),
        })
    }
}

impl Clock for ThatTime {
    fn now(&self) -> Now {
        self.0
    }
}
