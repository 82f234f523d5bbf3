// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is told about the bus: the dumps, and the kevents and probes that are read with them.

use std::time::Duration;

use super::{Error, Options, now, outcome, timed};
use crate::join::{self, Dumps};
use crate::model::{Probe, ProbeCounts, Snapshot, Source, SourceStatus};
use crate::optional::{Optional, Read};
use crate::probes::{Probes, ReadError, Settings};
use crate::reconcile::Start;
use crate::sources::bus::BusSource;
use crate::sources::kevents::{Account, KeventSource};

/// The sources of one bus, that of this network namespace.
pub(super) struct BusCollector {
    /// `None` after a failure: the module may have been loaded anew.
    dumps: Option<BusSource>,
    kevents: Optional<KeventSource>,
    /// Outlives the source, so that what happens before it is opened again counts as lost.
    kevent_account: Account,
    probes: Optional<Probes>,
    settings: Settings,
    /// Where the counts of these probes and the dumps begin to be compared.
    start: Start,
}

impl BusCollector {
    /// Opens the dumps and, where it is asked for and possible, the kevents and the probes.
    ///
    /// # Errors
    ///
    /// The module is not loaded, or does not answer.
    pub(super) fn open(options: Options) -> Result<Self, Error> {
        let dumps = BusSource::open()?;
        // Events first: what they do not tell is in the dumps that follow.
        let kevent_account = Account::default();
        let kevents = if options.kevents {
            Optional::open(now(), || KeventSource::open(&kevent_account))
        } else {
            Optional::unwanted()
        };
        let settings = Settings {
            latency: options.latency,
            ..Settings::default()
        };
        let probes = if options.probes {
            Optional::open(now(), || Probes::attach_with(settings))
        } else {
            Optional::unwanted()
        };
        Ok(Self {
            dumps: Some(dumps),
            kevents,
            kevent_account,
            probes,
            settings,
            start: Start::default(),
        })
    }

    /// Reads all of them.
    ///
    /// # Errors
    ///
    /// The dumps cannot be read. A failure of another source stands in [`Snapshot::sources`].
    pub(super) fn collect(&mut self) -> Result<Snapshot, Error> {
        let begun = now();
        self.kevents
            .revive(begun, || KeventSource::open(&self.kevent_account));
        let settings = self.settings;
        let attach = || Probes::attach_with(settings);
        if self.probes.revive(begun, attach) {
            self.start = Start::default();
        }
        let (before, before_took) = timed(|| self.counts_before_dumps());
        let (dumps, dumps_took) = timed(|| self.read_dumps());
        let mut snapshot = join::snapshot(dumps?, self.observer());
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

    fn read_dumps(&mut self) -> Result<Dumps, Error> {
        let dumps = match self.dumps.take() {
            Some(dumps) => dumps,
            None => BusSource::open()?,
        };
        let read = dumps.read()?;
        self.dumps = Some(dumps);
        Ok(read)
    }

    /// Id of the peer that this observer is, if it is one.
    pub(super) fn observer(&self) -> Option<u64> {
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
        let sequence = snapshot.bus.as_ref().map_or(0, |bus| bus.kevent_sequence);
        let (read, took) = timed(|| self.kevents.with(now(), |kevents| kevents.read(sequence)));
        let (read, mut status) = outcome(Source::Kevents, read, took);
        if let Some(heard) = read {
            status.lost = heard.lost;
            snapshot.kevents = Some(heard.counts);
            snapshot.events = heard.events;
        }
        snapshot.sources.push(status);
    }

    /// Whether probes are attached.
    pub(super) fn has_probes(&self) -> bool {
        self.probes.get().is_some()
    }

    fn add_probes(
        &mut self,
        before: Read<Option<ProbeCounts>>,
        before_took: Duration,
        snapshot: &mut Snapshot,
    ) {
        let (read, took) = timed(|| {
            let before = before?;
            let read = |probes: &mut Probes| {
                Ok::<_, ReadError>((probes.read()?, probes.take_exceptions()))
            };
            let (reading, exceptions) = self.probes.with(now(), read)?;
            Ok((before, reading, exceptions))
        });
        let (read, mut status) = outcome(Source::Probes, read, before_took + took);
        if let Some((before, reading, exceptions)) = read {
            if let Some(before) = before {
                self.start.find(&before, snapshot, &join::counts(&reading));
            }
            let probes = join::probes(&reading, self.start.baseline());
            status.lost = probes.probes.iter().map(Probe::blind_to).sum();
            snapshot.probes = Some(probes);
            snapshot.exceptions = join::exceptions(&exceptions);
            join::add_rows(&reading, snapshot);
        }
        snapshot.sources.push(status);
    }
}
