// SPDX-License-Identifier: MIT OR Apache-2.0
//! Fields of kevents and of exceptions.

use std::borrow::Cow;

use super::{Field, Unit, Value, info};
use crate::model::{Event, Exception, ExceptionKind};

/// All fields of a kevent.
pub static EVENT_FIELDS: &[Field<Event>] = &[
    info(
        "sequence",
        "SEQ",
        Unit::None,
        "Number of the kevent, without gaps from 1.",
        |e| Some(Value::Count(e.sequence)),
    ),
    info(
        "time_seconds",
        "TIME",
        Unit::Seconds,
        "When it happened, on the monotonic clock.",
        |e| Some(Value::Time(e.time)),
    ),
    info("kind", "KIND", Unit::None, "What happened.", |e| {
        Some(Value::Text(Cow::Borrowed(e.kind.key())))
    }),
    info(
        "name",
        "NAME",
        Unit::None,
        "Service or group concerned; absent when a peer was removed.",
        |e| e.name.as_ref().map(Value::text),
    ),
    info(
        "pid",
        "PID",
        Unit::None,
        "Process of the peer that it is about.",
        |e| Some(Value::Count(e.pid.into())),
    ),
    info(
        "port",
        "PORT",
        Unit::None,
        "Port of the peer; absent for groups.",
        |e| Some(Value::Count(e.port?.into())),
    ),
    info(
        "group_id",
        "GROUP ID",
        Unit::None,
        "Id of the group; absent for others.",
        |e| e.group_id.map(Value::Count),
    ),
];

/// All fields of an exception. Which of them one has depends on what happened.
pub static EXCEPTION_FIELDS: &[Field<Exception>] = &[
    info(
        "time_seconds",
        "TIME",
        Unit::Seconds,
        "When it happened, on the monotonic clock.",
        |e| Some(Value::Time(e.time)),
    ),
    info(
        "exception",
        "EXCEPTION",
        Unit::None,
        "What happened: refused, dropped, failed or slow.",
        |e| Some(Value::Text(Cow::Borrowed(e.what.key()))),
    ),
    info(
        "from_id",
        "FROM ID",
        Unit::None,
        "Id of the sender; 0 for the kernel.",
        |e| match e.what {
            ExceptionKind::Refused { from_id, .. } | ExceptionKind::Dropped { from_id, .. } => {
                Some(Value::Count(from_id))
            }
            _ => None,
        },
    ),
    info(
        "to_id",
        "TO ID",
        Unit::None,
        "Id of the receiver; 0 when there is none.",
        |e| match e.what {
            ExceptionKind::Refused { to_id, .. } | ExceptionKind::Dropped { to_id, .. } => {
                Some(Value::Count(to_id))
            }
            _ => None,
        },
    ),
    info(
        "group_id",
        "GROUP ID",
        Unit::None,
        "Id of the group whose message was dropped.",
        |e| match e.what {
            ExceptionKind::Dropped { group_id, .. } => Some(Value::Count(group_id)),
            _ => None,
        },
    ),
    info(
        "peer_id",
        "PEER ID",
        Unit::None,
        "Id of the peer that asked, or that read late.",
        |e| match e.what {
            ExceptionKind::Failed { peer_id, .. } | ExceptionKind::Slow { peer_id, .. } => {
                Some(Value::Count(peer_id))
            }
            _ => None,
        },
    ),
    info(
        "bytes",
        "BYTES",
        Unit::Bytes,
        "Payload bytes of the message.",
        |e| match e.what {
            ExceptionKind::Refused { bytes, .. } | ExceptionKind::Dropped { bytes, .. } => {
                Some(Value::Bytes(bytes.into()))
            }
            _ => None,
        },
    ),
    info(
        "reason",
        "REASON",
        Unit::None,
        "Why the message was refused or dropped.",
        |e| match &e.what {
            ExceptionKind::Refused { reason, .. } | ExceptionKind::Dropped { reason, .. } => {
                Some(Value::Text(Cow::Borrowed(reason)))
            }
            _ => None,
        },
    ),
    info(
        "command",
        "COMMAND",
        Unit::None,
        "Command of the request that failed.",
        |e| match &e.what {
            ExceptionKind::Failed { command, .. } => Some(Value::Text(Cow::Borrowed(command))),
            _ => None,
        },
    ),
    info(
        "errno",
        "ERRNO",
        Unit::None,
        "Name of the error that answered it.",
        |e| match &e.what {
            ExceptionKind::Failed { errno, .. } => Some(Value::Text(Cow::Borrowed(errno))),
            _ => None,
        },
    ),
    info(
        "waited_seconds",
        "WAITED",
        Unit::Seconds,
        "How long a message waited before it was read.",
        |e| match e.what {
            ExceptionKind::Slow { waited, .. } => Some(Value::Time(waited)),
            _ => None,
        },
    ),
];
