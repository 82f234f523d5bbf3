// SPDX-License-Identifier: MIT OR Apache-2.0
//! Opens the sources, reads each once, and closes them again.

use std::fmt::Display;
use std::fs;
use std::time::Duration;

use rustix::thread::{CapabilitySet, capabilities};
use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;

use super::prediction::Available;
use super::status;
use crate::Options;
use crate::model::{ChannelScan, Source};
use crate::probes::{Probes, Program, Settings};
use crate::sources::bus::BusSource;
use crate::sources::channels::ChannelSource;
use crate::sources::kevents::{Account, KeventSource};

/// What the sources and the probes did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Trial {
    /// The sources that were tried.
    pub sources: Vec<SourceTrial>,
    /// All probes, if they were tried.
    pub probes: Vec<ProbeTrial>,
}

/// What a source did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SourceTrial {
    /// Which.
    pub source: Source,
    /// How much it delivered.
    pub available: Available,
    /// What kept it from delivering all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What a probe did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProbeTrial {
    /// Its tracepoint, and its name.
    pub probe: &'static str,
    /// Whether it was attached, and could be read.
    pub available: Available,
}

impl Trial {
    /// Tries the dumps and what is asked for, whatever is predicted. It becomes a peer of the bus for that moment, and
    /// attaches the probes.
    #[must_use]
    pub fn run(options: Options) -> Self {
        let mut trial = Self {
            sources: vec![outcome(Source::Dumps, dumps())],
            probes: Vec::new(),
        };
        if options.kevents {
            trial.sources.push(outcome(Source::Kevents, kevents()));
        }
        if options.probes {
            let (attached, result) = match probes() {
                Ok(attached) => (attached, Ok(())),
                Err(reason) => (Vec::new(), Err(reason)),
            };
            trial.sources.push(outcome(Source::Probes, result));
            let each = Program::ALL.iter().map(|program| ProbeTrial {
                probe: program.tracepoint(),
                available: match attached.contains(program) {
                    true => Available::Yes,
                    false => Available::No,
                },
            });
            trial.probes = each.collect();
        }
        if options.channels {
            trial.sources.push(channels());
        }
        trial
    }
}

fn outcome(source: Source, result: Result<(), String>) -> SourceTrial {
    SourceTrial {
        source,
        available: match result {
            Ok(()) => Available::Yes,
            Err(_) => Available::No,
        },
        reason: result.err(),
    }
}

fn dumps() -> Result<(), String> {
    BusSource::open().and_then(|bus| bus.read()).map_err(text)?;
    Ok(())
}

fn kevents() -> Result<(), String> {
    let source = KeventSource::open(&Account::default()).map_err(text)?;
    source.read(0).map_err(text)?;
    Ok(())
}

/// The programs that were attached and could be read.
fn probes() -> Result<Vec<Program>, String> {
    let mut probes = Probes::attach_unasked(Settings::default()).map_err(text)?;
    let reading = probes.read().map_err(text)?;
    Ok(reading.programs.into_keys().collect())
}

fn channels() -> SourceTrial {
    let read = ChannelSource::open().and_then(|mut source| source.read(now));
    match read {
        Ok(channels) => {
            let (available, reason) = channels_seen(&channels.scan);
            SourceTrial {
                source: Source::Channels,
                available,
                reason,
            }
        }
        Err(error) => outcome(Source::Channels, Err(text(error))),
    }
}

/// How much of the connections was seen by the calling thread, which looked for them, and what kept it from seeing all.
#[must_use]
pub fn channels_seen(scan: &ChannelScan) -> (Available, Option<String>) {
    let reason = match scan.unreadable_processes {
        0 => others_are_hidden().then(|| "processes of others are hidden".to_owned()),
        1 => Some("1 process may not be looked at".to_owned()),
        closed => Some(format!("{closed} processes may not be looked at")),
    };
    match reason {
        None => (Available::Yes, None),
        Some(_) => (Available::Partly, reason),
    }
}

/// Whether `/proc` does not even tell of processes that may not be looked at.
fn others_are_hidden() -> bool {
    let mounts = fs::read_to_string("/proc/thread-self/mountinfo").unwrap_or_default();
    let sees_all =
        capabilities(None).is_ok_and(|sets| sets.effective.contains(CapabilitySet::SYS_PTRACE));
    status::hides_processes(&mounts) && !sees_all
}

fn text(error: impl Display) -> String {
    error.to_string()
}

fn now() -> Duration {
    let now = clock_gettime(ClockId::Monotonic);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}
