// SPDX-License-Identifier: MIT OR Apache-2.0

//! The rows of observers: what is compared with what. The host knows them by the same names, with their goals.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use super::busy::{self, Watching};
use super::disturbed::Disturbed;
use super::scrape::{self, Scrape};
use super::watched::{self, Watched};
use crate::measure::{Effort, Samples, Sides, interleaved};

/// One row.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// Makes it ready and measures it.
    pub(crate) measure: fn(&Context) -> anyhow::Result<Samples>,
}

const fn row(name: &'static str, measure: fn(&Context) -> anyhow::Result<Samples>) -> Row {
    Row { name, measure }
}

/// All rows, in the order in which they are measured and shown.
pub(crate) const ROWS: &[Row] = &[
    row("scrape-some", |context| {
        let [few, some, _] = context.buses()?;
        context.in_turns(Sides::new(Scrape::new(&some), Scrape::new(&few))?)
    }),
    row("scrape-many", |context| {
        let [_, some, many] = context.buses()?;
        let scrapes = context.in_turns(Sides::new(Scrape::new(&many), Scrape::new(&some))?)?;
        Ok(scrape::by_peer(scrapes, &many, &some))
    }),
    row("scrape-size", |context| {
        let [_, some, many] = context.buses()?;
        scrape::size(&many, &some)
    }),
    row("scrape-series", |context| {
        let [_, some, many] = context.buses()?;
        scrape::series(&many, &some)
    }),
    row("scrape-memory", |context| {
        let [_, _, many] = context.buses()?;
        scrape::memory(&many)
    }),
    row("dashboard-busy", |context| {
        busy::dashboard(context.watching())
    }),
    row("exporter-busy", |context| {
        busy::exporter(context.watching())
    }),
    row("scraped-p50", |context| context.disturbed(50)),
    row("scraped-p99", |context| context.disturbed(99)),
];

/// What rows share.
pub(crate) struct Context {
    effort: Effort,
    quick: bool,
    /// The buses with few, some and many peers, made for the first row that wants them.
    buses: RefCell<Option<[Rc<Watched>; 3]>>,
}

impl Context {
    pub(crate) fn new(effort: Effort, quick: bool) -> Self {
        Self {
            effort,
            quick,
            buses: RefCell::new(None),
        }
    }

    fn sizes(&self) -> [usize; 3] {
        if self.quick {
            [2, 10, 300]
        } else {
            [10, 1_000, 10_000]
        }
    }

    fn buses(&self) -> anyhow::Result<[Rc<Watched>; 3]> {
        let mut buses = self.buses.borrow_mut();
        let made = match buses.take() {
            Some(made) => made,
            None => watched::buses(self.sizes())?,
        };
        Ok(buses.insert(made).clone())
    }

    /// Without the observers of other rows.
    fn watching(&self) -> Watching {
        self.buses.take();
        let interval = Duration::from_millis(if self.quick { 250 } else { 1_000 });
        Watching {
            rounds: self.effort.rounds().min(11),
            lasting: interval * 2,
            interval,
        }
    }

    fn in_turns(&self, sides: Sides) -> anyhow::Result<Samples> {
        interleaved(sides, &self.effort, 1)
    }

    fn disturbed(&self, percent: usize) -> anyhow::Result<Samples> {
        self.buses.take();
        let [_, _, many] = self.sizes();
        let fewest = if self.quick { 4 } else { 2_000 };
        let sides = Disturbed::and_not(many, percent)?;
        interleaved(sides, &self.effort, fewest)
    }
}
