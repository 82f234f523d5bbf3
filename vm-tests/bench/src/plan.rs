// SPDX-License-Identifier: MIT OR Apache-2.0

//! The rows: what is compared with what. The host knows them by the same names, with their goals.

use std::cell::OnceCell;
use std::rc::Rc;

use anyhow::Context as _;
use ipcon_observe::probes::Probes;

use crate::churn::{RoundTrips, Scene, Work};
use crate::dbus::{self, Broker};
use crate::group::{Group, GroupBatch, SocketBatch, Sockets};
use crate::measure::{FEWEST, Sides, Timed};
use crate::observed::{CountersOnly, Observed, Observer, Tracer};
use crate::place::{FIRST, SECOND};
use crate::scale::{self, Crowd};
use crate::{bus, seqpacket};

/// Bytes of a small message.
const SMALL: usize = 64;
/// Bytes of the largest message of the bus.
const LARGE: usize = 65_000;
/// Messages of a batch.
const BATCH: u32 = 32;
/// Members of the group.
const MEMBERS: usize = 64;

/// One row.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) needs_broker: bool,
    /// Fewest operations in a round that say something.
    pub(crate) fewest: u32,
    /// Makes both sides ready.
    pub(crate) sides: fn(&Context) -> anyhow::Result<Sides>,
}

const fn row(name: &'static str, sides: fn(&Context) -> anyhow::Result<Sides>) -> Row {
    Row {
        name,
        needs_broker: false,
        fewest: FEWEST,
        sides,
    }
}

const fn dbus_row(name: &'static str, sides: fn(&Context) -> anyhow::Result<Sides>) -> Row {
    Row {
        needs_broker: true,
        ..row(name, sides)
    }
}

/// What others wait while the other processor is busy in one of two ways.
const fn churn_row(name: &'static str, sides: fn(&Context) -> anyhow::Result<Sides>) -> Row {
    Row {
        // The worst 1 % of them shall be more than a few.
        fewest: 1_000,
        ..row(name, sides)
    }
}

/// All rows, in the order in which they are measured and shown.
pub(crate) const ROWS: &[Row] = &[
    row("round-trip-one-cpu", |_| round_trip(FIRST)),
    row("round-trip-two-cpus", |_| round_trip(SECOND)),
    row("one-way", |_| one_way(SMALL)),
    row("one-way-large", |_| one_way(LARGE)),
    row("send", |_| part(Timed::Sending)),
    row("receive", |_| part(Timed::Receiving)),
    row("receive-nothing", |_| {
        Sides::new(bus::Nothing::new()?, seqpacket::Nothing::new()?)
    }),
    row("batch", |_| {
        Sides::new(
            bus::Batch::new(BATCH, SMALL)?,
            seqpacket::Batch::new(BATCH, SMALL)?,
        )
    }),
    row("group-send", |_| group(Timed::Sending)),
    row("group-deliver", |_| group(Timed::All)),
    row("group-batch", |_| {
        Sides::new(
            GroupBatch::new(MEMBERS, BATCH, SMALL)?,
            SocketBatch::new(MEMBERS, BATCH, SMALL)?,
        )
    }),
    row("connect", |_| {
        Sides::new(bus::Connect, seqpacket::Connect::new()?)
    }),
    dbus_row("request-reply-one-cpu", |context| {
        request_reply(context, FIRST, &[FIRST])
    }),
    dbus_row("request-reply-two-cpus", |context| {
        request_reply(context, SECOND, &[FIRST, SECOND])
    }),
    dbus_row("connect-dbus", |context| {
        Sides::new(
            bus::Connect,
            dbus::Connect::new(context.broker()?, &[FIRST])?,
        )
    }),
    dbus_row("look-up-dbus", |context| {
        Sides::new(
            bus::LookUp::new()?,
            dbus::LookUp::new(context.broker()?, &[FIRST])?,
        )
    }),
    row("scale-unicast", |context| {
        let (many, few) = context.crowds()?;
        Sides::new(scale::Unicast::new(many), scale::Unicast::new(few))
    }),
    row("scale-group", |context| {
        let (many, few) = context.crowds()?;
        Sides::new(scale::Multicast::new(many)?, scale::Multicast::new(few)?)
    }),
    row("scale-look-up", |context| {
        let (many, few) = context.crowds()?;
        Sides::new(scale::LookUp::new(many), scale::LookUp::new(few))
    }),
    row("counters", |_| observed::<Probes>()),
    row("counters-only", |_| observed::<CountersOnly>()),
    row("traced", |_| observed::<Tracer>()),
    churn_row("churn-p99", |context| {
        disturbed(context, Some(Work::Group), Some(Work::Sockets))
    }),
    churn_row("busy-p99", |context| {
        disturbed(context, Some(Work::Sockets), None)
    }),
];

fn round_trip(cpu: usize) -> anyhow::Result<Sides> {
    Sides::new(
        bus::RoundTrip::new(SMALL, cpu)?,
        seqpacket::RoundTrip::new(SMALL, cpu)?,
    )
}

fn one_way(len: usize) -> anyhow::Result<Sides> {
    Sides::new(bus::OneWay::new(len)?, seqpacket::OneWay::new(len)?)
}

fn part(timed: Timed) -> anyhow::Result<Sides> {
    Sides::new(
        bus::Part::new(SMALL, timed)?,
        seqpacket::Part::new(SMALL, timed)?,
    )
}

fn group(timed: Timed) -> anyhow::Result<Sides> {
    Sides::new(
        Group::new(MEMBERS, SMALL, timed)?,
        Sockets::new(MEMBERS, SMALL, timed)?,
    )
}

fn disturbed(context: &Context, ours: Option<Work>, peer: Option<Work>) -> anyhow::Result<Sides> {
    let scene = Scene::new(context.churned)?;
    Sides::new(RoundTrips::new(&scene, ours), RoundTrips::new(&scene, peer))
}

fn observed<O: Observer + 'static>() -> anyhow::Result<Sides> {
    let (on, off) = Observed::<O>::and_not(SMALL)?;
    Sides::new(on, off)
}

fn request_reply(context: &Context, cpu: usize, broker: &[usize]) -> anyhow::Result<Sides> {
    Sides::new(
        bus::RoundTrip::new(SMALL, cpu)?,
        dbus::MethodCall::new(context.broker()?, SMALL, cpu, broker)?,
    )
}

/// What rows share.
pub(crate) struct Context {
    broker: Option<Rc<Broker>>,
    /// The bus with many and the one with few, made for the first row that wants them.
    crowds: OnceCell<(Rc<Crowd>, Rc<Crowd>)>,
    many: usize,
    churned: usize,
}

impl Context {
    pub(crate) fn new(broker: Option<Broker>, quick: bool) -> Self {
        Self {
            broker: broker.map(Rc::new),
            crowds: OnceCell::new(),
            many: if quick { 100 } else { 10_000 },
            churned: if quick { 10 } else { 1_000 },
        }
    }

    pub(crate) fn has_broker(&self) -> bool {
        self.broker.is_some()
    }

    fn broker(&self) -> anyhow::Result<&Rc<Broker>> {
        self.broker.as_ref().context("dbus-broker is not there")
    }

    fn crowds(&self) -> anyhow::Result<(&Rc<Crowd>, &Rc<Crowd>)> {
        let (many, few) = match self.crowds.get() {
            Some(crowds) => crowds,
            None => {
                let made = (Crowd::new(self.many)?, Crowd::new(10)?);
                self.crowds.get_or_init(|| made)
            }
        };
        Ok((many, few))
    }
}
