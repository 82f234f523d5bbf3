// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a client is told on its stdin, and what it tells on its stdout: it says that it is ready, reads how often to do
//! its work, a number a line, and writes how many nanoseconds each time took, 64 bits each in the machine's own order.

use std::io::{self, BufRead as _, Write as _};
use std::time::Instant;

use anyhow::Context as _;

/// Says that whoever measures may begin.
pub(crate) fn say(what: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{what}")
        .and_then(|()| out.flush())
        .with_context(|| format!("saying `{what}`"))
}

/// Does rounds until nobody wants more. `begin` comes before each round and learns how long it is.
pub(crate) fn rounds(
    mut begin: impl FnMut(u32) -> anyhow::Result<()>,
    mut once: impl FnMut() -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    told(|times| {
        let mut took = Vec::with_capacity(times as usize);
        let mut before = Instant::now();
        begin(times)?;
        for _ in 0..times {
            once()?;
            // One look at the clock for each time, which is both its end and the next one's beginning.
            let after = Instant::now();
            took.push((after - before).as_nanos() as u64);
            before = after;
        }
        Ok(took)
    })
}

/// Does what is told with each number, and tells what comes of it.
pub(crate) fn told(mut work: impl FnMut(u32) -> anyhow::Result<Vec<u64>>) -> anyhow::Result<()> {
    say("ready")?;
    for line in io::stdin().lock().lines() {
        let line = line.context("reading how often")?;
        let times = line
            .trim()
            .parse()
            .with_context(|| format!("reading how often: `{line}` is no number"))?;
        let bytes: Vec<u8> = work(times)?
            .into_iter()
            .flat_map(u64::to_ne_bytes)
            .collect();
        let mut rest = bytes.as_slice();
        // Past the buffer of the standard library, which would cut it at what looks like the end of a line.
        while !rest.is_empty() {
            let written =
                rustix::io::write(rustix::stdio::stdout(), rest).context("telling the times")?;
            rest = &rest[written..];
        }
    }
    Ok(())
}
