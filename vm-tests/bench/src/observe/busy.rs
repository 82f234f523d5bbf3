// SPDX-License-Identifier: MIT OR Apache-2.0

//! What an observer takes of a processor while messages flow.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use super::dashboard::Dashboard;
use super::exporter::{Exporter, Scraper, values};
use super::flow::Flow;
use crate::measure::Samples;

/// Messages that shall flow in a second.
const RATE: f64 = 100_000.0;
/// The largest part of one processor that an observer may take.
const SHARE: f64 = 0.05;

/// How long, and how often.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Watching {
    pub(crate) rounds: usize,
    pub(crate) lasting: Duration,
    /// Time from one look to the next.
    pub(crate) interval: Duration,
}

/// The dashboard.
pub(crate) fn dashboard(watching: Watching) -> anyhow::Result<Samples> {
    let mut flow = Flow::new()?;
    let dashboard = Dashboard::start(watching.interval)?;
    let (samples, rate) = watch(watching, &mut flow, dashboard.pid())?;
    let lost = dashboard.end()?;
    Ok(samples.noting(told(rate, lost)))
}

/// The exporter, which is scraped as often as the dashboard looks.
pub(crate) fn exporter(watching: Watching) -> anyhow::Result<Samples> {
    let mut flow = Flow::new()?;
    let exporter = Exporter::start("flow")?;
    exporter.scrape()?;
    let (scraper, done) = (exporter.scraper(), AtomicBool::new(false));
    let (samples, rate) = thread::scope(|scope| {
        let scraping = scope.spawn(|| scrape_regularly(&scraper, watching.interval, &done));
        let measured = watch(watching, &mut flow, exporter.pid());
        done.store(true, Ordering::Relaxed);
        let scraped = scraping.join();
        scraped.map_err(|_| anyhow::anyhow!("who scrapes panicked"))??;
        measured
    })?;
    let page = exporter.scrape()?;
    let stage = |stage: &str| -> f64 {
        let of_stage = |line: &&str| line.contains(&format!("stage=\"{stage}\""));
        let lines: Vec<_> = page.lines().filter(of_stage).collect();
        values(&lines.join("\n"), "ipcon_exporter_events_total").sum()
    };
    let lost: f64 = values(&page, "ipcon_exporter_lost_events_total").sum();
    let unaccounted = stage("seen") - stage("counted") - lost;
    if unaccounted > 0.0 {
        bail!("{unaccounted} events are neither counted nor lost");
    }
    Ok(samples.noting(told(rate, lost as u64)))
}

fn told(rate: f64, lost: u64) -> String {
    let lost = match lost {
        0 => "no event was lost".to_owned(),
        lost => format!("{lost} events were lost, and told of"),
    };
    format!("{rate:.0} messages a second flowed, {lost}")
}

fn scrape_regularly(
    scraper: &Scraper,
    interval: Duration,
    done: &AtomicBool,
) -> anyhow::Result<()> {
    while !done.load(Ordering::Relaxed) {
        scraper.scrape()?;
        // Not to wait for something: it is what Prometheus does.
        thread::sleep(interval);
    }
    Ok(())
}

/// The parts of a processor that a process took in each round, and the mean rate of messages.
fn watch(watching: Watching, flow: &mut Flow, pid: u32) -> anyhow::Result<(Samples, f64)> {
    let mut samples = Samples {
        times: 1,
        unit: Some("share"),
        ..Samples::default()
    };
    let mut rates = 0.0;
    for _ in 0..watching.rounds {
        let (begin, before) = (Instant::now(), processor_time(pid)?);
        rates += flow.run(RATE, watching.lasting)?;
        let took = processor_time(pid)? - before;
        let share = took.as_secs_f64() / begin.elapsed().as_secs_f64();
        samples.ours.push(share);
        samples.peer.push(SHARE);
    }
    Ok((samples, rates / watching.rounds as f64))
}

/// What all threads of a process took, in user space and in the kernel.
fn processor_time(pid: u32) -> anyhow::Result<Duration> {
    let folder = format!("/proc/{pid}/task");
    let mut nanoseconds = 0;
    for thread in fs::read_dir(&folder).with_context(|| format!("reading {folder}"))? {
        let path = thread?.path().join("schedstat");
        let text = fs::read_to_string(&path);
        let text = text.with_context(|| format!("reading {}", path.display()))?;
        let ran = text.split(' ').next().unwrap_or_default();
        nanoseconds += ran
            .parse::<u64>()
            .with_context(|| format!("reading {}: {text:?}", path.display()))?;
    }
    Ok(Duration::from_nanos(nanoseconds))
}
