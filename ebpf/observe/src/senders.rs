// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who sends to a peer, and how much of it is lost: the flows to it, those through groups put down to the groups' owners.

use std::collections::BTreeMap;

use crate::model::{Flow, FlowKind, KERNEL, SafeText, Snapshot};
use crate::rates::Rates;

/// One of those who send to a peer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sender {
    /// Id of the sending peer; 0 for the kernel, and for senders that were counted together.
    pub peer_id: u64,
    /// What a person calls it. Safe to print.
    pub name: String,
    /// The group it sends through; `None` for unicast.
    pub group: Option<SafeText>,
    /// Messages per second, those that did not arrive included.
    pub per_second: f64,
    /// Messages per second that did not arrive.
    pub lost_per_second: f64,
}

/// Who sends to each peer now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Senders(BTreeMap<u64, Vec<Sender>>);

impl Senders {
    /// From the flows of a snapshot and their rates.
    pub fn of(snapshot: &Snapshot, rates: &Rates) -> Self {
        let mut found: BTreeMap<u64, Vec<Sender>> = BTreeMap::new();
        for flow in &snapshot.flows {
            let (peer_id, group) = match flow.kind {
                FlowKind::Published => continue,
                FlowKind::Unicast => (flow.from_id, None),
                FlowKind::Copies => (
                    snapshot.group(flow.from_id).map_or(0, |it| it.owner_id),
                    flow.from_name.clone(),
                ),
            };
            let rate = |key| rates.flow(flow.key()).and_then(|rates| rates.get(key));
            let lost_per_second = rate("lost_messages").unwrap_or_default();
            let per_second = rate("messages").unwrap_or_default() + lost_per_second;
            if per_second > 0.0 {
                found.entry(flow.to_id).or_default().push(Sender {
                    peer_id,
                    name: name(snapshot, flow, peer_id),
                    group,
                    per_second,
                    lost_per_second,
                });
            }
        }
        for senders in found.values_mut() {
            senders.sort_by(|a, b| b.per_second.total_cmp(&a.per_second));
        }
        Self(found)
    }

    /// Those who send to this peer, the busiest first.
    pub fn to(&self, peer: u64) -> &[Sender] {
        self.0.get(&peer).map_or(&[], Vec::as_slice)
    }
}

/// The name that a flow through a group was told to come from is that of the group.
fn name(snapshot: &Snapshot, flow: &Flow, owner_id: u64) -> String {
    match (flow.kind, owner_id) {
        (FlowKind::Copies, 0) => KERNEL.to_owned(),
        (FlowKind::Copies, id) => snapshot.peer_label(id, None),
        _ => flow.from_label(snapshot),
    }
}
