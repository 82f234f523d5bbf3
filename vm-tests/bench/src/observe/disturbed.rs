// SPDX-License-Identifier: MIT OR Apache-2.0

//! Whether messages wait while the exporter reads the bus.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::exporter::Scraper;
use super::watched::Watched;
use crate::bus::RoundTrip;
use crate::churn::{Busy, Work, percentile_of};
use crate::measure::{Side, Sides};
use crate::place;

/// Two peers on one processor, an exporter on the other, and somebody who keeps that one busy without the bus.
struct Scene {
    pair: RoundTrip,
    bus: Watched,
    other: Busy,
}

/// Round trips while the exporter is scraped without a pause, or while its processor has other work.
pub(crate) struct Disturbed {
    scene: Rc<RefCell<Scene>>,
    scraped: bool,
    percent: usize,
}

impl Disturbed {
    /// Both sides, each telling what so many of a hundred round trips do not exceed.
    pub(crate) fn and_not(peers: usize, percent: usize) -> anyhow::Result<Sides> {
        let pair = || RoundTrip::new(64, place::FIRST);
        let (bus, pair) = Watched::new(peers, place::SECOND, pair)?;
        let other = Busy::start(Work::Sockets, 1_000)?;
        let scene = Rc::new(RefCell::new(Scene { pair, bus, other }));
        let side = |scraped| Self {
            scene: Rc::clone(&scene),
            scraped,
            percent,
        };
        Sides::new(side(true), side(false))
    }
}

impl Side for Disturbed {
    fn round(&mut self, times: u32) -> anyhow::Result<f64> {
        let Scene { pair, bus, other } = &mut *self.scene.borrow_mut();
        let measure = || percentile_of(self.percent, times, || pair.once());
        if self.scraped {
            meanwhile_scraping(&bus.exporter.scraper(), measure)
        } else {
            other.meanwhile(measure)
        }
    }
}

fn meanwhile_scraping(
    scraper: &Scraper,
    body: impl FnOnce() -> anyhow::Result<f64>,
) -> anyhow::Result<f64> {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let scraping = scope.spawn(|| scrape(scraper, &done));
        let result = body();
        done.store(true, Ordering::Relaxed);
        let scraped = scraping.join();
        scraped.map_err(|_| anyhow::anyhow!("who scrapes panicked"))??;
        result
    })
}

fn scrape(scraper: &Scraper, done: &AtomicBool) -> anyhow::Result<()> {
    place::pin(place::SECOND)?;
    while !done.load(Ordering::Relaxed) {
        scraper.scrape()?;
    }
    Ok(())
}
