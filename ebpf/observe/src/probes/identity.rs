// SPDX-License-Identifier: MIT OR Apache-2.0
//! What must be equal in a reading of a quiet bus. Pure.

use std::fmt;

use super::reading::{FlowProbe, GroupProbe, PeerProbe, ProbeReading, Program, Sizes, Tally};
use super::waiting::Waiting;

/// Two numbers, counted in different places, that are the same on a quiet bus.
///
/// While messages are on their way they may differ by what happened during the reading, which takes
/// the maps one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// What is compared, as `left = right`.
    pub name: String,
    /// The first number.
    pub left: u64,
    /// The second number.
    pub right: u64,
}

impl Identity {
    fn new(name: impl Into<String>, left: u64, right: u64) -> Self {
        Self {
            name: name.into(),
            left,
            right,
        }
    }

    /// True when both numbers are the same.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.left == self.right
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} and {}", self.name, self.left, self.right)
    }
}

impl ProbeReading {
    /// All identities of the reading. On a quiet bus each holds, however much was lost; one that does
    /// not means that the probes count wrongly.
    #[must_use]
    pub fn identities(&self) -> Vec<Identity> {
        let mut all: Vec<_> = Program::ALL.map(|program| self.account_of(program)).into();
        let [send, deliver, drop] =
            [Program::Send, Program::Deliver, Program::Drop].map(|program| self.tally(program));
        let peers = sum(self.peers.values(), self.departed_peers);
        let groups = sum_groups(self.groups.values(), self.departed_groups);

        let sent = peers.sent_unicast.messages + groups.sent.messages;
        let delivered = peers.delivered_unicast.messages + peers.delivered_multicast.messages;
        let dropped = peers.refused.total() + peers.dropped.total();
        let Sizes {
            unicast,
            multicast,
            kevents,
        } = &self.sizes;
        let sizes = unicast.count() + multicast.count() + kevents.count();
        let drops = self.drops.unicast.messages.total() + self.drops.multicast.messages.total();
        let flows = self
            .flows
            .values()
            .fold(FlowProbe::default(), |mut sum, &flow| {
                sum += flow;
                sum
            });
        let errors: u64 = self.request_errors.values().sum();
        let (exceptions, unreported) = self.exceptions();
        let from_groups = groups.delivered.messages + groups.replayed.messages;
        all.extend([
            Identity::new("sizes observed = sends seen", sizes, send.seen),
            Identity::new("drops by reason = drops seen", drops, drop.seen),
            Identity::new(
                "sent to peers and groups = sends counted",
                sent,
                send.counted,
            ),
            Identity::new(
                "delivered to peers = deliveries counted",
                delivered,
                deliver.counted,
            ),
            Identity::new(
                "refused and dropped of peers = drops counted",
                dropped,
                drop.counted,
            ),
            Identity::new(
                "delivered and replayed by groups = delivered to peers from groups",
                from_groups,
                peers.delivered_multicast.messages,
            ),
            Identity::new(
                "dropped by groups = dropped for peers",
                groups.dropped.total(),
                peers.dropped.total(),
            ),
            Identity::new(
                "delivered by flows = unicast delivered to peers",
                flows.delivered.messages,
                peers.delivered_unicast.messages,
            ),
            Identity::new(
                "bytes delivered by flows = unicast bytes delivered to peers",
                flows.delivered.bytes,
                peers.delivered_unicast.bytes,
            ),
            Identity::new(
                "refused by flows = refused of peers",
                flows.refused,
                peers.refused.total(),
            ),
            Identity::new(
                "errors of requests = refusals counted",
                errors,
                self.tally(Program::Error).counted,
            ),
            Identity::new(
                "exceptions of drops = drops seen",
                drop.exceptions,
                drop.seen,
            ),
            Identity::new(
                "exceptions = reported + unreported",
                exceptions,
                self.reported + unreported,
            ),
        ]);
        if let Some(waiting) = &self.waiting {
            all.extend(self.identities_of(waiting));
        }
        all
    }

    /// What must be equal of messages after their delivery.
    fn identities_of(&self, waiting: &Waiting) -> [Identity; 5] {
        let Waiting {
            unicast,
            multicast,
            stamps,
            ..
        } = waiting;
        let mut peers = waiting.departed;
        waiting.peers.values().for_each(|&peer| peers += peer);
        [
            Identity::new(
                "deliveries seen = stamped + filtered + unstamped",
                self.tally(Program::Deliver).seen,
                stamps.stamped + stamps.filtered + stamps.unstamped(),
            ),
            Identity::new(
                "stamped = read + unread + replaced + swept + waiting",
                stamps.stamped,
                stamps.read + stamps.unread + stamps.replaced + stamps.swept + stamps.waiting,
            ),
            Identity::new(
                "waiting times by kind = read",
                unicast.count() + multicast.count(),
                stamps.read,
            ),
            Identity::new(
                "waiting times by peer = receipts counted",
                peers.latency.count(),
                self.tally(Program::Receive).counted,
            ),
            Identity::new(
                "unread by peer = unread counted",
                peers.unread,
                self.tally(Program::Unread).counted,
            ),
        ]
    }

    /// Exceptions of all programs, and those of them that found no room in the ring buffer.
    fn exceptions(&self) -> (u64, u64) {
        let tallies = self.programs.values();
        tallies.fold((0, 0), |(all, unreported), tally| {
            (all + tally.exceptions, unreported + tally.unreported)
        })
    }

    /// Exceptions that were counted and that nobody can take.
    #[must_use]
    pub fn unreported_exceptions(&self) -> u64 {
        self.exceptions().1 + self.forgotten
    }

    /// The tally of one program; all zero when the reading has none.
    #[must_use]
    pub fn tally(&self, program: Program) -> Tally {
        self.programs.get(&program).copied().unwrap_or_default()
    }

    fn account_of(&self, program: Program) -> Identity {
        let tally = self.tally(program);
        let name = format!("{}: seen = counted + lost", program.name());
        Identity::new(name, tally.seen, tally.counted + tally.lost())
    }
}

fn sum<'a>(peers: impl Iterator<Item = &'a PeerProbe>, departed: PeerProbe) -> PeerProbe {
    peers.fold(departed, |mut sum, &peer| {
        sum += peer;
        sum
    })
}

fn sum_groups<'a>(
    groups: impl Iterator<Item = &'a GroupProbe>,
    departed: GroupProbe,
) -> GroupProbe {
    groups.fold(departed, |mut sum, &group| {
        sum += group;
        sum
    })
}

#[cfg(test)]
mod tests {
    use super::super::reading::{ByReason, FlowEnds, Volume};
    use super::super::waiting::{PeerWaiting, Stamps};
    use super::*;

    fn messages(messages: u64) -> Volume {
        Volume {
            messages,
            bytes: 20 * messages,
        }
    }

    /// Peer 1 sends 5 messages to peer 2, of which one is refused, and 3 to a group that peer 2, which
    /// has left, heard twice and lost once. One more send found the map of peers full. Peer 2 read 5 of the 6 messages,
    /// and left one unread. One request was refused, and of the three exceptions one found no room.
    fn consistent() -> ProbeReading {
        let mut reading = ProbeReading::default();
        let sender = PeerProbe {
            sent_unicast: messages(5),
            sent_multicast: messages(3),
            refused: ByReason {
                queue_full: 1,
                ..ByReason::default()
            },
            ..PeerProbe::default()
        };
        reading.peers.insert(1, sender);
        reading.departed_peers = PeerProbe {
            delivered_unicast: messages(4),
            delivered_multicast: messages(2),
            dropped: ByReason {
                queue_full: 1,
                ..ByReason::default()
            },
            ended: true,
            ..PeerProbe::default()
        };
        let group = GroupProbe {
            sent: messages(3),
            delivered: messages(1),
            replayed: messages(1),
            dropped: ByReason {
                queue_full: 1,
                ..ByReason::default()
            },
            ended: false,
        };
        reading.groups.insert(7, group);
        let flow = FlowProbe {
            delivered: messages(4),
            refused: 1,
        };
        reading.flows.insert(FlowEnds::OTHERS, flow);
        reading.request_errors.insert((14, 11), 1);
        reading.reported = 2;
        reading.waiting = Some(waiting());
        reading.sizes.unicast.buckets[1] = 6;
        reading.sizes.multicast.buckets[1] = 3;
        reading.drops.unicast.messages.queue_full = 1;
        reading.drops.multicast.messages.queue_full = 1;
        let tally = |seen, counted| Tally {
            seen,
            counted,
            ..Tally::default()
        };
        let send = Tally {
            lost_peers_full: 1,
            ..tally(9, 8)
        };
        reading.programs.insert(Program::Send, send);
        reading.programs.insert(Program::Deliver, tally(6, 6));
        let drop = Tally {
            exceptions: 2,
            unreported: 1,
            ..tally(2, 2)
        };
        reading.programs.insert(Program::Drop, drop);
        reading.programs.insert(Program::Receive, tally(5, 5));
        reading.programs.insert(Program::Unread, tally(1, 1));
        let error = Tally {
            exceptions: 1,
            ..tally(1, 1)
        };
        reading.programs.insert(Program::Error, error);
        reading
    }

    fn waiting() -> Waiting {
        let mut waiting = Waiting::default();
        waiting.unicast.counts[3] = 3;
        waiting.multicast.counts[3] = 2;
        let mut latency = waiting.unicast;
        latency += waiting.multicast;
        waiting.departed = PeerWaiting { latency, unread: 1 };
        waiting.stamps = Stamps {
            stamped: 6,
            read: 5,
            unread: 1,
            ..Stamps::default()
        };
        waiting
    }

    fn broken(reading: &ProbeReading) -> Vec<String> {
        let identities = reading.identities().into_iter();
        identities
            .filter(|identity| !identity.holds())
            .map(|identity| identity.name)
            .collect()
    }

    #[test]
    fn a_consistent_reading_breaks_none() {
        assert_eq!(broken(&consistent()), Vec::<String>::new());
    }

    #[test]
    fn a_lost_event_is_a_blind_spot_and_breaks_none() {
        let reading = consistent();
        let blind: Vec<_> = reading.blind_spots().map(|(program, _)| program).collect();
        assert_eq!(blind, [Program::Send]);
    }

    #[test]
    fn a_missed_run_is_a_blind_spot() {
        assert!(
            Tally {
                missed: Some(1),
                ..Tally::default()
            }
            .is_blind()
        );
        assert!(
            !Tally {
                missed: None,
                ..Tally::default()
            }
            .is_blind()
        );
    }

    #[test]
    fn an_event_that_is_not_accounted_for_is_found() {
        let mut reading = consistent();
        reading.programs.get_mut(&Program::Deliver).unwrap().seen += 1;
        assert_eq!(
            broken(&reading),
            [
                "ipcon_deliver: seen = counted + lost",
                "deliveries seen = stamped + filtered + unstamped"
            ]
        );
    }

    #[test]
    fn a_message_whose_wait_was_forgotten_is_found() {
        let mut reading = consistent();
        let stamps = &mut reading.waiting.as_mut().unwrap().stamps;
        stamps.waiting += 1;
        assert_eq!(
            broken(&reading),
            ["stamped = read + unread + replaced + swept + waiting"]
        );
    }

    #[test]
    fn what_is_not_measured_has_no_identity() {
        let all = consistent().identities().len();
        let mut reading = consistent();
        reading.waiting = None;
        assert_eq!(reading.identities().len(), all - 5);
    }

    #[test]
    fn a_flow_and_an_exception_that_are_missing_are_found() {
        let mut reading = consistent();
        reading.flows.clear();
        reading.reported = 0;
        assert_eq!(
            broken(&reading),
            [
                "delivered by flows = unicast delivered to peers",
                "bytes delivered by flows = unicast bytes delivered to peers",
                "refused by flows = refused of peers",
                "exceptions = reported + unreported"
            ]
        );
    }

    #[test]
    fn a_message_counted_twice_is_found() {
        let mut reading = consistent();
        reading.peers.get_mut(&1).unwrap().sent_unicast += messages(1);
        assert_eq!(
            broken(&reading),
            ["sent to peers and groups = sends counted"]
        );
    }
}
