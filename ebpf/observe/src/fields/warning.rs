// SPDX-License-Identifier: MIT OR Apache-2.0
//! Fields of a warning.

use std::borrow::Cow;

use super::{Field, Unit, Value, gauge, info};
use crate::linter::{Subject, Warning};

/// All fields of a warning. All texts are safe to print.
pub static WARNING_FIELDS: &[Field<Warning>] = &[
    info("rule", "RULE", Unit::None, "Which rule found it.", |w| {
        Some(text(w.rule.key()))
    }),
    info(
        "severity",
        "SEVERITY",
        Unit::None,
        "How bad it is: warning, or alarm when something is being lost or is about to be.",
        |w| Some(text(w.severity.key())),
    ),
    info(
        "subject",
        "SUBJECT",
        Unit::None,
        "What sort of thing it is about: bus, observer, peer, group or channel.",
        |w| Some(text(w.subject.key())),
    ),
    info(
        "subject_id",
        "SUBJECT ID",
        Unit::None,
        "Id of the peer, group or connection that it is about; absent for others.",
        |w| w.subject.id().map(Value::Count),
    ),
    info(
        "source",
        "SOURCE",
        Unit::None,
        "Source of the observer that it is about; absent for others.",
        |w| match w.subject {
            Subject::Observer(source) => Some(text(source.key())),
            _ => None,
        },
    ),
    info(
        "subject_name",
        "ABOUT",
        Unit::None,
        "What a person calls what it is about.",
        |w| Some(text(&w.name)),
    ),
    info(
        "who",
        "WHO",
        Unit::None,
        "More to know the subject by, such as its process.",
        |w| w.who.as_deref().map(text),
    ),
    info(
        "item",
        "ITEM",
        Unit::None,
        "Tells several warnings of one rule about one subject apart; absent when there is one.",
        |w| (!w.item.is_empty()).then(|| text(&w.item)),
    ),
    info(
        "what",
        "WHAT",
        Unit::None,
        "What is wrong, as a sentence without its subject.",
        |w| Some(text(&w.what)),
    ),
    info(
        "figures",
        "FIGURES",
        Unit::None,
        "Figures that show it.",
        |w| w.figures.as_deref().map(text),
    ),
    info("cause", "CAUSE", Unit::None, "Who or what does it.", |w| {
        w.cause.as_deref().map(text)
    }),
    info(
        "reason",
        "REASON",
        Unit::None,
        "What is wrong, with figures and cause, as one sentence.",
        |w| Some(Value::Text(Cow::Owned(w.reason()))),
    ),
    info("advice", "ADVICE", Unit::None, "What to do.", |w| {
        w.advice.map(text)
    }),
    gauge(
        "since_seconds",
        "SINCE",
        Unit::Seconds,
        "Since when it is so, on the monotonic clock, as far as was seen.",
        None,
        |w| Some(Value::Time(w.since)),
    ),
];

fn text(text: &str) -> Value<'_> {
    Value::Text(Cow::Borrowed(text))
}
