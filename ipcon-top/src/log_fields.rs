// SPDX-License-Identifier: MIT OR Apache-2.0
//! The field table of the event log: what the filter and the choice of columns can name there.

use std::borrow::Cow;

use ipcon_observe::fields::{Field, Unit, Value, info};
use ipcon_observe::model::Event;

use crate::store::{Happened, LogLine};

/// Facts about a line of the log. Only kevents have them.
pub const LOG_FIELDS: &[Field<LogLine>] = &[
    info(
        "kind",
        "EVENT",
        Unit::None,
        "What happened: service_add, service_remove, group_add, group_remove or peer_remove.",
        |line| Some(Value::Text(Cow::Borrowed(kevent(line)?.kind.key()))),
    ),
    info(
        "name",
        "NAME",
        Unit::None,
        "Service or group concerned.",
        |line| {
            let name = kevent(line)?.name.as_ref()?;
            Some(Value::Text(Cow::Borrowed(name.as_str())))
        },
    ),
    info(
        "port",
        "PORT",
        Unit::None,
        "Port of the peer concerned.",
        |line| Some(Value::Count(kevent(line)?.port?.into())),
    ),
    info(
        "pid",
        "PID",
        Unit::None,
        "Process of the peer concerned.",
        |line| Some(Value::Count(kevent(line)?.pid.into())),
    ),
    info(
        "group_id",
        "GROUP ID",
        Unit::None,
        "Number of the group concerned.",
        |line| Some(Value::Count(kevent(line)?.group_id?)),
    ),
    info(
        "sequence",
        "SEQ",
        Unit::None,
        "Number of the event.",
        |line| Some(Value::Count(kevent(line)?.sequence)),
    ),
];

fn kevent(line: &LogLine) -> Option<&Event> {
    match &line.what {
        Happened::Kevent(event) => Some(event),
        _ => None,
    }
}
