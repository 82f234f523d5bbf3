// SPDX-License-Identifier: MIT OR Apache-2.0

//! How two sides are measured: in short rounds that take turns, so that whatever slows the machine down for a while
//! slows both down.

use std::time::Duration;

use crate::plan::Row;

/// One of the two things that a row compares.
pub(crate) trait Side {
    /// Does it this many times; gives what each time took.
    fn round(&mut self, times: u32) -> anyhow::Result<Vec<f64>>;
}

/// Both of them: ours and its peer.
pub(crate) struct Sides {
    pub(crate) ours: Box<dyn Side>,
    pub(crate) peer: Box<dyn Side>,
}

impl Sides {
    pub(crate) fn new(ours: impl Side + 'static, peer: impl Side + 'static) -> Self {
        Self {
            ours: Box::new(ours),
            peer: Box::new(peer),
        }
    }
}

/// What stands for a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    /// What half of the times did not exceed.
    Median,
    /// All of it, by the number of times: for a stream, where single times mean nothing.
    Mean,
}

impl By {
    fn of(self, took: &[f64]) -> f64 {
        match self {
            Self::Median => {
                let mut sorted = took.to_vec();
                sorted.sort_unstable_by(f64::total_cmp);
                at(&sorted, 0.5)
            }
            Self::Mean => took.iter().sum::<f64>() / took.len() as f64,
        }
    }
}

/// What one side took.
#[derive(Debug, Default)]
pub(crate) struct Samples {
    /// Operations in each round.
    pub(crate) times: u32,
    /// What stands for each round.
    pub(crate) rounds: Vec<f64>,
    /// Every single time.
    every: Vec<f64>,
}

impl Samples {
    /// What half, 99 %, and 99.9 % of all times did not exceed.
    pub(crate) fn percentiles(&self) -> [f64; 3] {
        let mut sorted = self.every.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        [0.5, 0.99, 0.999].map(|share| at(&sorted, share))
    }
}

/// The value that this share of all does not exceed. There is at least one.
fn at(sorted: &[f64], share: f64) -> f64 {
    let place = (sorted.len() as f64 * share).ceil() as usize;
    sorted[place.clamp(1, sorted.len()) - 1]
}

/// Both sides; element `n` of the rounds of both was measured in round `n`.
#[derive(Debug)]
pub(crate) struct Both {
    pub(crate) ours: Samples,
    pub(crate) peer: Samples,
}

/// How much is measured.
#[derive(Debug)]
pub(crate) struct Effort {
    rounds: usize,
    /// About how long each side shall take in a round.
    round: Duration,
    quick: bool,
}

/// Fewest operations in a round.
const FEWEST: u32 = 4;
/// Most operations in a round.
const MOST: u32 = 20_000;

impl Effort {
    pub(crate) fn full(rounds: usize) -> Self {
        Self {
            rounds,
            round: Duration::from_millis(50),
            quick: false,
        }
    }

    pub(crate) fn quick() -> Self {
        Self {
            rounds: 2,
            round: Duration::ZERO,
            quick: true,
        }
    }

    /// How many operations a round has for this side. What this does also warms it up.
    fn times(&self, side: &mut dyn Side, row: &Row) -> anyhow::Result<u32> {
        if let Some(times) = row.times {
            return Ok(if self.quick { times.min(FEWEST) } else { times });
        }
        if self.quick {
            return Ok(FEWEST);
        }
        // The first time also pays for what is made on first use.
        side.round(FEWEST)?;
        // The median, since one disturbed operation can take as long as all others.
        let took = By::Median.of(&side.round(64)?);
        let times = (self.round.as_nanos() as f64 / took.max(1.0)) as u32;
        let times = times.clamp(FEWEST, MOST);
        side.round(times)?;
        Ok(times)
    }
}

/// Measures both sides in rounds that take turns; who is first alternates as well.
pub(crate) fn interleaved(mut sides: Sides, effort: &Effort, row: &Row) -> anyhow::Result<Both> {
    let samples = |times| Samples {
        times,
        ..Samples::default()
    };
    let mut ours = samples(effort.times(sides.ours.as_mut(), row)?);
    let mut peer = samples(effort.times(sides.peer.as_mut(), row)?);
    for round in 0..effort.rounds.min(row.most_rounds) {
        if round % 2 == 0 {
            one(sides.ours.as_mut(), &mut ours, row.by)?;
            one(sides.peer.as_mut(), &mut peer, row.by)?;
        } else {
            one(sides.peer.as_mut(), &mut peer, row.by)?;
            one(sides.ours.as_mut(), &mut ours, row.by)?;
        }
    }
    Ok(Both { ours, peer })
}

fn one(side: &mut dyn Side, samples: &mut Samples, by: By) -> anyhow::Result<()> {
    let took = side.round(samples.times)?;
    samples.rounds.push(by.of(&took));
    samples.every.extend(took);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let every = (1..=1000).rev().map(f64::from).collect();
        let samples = Samples {
            every,
            ..Samples::default()
        };
        assert_eq!(samples.percentiles(), [500.0, 990.0, 999.0]);
    }

    #[test]
    fn a_long_time_counts_for_the_mean_only() {
        let took = [1.0, 1.0, 10.0];
        assert_eq!(By::Median.of(&took), 1.0);
        assert_eq!(By::Mean.of(&took), 4.0);
    }
}
