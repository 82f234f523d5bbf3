// SPDX-License-Identifier: MIT OR Apache-2.0

//! How long a blocked call takes to end when the server is killed.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, bail};

use crate::measure::Side;
use crate::ours::{Work, now};
use crate::pair::{Kind, Pair};
use crate::place::Placement;

/// A pair that is started anew each time.
pub(crate) struct Killed(pub(crate) Kind);

impl Side for Killed {
    fn round(&mut self, times: u32) -> anyhow::Result<Vec<f64>> {
        (0..times).map(|_| self.once()).collect()
    }
}

impl Killed {
    fn once(&self) -> anyhow::Result<f64> {
        let mut pair = Pair::start(&self.0, Work::Stall, Placement::TwoCores)?;
        pair.order(1)?;
        pair.server.expect("stalled")?;
        await_sleep(pair.client.id())?;
        let killed = now();
        pair.server.kill()?;
        let ended = pair.answer(1)?;
        let ended = ended.first().context("an answer without a number")?;
        Ok(ended.saturating_sub(killed) as f64)
    }
}

/// Waits until the first thread of a process sleeps: the call spins for a while, and then it blocks.
fn await_sleep(process: u32) -> anyhow::Result<()> {
    let path = format!("/proc/{process}/stat");
    for _ in 0..10_000 {
        let stat = fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
        // After the name, which is in brackets and may itself have some.
        if stat
            .rsplit(") ")
            .next()
            .is_some_and(|rest| rest.starts_with('S'))
        {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    bail!("process {process} did not block in its call")
}
