// SPDX-License-Identifier: MIT OR Apache-2.0
//! Fields of a flow.

use std::borrow::Cow;

use super::{Field, Unit, Value, counter, info};
use crate::model::Flow;

/// All fields of a flow.
pub static FLOW_FIELDS: &[Field<Flow>] = &[
    info(
        "kind",
        "KIND",
        Unit::None,
        "Which way it goes: unicast from peer to peer, published from peer to group, copies from group to member.",
        |f| Some(Value::Text(Cow::Borrowed(f.kind.key()))),
    ),
    info(
        "from_name",
        "FROM",
        Unit::None,
        "Oldest service of the sender, or name of the group; absent when anonymous.",
        |f| f.from_name.as_ref().map(Value::text),
    ),
    info(
        "from_id",
        "FROM ID",
        Unit::None,
        "Id of the sender; 0 for the kernel.",
        |f| Some(Value::Count(f.from_id)),
    ),
    info(
        "to_name",
        "TO",
        Unit::None,
        "Oldest service of the receiver, or name of the group; absent when anonymous.",
        |f| f.to_name.as_ref().map(Value::text),
    ),
    info(
        "to_id",
        "TO ID",
        Unit::None,
        "Id of the receiver; 0 when there is none.",
        |f| Some(Value::Count(f.to_id)),
    ),
    counter(
        "messages",
        "MSGS",
        Unit::Messages,
        "Messages put into the receive queue, or published.",
        None,
        |f| Some(Value::Count(f.counters.messages)),
    ),
    counter(
        "bytes",
        "BYTES",
        Unit::Bytes,
        "Payload bytes of those messages.",
        None,
        |f| Some(Value::Bytes(f.counters.bytes)),
    ),
    counter(
        "lost_messages",
        "LOST",
        Unit::Messages,
        "Messages refused to the sender, or copies that the member lost.",
        None,
        |f| Some(Value::Count(f.counters.lost_messages)),
    ),
];
