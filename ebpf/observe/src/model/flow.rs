// SPDX-License-Identifier: MIT OR Apache-2.0
//! Flows: who sends to whom.

use serde::Serialize;

use super::label::OTHERS;
use super::{KERNEL, SafeText, Snapshot};

/// What goes one way between two ends.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Flow {
    /// Which way it goes.
    pub kind: FlowKind,
    /// Id of the sending peer, or of the group for [`FlowKind::Copies`]; 0 for the kernel, and for flows that were
    /// counted together because there were too many.
    pub from_id: u64,
    /// Id of the receiving peer, or of the group for [`FlowKind::Published`]; 0 for flows that were counted together,
    /// and for receivers that do not exist.
    pub to_id: u64,
    /// Name of the sender: its oldest service, or the name of the group. `None` when anonymous or gone.
    pub from_name: Option<SafeText>,
    /// Name of the receiver, as for the sender.
    pub to_name: Option<SafeText>,
    /// What went that way.
    pub counters: FlowCounters,
}

/// Which way a flow goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FlowKind {
    /// From a peer to a peer, by the probes; absent without them.
    #[default]
    Unicast,
    /// From a peer to its group, by the dumps.
    Published,
    /// From a group to a member, by the dumps, since the member joined.
    Copies,
}

impl FlowKind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Unicast, Self::Published, Self::Copies];

    /// Stable name: JSON value and word of the filter.
    pub fn key(self) -> &'static str {
        match self {
            Self::Unicast => "unicast",
            Self::Published => "published",
            Self::Copies => "copies",
        }
    }
}

super::counters::counter_set! {
    /// Messages and payload bytes of one flow.
    pub struct FlowCounters {
        /// Messages put into the receive queue, or published.
        pub messages: u64,
        /// Payload bytes of `messages`.
        pub bytes: u64,
        /// Messages refused to the sender, or copies that the member lost.
        pub lost_messages: u64,
    }
}

/// Tells one flow from all others of a bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlowKey {
    /// Which way it goes.
    pub kind: FlowKind,
    /// See [`Flow::from_id`].
    pub from_id: u64,
    /// See [`Flow::to_id`].
    pub to_id: u64,
}

impl Flow {
    /// What tells it from others.
    pub fn key(&self) -> FlowKey {
        FlowKey {
            kind: self.kind,
            from_id: self.from_id,
            to_id: self.to_id,
        }
    }

    /// What a person calls where it begins. Safe to print.
    pub fn from_label(&self, snapshot: &Snapshot) -> String {
        let name = self.from_name.as_ref();
        match (self.kind, self.from_id) {
            (FlowKind::Copies, id) => snapshot.group_label(id, name),
            (FlowKind::Unicast, 0) => OTHERS.to_owned(),
            (FlowKind::Published, 0) => KERNEL.to_owned(),
            (_, id) => snapshot.peer_label(id, name),
        }
    }

    /// What a person calls where it ends. Safe to print.
    pub fn to_label(&self, snapshot: &Snapshot) -> String {
        let name = self.to_name.as_ref();
        match self.kind {
            FlowKind::Published => snapshot.group_label(self.to_id, name),
            FlowKind::Unicast | FlowKind::Copies => snapshot.peer_label(self.to_id, name),
        }
    }
}
