// SPDX-License-Identifier: MIT OR Apache-2.0
//! Opens what may be opened, reads it, and makes snapshots.

mod bus;

use std::fmt;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use crate::model::{Snapshot, Source, SourceState, SourceStatus};
use crate::optional::{Optional, Read};
use crate::sources::channels::ChannelSource;
use crate::sources::observer;
use bus::BusCollector;

/// What to use beside the dumps, as far as it may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Attach eBPF probes. While they are attached, the module cannot be unloaded.
    pub probes: bool,
    /// Let the probes measure how long messages wait until they are read. For that they look at each datagram that any
    /// program of the machine reads.
    pub latency: bool,
    /// Listen to kevents. This makes the observer a peer of the bus, flagged as [`observer`].
    ///
    /// [`observer`]: crate::model::Peer::observer
    pub kevents: bool,
    /// Look for connections of coroipc, which need no bus.
    pub channels: bool,
}

impl Options {
    /// Whether a source is used. The dumps always are.
    #[must_use]
    pub fn include(&self, source: Source) -> bool {
        match source {
            Source::Dumps => true,
            Source::Kevents => self.kevents,
            Source::Probes => self.probes,
            Source::Channels => self.channels,
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            probes: true,
            latency: true,
            kevents: true,
            channels: true,
        }
    }
}

/// The bus cannot be read, nor can channels, if they are wanted.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the bus: {bus}{channels}")]
pub struct Error {
    bus: libipcon::Error,
    /// What to add about channels; empty if nobody wants them.
    channels: String,
}

impl Error {
    fn without_channels(mut self, reason: &SourceState) -> Self {
        if let SourceState::Off { reason } | SourceState::Failed { reason } = reason {
            self.channels = format!("; nor connections of coroipc: {reason}");
        }
        self
    }
}

impl From<libipcon::Error> for Error {
    fn from(bus: libipcon::Error) -> Self {
        let channels = String::new();
        Self { bus, channels }
    }
}

/// Makes snapshots of the bus of this network namespace, and of the connections of coroipc on this machine.
pub struct Collector {
    options: Options,
    /// `None` until there is one.
    bus: Option<BusCollector>,
    channels: Optional<ChannelSource>,
}

impl Collector {
    /// Opens the dumps and, where it is asked for and possible, the other sources. Why one of these is not used stands
    /// in [`Snapshot::sources`]; it is tried again with later snapshots.
    ///
    /// # Errors
    ///
    /// The module is not loaded, or does not answer, and there are no channels to look for either.
    pub fn open(options: Options) -> Result<Self, Error> {
        let bus = BusCollector::open(options);
        let channels = if options.channels {
            Optional::open(now(), ChannelSource::open)
        } else {
            Optional::unwanted()
        };
        match bus {
            Err(error) if !options.channels => Err(error),
            Err(error) if channels.get().is_none() => {
                Err(error.without_channels(&channels.absent()))
            }
            bus => Ok(Self {
                options,
                bus: bus.ok(),
                channels,
            }),
        }
    }

    /// Reads all sources.
    ///
    /// # Errors
    ///
    /// The dumps cannot be read, and there are no channels either. While there are, it stands in
    /// [`Snapshot::sources`] that there is no bus, and so does a failure of another source.
    pub fn collect(&mut self) -> Result<Snapshot, Error> {
        let had_bus = self.bus.is_some();
        let bus = self.collect_bus();
        let (mut snapshot, failure) = match bus {
            Ok(snapshot) => (snapshot, None),
            Err(error) => (without_bus(&error, had_bus), Some(error)),
        };
        self.add_channels(&mut snapshot);
        snapshot.observer = Some(observer::read());
        match failure {
            Some(error) if !self.options.channels => Err(error),
            Some(error) if snapshot.channels.is_none() => {
                Err(error.without_channels(&self.channels.absent()))
            }
            _ => Ok(snapshot),
        }
    }

    fn collect_bus(&mut self) -> Result<Snapshot, Error> {
        let bus = match self.bus.take() {
            Some(bus) => bus,
            None => BusCollector::open(self.options)?,
        };
        self.bus.insert(bus).collect()
    }

    fn add_channels(&mut self, snapshot: &mut Snapshot) {
        self.channels.revive(now(), ChannelSource::open);
        let (read, took) = timed(|| self.channels.with(now(), |channels| channels.read(now)));
        let (read, status) = outcome(Source::Channels, read, took);
        snapshot.channels = read;
        snapshot.sources.push(status);
    }
}

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Collector")
            .field("bus", &self.bus.is_some())
            .field(
                "observer",
                &self.bus.as_ref().and_then(BusCollector::observer),
            )
            .field(
                "probes",
                &self.bus.as_ref().is_some_and(BusCollector::has_probes),
            )
            .field("channels", &self.channels.get().is_some())
            .finish_non_exhaustive()
    }
}

/// What is known when there is no bus, or not any more.
fn without_bus(error: &Error, had_bus: bool) -> Snapshot {
    let reason = error.to_string();
    let state = if had_bus {
        SourceState::Failed { reason }
    } else {
        SourceState::Off { reason }
    };
    Snapshot {
        taken_at: now(),
        sources: vec![SourceStatus {
            name: Source::Dumps,
            state,
            ..SourceStatus::default()
        }],
        ..Snapshot::default()
    }
}

/// The part, if any, and how the source is doing.
fn outcome<T>(name: Source, read: Read<T>, took: Duration) -> (Option<T>, SourceStatus) {
    let (part, state) = match read {
        Ok(part) => (Some(part), SourceState::On),
        Err(state) => (None, state),
    };
    let duration = (!matches!(state, SourceState::Off { .. })).then_some(took);
    (
        part,
        SourceStatus {
            name,
            state,
            lost: 0,
            duration,
        },
    )
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let begun = Instant::now();
    let result = work();
    (result, begun.elapsed())
}

fn now() -> Duration {
    let now = clock_gettime(ClockId::Monotonic);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}
