// SPDX-License-Identifier: MIT OR Apache-2.0
//! What one reading of the probes holds: plain numbers, summed over processors. No I/O and no clock.
//!
//! All numbers count from [`ProbeReading::attached_at`] and only grow. A peer or a group that is not
//! in a reading had no event since then, unless [`ProbeReading::blind_spots`] tells of lost ones.

use std::collections::BTreeMap;
use std::ops::AddAssign;
use std::time::Duration;

use super::waiting::Waiting;
use crate::model::RunTime;

/// Messages and their payload bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Volume {
    /// Messages.
    pub messages: u64,
    /// Payload bytes of those messages.
    pub bytes: u64,
}

/// Messages that did not reach a receive queue, by the kernel's reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ByReason {
    /// The receive queue had no room.
    pub queue_full: u64,
    /// No peer had that port.
    pub no_peer: u64,
    /// The kernel could not allocate the message.
    pub no_memory: u64,
    /// The module gave a reason that these probes do not know.
    pub unknown: u64,
}

impl AddAssign for Volume {
    fn add_assign(&mut self, other: Self) {
        self.messages += other.messages;
        self.bytes += other.bytes;
    }
}

impl ByReason {
    /// All reasons together.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.queue_full + self.no_peer + self.no_memory + self.unknown
    }
}

impl AddAssign for ByReason {
    fn add_assign(&mut self, other: Self) {
        self.queue_full += other.queue_full;
        self.no_peer += other.no_peer;
        self.no_memory += other.no_memory;
        self.unknown += other.unknown;
    }
}

/// What the probes counted for one peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PeerProbe {
    /// Unicast requests of the peer, refused ones included.
    pub sent_unicast: Volume,
    /// Multicast requests of the peer.
    pub sent_multicast: Volume,
    /// Unicast messages put into the peer's receive queue.
    pub delivered_unicast: Volume,
    /// Copies of group messages put into the peer's receive queue, replays and kevents included.
    pub delivered_multicast: Volume,
    /// Unicast requests of this peer that were refused.
    pub refused: ByReason,
    /// Copies of group messages that this peer lost.
    pub dropped: ByReason,
    /// The peer left the bus. Two readings show this, then the peer is part of
    /// [`ProbeReading::departed_peers`].
    pub ended: bool,
}

impl AddAssign for PeerProbe {
    fn add_assign(&mut self, other: Self) {
        self.sent_unicast += other.sent_unicast;
        self.sent_multicast += other.sent_multicast;
        self.delivered_unicast += other.delivered_unicast;
        self.delivered_multicast += other.delivered_multicast;
        self.refused += other.refused;
        self.dropped += other.dropped;
        self.ended |= other.ended;
    }
}

/// What the probes counted for one group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GroupProbe {
    /// Messages sent to the group, however many members heard them.
    pub sent: Volume,
    /// Copies put into members' receive queues, without replays.
    pub delivered: Volume,
    /// Last messages put into a new member's receive queue.
    pub replayed: Volume,
    /// Copies that members lost.
    pub dropped: ByReason,
    /// The group was unregistered. Two readings show this, then the group is part of
    /// [`ProbeReading::departed_groups`].
    pub ended: bool,
}

impl AddAssign for GroupProbe {
    fn add_assign(&mut self, other: Self) {
        self.sent += other.sent;
        self.delivered += other.delivered;
        self.replayed += other.replayed;
        self.dropped += other.dropped;
        self.ended |= other.ended;
    }
}

/// Drops of all peers, by what was dropped and why. Complete even when a map is full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drops {
    /// Refused unicast requests.
    pub unicast: DropsOfKind,
    /// Copies of group messages that a member lost.
    pub multicast: DropsOfKind,
}

/// Drops of one kind of message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DropsOfKind {
    /// Messages by reason.
    pub messages: ByReason,
    /// Payload bytes by reason.
    pub bytes: ByReason,
}

/// Sizes of what was sent, one observation each. Complete even when a map is full.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    /// Unicast requests, refused ones included.
    pub unicast: SizeHistogram,
    /// Multicast requests of peers, once each, however many members heard them.
    pub multicast: SizeHistogram,
    /// Kevents, once each.
    pub kevents: SizeHistogram,
}

/// A histogram of payload sizes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SizeHistogram {
    /// Observations of each bucket, not cumulative. Bucket `i` holds the sizes above the bound before
    /// it and up to and with `ipcon_probes_abi::SIZE_BOUNDS[i]`; the last one holds what is larger than
    /// every bound.
    pub buckets: [u64; ipcon_probes_abi::SIZE_BUCKETS],
    /// Sum of all sizes in bytes.
    pub sum: u64,
}

impl SizeHistogram {
    /// Number of observations.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// Upper bounds in bytes with the number of observations up to and with each, as the `le` series
    /// of a Prometheus histogram carries them; the `+Inf` series is [`Self::count`].
    pub fn cumulative(&self) -> impl Iterator<Item = (u32, u64)> + '_ {
        let mut below = 0;
        ipcon_probes_abi::SIZE_BOUNDS
            .iter()
            .zip(self.buckets)
            .map(move |(&bound, observations)| {
                below += observations;
                (bound, below)
            })
    }
}

/// Both ends of unicast messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlowEnds {
    /// Id of the sender.
    pub from: u64,
    /// Id of the receiver; 0 when there is none.
    pub to: u64,
}

impl FlowEnds {
    /// All flows together whose peers are gone, or that found no room in the map of flows.
    pub const OTHERS: Self = Self { from: 0, to: 0 };
}

/// What went from one peer to another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlowProbe {
    /// Unicast messages put into the receive queue.
    pub delivered: Volume,
    /// Unicast requests that were refused.
    pub refused: u64,
}

impl AddAssign for FlowProbe {
    fn add_assign(&mut self, other: Self) {
        self.delivered += other.delivered;
        self.refused += other.refused;
    }
}

/// The probe programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Program {
    /// Requests to send.
    Send,
    /// Messages put into receive queues.
    Deliver,
    /// Messages that were not put into a receive queue.
    Drop,
    /// Peers that come and go.
    Peer,
    /// Groups that come and go.
    Group,
    /// Messages that are read.
    Receive,
    /// Messages that are left unread.
    Unread,
    /// Requests that are refused.
    Error,
}

impl Program {
    /// All programs, in the order in which they are attached: the ends of peers, groups and waiting first, so
    /// that nothing which is counted can end unseen.
    pub const ALL: [Self; 8] = [
        Self::Peer,
        Self::Group,
        Self::Receive,
        Self::Unread,
        Self::Error,
        Self::Drop,
        Self::Deliver,
        Self::Send,
    ];

    /// The name of the program in the object.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Send => "ipcon_send",
            Self::Deliver => "ipcon_deliver",
            Self::Drop => "ipcon_drop",
            Self::Peer => "ipcon_peer",
            Self::Group => "ipcon_group",
            Self::Receive => "ipcon_receive",
            Self::Unread => "ipcon_unread",
            Self::Error => "ipcon_error",
        }
    }

    /// The tracepoint, which is the kernel's own for [`Self::Receive`], and else is called like the program.
    #[must_use]
    pub const fn tracepoint(self) -> &'static str {
        match self {
            Self::Receive => "skb_copy_datagram_iovec",
            _ => self.name(),
        }
    }

    /// Whether it is there for waiting times only.
    #[must_use]
    pub const fn is_for_latency(self) -> bool {
        matches!(self, Self::Receive | Self::Unread)
    }
}

/// What became of the events that one program should have seen.
///
/// On a quiet bus `seen` is exactly `counted` plus the four losses: see [`Tally::unexplained`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Events for which the program ran. Those of [`Program::Receive`] and [`Program::Unread`] are of stamped
    /// messages only; the former has those as well that will not be recognised when they are read.
    pub seen: u64,
    /// Events that are part of the peers and groups of the reading.
    pub counted: u64,
    /// Events that no peer carries, for want of room in the map of peers.
    pub lost_peers_full: u64,
    /// Events that no peer or group carries, for want of room in the map of groups.
    pub lost_groups_full: u64,
    /// Events that no peer or group carries, because the kernel refused the map entry for another
    /// reason (its bucket was locked, no memory).
    pub lost_refused: u64,
    /// Messages that got no stamp as they were delivered, so that nobody knows when they are read. Of
    /// [`Program::Receive`] only.
    pub lost_unstamped: u64,
    /// Events that were exceptions: see [`ProbeReading::reported`].
    pub exceptions: u64,
    /// Exceptions that found no room in the ring buffer.
    pub unreported: u64,
    /// Events for which the kernel did not run the program, because it ran on that processor already
    /// for a task that was preempted meanwhile. They are not part of `seen`. `None` when the kernel
    /// does not tell.
    pub missed: Option<u64>,
    /// The runs that the kernel timed, and how long they took. `None` while it times no programs.
    pub run_time: Option<RunTime>,
}

impl Tally {
    /// Events that were seen but that no peer or group carries.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost_peers_full + self.lost_groups_full + self.lost_refused + self.lost_unstamped
    }

    /// Seen events that are neither counted nor lost. 0 on a quiet bus; while events happen it may be
    /// off, either way, by those that happen during the reading.
    #[must_use]
    pub fn unexplained(&self) -> i128 {
        i128::from(self.seen) - i128::from(self.counted) - i128::from(self.lost())
    }

    /// True when an event is missing from the peers and groups, so that a low count may mean that the
    /// observer was blind rather than that the bus was quiet.
    #[must_use]
    pub fn is_blind(&self) -> bool {
        self.lost() > 0 || self.missed.unwrap_or(0) > 0
    }
}

/// How full a map of the kernel is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fill {
    /// Entries now.
    pub entries: u64,
    /// Most entries it can hold.
    pub limit: u64,
}

/// One reading of all probes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProbeReading {
    /// When all programs were attached, by `CLOCK_MONOTONIC`. For a peer or a group made after this
    /// the module's own counters and these must be the same on a quiet bus.
    pub attached_at: Duration,
    /// When the reading ended, by `CLOCK_MONOTONIC`.
    pub taken_at: Duration,
    /// Peers by id, of every network namespace.
    pub peers: BTreeMap<u64, PeerProbe>,
    /// Groups by id, of every network namespace.
    pub groups: BTreeMap<u64, GroupProbe>,
    /// Sum over the peers that ended and are not in `peers` any more.
    pub departed_peers: PeerProbe,
    /// Sum over the groups that ended and are not in `groups` any more.
    pub departed_groups: GroupProbe,
    /// Drops of the whole machine.
    pub drops: Drops,
    /// Sizes of all messages of the whole machine.
    pub sizes: Sizes,
    /// Unicast messages by sender and receiver, of every network namespace; those of peers that are gone and those
    /// that found no room are together in [`FlowEnds::OTHERS`].
    pub flows: BTreeMap<FlowEnds, FlowProbe>,
    /// Requests that were refused, by the number of the command and the errno; both are 0 for those that found no room.
    pub request_errors: BTreeMap<(u32, u32), u64>,
    /// Messages after their delivery. `None` when that is not measured.
    pub waiting: Option<Waiting>,
    /// Exceptions that were read from the ring buffer.
    pub reported: u64,
    /// Exceptions that nobody can take any more, since nobody took them for long.
    pub forgotten: u64,
    /// What became of each program's events; programs that are not wanted are not there.
    pub programs: BTreeMap<Program, Tally>,
    /// How full the map of peers is.
    pub peers_fill: Fill,
    /// How full the map of groups is.
    pub groups_fill: Fill,
    /// How full the map of flows is.
    pub flows_fill: Fill,
    /// How many messages wait, and how many may.
    pub messages_fill: Option<Fill>,
}

impl ProbeReading {
    /// The programs that missed events, with their tallies. While there is one, a low count of a peer
    /// or a group may mean that the observer was blind rather than that the bus was quiet.
    pub fn blind_spots(&self) -> impl Iterator<Item = (Program, &Tally)> {
        self.programs
            .iter()
            .filter(|(_, tally)| tally.is_blind())
            .map(|(&name, tally)| (name, tally))
    }
}
