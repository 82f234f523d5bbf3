// SPDX-License-Identifier: MIT OR Apache-2.0
//! Opens what may be opened, reads it, and makes snapshots.

use std::fmt;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use crate::join;
use crate::model::{Probe, ProbeCounts, Snapshot, Source, SourceState, SourceStatus};
use crate::optional::{Optional, Read};
use crate::probes::Probes;
use crate::reconcile::Start;
use crate::sources::bus::BusSource;
use crate::sources::kevents::{Account, KeventSource};

/// What to use beside the dumps, as far as it may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Attach eBPF probes. While they are attached, the module cannot be unloaded.
    pub probes: bool,
    /// Listen to kevents. This makes the observer a peer of the bus, flagged as [`observer`].
    ///
    /// [`observer`]: crate::model::Peer::observer
    pub kevents: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            probes: true,
            kevents: true,
        }
    }
}

/// The bus cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the bus: {0}")]
pub struct Error(libipcon::Error);

/// Makes snapshots of the bus of this network namespace.
pub struct Collector {
    bus: BusSource,
    kevents: Optional<KeventSource>,
    /// Outlives the source, so that what happens before it is opened again counts as lost.
    kevent_account: Account,
    probes: Optional<Probes>,
    /// Where the counts of these probes and the dumps begin to be compared.
    start: Start,
}

impl Collector {
    /// Opens the dumps and, where it is asked for and possible, the kevents and the probes. Why one of these
    /// is not used stands in [`Snapshot::sources`]; it is tried again with later snapshots.
    ///
    /// # Errors
    ///
    /// The module is not loaded, or does not answer.
    pub fn open(options: Options) -> Result<Self, Error> {
        let bus = BusSource::open().map_err(Error)?;
        // Events first: what they do not tell is in the dumps that follow.
        let kevent_account = Account::default();
        let kevents = if options.kevents {
            Optional::open(now(), || KeventSource::open(&kevent_account))
        } else {
            Optional::unwanted()
        };
        let probes = if options.probes {
            Optional::open(now(), Probes::attach)
        } else {
            Optional::unwanted()
        };
        Ok(Self {
            bus,
            kevents,
            kevent_account,
            probes,
            start: Start::default(),
        })
    }

    /// Reads all sources.
    ///
    /// # Errors
    ///
    /// The dumps cannot be read. A failure of another source stands in [`Snapshot::sources`].
    pub fn collect(&mut self) -> Result<Snapshot, Error> {
        let begun = now();
        self.kevents
            .revive(begun, || KeventSource::open(&self.kevent_account));
        if self.probes.revive(begun, Probes::attach) {
            self.start = Start::default();
        }
        let (before, before_took) = timed(|| self.counts_before_dumps());
        let (dumps, dumps_took) = timed(|| self.bus.read());
        let mut snapshot = join::snapshot(dumps.map_err(Error)?, self.observer());
        snapshot.taken_at = now();
        snapshot.sources.push(SourceStatus {
            name: Source::Dumps,
            duration: Some(dumps_took),
            ..SourceStatus::default()
        });
        self.add_kevents(&mut snapshot);
        self.add_probes(before, before_took, &mut snapshot);
        Ok(snapshot)
    }

    /// Id of the peer that this observer is, if it is one.
    fn observer(&self) -> Option<u64> {
        self.kevents.get().map(KeventSource::peer_id)
    }

    /// What the probes counted, while something cannot be compared with the dumps yet.
    fn counts_before_dumps(&mut self) -> Read<Option<ProbeCounts>> {
        if !self.start.is_open() {
            return Ok(None);
        }
        let reading = self.probes.with(now(), Probes::read)?;
        Ok(Some(join::counts(&reading)))
    }

    fn add_kevents(&mut self, snapshot: &mut Snapshot) {
        let sequence = snapshot.bus.kevent_sequence;
        let (read, took) = timed(|| self.kevents.with(now(), |kevents| kevents.read(sequence)));
        let (read, mut status) = outcome(Source::Kevents, read, took);
        if let Some(heard) = read {
            status.lost = heard.lost;
            snapshot.kevents = Some(heard.counts);
            snapshot.events = heard.events;
        }
        snapshot.sources.push(status);
    }

    fn add_probes(
        &mut self,
        before: Read<Option<ProbeCounts>>,
        before_took: Duration,
        snapshot: &mut Snapshot,
    ) {
        let (read, took) = timed(|| {
            let before = before?;
            let reading = self.probes.with(now(), Probes::read)?;
            Ok((before, reading))
        });
        let (read, mut status) = outcome(Source::Probes, read, before_took + took);
        if let Some((before, reading)) = read {
            if let Some(before) = before {
                self.start.find(&before, snapshot, &join::counts(&reading));
            }
            let probes = join::probes(&reading, self.start.baseline());
            status.lost = probes.probes.iter().map(Probe::blind_to).sum();
            snapshot.probes = Some(probes);
        }
        snapshot.sources.push(status);
    }
}

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Collector")
            .field("observer", &self.observer())
            .field("probes", &self.probes.get().is_some())
            .finish_non_exhaustive()
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
