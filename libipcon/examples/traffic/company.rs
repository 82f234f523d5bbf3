// SPDX-License-Identifier: MIT OR Apache-2.0

//! All parties together: their start, their threads, and their end in steps.

use std::mem::take;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;

use anyhow::{Context, anyhow};
use libipcon::{KEVENT_GROUP, Replay};

use crate::Event;
use crate::apart::Archive;
use crate::cast;
use crate::counts::Totals;
use crate::parties;
use crate::party::{Party, Sent};
use crate::report::Row;
use crate::roll::{Departed, Roll};
use crate::stage::{Pace, Stage, Stages};

/// Everybody who takes part.
#[derive(Debug)]
pub(crate) struct Company {
    stages: Arc<Stages>,
    roll: Arc<Roll>,
    failures: Sender<Event>,
    threads: Vec<(Stage, Work)>,
    /// When it is a process of its own.
    archive: Option<Archive>,
    rate: f64,
    scale: usize,
}

/// The party that the kernel tells about the others.
const OBSERVER: &str = "observer";

type Work = JoinHandle<anyhow::Result<Vec<Party>>>;

/// What is left at the end: open peers with empty queues.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) parties: Vec<Party>,
    pub(crate) departed: Departed,
    /// The archive, when it is a process of its own, and what it counted.
    pub(crate) archive: Option<(Archive, Row)>,
}

impl Company {
    /// Brings everybody onto the bus: services and groups first, then who needs them. All rates are multiplied by
    /// `rate`; each client and each listener is there `scale` times. With a file for its process id the archive is a
    /// process of its own. A party that fails says so on `failures`.
    pub(crate) fn start(
        rate: f64,
        scale: usize,
        archive_pid_file: Option<&Path>,
        failures: Sender<Event>,
    ) -> anyhow::Result<Self> {
        let mut company = Self {
            stages: Arc::new(Stages::new()),
            roll: Arc::default(),
            failures,
            threads: Vec::new(),
            archive: archive_pid_file.map(Archive::start).transpose()?,
            rate,
            scale,
        };
        company.start_observer()?;
        company.start_services()?;
        let owners = company.make_groups()?;
        company.start_listeners()?;
        company.start_publishers(owners);
        company.start_askers()?;
        company.start_visits()?;
        Ok(company)
    }

    /// Sums over all that are or were there.
    pub(crate) fn totals(&self) -> Totals {
        self.roll.totals()
    }

    /// Ends everybody's work, receives all that is queued, and gives back who is still on the bus.
    pub(crate) fn end(mut self) -> anyhow::Result<Ended> {
        let mut parties = Vec::new();
        for (over, next) in [
            (Stage::Running, Stage::Answering),
            (Stage::Answering, Stage::Listening),
            (Stage::Listening, Stage::Over),
        ] {
            self.stages.enter(next);
            for (stage, work) in take(&mut self.threads) {
                if stage == over {
                    let ended = work
                        .join()
                        .map_err(|_| anyhow!("a party's thread panicked"))?;
                    parties.extend(ended?);
                } else {
                    self.threads.push((stage, work));
                }
            }
        }
        let archive = self.settle(&parties)?;
        Ok(Ended {
            parties,
            departed: self.roll.departed(),
            archive,
        })
    }

    /// Receives all that is queued. Nobody sends any more, but what a party lost after its last message it would be
    /// told with the next one only, so each gets one.
    fn settle(&mut self, parties: &[Party]) -> anyhow::Result<Option<(Archive, Row)>> {
        for party in parties {
            // Others may still come and go, and the kernel would go on telling.
            if party.name == OBSERVER {
                party
                    .peer
                    .leave_group(KEVENT_GROUP)
                    .context("the observer stops listening")?;
            }
            party.drain()?;
        }
        let mut archive = self.archive.take();
        archive.as_mut().map_or(Ok(()), Archive::settle)?;
        let Some(last) = parties.first() else {
            return Ok(None);
        };
        let mut ports: Vec<_> = parties.iter().map(|party| party.peer.port()).collect();
        if archive.is_some() {
            ports.push(parties::find(last, cast::ARCHIVE)?);
        }
        for port in ports {
            anyhow::ensure!(
                last.send(port, b"the end")? == Sent::Accepted,
                "port {port} has no room in an empty queue"
            );
        }
        parties.iter().try_for_each(Party::drain)?;
        let closed = archive.map(|mut archive| {
            let row = archive.close()?;
            Ok((archive, row))
        });
        closed.transpose()
    }

    fn start_observer(&mut self) -> anyhow::Result<()> {
        let party = self.party(OBSERVER)?;
        party
            .peer
            .join_group(KEVENT_GROUP, Replay::None)
            .context("the observer listens")?;
        self.run(Stage::Listening, party, parties::observe);
        Ok(())
    }

    fn start_services(&mut self) -> anyhow::Result<()> {
        for desk in cast::DESKS {
            let party = self.service(desk.service)?;
            self.run(Stage::Answering, party, |party, stages| {
                parties::answer(party, desk.answer, stages)
            });
        }
        if self.archive.is_none() {
            let archive = self.service(cast::ARCHIVE)?;
            self.run(Stage::Listening, archive, |party, stages| {
                parties::read_slowly(party, cast::ARCHIVE_READS, stages)
            });
        }
        Ok(())
    }

    fn make_groups(&self) -> anyhow::Result<Vec<(Party, &'static cast::Channel)>> {
        let mut owners = Vec::new();
        for channel in cast::CHANNELS {
            let party = self.service(channel.service)?;
            let made = party.peer.register_group(channel.group);
            made.with_context(|| format!("{} makes its group", party.name))?;
            owners.push((party, channel));
        }
        Ok(owners)
    }

    fn start_listeners(&mut self) -> anyhow::Result<()> {
        for (listener, number) in times(self.scale, cast::LISTENERS) {
            let party = self.party(format!("{}-{number}", listener.name))?;
            let replay = if listener.replay {
                Replay::Last
            } else {
                Replay::None
            };
            let joined = party.peer.join_group(listener.group, replay);
            joined.with_context(|| format!("{} listens", party.name))?;
            self.run(Stage::Listening, party, |party, stages| {
                parties::listen(party, listener, stages)
            });
        }
        Ok(())
    }

    fn start_publishers(&mut self, owners: Vec<(Party, &'static cast::Channel)>) {
        let rate = self.rate;
        for (party, channel) in owners {
            self.run(Stage::Running, party, move |party, stages| {
                parties::publish(party, channel, rate, stages)
            });
        }
    }

    fn start_askers(&mut self) -> anyhow::Result<()> {
        let rate = self.rate;
        for (asker, number) in times(self.scale, cast::ASKERS) {
            let party = self.party(format!("{}-{number}", asker.name))?;
            self.run(Stage::Running, party, move |party, stages| {
                parties::ask(party, asker, rate, stages)
            });
        }
        let writer = self.party("writer")?;
        self.run(Stage::Running, writer, move |party, stages| {
            parties::write_letters(party, rate, stages)
        });
        Ok(())
    }

    /// Visitors come one after the other; someone writes to each that has left.
    fn start_visits(&mut self) -> anyhow::Result<()> {
        let (roll, rate) = (self.roll.clone(), self.rate);
        let postman = self.party("postman")?;
        self.spawn(Stage::Running, move |stages| {
            let mut pace = Pace::per_second(cast::VISITS * rate);
            for number in 1.. {
                if !pace.beat(stages, Stage::Running) {
                    break;
                }
                let visitor = roll.party(format!("visitor-{number}"))?;
                let (port, counts) = (visitor.peer.port(), visitor.counts.clone());
                if let Some(interrupted) = parties::visit(visitor, number, stages)? {
                    return Ok(vec![postman, interrupted]);
                }
                roll.strike(&counts);
                postman.send(port, b"you forgot your hat")?;
            }
            Ok(vec![postman])
        });
        Ok(())
    }

    fn party(&self, name: impl Into<String>) -> anyhow::Result<Party> {
        self.roll.party(name.into())
    }

    fn service(&self, name: &str) -> anyhow::Result<Party> {
        service(self.party(name)?)
    }

    fn run(
        &mut self,
        until: Stage,
        party: Party,
        work: impl FnOnce(Party, &Stages) -> anyhow::Result<Party> + Send + 'static,
    ) {
        self.spawn(until, |stages| Ok(vec![work(party, stages)?]));
    }

    fn spawn(
        &mut self,
        until: Stage,
        work: impl FnOnce(&Stages) -> anyhow::Result<Vec<Party>> + Send + 'static,
    ) {
        let (stages, failures) = (self.stages.clone(), self.failures.clone());
        let work = std::thread::spawn(move || {
            let ended = work(&stages);
            if ended.is_err() {
                // Nobody listens when the end has begun; it finds the error when it joins the thread.
                let _ = failures.send(Event::Failure);
            }
            ended
        });
        self.threads.push((until, work));
    }
}

/// Makes a party the service of its name.
pub(crate) fn service(party: Party) -> anyhow::Result<Party> {
    let named = party.peer.register_service(&party.name);
    named.with_context(|| format!("{} names itself", party.name))?;
    Ok(party)
}

/// Each of `parties`, `scale` times, with a number from 1.
fn times<T>(scale: usize, parties: &'static [T]) -> impl Iterator<Item = (&'static T, usize)> {
    parties
        .iter()
        .flat_map(move |party| (1..=scale).map(move |number| (party, number)))
}
