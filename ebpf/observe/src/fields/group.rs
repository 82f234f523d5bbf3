// SPDX-License-Identifier: MIT OR Apache-2.0
//! Fields of a group.

use super::families::{
    GROUP_DELIVERED_BYTES, GROUP_DELIVERED_MESSAGES, GROUP_DROPPED_MESSAGES, GROUP_LISTENERS,
    GROUP_PUBLISHED_BYTES, GROUP_PUBLISHED_MESSAGES, GROUP_REPLAYED_BYTES, GROUP_REPLAYED_MESSAGES,
    GROUP_UNHEARD_MESSAGES,
};
use super::{Field, Metric, Unit, Value, counter, gauge, info};
use crate::model::Group;

/// All fields of a group.
pub static GROUP_FIELDS: &[Field<Group>] = &[
    info("name", "GROUP", Unit::None, "Name of the group.", |g| {
        Some(Value::text(&g.name))
    }),
    info(
        "id",
        "ID",
        Unit::None,
        "Number of the group, never used again.",
        |g| Some(Value::Count(g.id)),
    ),
    info(
        "owner_name",
        "OWNER",
        Unit::None,
        "Oldest service of the owner.",
        |g| g.owner_name.as_ref().map(Value::text),
    ),
    info(
        "owner_id",
        "OWNER ID",
        Unit::None,
        "Id of the owner; 0 for the kernel.",
        |g| Some(Value::Count(g.owner_id)),
    ),
    info(
        "owner_port",
        "OWNER PORT",
        Unit::None,
        "Port of the owner; 0 for the kernel.",
        |g| Some(Value::Count(g.owner_port.into())),
    ),
    info(
        "created_at_seconds",
        "CREATED",
        Unit::Seconds,
        "When the group was made, on the monotonic clock.",
        |g| Some(Value::Time(g.created_at)),
    ),
    gauge(
        "members",
        "MEMBERS",
        Unit::None,
        "Members now.",
        Metric::plain(&GROUP_LISTENERS),
        |g| Some(Value::Count(g.members.into())),
    ),
    gauge(
        "last_bytes",
        "LAST B",
        Unit::Bytes,
        "Payload bytes of the message kept for replay; absent when there is none.",
        None,
        |g| g.last_len.map(|len| Value::Bytes(len.into())),
    ),
    counter(
        "sent_messages",
        "PUB",
        Unit::Messages,
        "Messages published.",
        Metric::plain(&GROUP_PUBLISHED_MESSAGES),
        |g| Some(Value::Count(g.counters.sent_messages)),
    ),
    counter(
        "sent_bytes",
        "PUB B",
        Unit::Bytes,
        "Payload bytes published.",
        Metric::plain(&GROUP_PUBLISHED_BYTES),
        |g| Some(Value::Bytes(g.counters.sent_bytes)),
    ),
    counter(
        "delivered_messages",
        "DELIV",
        Unit::Messages,
        "Copies put into members' receive queues, without replays.",
        Metric::plain(&GROUP_DELIVERED_MESSAGES),
        |g| Some(Value::Count(g.counters.delivered_messages)),
    ),
    counter(
        "delivered_bytes",
        "DELIV B",
        Unit::Bytes,
        "Payload bytes of the copies put into members' receive queues.",
        Metric::plain(&GROUP_DELIVERED_BYTES),
        |g| Some(Value::Bytes(g.counters.delivered_bytes)),
    ),
    counter(
        "replayed_messages",
        "REPLAY",
        Unit::Messages,
        "Last messages put into a new member's receive queue.",
        Metric::plain(&GROUP_REPLAYED_MESSAGES),
        |g| Some(Value::Count(g.counters.replayed_messages)),
    ),
    counter(
        "replayed_bytes",
        "REPLAY B",
        Unit::Bytes,
        "Payload bytes of the last messages put into a new member's receive queue.",
        Metric::plain(&GROUP_REPLAYED_BYTES),
        |g| Some(Value::Bytes(g.counters.replayed_bytes)),
    ),
    counter(
        "dropped_messages",
        "DROPPED",
        Unit::Messages,
        "Copies that members lost.",
        None,
        |g| Some(Value::Count(g.counters.dropped_messages())),
    ),
    counter(
        "dropped_queue_full",
        "DROP FULL",
        Unit::Messages,
        "Copies lost because the member's receive queue was full.",
        Metric::queue_full(&GROUP_DROPPED_MESSAGES),
        |g| Some(Value::Count(g.counters.dropped_queue_full)),
    ),
    counter(
        "dropped_no_memory",
        "DROP MEM",
        Unit::Messages,
        "Copies lost because the kernel had no memory.",
        Metric::no_memory(&GROUP_DROPPED_MESSAGES),
        |g| Some(Value::Count(g.counters.dropped_no_memory)),
    ),
    counter(
        "unheard_messages",
        "UNHEARD",
        Unit::Messages,
        "Messages published while the group had no member.",
        Metric::plain(&GROUP_UNHEARD_MESSAGES),
        |g| Some(Value::Count(g.unheard_messages)),
    ),
    gauge(
        "fan_out",
        "FAN-OUT",
        Unit::None,
        "Copies made of a message on average, lost ones included; absent before the first message.",
        None,
        |g| g.fan_out().map(Value::Mean),
    ),
];
