// SPDX-License-Identifier: MIT OR Apache-2.0
//! The thread that reads the bus.
//!
//! Reading blocks, so it stays away from the thread that serves clients. Requests that wait at the same time
//! get the same page: however many clients ask, the bus is read once at a time.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use anyhow::{Context, Result};
use ipcon_observe::ledger::Limits;
use ipcon_observe::model::{Source, SourceState};
use ipcon_observe::privilege::Dropping;
use ipcon_observe::{Collector, Ledger, Options, Snapshot};
use tokio::sync::oneshot;

use crate::metrics::{self, Parts, Scrape};
use crate::process::Usage;

/// What can be asked of the reader.
#[derive(Debug)]
enum Question {
    Page(Parts, oneshot::Sender<Result<Arc<str>, String>>),
    Health(oneshot::Sender<Result<(), String>>),
}

/// Asks the reader. It ends when the last of these is dropped.
#[derive(Clone, Debug)]
pub(crate) struct Reader(Sender<Question>);

impl Reader {
    /// Starts the thread.
    ///
    /// # Errors
    ///
    /// When there can be no further thread.
    pub(crate) fn start(options: Options, limits: Limits, dropping: Dropping) -> Result<Self> {
        let (sender, questions) = channel();
        let bus = BusReader {
            options,
            dropping,
            keeps: None,
            collector: None,
            ledger: Ledger::new(limits),
            states: Vec::new(),
        };
        thread::Builder::new()
            .name("bus reader".to_owned())
            .spawn(move || bus.answer(&questions))
            .context("cannot start the thread that reads the bus")?;
        Ok(Self(sender))
    }

    /// The page of metrics, with these parts.
    pub(crate) async fn page(&self, parts: Parts) -> Result<Arc<str>, String> {
        self.ask(|to| Question::Page(parts, to)).await
    }

    /// Whether the bus can be read, and why not.
    pub(crate) async fn health(&self) -> Result<(), String> {
        self.ask(Question::Health).await
    }

    /// One that answers each question about a page with the same text, without a bus.
    #[cfg(test)]
    pub(crate) fn of_page(page: Arc<str>) -> Self {
        let (sender, questions) = channel();
        thread::spawn(move || {
            for question in questions {
                match question {
                    Question::Page(_, to) => _ = to.send(Ok(page.clone())),
                    Question::Health(to) => _ = to.send(Ok(())),
                }
            }
        });
        Self(sender)
    }

    async fn ask<A>(
        &self,
        question: impl FnOnce(oneshot::Sender<Result<A, String>>) -> Question,
    ) -> Result<A, String> {
        let (sender, answer) = oneshot::channel();
        let gone = || "the thread that reads the bus has ended".to_owned();
        self.0.send(question(sender)).map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

struct BusReader {
    options: Options,
    dropping: Dropping,
    /// Why capabilities that are not needed could not be given up.
    keeps: Option<String>,
    /// Opened at the first question, and again after a failure: the module may be loaded later.
    collector: Option<Collector>,
    ledger: Ledger,
    /// How the sources were last time, to tell of changes.
    states: Vec<(Source, SourceState)>,
}

impl BusReader {
    fn answer(mut self, questions: &Receiver<Question>) {
        while let Ok(first) = questions.recv() {
            let waiting: Vec<_> = std::iter::once(first).chain(questions.try_iter()).collect();
            let snapshot = self.read();
            let mut pages = BTreeMap::new();
            for question in waiting {
                // Whoever asked may have gone meanwhile.
                match question {
                    Question::Page(parts, to) => {
                        let page = pages
                            .entry(parts)
                            .or_insert_with(|| self.page(snapshot.as_ref().ok(), parts));
                        _ = to.send(page.clone());
                    }
                    Question::Health(to) => _ = to.send(health(&snapshot)),
                }
            }
        }
    }

    fn read(&mut self) -> Result<Snapshot> {
        let snapshot = self.collect();
        match &snapshot {
            Ok(snapshot) => {
                self.ledger.apply(snapshot);
                let states = snapshot
                    .sources
                    .iter()
                    .map(|s| (s.name, s.state.clone()))
                    .collect();
                self.note(states);
            }
            Err(error) => {
                self.collector = None;
                let reason = format!("{error:#}");
                self.note(vec![(Source::Dumps, SourceState::Failed { reason })]);
            }
        }
        snapshot
    }

    fn collect(&mut self) -> Result<Snapshot> {
        let collector = match &mut self.collector {
            Some(collector) => collector,
            None => self.collector.insert(Collector::open(self.options)?),
        };
        let collected = collector.collect();
        let dropped = self.dropping.after(collected.as_ref());
        let keeps = dropped.err().map(|error| error.to_string());
        if let Some(error) = &keeps
            && self.keeps != keeps
        {
            _ = writeln!(std::io::stderr(), "cannot give up capabilities: {error}");
        }
        self.keeps = keeps;
        Ok(collected?)
    }

    fn page(&self, snapshot: Option<&Snapshot>, parts: Parts) -> Result<Arc<str>, String> {
        let process = Usage::read().ok();
        let scrape = Scrape {
            snapshot,
            ledger: &self.ledger,
            probes_wanted: self.options.probes,
            process: process.as_ref(),
        };
        let page = metrics::page(&scrape, parts);
        page.map(Arc::from)
            .map_err(|error| format!("cannot encode the metrics: {error}"))
    }

    /// Tells on stderr when a source comes, goes or fails in another way.
    fn note(&mut self, states: Vec<(Source, SourceState)>) {
        for state in states.iter().filter(|state| !self.states.contains(state)) {
            let text = match &state.1 {
                SourceState::On => "on".to_owned(),
                SourceState::Off { reason } => format!("off: {reason}"),
                SourceState::Failed { reason } => format!("failed: {reason}"),
            };
            // Nobody may be reading the log; that is no reason to stop.
            _ = writeln!(std::io::stderr(), "{}: {text}", state.0.key());
        }
        self.states = states;
    }
}

fn health(snapshot: &Result<Snapshot>) -> Result<(), String> {
    let snapshot = snapshot.as_ref().map_err(|error| format!("{error:#}"))?;
    bus_of(snapshot)
}

/// Whether the bus is in a snapshot, and why not.
pub(crate) fn bus_of(snapshot: &Snapshot) -> Result<(), String> {
    let absence = snapshot.bus_absence();
    absence.map_or(Ok(()), |reason| Err(reason.to_owned()))
}
