// SPDX-License-Identifier: MIT OR Apache-2.0
//! Flows. Those to and from groups come from the dumps: a group has one owner who publishes, and each membership has its
//! counts. Those from peer to peer come from the probes.

use std::collections::BTreeMap;

use libipcon::MemberInfo;

use crate::model::{Flow, FlowCounters, FlowKind, Group, Peer, SafeText};
use crate::probes::{FlowEnds, FlowProbe};

/// One flow for each group of a peer or of the kernel, and one for each membership.
pub(super) fn of_groups(
    peers: &BTreeMap<u64, Peer>,
    groups: &BTreeMap<u64, Group>,
    members: &[MemberInfo],
) -> Vec<Flow> {
    let published = groups.values().map(published);
    let copies = members.iter().filter_map(|info| {
        let (group, peer) = (groups.get(&info.group_id)?, peers.get(&info.peer_id)?);
        Some(copies(group, peer, info))
    });
    let mut flows: Vec<Flow> = published.chain(copies).collect();
    flows.sort_unstable_by_key(Flow::key);
    flows
}

/// One flow for each pair of peers that the probes tell apart, and one for all others together if there are any. `name`
/// tells the name of a peer that is there.
pub(super) fn of_peers(
    flows: &BTreeMap<FlowEnds, FlowProbe>,
    name: impl Fn(u64) -> Option<SafeText>,
) -> Vec<Flow> {
    let is_empty =
        |ends, flow: &FlowProbe| ends == FlowEnds::OTHERS && *flow == FlowProbe::default();
    let known = flows.iter().filter(|&(&ends, flow)| !is_empty(ends, flow));
    let rows = known.map(|(ends, flow)| Flow {
        kind: FlowKind::Unicast,
        from_id: ends.from,
        to_id: ends.to,
        from_name: name(ends.from),
        to_name: name(ends.to),
        counters: FlowCounters {
            messages: flow.delivered.messages,
            bytes: flow.delivered.bytes,
            lost_messages: flow.refused,
        },
    });
    rows.collect()
}

fn published(group: &Group) -> Flow {
    Flow {
        kind: FlowKind::Published,
        from_id: group.owner_id,
        to_id: group.id,
        from_name: group.owner_name.clone(),
        to_name: Some(group.name.clone()),
        counters: FlowCounters {
            messages: group.counters.sent_messages,
            bytes: group.counters.sent_bytes,
            lost_messages: 0,
        },
    }
}

fn copies(group: &Group, peer: &Peer, info: &MemberInfo) -> Flow {
    Flow {
        kind: FlowKind::Copies,
        from_id: group.id,
        to_id: peer.id,
        from_name: Some(group.name.clone()),
        to_name: peer.name().cloned(),
        counters: FlowCounters {
            messages: info
                .delivered_messages
                .saturating_add(info.replayed_messages),
            bytes: info.delivered_bytes.saturating_add(info.replayed_bytes),
            lost_messages: info
                .dropped_queue_full
                .saturating_add(info.dropped_no_memory),
        },
    }
}
