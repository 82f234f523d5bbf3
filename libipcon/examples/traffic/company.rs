// SPDX-License-Identifier: MIT OR Apache-2.0

//! All parties together: their start, their threads, and their end in steps.

use std::mem::take;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;

use anyhow::{Context, anyhow};
use libipcon::{KEVENT_GROUP, Replay};

use crate::Event;
use crate::cast;
use crate::counts::Totals;
use crate::parties;
use crate::party::{Party, Sent};
use crate::roll::{Departed, Roll};
use crate::stage::{Pace, Stage, Stages};

/// Everybody who takes part.
#[derive(Debug)]
pub(crate) struct Company {
    stages: Arc<Stages>,
    roll: Arc<Roll>,
    failures: Sender<Event>,
    threads: Vec<(Stage, Work)>,
    rate: f64,
}

type Work = JoinHandle<anyhow::Result<Vec<Party>>>;

/// What is left at the end: open peers with empty queues.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) parties: Vec<Party>,
    pub(crate) departed: Departed,
}

impl Company {
    /// Brings everybody onto the bus: services and groups first, then who needs them. All rates are multiplied by
    /// `rate`; each client and each listener is there `scale` times. A party that fails says so on `failures`.
    pub(crate) fn start(rate: f64, scale: usize, failures: Sender<Event>) -> anyhow::Result<Self> {
        let mut company = Self {
            stages: Arc::new(Stages::new()),
            roll: Arc::default(),
            failures,
            threads: Vec::new(),
            rate,
        };
        company.start_observer()?;
        company.start_services()?;
        let owners = company.make_groups()?;
        company.start_listeners(scale)?;
        company.start_publishers(owners);
        company.start_askers(scale)?;
        company.start_letters()?;
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
                    let ended = work.join().map_err(|_| anyhow!("a party's thread panicked"))?;
                    parties.extend(ended?);
                } else {
                    self.threads.push((stage, work));
                }
            }
        }
        self.settle(&parties)?;
        Ok(Ended { parties, departed: self.roll.departed() })
    }

    /// Receives all that is queued. Nobody sends any more, but what a party lost after its last message it would be
    /// told with the next one only, so each gets one.
    fn settle(&self, parties: &[Party]) -> anyhow::Result<()> {
        for party in parties {
            // Others may still come and go, and the kernel would go on telling.
            if party.name == OBSERVER {
                party.peer.leave_group(KEVENT_GROUP).context("the observer stops listening")?;
            }
            party.drain()?;
        }
        let Some(last) = parties.first() else { return Ok(()) };
        for party in parties {
            let sent = last.send(party.peer.port(), b"the end")?;
            anyhow::ensure!(sent == Sent::Accepted, "{} has no room in an empty queue", party.name);
        }
        parties.iter().try_for_each(Party::drain)
    }

    fn start_observer(&mut self) -> anyhow::Result<()> {
        let party = self.party(OBSERVER)?;
        party.peer.join_group(KEVENT_GROUP, Replay::None).context("the observer listens")?;
        self.run(Stage::Answering, party, parties::observe);
        Ok(())
    }

    fn start_services(&mut self) -> anyhow::Result<()> {
        for desk in cast::DESKS {
            let party = self.service(desk.service)?;
            self.run(Stage::Running, party, |party, stages| {
                parties::answer(party, desk.answer, stages)
            });
        }
        Ok(())
    }

    fn make_groups(&self) -> anyhow::Result<Vec<(Party, cast::Channel)>> {
        let make = |channel: &cast::Channel| {
            let party = self.service(channel.service)?;
            let made = party.peer.register_group(channel.group);
            made.with_context(|| format!("{} makes its group", party.name))?;
            Ok((party, *channel))
        };
        cast::CHANNELS.iter().map(make).collect()
    }

    fn start_listeners(&mut self, scale: usize) -> anyhow::Result<()> {
        for listener in cast::LISTENERS {
            for number in 1..=scale {
                let party = self.party(format!("{}-{number}", listener.name))?;
                let replay = if listener.replay { Replay::Last } else { Replay::None };
                let joined = party.peer.join_group(listener.group, replay);
                joined.with_context(|| format!("{} listens", party.name))?;
                self.run(Stage::Listening, party, |party, stages| {
                    parties::listen(party, *listener, stages)
                });
            }
        }
        Ok(())
    }

    fn start_publishers(&mut self, owners: Vec<(Party, cast::Channel)>) {
        let rate = self.rate;
        for (party, channel) in owners {
            self.run(Stage::Running, party, move |party, stages| {
                parties::publish(party, channel, rate, stages)
            });
        }
    }
}
