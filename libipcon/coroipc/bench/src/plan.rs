// SPDX-License-Identifier: MIT OR Apache-2.0

//! The rows: what is compared with what. `cargo xtask bench` knows them by the same names, with their goals.

use std::path::PathBuf;

use anyhow::Context as _;
use serde::Serialize;

use crate::calls::Calls;
use crate::death::Killed;
use crate::floor::How;
use crate::measure::{By, Sides};
use crate::ours::{Spin, Work};
use crate::pair::{Kind, Pair};
use crate::place::Placement::{self, OneCore, TwoCores, Unpinned};

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Unit {
    Nanoseconds,
    /// System calls.
    Calls,
}

/// One row.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) needs_libqb: bool,
    pub(crate) unit: Unit,
    pub(crate) by: By,
    /// Operations in a round, where it is not as many as there is time for.
    pub(crate) times: Option<u32>,
    pub(crate) most_rounds: usize,
    /// Starts both sides.
    pub(crate) sides: fn(&Context) -> anyhow::Result<Sides>,
}

const fn row(name: &'static str, sides: fn(&Context) -> anyhow::Result<Sides>) -> Row {
    Row {
        name,
        needs_libqb: false,
        unit: Unit::Nanoseconds,
        by: By::Median,
        times: None,
        most_rounds: usize::MAX,
        sides,
    }
}

const fn libqb_row(name: &'static str, sides: fn(&Context) -> anyhow::Result<Sides>) -> Row {
    Row {
        needs_libqb: true,
        ..row(name, sides)
    }
}

const fn stream_row(
    name: &'static str,
    times: u32,
    sides: fn(&Context) -> anyhow::Result<Sides>,
) -> Row {
    Row {
        by: By::Mean,
        times: Some(times),
        ..libqb_row(name, sides)
    }
}

const fn calls_row(name: &'static str, sides: fn(&Context) -> anyhow::Result<Sides>) -> Row {
    Row {
        unit: Unit::Calls,
        times: Some(2_000),
        ..libqb_row(name, sides)
    }
}

/// Events in a round: the ring several times over.
const SMALL_EVENTS: u32 = 100_000;
const LARGE_EVENTS: u32 = 1_000;
/// Where libqb has time for more.
const MORE_LARGE_EVENTS: u32 = 5_000;

/// All rows, in the order in which they are measured and shown.
pub(crate) const ROWS: &[Row] = &[
    libqb_row("round-trip-one-core", |context| {
        context.with_libqb(Work::RoundTrip, OneCore)
    }),
    row("floor-one-core", |_| {
        with_floor(Spin::Adaptive, OneCore, How::Futex)
    }),
    libqb_row("round-trip-two-cores", |context| {
        context.with_libqb(Work::RoundTrip, TwoCores)
    }),
    row("floor-two-cores", |_| {
        with_floor(Spin::Adaptive, TwoCores, How::Spin)
    }),
    row("looking-two-cores", |_| {
        with_floor(Spin::Adaptive, TwoCores, How::SpinAndLook)
    }),
    row("floors-two-cores", |_| {
        Ok(Sides::new(
            floor(TwoCores, How::SpinAndLook)?,
            floor(TwoCores, How::Spin)?,
        ))
    }),
    libqb_row("round-trip-unpinned", |context| {
        context.with_libqb(Work::RoundTrip, Unpinned)
    }),
    row("blocking-two-cores", |_| {
        with_floor(Spin::Never, TwoCores, How::Futex)
    }),
    row("adaptive-one-core", |_| {
        Ok(Sides::new(
            ours(Spin::Adaptive, Work::RoundTrip, OneCore)?,
            ours(Spin::Never, Work::RoundTrip, OneCore)?,
        ))
    }),
    row("in-place-one-core", |_| in_place(OneCore)),
    row("in-place-two-cores", |_| in_place(TwoCores)),
    stream_row("events-64-one-core", SMALL_EVENTS, |context| {
        context.with_libqb(Work::EventsSmall, OneCore)
    }),
    stream_row("events-64-two-cores", SMALL_EVENTS, |context| {
        context.with_libqb(Work::EventsSmall, TwoCores)
    }),
    stream_row("events-16k-one-core", LARGE_EVENTS, |context| {
        context.with_libqb(Work::EventsLarge, OneCore)
    }),
    stream_row("events-16k-two-cores", MORE_LARGE_EVENTS, |context| {
        context.with_libqb(Work::EventsLarge, TwoCores)
    }),
    libqb_row("connect", |context| {
        context.with_libqb(Work::Connect, TwoCores)
    }),
    Row {
        // libqb takes seconds for each.
        times: Some(1),
        most_rounds: 5,
        ..libqb_row("server-killed", |context| {
            let peer = Killed(context.libqb()?);
            Ok(Sides::new(Killed(Kind::Ours(Spin::Adaptive)), peer))
        })
    },
    calls_row("calls-one-core", |context| context.calls(OneCore)),
    calls_row("calls-two-cores", |context| context.calls(TwoCores)),
];

fn ours(spin: Spin, work: Work, placement: Placement) -> anyhow::Result<Pair> {
    Pair::start(&Kind::Ours(spin), work, placement).context("starting coroipc")
}

fn floor(placement: Placement, how: How) -> anyhow::Result<Pair> {
    Pair::start(&Kind::Floor(how), Work::RoundTrip, placement).context("starting a floor")
}

fn with_floor(spin: Spin, placement: Placement, how: How) -> anyhow::Result<Sides> {
    Ok(Sides::new(
        ours(spin, Work::RoundTrip, placement)?,
        floor(placement, how)?,
    ))
}

fn in_place(placement: Placement) -> anyhow::Result<Sides> {
    Ok(Sides::new(
        ours(Spin::Adaptive, Work::InPlaceLarge, placement)?,
        ours(Spin::Adaptive, Work::InPlaceSmall, placement)?,
    ))
}

/// What rows are started with.
pub(crate) struct Context {
    libqb: Option<PathBuf>,
}

impl Context {
    pub(crate) fn new(libqb: Option<PathBuf>) -> Self {
        Self { libqb }
    }

    fn libqb(&self) -> anyhow::Result<Kind> {
        let program = self.libqb.clone().context("libqb is not there")?;
        Ok(Kind::Libqb(program))
    }

    fn with_libqb(&self, work: Work, placement: Placement) -> anyhow::Result<Sides> {
        let peer = Pair::start(&self.libqb()?, work, placement).context("starting libqb")?;
        Ok(Sides::new(ours(Spin::Adaptive, work, placement)?, peer))
    }

    fn calls(&self, placement: Placement) -> anyhow::Result<Sides> {
        let ours = Calls::start(&Kind::Ours(Spin::Adaptive), placement)?;
        Ok(Sides::new(ours, Calls::start(&self.libqb()?, placement)?))
    }
}
