// SPDX-License-Identifier: MIT OR Apache-2.0
//! Kevents: what the kernel announced about arrivals and departures.

use std::time::Duration;

use serde::Serialize;

use super::{SafeText, seconds};

/// One kevent.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Event {
    /// Number of the kevent, without gaps from 1.
    pub sequence: u64,
    /// When it happened, `CLOCK_MONOTONIC`.
    #[serde(rename = "time_seconds", serialize_with = "seconds")]
    pub time: Duration,
    /// Process of the peer that the event is about.
    pub pid: u32,
    /// What happened.
    pub kind: EventKind,
    /// Service or group concerned; absent when a peer was removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<SafeText>,
    /// Port of the peer concerned; absent for group events, which do not carry it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u32>,
    /// Number of the group concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_id: Option<u64>,
}

/// The five kinds of kevents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// A peer took a name.
    #[default]
    ServiceAdd,
    /// A name was given back, or its peer died.
    ServiceRemove,
    /// A group was made.
    GroupAdd,
    /// A group ended.
    GroupRemove,
    /// A peer left or died.
    PeerRemove,
}

impl EventKind {
    /// All kinds, in the order of the wire.
    pub const ALL: [Self; 5] = [
        Self::ServiceAdd,
        Self::ServiceRemove,
        Self::GroupAdd,
        Self::GroupRemove,
        Self::PeerRemove,
    ];

    /// Stable name: JSON value and metric label.
    pub fn key(self) -> &'static str {
        match self {
            Self::ServiceAdd => "service_add",
            Self::ServiceRemove => "service_remove",
            Self::GroupAdd => "group_add",
            Self::GroupRemove => "group_remove",
            Self::PeerRemove => "peer_remove",
        }
    }
}

/// What the kevent source has counted since it started to listen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Kevents {
    /// Events received, in the order of [`EventKind::ALL`].
    #[serde(serialize_with = "by_kind")]
    pub received: [u64; 5],
    /// Events known to be lost, from gaps in their numbers.
    pub lost: u64,
    /// Times that a gap made the picture start again from a dump.
    pub resyncs: u64,
}

impl Kevents {
    /// Counts one event.
    pub fn count(&mut self, kind: EventKind) {
        self.received[kind as usize] += 1;
    }

    /// Events of one kind received.
    pub fn received(&self, kind: EventKind) -> u64 {
        self.received[kind as usize]
    }
}

fn by_kind<S: serde::Serializer>(received: &[u64; 5], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(
        EventKind::ALL
            .into_iter()
            .map(|kind| (kind.key(), received[kind as usize])),
    )
}
