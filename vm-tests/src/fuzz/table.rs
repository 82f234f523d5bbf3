// SPDX-License-Identifier: MIT OR Apache-2.0
// Generated from ipcon-kmod/ipcon.yaml; do not edit: run `cargo xtask codegen`.

//! Operations and attributes of the wire as data.

use super::wire::{Field, Kind, Operation};

/// Name of the generic netlink family.
pub const FAMILY: &str = "ipcon";

/// Attributes of the set `counters`.
#[rustfmt::skip]
pub const COUNTERS: &[Field] = &[
    Field { name: "sent-unicast-messages", number: 1, kind: Kind::Number(8), min: 0, max_len: None },
    Field { name: "sent-unicast-bytes", number: 2, kind: Kind::Number(8), min: 0, max_len: None },
    Field { name: "sent-multicast-messages", number: 3, kind: Kind::Number(8), min: 0, max_len: None },
    Field { name: "sent-multicast-bytes", number: 4, kind: Kind::Number(8), min: 0, max_len: None },
    Field { name: "delivered-unicast-messages", number: 5, kind: Kind::Number(8), min: 0, max_len: None },
    Field { name: "delivered-unicast-bytes", number: 6, kind: Kind::Number(8), min: 0, max_len: None },
    Field { name: "delivered-multicast-messages", number: 7, kind: Kind::Number(8), min: 0, max_len: None },
    Field { name: "delivered-multicast-bytes", number: 8, kind: Kind::Number(8), min: 0, max_len: None },
    Field { name: "refused-queue-full", number: 9, kind: Kind::Number(8), min: 0, max_len: None },
    Field { name: "refused-no-peer", number: 10, kind: Kind::Number(8), min: 0, max_len: None },
    Field { name: "refused-no-memory", number: 11, kind: Kind::Number(8), min: 0, max_len: None },
    Field { name: "dropped-queue-full", number: 12, kind: Kind::Number(8), min: 0, max_len: None },
    Field { name: "dropped-no-memory", number: 13, kind: Kind::Number(8), min: 0, max_len: None },
    Field { name: "refused-queue-full-bytes", number: 14, kind: Kind::Number(8), min: 0, max_len: None },
    Field { name: "refused-no-peer-bytes", number: 15, kind: Kind::Number(8), min: 0, max_len: None },
    Field { name: "refused-no-memory-bytes", number: 16, kind: Kind::Number(8), min: 0, max_len: None },
    Field { name: "dropped-queue-full-bytes", number: 17, kind: Kind::Number(8), min: 0, max_len: None },
    Field { name: "dropped-no-memory-bytes", number: 18, kind: Kind::Number(8), min: 0, max_len: None },
];

/// Attributes of the set `peer`.
#[rustfmt::skip]
pub const PEER: &[Field] = &[
    Field { name: "port", number: 1, kind: Kind::Number(4), min: 1, max_len: None },
    Field { name: "ctl-port", number: 2, kind: Kind::Number(4), min: 1, max_len: None },
    Field { name: "id", number: 3, kind: Kind::Number(8), min: 0, max_len: None },
    Field { name: "pid", number: 4, kind: Kind::Number(4), min: 0, max_len: None },
    Field { name: "uid", number: 5, kind: Kind::Number(4), min: 0, max_len: None },
    Field { name: "comm", number: 6, kind: Kind::Text, min: 0, max_len: None },
    Field { name: "created-at", number: 7, kind: Kind::Number(8), min: 0, max_len: None },
    Field { name: "queue-bytes", number: 8, kind: Kind::Number(4), min: 0, max_len: None },
    Field { name: "queue-limit", number: 9, kind: Kind::Number(4), min: 0, max_len: None },
    Field { name: "lost", number: 10, kind: Kind::Number(8), min: 0, max_len: None },
    Field { name: "counters", number: 11, kind: Kind::Nest(COUNTERS), min: 0, max_len: None },
    Field { name: "pad", number: 12, kind: Kind::Pad, min: 0, max_len: None },
    Field { name: "max-msg-len", number: 13, kind: Kind::Number(4), min: 0, max_len: None },
    Field { name: "queue-oldest", number: 14, kind: Kind::Number(8), min: 0, max_len: None },
];

/// Attributes of the set `service`.
#[rustfmt::skip]
pub const SERVICE: &[Field] = &[
    Field { name: "name", number: 1, kind: Kind::Text, min: 0, max_len: Some(31) },
    Field { name: "id", number: 2, kind: Kind::Number(8), min: 0, max_len: None },
    Field { name: "port", number: 3, kind: Kind::Number(4), min: 0, max_len: None },
    Field { name: "peer-id", number: 4, kind: Kind::Number(8), min: 0, max_len: None },
    Field { name: "created-at", number: 5, kind: Kind::Number(8), min: 0, max_len: None },
    Field { name: "pad", number: 6, kind: Kind::Pad, min: 0, max_len: None },
];

/// Attributes of the set `group`.
#[rustfmt::skip]
pub const GROUP: &[Field] = &[
    Field { name: "name", number: 1, kind: Kind::Text, min: 0, max_len: Some(15) },
    Field { name: "id", number: 2, kind: Kind::Number(8), min: 0, max_len: None },
    Field { name: "owner-port", number: 3, kind: Kind::Number(4), min: 0, max_len: None },
    Field { name: "owner-id", number: 4, kind: Kind::Number(8), min: 0, max_len: None },
    Field { name: "created-at", number: 5, kind: Kind::Number(8), min: 0, max_len: None },
    Field { name: "members", number: 6, kind: Kind::Number(4), min: 0, max_len: None },
    Field { name: "last-len", number: 7, kind: Kind::Number(4), min: 0, max_len: None },
    Field { name: "sent-messages", number: 8, kind: Kind::Number(8), min: 0, max_len: None },
    Field { name: "sent-bytes", number: 9, kind: Kind::Number(8), min: 0, max_len: None },
    Field { name: "delivered-messages", number: 10, kind: Kind::Number(8), min: 0, max_len: None },
    Field { name: "delivered-bytes", number: 11, kind: Kind::Number(8), min: 0, max_len: None },
    Field { name: "replayed-messages", number: 12, kind: Kind::Number(8), min: 0, max_len: None },
    Field { name: "replayed-bytes", number: 13, kind: Kind::Number(8), min: 0, max_len: None },
    Field { name: "dropped-queue-full", number: 14, kind: Kind::Number(8), min: 0, max_len: None },
    Field { name: "dropped-no-memory", number: 15, kind: Kind::Number(8), min: 0, max_len: None },
    Field { name: "unheard-messages", number: 16, kind: Kind::Number(8), min: 0, max_len: None },
    Field { name: "replay", number: 17, kind: Kind::Flag, min: 0, max_len: None },
    Field { name: "pad", number: 18, kind: Kind::Pad, min: 0, max_len: None },
    Field { name: "dropped-queue-full-bytes", number: 19, kind: Kind::Number(8), min: 0, max_len: None },
    Field { name: "dropped-no-memory-bytes", number: 20, kind: Kind::Number(8), min: 0, max_len: None },
];

/// Attributes of the set `member`.
#[rustfmt::skip]
pub const MEMBER: &[Field] = &[
    Field { name: "group-id", number: 1, kind: Kind::Number(8), min: 0, max_len: None },
    Field { name: "group-name", number: 2, kind: Kind::Text, min: 0, max_len: None },
    Field { name: "peer-id", number: 3, kind: Kind::Number(8), min: 0, max_len: None },
    Field { name: "port", number: 4, kind: Kind::Number(4), min: 0, max_len: None },
    Field { name: "joined-at", number: 5, kind: Kind::Number(8), min: 0, max_len: None },
    Field { name: "pad", number: 6, kind: Kind::Pad, min: 0, max_len: None },
    Field { name: "delivered-messages", number: 7, kind: Kind::Number(8), min: 0, max_len: None },
    Field { name: "delivered-bytes", number: 8, kind: Kind::Number(8), min: 0, max_len: None },
    Field { name: "replayed-messages", number: 9, kind: Kind::Number(8), min: 0, max_len: None },
    Field { name: "replayed-bytes", number: 10, kind: Kind::Number(8), min: 0, max_len: None },
    Field { name: "dropped-queue-full", number: 11, kind: Kind::Number(8), min: 0, max_len: None },
    Field { name: "dropped-queue-full-bytes", number: 12, kind: Kind::Number(8), min: 0, max_len: None },
    Field { name: "dropped-no-memory", number: 13, kind: Kind::Number(8), min: 0, max_len: None },
    Field { name: "dropped-no-memory-bytes", number: 14, kind: Kind::Number(8), min: 0, max_len: None },
];

/// Attributes of the set `bus`.
#[rustfmt::skip]
pub const BUS: &[Field] = &[
    Field { name: "generation", number: 1, kind: Kind::Number(8), min: 0, max_len: None },
    Field { name: "max-msg-len", number: 2, kind: Kind::Number(4), min: 0, max_len: None },
    Field { name: "peers", number: 3, kind: Kind::Number(4), min: 0, max_len: None },
    Field { name: "services", number: 4, kind: Kind::Number(4), min: 0, max_len: None },
    Field { name: "groups", number: 5, kind: Kind::Number(4), min: 0, max_len: None },
    Field { name: "memberships", number: 6, kind: Kind::Number(4), min: 0, max_len: None },
    Field { name: "kevent-sequence", number: 7, kind: Kind::Number(8), min: 0, max_len: None },
    Field { name: "counters", number: 8, kind: Kind::Nest(COUNTERS), min: 0, max_len: None },
    Field { name: "pad", number: 9, kind: Kind::Pad, min: 0, max_len: None },
];

/// Attributes of the set `message`.
#[rustfmt::skip]
pub const MESSAGE: &[Field] = &[
    Field { name: "port", number: 1, kind: Kind::Number(4), min: 0, max_len: None },
    Field { name: "group", number: 2, kind: Kind::Text, min: 0, max_len: Some(15) },
    Field { name: "data", number: 3, kind: Kind::Bytes, min: 0, max_len: None },
    Field { name: "replay", number: 4, kind: Kind::Flag, min: 0, max_len: None },
    Field { name: "lost", number: 5, kind: Kind::Number(4), min: 0, max_len: None },
    Field { name: "kevent-sequence", number: 6, kind: Kind::Number(8), min: 0, max_len: None },
    Field { name: "kevent-time", number: 7, kind: Kind::Number(8), min: 0, max_len: None },
    Field { name: "kevent-pid", number: 8, kind: Kind::Number(4), min: 0, max_len: None },
    Field { name: "pad", number: 9, kind: Kind::Pad, min: 0, max_len: None },
];

/// All operations, in the order of their numbers.
#[rustfmt::skip]
pub const OPERATIONS: &[Operation] = &[
    Operation {
        name: "peer-new",
        command: 1,
        attributes: PEER,
        single: Some(&[
            Field { name: "ctl-port", number: 2, kind: Kind::Number(4), min: 1, max_len: None },
        ]),
        dump: None,
    },
    Operation {
        name: "peer-attach",
        command: 2,
        attributes: PEER,
        single: Some(&[
            Field { name: "port", number: 1, kind: Kind::Number(4), min: 1, max_len: None },
        ]),
        dump: None,
    },
    Operation {
        name: "peer-get",
        command: 3,
        attributes: PEER,
        single: Some(&[
            Field { name: "port", number: 1, kind: Kind::Number(4), min: 1, max_len: None },
        ]),
        dump: Some(&[]),
    },
    Operation {
        name: "service-register",
        command: 4,
        attributes: SERVICE,
        single: Some(&[
            Field { name: "name", number: 1, kind: Kind::Text, min: 0, max_len: Some(31) },
        ]),
        dump: None,
    },
    Operation {
        name: "service-unregister",
        command: 5,
        attributes: SERVICE,
        single: Some(&[
            Field { name: "name", number: 1, kind: Kind::Text, min: 0, max_len: Some(31) },
        ]),
        dump: None,
    },
    Operation {
        name: "service-get",
        command: 6,
        attributes: SERVICE,
        single: Some(&[
            Field { name: "name", number: 1, kind: Kind::Text, min: 0, max_len: Some(31) },
        ]),
        dump: Some(&[]),
    },
    Operation {
        name: "group-register",
        command: 7,
        attributes: GROUP,
        single: Some(&[
            Field { name: "name", number: 1, kind: Kind::Text, min: 0, max_len: Some(15) },
        ]),
        dump: None,
    },
    Operation {
        name: "group-unregister",
        command: 8,
        attributes: GROUP,
        single: Some(&[
            Field { name: "name", number: 1, kind: Kind::Text, min: 0, max_len: Some(15) },
        ]),
        dump: None,
    },
    Operation {
        name: "group-join",
        command: 9,
        attributes: GROUP,
        single: Some(&[
            Field { name: "name", number: 1, kind: Kind::Text, min: 0, max_len: Some(15) },
            Field { name: "replay", number: 17, kind: Kind::Flag, min: 0, max_len: None },
        ]),
        dump: None,
    },
    Operation {
        name: "group-leave",
        command: 10,
        attributes: GROUP,
        single: Some(&[
            Field { name: "name", number: 1, kind: Kind::Text, min: 0, max_len: Some(15) },
        ]),
        dump: None,
    },
    Operation {
        name: "group-get",
        command: 11,
        attributes: GROUP,
        single: Some(&[
            Field { name: "name", number: 1, kind: Kind::Text, min: 0, max_len: Some(15) },
        ]),
        dump: Some(&[]),
    },
    Operation {
        name: "member-get",
        command: 12,
        attributes: MEMBER,
        single: None,
        dump: Some(&[]),
    },
    Operation {
        name: "bus-get",
        command: 13,
        attributes: BUS,
        single: Some(&[]),
        dump: None,
    },
    Operation {
        name: "send-unicast",
        command: 14,
        attributes: MESSAGE,
        single: Some(&[
            Field { name: "port", number: 1, kind: Kind::Number(4), min: 0, max_len: None },
            Field { name: "data", number: 3, kind: Kind::Bytes, min: 0, max_len: None },
        ]),
        dump: None,
    },
    Operation {
        name: "send-multicast",
        command: 15,
        attributes: MESSAGE,
        single: Some(&[
            Field { name: "group", number: 2, kind: Kind::Text, min: 0, max_len: Some(15) },
            Field { name: "data", number: 3, kind: Kind::Bytes, min: 0, max_len: None },
        ]),
        dump: None,
    },
    Operation {
        name: "message",
        command: 16,
        attributes: MESSAGE,
        single: None,
        dump: None,
    },
];
