// SPDX-License-Identifier: MIT OR Apache-2.0
//! The field table of the event log: that of the kevents, and that of the exceptions, whose lines stand among them.

use ipcon_observe::fields::{EVENT_FIELDS, EXCEPTION_FIELDS, Field, Value, position};

use super::{Happened, LogLine};

/// Facts about a line of the log. Kevents and exceptions have them, each its own. When it happened is no fact to compare:
/// it is a moment of the monotonic clock.
pub(super) static LOG_FIELDS: &[Field<LogLine>] = &[
    // Among lines that tell other things as well, the kind of a kevent is an event.
    Field {
        title: "EVENT",
        ..kevent::<{ position(EVENT_FIELDS, "kind") }>()
    },
    kevent::<{ position(EVENT_FIELDS, "name") }>(),
    kevent::<{ position(EVENT_FIELDS, "port") }>(),
    kevent::<{ position(EVENT_FIELDS, "pid") }>(),
    GROUP_ID,
    kevent::<{ position(EVENT_FIELDS, "sequence") }>(),
    exception::<{ position(EXCEPTION_FIELDS, "exception") }>(),
    exception::<{ position(EXCEPTION_FIELDS, "from_id") }>(),
    exception::<{ position(EXCEPTION_FIELDS, "to_id") }>(),
    exception::<{ position(EXCEPTION_FIELDS, "peer_id") }>(),
    exception::<{ position(EXCEPTION_FIELDS, "bytes") }>(),
    exception::<{ position(EXCEPTION_FIELDS, "reason") }>(),
    exception::<{ position(EXCEPTION_FIELDS, "command") }>(),
    exception::<{ position(EXCEPTION_FIELDS, "errno") }>(),
    exception::<{ position(EXCEPTION_FIELDS, "waited_seconds") }>(),
];

/// Both have it.
const GROUP_ID: Field<LogLine> = {
    const OF_KEVENTS: usize = position(EVENT_FIELDS, "group_id");
    const OF_EXCEPTIONS: usize = position(EXCEPTION_FIELDS, "group_id");
    EVENT_FIELDS[OF_KEVENTS]
        .of(|line| of_kevent::<OF_KEVENTS>(line).or_else(|| of_exception::<OF_EXCEPTIONS>(line)))
};

/// The fact of kevents at this place of their table.
const fn kevent<const AT: usize>() -> Field<LogLine> {
    EVENT_FIELDS[AT].of(of_kevent::<AT>)
}

/// The fact of exceptions at this place of their table.
const fn exception<const AT: usize>() -> Field<LogLine> {
    EXCEPTION_FIELDS[AT].of(of_exception::<AT>)
}

fn of_kevent<const AT: usize>(line: &LogLine) -> Option<Value<'_>> {
    match &line.what {
        Happened::Kevent(event) => (EVENT_FIELDS[AT].get)(event),
        _ => None,
    }
}

fn of_exception<const AT: usize>(line: &LogLine) -> Option<Value<'_>> {
    match &line.what {
        Happened::Exception(mishap) => (EXCEPTION_FIELDS[AT].get)(&mishap.exception),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_log_can_be_asked_all_that_kevents_and_exceptions_can() {
        let kevents = EVENT_FIELDS.iter().map(|it| it.key);
        let all: BTreeSet<&str> = kevents
            .chain(EXCEPTION_FIELDS.iter().map(|it| it.key))
            .collect();
        let mut told: BTreeSet<&str> = LOG_FIELDS.iter().map(|it| it.key).collect();
        assert_eq!(told.len(), LOG_FIELDS.len(), "a key stands twice");
        told.insert("time_seconds");
        assert_eq!(told, all);
    }
}
