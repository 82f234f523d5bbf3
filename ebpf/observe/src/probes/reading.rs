// SPDX-License-Identifier: MIT OR Apache-2.0
//! What one reading of the probes holds: plain numbers, summed over processors. No I/O and no clock.
//!
//! All numbers count from [`ProbeReading::attached_at`] and only grow. A peer or a group that is not
//! in a reading had no event since then, unless [`ProbeReading::blind_spots`] tells of lost ones.

use std::collections::BTreeMap;
use std::ops::AddAssign;
use std::time::Duration;

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

/// The probe programs, each on the tracepoint of the same name.
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
}

impl Program {
    /// All programs, in the order in which they are attached: the ends of peers and groups first, so
    /// that none which is counted can end unseen.
    pub const ALL: [Self; 5] = [
        Self::Peer,
        Self::Group,
        Self::Drop,
        Self::Deliver,
        Self::Send,
    ];

    /// The tracepoint, and the name of the program in the object.
    #[must_use]
    pub const fn tracepoint(self) -> &'static str {
        match self {
            Self::Send => "ipcon_send",
            Self::Deliver => "ipcon_deliver",
            Self::Drop => "ipcon_drop",
            Self::Peer => "ipcon_peer",
            Self::Group => "ipcon_group",
        }
    }
}

/// What became of the events that one program should have seen.
///
/// On a quiet bus `seen` is exactly `counted` plus the three losses: see [`Tally::unexplained`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Events for which the program ran.
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
    /// Events for which the kernel did not run the program, because it ran on that processor already
    /// for a task that was preempted meanwhile. They are not part of `seen`. `None` when the kernel
    /// does not tell.
    pub missed: Option<u64>,
}

impl Tally {
    /// Events that were seen but that no peer or group carries.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost_peers_full + self.lost_groups_full + self.lost_refused
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
    /// What became of each program's events.
    pub programs: BTreeMap<Program, Tally>,
    /// How full the map of peers is.
    pub peers_fill: Fill,
    /// How full the map of groups is.
    pub groups_fill: Fill,
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
