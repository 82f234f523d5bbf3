// SPDX-License-Identifier: MIT OR Apache-2.0
//! Metric families that are made from fields of peers, groups, connections, endpoints, probes and the bus.

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

    pub(super) const fn reason(
        family: &'static Family,
        labels: &'static [(&'static str, &'static str)],
    ) -> Option<Self> {
        Some(Self { family, labels })
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
    CHANNEL_REQUESTS "ipcon_channel_requests_total"
        "Requests that coroipc servers read.";
    CHANNEL_RESPONSES "ipcon_channel_responses_total"
        "Requests that coroipc servers replied to.";
    CHANNEL_EVENTS "ipcon_channel_events_total"
        "Events that coroipc servers wrote into the rings of clients.";
    CHANNEL_ONE_WAY "ipcon_channel_one_way_requests_total"
        "Requests that expect no answer, of all that coroipc servers read.";
    CHANNEL_DENIED "ipcon_channel_refused_requests_total"
        "Requests that coroipc servers refused before a handler saw them.";
    CHANNEL_FAILURES "ipcon_channel_failed_requests_total"
        "Requests that a handler of a coroipc server did not reply to as expected.";
    CHANNEL_EVENTS_DROPPED "ipcon_channel_dropped_events_total"
        "Events that were refused or dropped, since a client did not read them.";
    CHANNEL_FLOW_CHANGES "ipcon_channel_flow_control_changes_total"
        "Times that events of a connection began to be held back or to flow again.";
    CHANNEL_REQUEST_BYTES "ipcon_channel_request_bytes_total"
        "Payload bytes of the requests that coroipc servers read.";
    CHANNEL_RESPONSE_BYTES "ipcon_channel_response_bytes_total"
        "Payload bytes of the replies of coroipc servers.";
    CHANNEL_EVENT_BYTES "ipcon_channel_event_bytes_total"
        "Payload bytes of the events of coroipc servers.";
    CHANNEL_ACCEPTED "ipcon_channel_accepted_connections_total"
        "Clients that coroipc servers accepted, whatever became of them.";
    CHANNEL_ESTABLISHED "ipcon_channel_established_connections_total"
        "Clients that coroipc servers let in, so that requests could come.";
    CHANNEL_TURNED_AWAY "ipcon_channel_refused_connections_total"
        "Clients that coroipc servers refused.";
    CHANNEL_ENDPOINT_CONNECTIONS "ipcon_channel_open_connections"
        "Connections from being accepted until nothing of them is left in the server, as coroipc servers count them.";
    CHANNEL_ENDPOINT_MEMORY "ipcon_channel_memory_bytes"
        "Bytes that coroipc servers have reserved for connections, in the memory of both sides.";
    CHANNEL_QUEUE "ipcon_channel_pending_requests"
        "Requests that are not answered now.";
    CHANNEL_EVENTS_QUEUED "ipcon_channel_queued_events"
        "Events that wait for room in the rings of clients now.";
    PROBE_EVENTS "ipcon_exporter_events_total"
        "Events by how far they came: seen by a probe, counted by it. Seen less counted are those lost.";
    PROBE_MISSED "ipcon_exporter_probe_missed_runs_total"
        "Events for which the kernel did not run a probe; not part of those seen.";
    PROBE_TIMED_RUNS "ipcon_exporter_probe_timed_runs_total"
        "Runs of a probe that the kernel timed, seen or not; absent while it times no programs.";
    PROBE_RUN_TIME "ipcon_exporter_probe_run_time_seconds_total"
        "Processor time of the runs of a probe that the kernel timed; absent while it times no programs.";
}
