// SPDX-License-Identifier: MIT OR Apache-2.0

//! Scrapes of small and of large buses.

use std::rc::Rc;

use super::watched::Watched;
use crate::measure::{Samples, Side, timed};

/// The most memory that the exporter may take, in bytes.
const MEMORY: f64 = 64.0 * 1024.0 * 1024.0;

/// The time of a scrape, or what each peer takes of it.
pub(crate) struct Scrape {
    bus: Rc<Watched>,
    by: f64,
}

impl Scrape {
    pub(crate) fn new(bus: &Rc<Watched>) -> Self {
        let bus = Rc::clone(bus);
        Self { bus, by: 1.0 }
    }

    pub(crate) fn by_peer(bus: &Rc<Watched>) -> Self {
        Self {
            by: bus.peers as f64,
            ..Self::new(bus)
        }
    }
}

impl Side for Scrape {
    fn round(&mut self, times: u32) -> anyhow::Result<f64> {
        let all = timed(times, || self.bus.exporter.scrape().map(drop))?;
        Ok(all / self.by)
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
