// SPDX-License-Identifier: MIT OR Apache-2.0
//! How each source of facts is doing.

use std::time::Duration;

use serde::Serialize;

use super::seconds;

/// Where facts come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The module's dumps; without them nothing is known of the bus.
    #[default]
    Dumps,
    /// The kevent group.
    Kevents,
    /// The eBPF probes.
    Probes,
    /// The pages of coroipc servers.
    Channels,
}

impl Source {
    /// All of them, in the order in which they are told.
    pub const ALL: [Self; 4] = [Self::Dumps, Self::Kevents, Self::Probes, Self::Channels];

    /// Stable name: JSON value and metric label.
    pub fn key(self) -> &'static str {
        match self {
            Self::Dumps => "dumps",
            Self::Kevents => "kevents",
            Self::Probes => "probes",
            Self::Channels => "channels",
        }
    }

    /// What comes from it and from no other source.
    pub fn tells(self) -> &'static [&'static str] {
        match self {
            Self::Dumps => &["peers, services, groups and their counts"],
            Self::Kevents => &["events: who came and went"],
            Self::Probes => &[
                "sizes of messages",
                "flows from peer to peer",
                "time that messages wait in queues",
                "exceptions: what was refused or dropped, one by one",
                "a second count, to hold against that of the module",
            ],
            Self::Channels => &["connections of coroipc"],
        }
    }
}

/// Whether a source delivers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum SourceState {
    /// It delivers.
    #[default]
    On,
    /// It was not asked for or may not be used; what it would tell is absent.
    Off {
        /// Why, and what to do about it.
        reason: String,
    },
    /// It was on and failed in this round.
    Failed {
        /// What failed.
        reason: String,
    },
}

/// One source in one snapshot.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct SourceStatus {
    /// Which source.
    #[serde(rename = "source")]
    pub name: Source,
    /// Whether it delivers.
    #[serde(flatten)]
    pub state: SourceState,
    /// Events or counts known to be lost since the source was opened. Any increase means: partly blind. That
    /// of the kevents goes on when the source is opened again, that of the probes begins anew.
    pub lost: u64,
    /// Time this round took. `None` when the source was not read.
    #[serde(
        rename = "duration_seconds",
        skip_serializing_if = "Option::is_none",
        serialize_with = "optional_seconds"
    )]
    pub duration: Option<Duration>,
}

fn optional_seconds<S: serde::Serializer>(
    duration: &Option<Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match duration {
        Some(duration) => seconds(duration, serializer),
        None => serializer.serialize_none(),
    }
}
