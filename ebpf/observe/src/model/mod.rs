// SPDX-License-Identifier: MIT OR Apache-2.0
//! The model: what was observed at one moment, as plain data. No I/O and no clock.

mod buckets;
mod bus;
mod channel;
mod counters;
mod endpoint;
mod event;
mod exception;
mod flow;
mod label;
mod observer;
mod probes;
mod queue_latency;
mod source;
mod text;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Serialize, Serializer};

use label::{NOBODY, told_apart};

pub use bus::{Bus, Group, Peer, Service};
pub use channel::{Channel, ChannelCounters, ChannelScan, Channels, LatencyHistogram};
pub use counters::{Counters, GroupCounters};
pub use endpoint::{Endpoint, EndpointCounters};
pub use event::{Event, EventKind, Kevents};
pub use exception::{Exception, ExceptionKind, RequestErrors};
pub use flow::{Flow, FlowCounters, FlowKey, FlowKind};
pub use label::KERNEL;
pub use observer::Observer;
pub use probes::{
    Baseline, Drops, Identity, Inexact, Kind, KindLatency, Lost, MapFill, PROBE_BACKEND, Probe,
    ProbeCounts, Probes, RunTime, SizeHistogram,
};
pub use queue_latency::QueueLatency;
pub use source::{Source, SourceState, SourceStatus};
pub use text::{SafeText, display_name};

/// Version of the JSON form. It grows when a key changes its meaning or goes away.
pub const SCHEMA_VERSION: u32 = 1;

/// The bus and the channels at one moment.
///
/// Peers and groups are in ascending order of id. The JSON form of peers, groups, connections and the bus is made
/// from [`crate::fields`], so a key there is a column and a metric elsewhere.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Snapshot {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// When the dumps were complete, `CLOCK_MONOTONIC`; without a bus, when that was clear.
    #[serde(rename = "taken_at_seconds", serialize_with = "seconds")]
    pub taken_at: Duration,
    /// Whether peers, services, groups and members belong to one state of the bus. False when the bus
    /// changed during each of a few attempts; then a membership may name a peer that has no row.
    pub consistent: bool,
    /// Totals. `None` when there is no bus, or it could not be read this time: why stands in `sources`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bus: Option<Bus>,
    /// All peers; none without a bus.
    pub peers: Vec<Peer>,
    /// All groups; the first is the kevent group. None without a bus.
    pub groups: Vec<Group>,
    /// Who sends to whom, in ascending order of [`Flow::key`]. Those from peer to peer are there with the probes only.
    pub flows: Vec<Flow>,
    /// Connections and endpoints of coroipc servers. `None` when they are not looked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channels: Option<Channels>,
    /// What the probes tell. `None` when they are not attached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probes: Option<Probes>,
    /// Counts of kevents. `None` when they are not listened to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kevents: Option<Kevents>,
    /// Kevents that arrived since the snapshot before, oldest first.
    pub events: Vec<Event>,
    /// What went wrong since the snapshot before, as far as the probes could report it, oldest first.
    pub exceptions: Vec<Exception>,
    /// Messages read by peers that are not in `peers`, by id: of those that ended a few seconds ago, and of those on other
    /// buses. Empty when that is not measured.
    #[serde(skip)]
    pub reads_elsewhere: BTreeMap<u64, u64>,
    /// How each source is doing.
    pub sources: Vec<SourceStatus>,
    /// What the observer itself takes. `None` in recordings that were made before this was there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observer: Option<Observer>,
}

impl Default for Snapshot {
    fn default() -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            taken_at: Duration::ZERO,
            consistent: true,
            bus: None,
            peers: Vec::new(),
            groups: Vec::new(),
            flows: Vec::new(),
            channels: None,
            probes: None,
            kevents: None,
            events: Vec::new(),
            exceptions: Vec::new(),
            reads_elsewhere: BTreeMap::new(),
            sources: Vec::new(),
            observer: None,
        }
    }
}

impl Snapshot {
    /// The peer with this id.
    pub fn peer(&self, id: u64) -> Option<&Peer> {
        let index = self.peers.binary_search_by_key(&id, |peer| peer.id).ok()?;
        self.peers.get(index)
    }

    /// What a person calls the peer with this id: [`Peer::label`], of one that is not here the name it was `told` to have,
    /// else its number. Safe to print.
    pub fn peer_label(&self, id: u64, told: Option<&SafeText>) -> String {
        match (self.peer(id), told) {
            (Some(peer), _) => peer.label(),
            (None, Some(told)) => told_apart(told, id),
            (None, None) if id == 0 => NOBODY.to_owned(),
            (None, None) => format!("peer {id}"),
        }
    }

    /// The group with this id.
    pub fn group(&self, id: u64) -> Option<&Group> {
        let index = self
            .groups
            .binary_search_by_key(&id, |group| group.id)
            .ok()?;
        self.groups.get(index)
    }

    /// What a person calls the group with this id, with the word before its name that tells it from a peer. Of one that is
    /// not here it is the name it was `told` to have, else its number. Safe to print.
    pub fn group_label(&self, id: u64, told: Option<&SafeText>) -> String {
        match self.group(id).map(|group| &group.name).or(told) {
            Some(name) => format!("group {}", told_apart(name, id)),
            None => format!("group {id}"),
        }
    }

    /// The flow with this key.
    pub fn flow(&self, key: FlowKey) -> Option<&Flow> {
        let index = self.flows.binary_search_by_key(&key, Flow::key).ok()?;
        self.flows.get(index)
    }

    /// The coroipc connection with this id.
    pub fn channel(&self, id: u64) -> Option<&Channel> {
        self.channels.as_ref()?.connection(id)
    }

    /// The coroipc connections that are known, in ascending order of id.
    pub fn channels(&self) -> &[Channel] {
        self.channels
            .as_ref()
            .map_or(&[], |channels| &channels.connections)
    }

    /// When the bus came into being; `None` without a bus, or when the dump did not tell.
    pub fn bus_started_at(&self) -> Option<Duration> {
        self.bus.as_ref()?.started_at
    }

    /// The coroipc endpoints that are known, in ascending order of id.
    pub fn endpoints(&self) -> &[Endpoint] {
        self.channels
            .as_ref()
            .map_or(&[], |channels| &channels.endpoints)
    }

    /// How one source is doing.
    pub fn source(&self, name: Source) -> Option<&SourceStatus> {
        self.sources.iter().find(|status| status.name == name)
    }

    /// Why a source tells nothing; `None` while it does, and of one that is not known.
    pub fn absence(&self, source: Source) -> Option<&str> {
        match &self.source(source)?.state {
            SourceState::On => None,
            SourceState::Off { reason } | SourceState::Failed { reason } => Some(reason),
        }
    }

    /// Why there is no bus; `None` while there is one.
    pub fn bus_absence(&self) -> Option<&str> {
        if self.bus.is_some() {
            return None;
        }
        Some(
            self.absence(Source::Dumps)
                .unwrap_or("the bus was not read"),
        )
    }
}

/// Times are seconds in JSON.
pub(crate) fn seconds<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_secs_f64())
}
