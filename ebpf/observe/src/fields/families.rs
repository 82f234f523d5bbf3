// SPDX-License-Identifier: MIT OR Apache-2.0
//! Metric families that are made from fields of peers, groups and the bus.

/// A metric family: several fields may go into one, told apart by labels.
#[derive(Debug, PartialEq, Eq)]
pub struct Family {
    /// Full name, with unit and, for a counter, `_total`.
    pub name: &'static str,
    /// One sentence.
    pub help: &'static str,
}

/// Where a field is exported.
#[derive(Debug)]
pub struct Metric {
    /// The family.
    pub family: &'static Family,
    /// Labels beside that of the row.
    pub labels: &'static [(&'static str, &'static str)],
}

impl Metric {
    pub(super) const fn plain(family: &'static Family) -> Option<Self> {
        Some(Self {
            family,
            labels: &[],
        })
    }

    pub(super) const fn unicast(family: &'static Family) -> Option<Self> {
        Some(Self {
            family,
            labels: &[("kind", "unicast")],
        })
    }

    pub(super) const fn multicast(family: &'static Family) -> Option<Self> {
        Some(Self {
            family,
            labels: &[("kind", "multicast")],
        })
    }

    pub(super) const fn queue_full(family: &'static Family) -> Option<Self> {
        Some(Self {
            family,
            labels: &[("reason", "queue_full")],
        })
    }

    pub(super) const fn no_memory(family: &'static Family) -> Option<Self> {
        Some(Self {
            family,
            labels: &[("reason", "no_memory")],
        })
    }
}

macro_rules! families {
    ($($ident:ident $name:literal $help:literal;)*) => {
        $(pub(super) static $ident: Family = Family { name: $name, help: $help };)*
    };
}

families! {
    SENT_MESSAGES "ipcon_sent_messages_total"
        "Well-formed send requests of a peer, refused unicast included.";
    SENT_BYTES "ipcon_sent_bytes_total"
        "Payload bytes of the send requests of a peer, refused unicast included.";
    DELIVERED_MESSAGES "ipcon_delivered_messages_total"
        "Messages put into the receive queue of a peer, each copy of a group message counted.";
    DELIVERED_BYTES "ipcon_delivered_bytes_total"
        "Payload bytes put into the receive queue of a peer.";
    DROPPED_MESSAGES "ipcon_dropped_messages_total"
        "Copies of group messages that a member lost.";
    SEND_ERRORS "ipcon_send_errors_total"
        "Send requests that the bus answered with an error.";
    QUEUE_BYTES "ipcon_receive_queue_bytes"
        "Memory charged to the receive queue of a peer.";
    QUEUE_LIMIT "ipcon_receive_queue_limit_bytes"
        "Bound of the memory charged to the receive queue of a peer.";
    GROUPS "ipcon_groups"
        "Groups on the bus, without the kevent group.";
    SERVICES "ipcon_services"
        "Service names held on the bus.";
    MEMBERSHIPS "ipcon_memberships"
        "Memberships of peers in groups.";
    GROUP_LISTENERS "ipcon_group_listeners"
        "Members of a group.";
    GROUP_PUBLISHED_MESSAGES "ipcon_group_published_messages_total"
        "Messages published to a group, however many members heard them.";
    GROUP_PUBLISHED_BYTES "ipcon_group_published_bytes_total"
        "Payload bytes published to a group.";
    GROUP_DELIVERED_MESSAGES "ipcon_group_delivered_messages_total"
        "Copies put into the receive queues of the members of a group, without replays.";
    GROUP_DELIVERED_BYTES "ipcon_group_delivered_bytes_total"
        "Payload bytes of the copies put into the receive queues of the members of a group.";
    GROUP_REPLAYED_MESSAGES "ipcon_group_replayed_messages_total"
        "Last messages put into the receive queues of new members of a group.";
    GROUP_REPLAYED_BYTES "ipcon_group_replayed_bytes_total"
        "Payload bytes of the last messages put into the receive queues of new members of a group.";
    GROUP_DROPPED_MESSAGES "ipcon_group_dropped_messages_total"
        "Copies of the messages of a group that members lost.";
    GROUP_UNHEARD_MESSAGES "ipcon_group_unheard_messages_total"
        "Messages published to a group that had no member.";
}
