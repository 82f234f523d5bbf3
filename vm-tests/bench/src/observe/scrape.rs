// SPDX-License-Identifier: MIT OR Apache-2.0

//! Scrapes of small and of large buses.

use std::rc::Rc;

use super::watched::Watched;
use crate::measure::{Samples, Side, timed};

/// The most memory that the exporter may take, in bytes.
const MEMORY: f64 = 64.0 * 1024.0 * 1024.0;

/// The time of a scrape.
pub(crate) struct Scrape(Rc<Watched>);

impl Scrape {
    pub(crate) fn new(bus: &Rc<Watched>) -> Self {
        Self(Rc::clone(bus))
    }
}

impl Side for Scrape {
    fn round(&mut self, times: u32) -> anyhow::Result<f64> {
        timed(times, || self.0.exporter.scrape().map(drop))
    }
}

/// What each peer takes of a scrape, given what scrapes of the two buses take.
pub(crate) fn by_peer(scrapes: Samples, ours: &Watched, peer: &Watched) -> Samples {
    let share = |times: Vec<f64>, bus: &Watched| {
        let times = times.into_iter();
        times.map(|time| time / bus.peers as f64).collect()
    };
    Samples {
        ours: share(scrapes.ours, ours),
        peer: share(scrapes.peer, peer),
        ..scrapes
    }
}

/// How long the page is, in bytes.
pub(crate) fn size(ours: &Watched, peer: &Watched) -> anyhow::Result<Samples> {
    let size = |bus: &Watched| anyhow::Ok(bus.exporter.scrape()?.len() as f64);
    Ok(Samples::once(size(ours)?, size(peer)?, "bytes"))
}

/// How many samples are on the page.
pub(crate) fn series(ours: &Watched, peer: &Watched) -> anyhow::Result<Samples> {
    let series = |bus: &Watched| {
        let page = bus.exporter.scrape()?;
        let samples = page.lines().filter(|line| !line.starts_with('#'));
        anyhow::Ok(samples.count() as f64)
    };
    Ok(Samples::once(series(ours)?, series(peer)?, "series"))
}

/// The most memory that the exporter took while it was scraped a few times.
pub(crate) fn memory(ours: &Watched) -> anyhow::Result<Samples> {
    for _ in 0..5 {
        ours.exporter.scrape()?;
    }
    let peak = ours.exporter.peak_memory()? as f64;
    Ok(Samples::once(peak, MEMORY, "bytes"))
}
