// SPDX-License-Identifier: MIT OR Apache-2.0

//! How two sides are measured: in short rounds that take turns, so that whatever slows the machine down for a while
//! slows both down.

use std::time::{Duration, Instant};

/// One of the two things that a row compares.
pub(crate) trait Side {
    /// Does it this many times; gives nanoseconds for each time.
    fn round(&mut self, times: u32) -> anyhow::Result<f64>;
}

/// Both of them: ours and its peer.
pub(crate) struct Sides {
    pub(crate) ours: Box<dyn Side>,
    pub(crate) peer: Box<dyn Side>,
}

impl Sides {
    pub(crate) fn new(
        ours: impl Side + 'static,
        peer: impl Side + 'static,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            ours: Box::new(ours),
            peer: Box::new(peer),
        })
    }
}

/// Nanoseconds for each time, unless it is something else; element `n` of both was measured in round `n`.
#[derive(Debug, Default)]
pub(crate) struct Samples {
    /// Operations in each round.
    pub(crate) times: u32,
    /// What is counted, if not time.
    pub(crate) unit: Option<&'static str>,
    pub(crate) ours: Vec<f64>,
    pub(crate) peer: Vec<f64>,
    /// What else is to be known of it.
    pub(crate) note: Option<String>,
}

impl Samples {
    /// What was counted once.
    pub(crate) fn once(ours: f64, peer: f64, unit: &'static str) -> Self {
        Self {
            times: 1,
            unit: Some(unit),
            ours: vec![ours],
            peer: vec![peer],
            note: None,
        }
    }

    pub(crate) fn noting(self, note: String) -> Self {
        let note = Some(note);
        Self { note, ..self }
    }
}

/// Fewest operations in a round.
pub(crate) const FEWEST: u32 = 4;

/// How much is measured.
#[derive(Debug)]
pub(crate) struct Effort {
    rounds: usize,
    /// About how long the slower side shall take in a round.
    round: Duration,
    /// Most operations in a round.
    most: u32,
}

impl Effort {
    pub(crate) fn full(rounds: usize) -> Self {
        Self {
            rounds,
            round: Duration::from_millis(20),
            most: 10_000,
        }
    }

    pub(crate) fn rounds(&self) -> usize {
        self.rounds
    }

    pub(crate) fn quick() -> Self {
        Self {
            rounds: 2,
            round: Duration::ZERO,
            most: FEWEST,
        }
    }
}

/// Measures both sides in rounds that take turns; who is first alternates as well.
/// A round has at least `fewest` operations.
pub(crate) fn interleaved(
    mut sides: Sides,
    effort: &Effort,
    fewest: u32,
) -> anyhow::Result<Samples> {
    let tried = FEWEST.min(fewest);
    let times = calibrate(&mut sides, effort, tried)?.clamp(fewest, effort.most.max(fewest));
    let mut samples = Samples {
        times,
        ..Samples::default()
    };
    for round in 0..effort.rounds {
        if round % 2 == 0 {
            samples.ours.push(sides.ours.round(times)?);
            samples.peer.push(sides.peer.round(times)?);
        } else {
            samples.peer.push(sides.peer.round(times)?);
            samples.ours.push(sides.ours.round(times)?);
        }
    }
    Ok(samples)
}

/// How many operations a round has time for, found by trying a few. What this does also warms both sides up.
fn calibrate(sides: &mut Sides, effort: &Effort, tried: u32) -> anyhow::Result<u32> {
    let mut slower = 0.0_f64;
    // The first time also pays for what is made on first use.
    for _ in 0..3 {
        slower = sides.ours.round(tried)?.max(sides.peer.round(tried)?);
    }
    Ok((effort.round.as_nanos() as f64 / slower.max(1.0)) as u32)
}

/// Times the whole of a round.
pub(crate) fn timed(
    times: u32,
    mut once: impl FnMut() -> anyhow::Result<()>,
) -> anyhow::Result<f64> {
    let begin = Instant::now();
    for _ in 0..times {
        once()?;
    }
    Ok(per_time(begin.elapsed(), times))
}

/// Messages sent before they are received; all queues have room for so many.
const BURST: u32 = 8;

/// What is timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Timed {
    /// Sending alone.
    Sending,
    /// Receiving alone, by all who receive.
    Receiving,
    /// Both.
    All,
}

/// Sends bursts and has them received, and times what is asked for; nanoseconds for each message.
pub(crate) fn bursts(
    times: u32,
    timed: Timed,
    mut send: impl FnMut() -> anyhow::Result<()>,
    mut receive: impl FnMut() -> anyhow::Result<()>,
) -> anyhow::Result<f64> {
    let mut all = Duration::ZERO;
    let mut left = times;
    while left > 0 {
        let burst = left.min(BURST);
        let begin = Instant::now();
        for _ in 0..burst {
            send()?;
        }
        let sent = begin.elapsed();
        for _ in 0..burst {
            receive()?;
        }
        all += match timed {
            Timed::Sending => sent,
            Timed::Receiving => begin.elapsed() - sent,
            Timed::All => begin.elapsed(),
        };
        left -= burst;
    }
    Ok(per_time(all, times))
}

/// Nanoseconds for each of so many times.
fn per_time(all: Duration, times: u32) -> f64 {
    all.as_nanos() as f64 / f64::from(times)
}
