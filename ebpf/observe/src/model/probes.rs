// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the eBPF probes tell beside the dumps.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::{Counters, GroupCounters, QueueLatency, RequestErrors, seconds};

/// How the probes are attached: as raw tracepoints.
pub const PROBE_BACKEND: &str = "raw_tp";

/// One reading of the probes. Numbers count since the probes were attached.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Probes {
    /// When the last probe was attached, `CLOCK_MONOTONIC`.
    #[serde(rename = "attached_at_seconds", serialize_with = "seconds")]
    pub attached_at: Duration,
    /// Every probe that was wanted.
    pub probes: Vec<Probe>,
    /// How full the maps of the kernel are.
    pub maps: Vec<MapFill>,
    /// Sizes of the messages sent on this machine, one histogram per kind.
    pub sizes: Vec<SizeHistogram>,
    /// Messages of this machine that were not delivered, by reason.
    pub drops: Vec<Drops>,
    /// How long messages of this machine waited until they were read, one histogram per kind; empty when that is not
    /// measured.
    pub queue_latencies: Vec<KindLatency>,
    /// Requests that were answered with an error, by command and error.
    pub request_errors: Vec<RequestErrors>,
    /// Exceptions that were counted but are not in [`super::Snapshot::exceptions`], since there were too many at once.
    pub unreported_exceptions: u64,
    /// What must be equal on a quiet bus.
    pub identities: Vec<Identity>,
    /// Counts kept by the probes alone, to be held against the dumps.
    pub counts: ProbeCounts,
    /// Where counting began; see [`mod@crate::reconcile`].
    #[serde(skip)]
    pub baseline: Arc<Baseline>,
}

/// One probe and its own account: `seen == counted + lost`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Probe {
    /// Tracepoint it sits on.
    pub name: String,
    /// How it is attached: [`PROBE_BACKEND`].
    pub backend: String,
    /// Whether it is attached.
    pub attached: bool,
    /// Times it ran.
    pub seen: u64,
    /// Times it counted what it saw.
    pub counted: u64,
    /// Times it could not, by reason.
    pub lost: Vec<Lost>,
    /// Events for which the kernel did not run it; not part of `seen`. `None` when the kernel does not
    /// tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missed: Option<u64>,
    /// The runs that the kernel timed, and how long they took. `None` while it times no programs.
    #[serde(flatten)]
    pub run_time: Option<RunTime>,
}

/// Runs of a probe that the kernel timed: those while `kernel.bpf_stats_enabled` was 1, or somebody else had it time all
/// programs of the machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RunTime {
    /// How many. A probe of the kernel's own tracepoint runs for messages that are none of the bus, too.
    #[serde(rename = "timed_runs")]
    pub runs: u64,
    /// Processor time of all of them together.
    #[serde(rename = "run_time_seconds", serialize_with = "seconds")]
    pub time: Duration,
}

impl RunTime {
    /// Mean time of a run. `None` without any.
    pub fn mean(&self) -> Option<Duration> {
        let nanos = u64::try_from(self.time.as_nanos()).unwrap_or(u64::MAX);
        nanos.checked_div(self.runs).map(Duration::from_nanos)
    }
}

impl Probe {
    /// Times it could not count, for any reason.
    pub fn lost_total(&self) -> u64 {
        let events = self.lost.iter().map(|lost| lost.events);
        events.fold(0, u64::saturating_add)
    }

    /// Events of the bus that the kernel did not run it for. `None` when the kernel does not tell.
    ///
    /// A tracepoint that is not the module's fires for every socket of the machine, so that what its probe missed need not
    /// be of the bus. A receipt that it missed shows among the stamps that were replaced or swept.
    pub fn missed_of_bus(&self) -> Option<u64> {
        self.missed.filter(|_| self.name.starts_with("ipcon_"))
    }

    /// Events of the bus missing from its counts, for any reason.
    pub fn blind_to(&self) -> u64 {
        self.lost_total()
            .saturating_add(self.missed_of_bus().unwrap_or(0))
    }

    /// Whether every run is accounted for.
    pub fn is_balanced(&self) -> bool {
        self.counted.checked_add(self.lost_total()) == Some(self.seen)
    }
}

/// Two numbers, counted in different places, that are the same on a quiet bus.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Identity {
    /// What is compared, as `left = right`.
    pub name: String,
    /// The first number.
    pub left: u64,
    /// The second number.
    pub right: u64,
}

impl Identity {
    /// Whether both numbers are the same.
    pub fn holds(&self) -> bool {
        self.left == self.right
    }
}

/// How full a map of the kernel is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct MapFill {
    /// Stable name, such as `peers`.
    pub map: String,
    /// Entries now.
    pub entries: u64,
    /// Most entries it can hold.
    pub limit: u64,
}

/// Events that a probe saw and could not count.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Lost {
    /// Stable name, such as `map_full`.
    pub reason: String,
    /// How many.
    pub events: u64,
}

/// How a message travels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// To one peer.
    #[default]
    Unicast,
    /// To the members of a group.
    Multicast,
}

impl Kind {
    /// Stable name: JSON value and metric label.
    pub fn key(self) -> &'static str {
        match self {
            Self::Unicast => "unicast",
            Self::Multicast => "multicast",
        }
    }
}

/// Distribution of payload sizes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SizeHistogram {
    /// Which messages.
    pub kind: Kind,
    /// Upper bounds in bytes, ascending, inclusive.
    pub bounds: Vec<u64>,
    /// Messages by bound, not cumulative; one more than `bounds`, the last for what is above.
    pub counts: Vec<u64>,
    /// Sum of all sizes, in bytes.
    pub sum: u64,
}

impl SizeHistogram {
    /// Messages counted.
    pub fn count(&self) -> u64 {
        let counts = self.counts.iter().copied();
        counts.fold(0, u64::saturating_add)
    }
}

/// How long messages of one kind waited until they were read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KindLatency {
    /// Which messages.
    pub kind: Kind,
    /// How long.
    pub latency: QueueLatency,
}

/// Messages not delivered for one reason.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Drops {
    /// Refused unicast or lost copies of group messages.
    pub kind: Kind,
    /// Stable name: `queue_full`, `no_peer`, `no_memory`, `unknown`.
    pub reason: String,
    /// How many.
    pub messages: u64,
    /// Their payload bytes.
    pub bytes: u64,
}

/// Counts by peer and by group id, and their sums.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ProbeCounts {
    /// By peer id. A peer without traffic has no row.
    pub peers: BTreeMap<u64, Counters>,
    /// By group id. A group without traffic has no row.
    pub groups: BTreeMap<u64, GroupCounters>,
    /// Sums over all peers, those gone included. The probes see every bus of the machine.
    pub bus: Counters,
}

/// Dumps and probes read together, early after the probes were attached.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Baseline {
    /// What the dumps said.
    pub dumped: ProbeCounts,
    /// What the probes said.
    pub counted: ProbeCounts,
    /// What moved while the two were read, so that their difference is not exact.
    pub inexact: Inexact,
}

/// What cannot be compared yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inexact {
    /// The sums over all peers.
    pub bus: bool,
    /// Ids of peers.
    pub peers: BTreeSet<u64>,
    /// Ids of groups.
    pub groups: BTreeSet<u64>,
}

impl Inexact {
    /// Whether everything can be compared.
    pub fn is_empty(&self) -> bool {
        !self.bus && self.peers.is_empty() && self.groups.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_probe_of_the_kernels_tracepoint_missed_need_not_be_of_the_bus() {
        let probe = |name: &str| Probe {
            name: name.into(),
            missed: Some(3),
            ..Probe::default()
        };
        assert_eq!(probe("ipcon_deliver").blind_to(), 3);
        assert_eq!(probe("skb_copy_datagram_iovec").blind_to(), 0);
    }
}
