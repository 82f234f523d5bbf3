// SPDX-License-Identifier: MIT OR Apache-2.0
//! Exceptions: single messages and requests that did not go as they should, as the probes report them.

use std::time::Duration;

use serde::Serialize;

use super::seconds;

/// Something that did not go as it should. There may be too many to report each; all are counted elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Exception {
    /// When it happened, `CLOCK_MONOTONIC`.
    #[serde(rename = "time_seconds", serialize_with = "seconds")]
    pub time: Duration,
    /// What happened.
    #[serde(flatten)]
    pub what: ExceptionKind,
}

/// What did not go as it should. Ids are 0 where there is no such peer.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "exception", rename_all = "snake_case")]
pub enum ExceptionKind {
    /// A unicast message was refused.
    Refused {
        /// Id of the sender.
        from_id: u64,
        /// Id of the receiver.
        to_id: u64,
        /// Payload bytes.
        bytes: u32,
        /// Why, as in [`super::Drops::reason`].
        reason: String,
    },
    /// A member lost its copy of a group message.
    Dropped {
        /// Id of the sender; 0 for the kernel.
        from_id: u64,
        /// Id of the member.
        to_id: u64,
        /// Id of the group.
        group_id: u64,
        /// Payload bytes.
        bytes: u32,
        /// Why, as in [`super::Drops::reason`].
        reason: String,
    },
    /// A request was answered with an error.
    Failed {
        /// Id of the peer that asked; 0 when the socket has none.
        peer_id: u64,
        /// Name of the command, as in [`RequestErrors::command`].
        command: String,
        /// Name of the error, as in [`RequestErrors::errno`].
        errno: String,
    },
    /// A message waited long before it was read.
    Slow {
        /// Id of the receiver.
        peer_id: u64,
        /// How long it waited.
        #[serde(rename = "waited_seconds", serialize_with = "seconds")]
        waited: Duration,
    },
}

impl Default for ExceptionKind {
    fn default() -> Self {
        Self::Slow {
            peer_id: 0,
            waited: Duration::ZERO,
        }
    }
}

impl ExceptionKind {
    /// What [`ExceptionKind::key`] can be.
    pub const KEYS: [&'static str; 4] = ["refused", "dropped", "failed", "slow"];

    /// Stable name: JSON value and word of the filter.
    pub fn key(&self) -> &'static str {
        match self {
            Self::Refused { .. } => "refused",
            Self::Dropped { .. } => "dropped",
            Self::Failed { .. } => "failed",
            Self::Slow { .. } => "slow",
        }
    }
}

/// Requests of one command that were answered with one error, since the probes were attached.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RequestErrors {
    /// Name of the command in the wire definition, such as `service_register`; `other` for one that the probes do not
    /// know.
    pub command: String,
    /// Name of the error, such as `EEXIST`; `other` for one that is not expected of the module.
    pub errno: String,
    /// How many.
    pub requests: u64,
}
