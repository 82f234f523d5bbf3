// SPDX-License-Identifier: MIT OR Apache-2.0
//! Fields of a probe.

use std::borrow::Cow;

use super::{Field, Metric, Unit, Value, counter, families, gauge, info};
use crate::model::Probe;

/// All fields of a probe. All texts are of our own.
pub static PROBE_FIELDS: &[Field<Probe>] = &[
    info(
        "name",
        "TRACEPOINT",
        Unit::None,
        "Tracepoint that it sits on.",
        |p| Some(Value::Text(Cow::Borrowed(&p.name))),
    ),
    info(
        "backend",
        "BACKEND",
        Unit::None,
        "How it is attached.",
        |p| Some(Value::Text(Cow::Borrowed(&p.backend))),
    ),
    info(
        "attached",
        "ATTACHED",
        Unit::None,
        "Whether it is attached.",
        |p| Some(Value::Flag(p.attached)),
    ),
    counter(
        "seen",
        "SEEN",
        Unit::None,
        "Events for which it ran.",
        Metric::reason(&families::PROBE_EVENTS, &[("stage", "seen")]),
        |p| Some(Value::Count(p.seen)),
    ),
    counter(
        "counted",
        "COUNTED",
        Unit::None,
        "Events that it counted.",
        Metric::reason(&families::PROBE_EVENTS, &[("stage", "counted")]),
        |p| Some(Value::Count(p.counted)),
    ),
    counter(
        "lost_events",
        "LOST",
        Unit::None,
        "Events that it could not count, for any reason.",
        None,
        |p| Some(Value::Count(p.lost_total())),
    ),
    counter(
        "missed",
        "MISSED",
        Unit::None,
        "Events for which the kernel did not run it; absent when it does not tell.",
        Metric::plain(&families::PROBE_MISSED),
        |p| p.missed.map(Value::Count),
    ),
    counter(
        "timed_runs",
        "TIMED",
        Unit::None,
        "Runs that the kernel timed, of a probe on a tracepoint of the kernel itself also those without the bus; absent while \
         it times no programs.",
        Metric::plain(&families::PROBE_TIMED_RUNS),
        |p| Some(Value::Count(p.run_time?.runs)),
    ),
    counter(
        "run_time_seconds",
        "RUN TIME",
        Unit::Seconds,
        "Processor time of those runs; its rate is the share of one processor.",
        Metric::plain(&families::PROBE_RUN_TIME),
        |p| Some(Value::Time(p.run_time?.time)),
    ),
    gauge(
        "run_time_mean_seconds",
        "PER RUN",
        Unit::Seconds,
        "Mean of those runs.",
        None,
        |p| p.run_time?.mean().map(Value::Time),
    ),
];
