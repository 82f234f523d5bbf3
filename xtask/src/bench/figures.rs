// SPDX-License-Identifier: MIT OR Apache-2.0
//! From what the guest measured to the figures of a row. Pure: nothing is run or read here.

use serde::{Deserialize, Serialize};

use super::rows::Row;
use crate::vm::config::Clock;

/// What the guest tells, one JSON object a line. All times are nanoseconds of its clock.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum Line {
    Place {
        kernel: String,
        cpus: usize,
        clocksource: String,
    },
    Row(Samples),
    LeftOut {
        name: String,
        why: String,
    },
}

/// What every round of one row took.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Samples {
    pub(super) name: String,
    /// Operations in each round.
    pub(super) times: u32,
    /// The same of the peer, where it is not as many.
    #[serde(default)]
    pub(super) peer_times: Option<u32>,
    /// What is counted, where it is not what passes for time there.
    #[serde(default)]
    pub(super) unit: Option<Unit>,
    pub(super) ours: Vec<f64>,
    pub(super) peer: Vec<f64>,
    /// Of all operations of all rounds, where each was timed.
    #[serde(default)]
    pub(super) percentiles: Option<Percentiles>,
    /// What else is to be known of it.
    #[serde(default)]
    pub(super) note: Option<String>,
}

/// What half, 99 %, and 99.9 % of all operations did not exceed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Percentiles {
    pub(super) ours: [f64; 3],
    pub(super) peer: [f64; 3],
}

/// How values are spread.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Spread {
    pub(super) min: f64,
    /// A quarter of the values is not above this one…
    pub(super) lower: f64,
    pub(super) median: f64,
    /// …and a quarter is not below this one.
    pub(super) upper: f64,
    pub(super) max: f64,
}

impl Spread {
    /// `None` when there are no values.
    fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = values.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        Some(Self {
            min: *sorted.first()?,
            lower: quantile(&sorted, 0.25),
            median: quantile(&sorted, 0.5),
            upper: quantile(&sorted, 0.75),
            max: *sorted.last()?,
        })
    }
}

/// Between the two values around the place of the quantile, in proportion. There is at least one value.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = share * (sorted.len() - 1) as f64;
    let below = place.floor() as usize;
    let above = sorted[(below + 1).min(sorted.len() - 1)];
    sorted[below] + (above - sorted[below]) * place.fract()
}

/// What is counted as time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Unit {
    Nanoseconds,
    /// Instructions that the VM executed.
    Instructions,
    /// System calls.
    Calls,
    /// Bytes, of a page or of memory.
    Bytes,
    /// Samples on a page of metrics.
    Series,
    /// The part of one processor's time.
    Share,
}

impl From<Clock> for Unit {
    fn from(clock: Clock) -> Self {
        match clock {
            Clock::Host => Self::Nanoseconds,
            Clock::Instructions => Self::Instructions,
        }
    }
}

/// The figures of a row.
#[derive(Debug)]
pub(super) struct Figures {
    pub(super) row: &'static Row,
    pub(super) times: u32,
    pub(super) peer_times: u32,
    pub(super) rounds: usize,
    pub(super) unit: Unit,
    pub(super) ours: Spread,
    pub(super) peer: Spread,
    /// Our time by the peer's in the same round.
    pub(super) ratio: Spread,
    pub(super) percentiles: Option<Percentiles>,
    pub(super) note: Option<String>,
}

impl Figures {
    /// `None` when the guest has not measured both sides as often.
    pub(super) fn of(row: &'static Row, samples: &Samples, unit: Unit) -> Option<Self> {
        let Samples {
            times, ours, peer, ..
        } = samples;
        if ours.len() != peer.len() {
            return None;
        }
        let ratios = ours.iter().zip(peer).map(|(ours, peer)| ours / peer);
        Some(Self {
            row,
            times: *times,
            peer_times: samples.peer_times.unwrap_or(*times),
            rounds: ours.len(),
            unit: samples.unit.unwrap_or(unit),
            percentiles: samples.percentiles,
            note: samples.note.clone(),
            ratio: Spread::of(ratios)?,
            ours: Spread::of(ours.iter().copied())?,
            peer: Spread::of(peer.iter().copied())?,
        })
    }

    /// The ratio of the shortest round of either side: those that a busy machine has disturbed least.
    pub(super) fn shortest(&self) -> f64 {
        self.ours.min / self.peer.min
    }

    /// Whether the goal is met, if there is one.
    pub(super) fn met(&self) -> Option<bool> {
        let goal = self.row.goal.ratio()?;
        Some(self.ratio.median <= goal)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::bus;
    use super::*;

    const NS: Unit = Unit::Nanoseconds;

    #[test]
    fn the_ratio_is_that_of_rounds_not_of_medians() {
        // The machine was half as fast in the second round, for both.
        let line = r#"{"kind":"row","name":"one-way","times":5,"ours":[120,240,130],"peer":[100,200,100]}"#;
        let Line::Row(samples) = serde_json::from_str(line).unwrap() else {
            panic!("no row");
        };
        let figures = Figures::of(bus::row("one-way").unwrap(), &samples, NS).unwrap();
        assert_eq!(figures.ratio.median, 1.2);
        assert_eq!(figures.ratio.max, 1.3);
        assert_eq!(figures.shortest(), 1.2);
        assert_eq!((figures.ours.min, figures.ours.max), (120.0, 240.0));
        assert_eq!(figures.met(), Some(true));
        assert_eq!((figures.rounds, figures.times), (3, 5));
    }

    #[test]
    fn a_missed_goal_is_told() {
        let samples = Samples {
            name: "one-way".to_owned(),
            times: 1,
            peer_times: None,
            unit: None,
            ours: vec![136.0],
            peer: vec![100.0],
            percentiles: None,
            note: None,
        };
        let row = bus::row("one-way").unwrap();
        assert_eq!(Figures::of(row, &samples, NS).unwrap().met(), Some(false));
        let without_goal = bus::row("connect").unwrap();
        assert_eq!(Figures::of(without_goal, &samples, NS).unwrap().met(), None);
    }

    #[test]
    fn sides_measured_differently_often_make_no_figures() {
        let samples = Samples {
            name: "one-way".to_owned(),
            times: 1,
            peer_times: None,
            unit: None,
            ours: vec![1.0, 2.0],
            peer: vec![1.0],
            percentiles: None,
            note: None,
        };
        assert!(Figures::of(bus::row("one-way").unwrap(), &samples, NS).is_none());
    }

    #[test]
    fn quartiles() {
        let spread = Spread::of([4.0, 1.0, 3.0, 2.0, 5.0]).unwrap();
        assert_eq!((spread.min, spread.lower, spread.median), (1.0, 2.0, 3.0));
        assert_eq!((spread.upper, spread.max), (4.0, 5.0));
        assert_eq!(Spread::of([1.0, 2.0]).unwrap().median, 1.5);
        assert_eq!(Spread::of([]), None);
    }
}
