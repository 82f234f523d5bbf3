// SPDX-License-Identifier: MIT OR Apache-2.0

//! How many system calls a round trip takes, both processes together. The kernel counts them at its tracepoint
//! `raw_syscalls:sys_enter`, which stops nobody: to stop a process at each of its calls, as `strace` does, gives the other
//! one time to be there before it would have slept, and then there are fewer.

use std::fs;

use anyhow::Context as _;
use perf_event::events::Tracepoint;
use perf_event::{Builder, Counter};

use crate::measure::Side;
use crate::ours::Work;
use crate::pair::{Kind, Pair};
use crate::place::Placement;

/// The number of the tracepoint; only root may read it.
const TRACEPOINT: &str = "/sys/kernel/tracing/events/raw_syscalls/sys_enter/id";

/// Fails where this user may not count.
pub(crate) fn permitted() -> anyhow::Result<()> {
    counter(std::process::id()).map(drop)
}

/// Both processes of one side.
pub(crate) struct Calls {
    pair: Pair,
    counters: Vec<Counter>,
}

impl Calls {
    pub(crate) fn start(kind: &Kind, placement: Placement) -> anyhow::Result<Self> {
        let pair = Pair::start(kind, Work::RoundTrip, placement)?;
        let mut counters = Vec::new();
        for process in [pair.client.id(), pair.server.id()] {
            for thread in threads_of(process)? {
                counters.push(counter(thread)?);
            }
        }
        Ok(Self { pair, counters })
    }

    /// All calls of so many round trips, of being told how many, and of telling how long each took.
    fn count(&mut self, times: u32) -> anyhow::Result<u64> {
        let before = self.total()?;
        self.pair.round(times)?;
        Ok(self.total()? - before)
    }

    fn total(&mut self) -> anyhow::Result<u64> {
        let counts = self.counters.iter_mut().map(Counter::read);
        counts
            .sum::<Result<_, _>>()
            .context("reading how many system calls there were")
    }
}

impl Side for Calls {
    fn round(&mut self, times: u32) -> anyhow::Result<Vec<f64>> {
        // Twice as many have twice as many calls, while telling takes as many as before.
        let (once, twice) = (self.count(times)?, self.count(2 * times)?);
        Ok(vec![twice.saturating_sub(once) as f64 / f64::from(times)])
    }
}

/// Counts the calls of a thread.
fn counter(thread: u32) -> anyhow::Result<Counter> {
    let id = fs::read_to_string(TRACEPOINT).with_context(|| format!("reading {TRACEPOINT}"))?;
    let id = id
        .trim()
        .parse()
        .with_context(|| format!("reading {TRACEPOINT}: `{id}`"))?;
    let mut counter = Builder::new(Tracepoint::with_id(id))
        .observe_pid(i32::try_from(thread).context("the number of a thread")?)
        .any_cpu()
        .include_kernel()
        .build()
        .context("counting system calls")?;
    counter.enable().context("counting system calls")?;
    Ok(counter)
}

fn threads_of(process: u32) -> anyhow::Result<Vec<u32>> {
    let path = format!("/proc/{process}/task");
    let entries = fs::read_dir(&path).with_context(|| format!("reading {path}"))?;
    entries
        .map(|entry| {
            let name = entry?.file_name();
            let number = name.to_string_lossy().parse();
            number.context("the number of a thread")
        })
        .collect()
}
