// SPDX-License-Identifier: MIT OR Apache-2.0
//! From the values that each processor keeps to the numbers of a reading. Pure.

use ipcon_probes_abi::{
    Count, GroupCounts, Histogram, Kind, PeerCounts, PeerWaits, REASONS, SIZE_BUCKETS, StampCounts,
    TallyCounts, Waits, drop_slot, size_slot, size_sum_slot,
};

use crate::model::QueueLatency;

use super::reading::{
    ByReason, Drops, DropsOfKind, GroupProbe, PeerProbe, SizeHistogram, Sizes, Tally, Volume,
};
use super::waiting::{PeerWaiting, Stamps};

/// Sums what every processor counted for one peer.
pub(super) fn peer(per_cpu: &[PeerCounts]) -> PeerProbe {
    let mut sum = PeerProbe::default();
    for counts in per_cpu {
        sum += PeerProbe {
            sent_unicast: volume(counts.sent_unicast),
            sent_multicast: volume(counts.sent_multicast),
            delivered_unicast: volume(counts.delivered_unicast),
            delivered_multicast: volume(counts.delivered_multicast),
            refused: by_reason(counts.refused),
            dropped: by_reason(counts.dropped),
            ended: counts.ended != 0,
        };
    }
    sum
}

/// Sums what every processor counted for one group.
pub(super) fn group(per_cpu: &[GroupCounts]) -> GroupProbe {
    let mut sum = GroupProbe::default();
    for counts in per_cpu {
        sum += GroupProbe {
            sent: volume(counts.sent),
            delivered: volume(counts.delivered),
            replayed: volume(counts.replayed),
            dropped: by_reason(counts.dropped),
            ended: counts.ended != 0,
        };
    }
    sum
}

/// Sums what every processor accounts for one program.
pub(super) fn tally(per_cpu: &[TallyCounts]) -> Tally {
    let mut sum = Tally::default();
    for counts in per_cpu {
        sum.seen += counts.seen;
        sum.counted += counts.counted;
        sum.lost_peers_full += counts.lost_peers_full;
        sum.lost_groups_full += counts.lost_groups_full;
        sum.lost_refused += counts.lost_refused;
        sum.exceptions += counts.exceptions;
        sum.unreported += counts.unreported;
    }
    sum
}

/// Sums what every processor counted of the stamps; what became of them later is 0.
pub(super) fn stamps(per_cpu: &[StampCounts]) -> Stamps {
    let mut sum = Stamps::default();
    for counts in per_cpu {
        sum.stamped += counts.stamped;
        sum.filtered += counts.filtered;
        sum.full += counts.full;
        sum.refused += counts.refused;
        sum.replaced += counts.replaced;
    }
    sum
}

/// Sums the waiting times that every processor counted.
pub(super) fn waits(per_cpu: &[Waits]) -> QueueLatency {
    let mut sum = QueueLatency::default();
    for &Waits { counts, sum_nanos } in per_cpu {
        sum += QueueLatency { counts, sum_nanos };
    }
    sum
}

/// What became of the messages of one peer.
pub(super) fn peer_waits(of: &PeerWaits) -> PeerWaiting {
    PeerWaiting {
        latency: waits(&[of.waits]),
        unread: of.unread,
    }
}

/// Sums the array of drops. `slot` gives each processor's value of an entry.
///
/// # Errors
/// Whatever `slot` fails with.
pub(super) fn drops<V, E>(mut slot: impl FnMut(u32) -> Result<V, E>) -> Result<Drops, E>
where
    V: AsRef<[Count]>,
{
    let mut of_kind = |kind| {
        let (mut messages, mut bytes) = ([0; REASONS], [0; REASONS]);
        for reason in 0..REASONS {
            for count in slot(drop_slot(kind, reason))?.as_ref() {
                messages[reason] += count.messages;
                bytes[reason] += count.bytes;
            }
        }
        Ok(DropsOfKind {
            messages: by_reason(messages),
            bytes: by_reason(bytes),
        })
    };
    Ok(Drops {
        unicast: of_kind(Kind::Unicast)?,
        multicast: of_kind(Kind::Multicast)?,
    })
}

/// Sums the histograms. `slot` gives each processor's value of an entry.
///
/// # Errors
/// Whatever `slot` fails with.
pub(super) fn sizes<V, E>(mut slot: impl FnMut(u32) -> Result<V, E>) -> Result<Sizes, E>
where
    V: AsRef<[u64]>,
{
    let mut total = |index| Ok(slot(index)?.as_ref().iter().sum());
    let mut histogram = |of| {
        let mut histogram = SizeHistogram {
            sum: total(size_sum_slot(of))?,
            ..Default::default()
        };
        for (bucket, observations) in (0..SIZE_BUCKETS as u32).zip(&mut histogram.buckets) {
            *observations = total(size_slot(of, bucket))?;
        }
        Ok(histogram)
    };
    Ok(Sizes {
        unicast: histogram(Histogram::Unicast)?,
        multicast: histogram(Histogram::Multicast)?,
        kevents: histogram(Histogram::Kevents)?,
    })
}

fn volume(count: Count) -> Volume {
    Volume {
        messages: count.messages,
        bytes: count.bytes,
    }
}

fn by_reason([unknown, queue_full, no_peer, no_memory]: [u64; REASONS]) -> ByReason {
    ByReason {
        queue_full,
        no_peer,
        no_memory,
        unknown,
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use ipcon_probes_abi::{DROP_SLOTS, SIZE_SLOTS};
    use proptest::prelude::*;

    use super::*;

    /// A peer's value whose 17 numbers are all different, each `step` times its place.
    fn peer_counts(step: u64) -> PeerCounts {
        let count = |place| Count {
            messages: step * place,
            bytes: step * (place + 1),
        };
        PeerCounts {
            sent_unicast: count(1),
            sent_multicast: count(3),
            delivered_unicast: count(5),
            delivered_multicast: count(7),
            refused: [9, 10, 11, 12].map(|place| step * place),
            dropped: [13, 14, 15, 16].map(|place| step * place),
            ended: 0,
        }
    }

    fn volume_of(messages: u64, bytes: u64) -> Volume {
        Volume { messages, bytes }
    }

    #[test]
    fn each_number_of_a_peer_is_the_sum_of_its_own_field() {
        let sum = peer(&[peer_counts(1), peer_counts(100)]);
        assert_eq!(sum.sent_unicast, volume_of(101, 202));
        assert_eq!(sum.sent_multicast, volume_of(303, 404));
        assert_eq!(sum.delivered_unicast, volume_of(505, 606));
        assert_eq!(sum.delivered_multicast, volume_of(707, 808));
        let refused = ByReason {
            unknown: 909,
            queue_full: 1010,
            no_peer: 1111,
            no_memory: 1212,
        };
        assert_eq!(sum.refused, refused);
        let dropped = ByReason {
            unknown: 1313,
            queue_full: 1414,
            no_peer: 1515,
            no_memory: 1616,
        };
        assert_eq!(sum.dropped, dropped);
        assert!(!sum.ended);
    }

    #[test]
    fn a_peer_has_ended_when_one_processor_saw_it() {
        let ended = PeerCounts {
            ended: 1,
            ..PeerCounts::default()
        };
        assert!(peer(&[PeerCounts::default(), ended, PeerCounts::default()]).ended);
    }

    #[test]
    fn each_number_of_a_group_is_the_sum_of_its_own_field() {
        let counts = |step: u64| GroupCounts {
            sent: Count {
                messages: step,
                bytes: 2 * step,
            },
            delivered: Count {
                messages: 3 * step,
                bytes: 4 * step,
            },
            replayed: Count {
                messages: 5 * step,
                bytes: 6 * step,
            },
            dropped: [7, 8, 9, 10].map(|place| place * step),
            ended: step / 100,
        };
        let sum = group(&[counts(1), counts(100)]);
        assert_eq!(sum.sent, volume_of(101, 202));
        assert_eq!(sum.delivered, volume_of(303, 404));
        assert_eq!(sum.replayed, volume_of(505, 606));
        let dropped = ByReason {
            unknown: 707,
            queue_full: 808,
            no_peer: 909,
            no_memory: 1010,
        };
        assert_eq!(sum.dropped, dropped);
        assert!(sum.ended);
    }

    #[test]
    fn each_number_of_the_stamps_is_the_sum_of_its_own_field() {
        let counts = |step| StampCounts {
            stamped: step,
            filtered: 2 * step,
            full: 3 * step,
            refused: 4 * step,
            replaced: 5 * step,
        };
        let expected = Stamps {
            stamped: 101,
            filtered: 202,
            full: 303,
            refused: 404,
            replaced: 505,
            ..Stamps::default()
        };
        assert_eq!(stamps(&[counts(1), counts(100)]), expected);
    }

    #[test]
    fn waiting_times_are_summed_by_bucket() {
        let mut one = Waits::NONE;
        (one.counts[3], one.counts[25], one.sum_nanos) = (5, 1, 700);
        let sum = waits(&[one, one]);
        assert_eq!((sum.counts[3], sum.counts[25]), (10, 2));
        assert_eq!((sum.count(), sum.sum_nanos), (12, 1400));
        let peer = PeerWaits {
            waits: one,
            unread: 9,
        };
        let peer = peer_waits(&peer);
        assert_eq!((peer.latency.count(), peer.unread), (6, 9));
    }

    #[test]
    fn drops_and_sizes_are_read_from_their_own_slots() {
        let drops = drops(|slot| {
            assert!(slot < DROP_SLOTS);
            let slot = u64::from(slot);
            let one = Count {
                messages: slot,
                bytes: 10 * slot,
            };
            Ok::<_, Infallible>([one, one])
        })
        .unwrap();
        let unicast = ByReason {
            unknown: 0,
            queue_full: 2,
            no_peer: 4,
            no_memory: 6,
        };
        assert_eq!(drops.unicast.messages, unicast);
        let multicast = ByReason {
            unknown: 80,
            queue_full: 100,
            no_peer: 120,
            no_memory: 140,
        };
        assert_eq!(drops.multicast.bytes, multicast);

        let sizes = sizes(|slot| {
            assert!(slot < SIZE_SLOTS);
            Ok::<_, Infallible>([u64::from(slot), 1000])
        })
        .unwrap();
        assert_eq!(sizes.unicast.buckets[0], 1000);
        assert_eq!(sizes.unicast.sum, 1014);
        assert_eq!(sizes.multicast.buckets[13], 1028);
        assert_eq!(sizes.multicast.sum, 1029);
        assert_eq!(sizes.kevents.buckets[2], 1032);
        assert_eq!(sizes.kevents.sum, 1044);
    }

    proptest! {
        #[test]
        fn a_tally_is_the_sum_over_processors(
            per_cpu in prop::collection::vec(prop::array::uniform4(0..u64::MAX / 512), 0..64),
        ) {
            let per_cpu: Vec<_> = per_cpu
                .into_iter()
                .map(|[counted, peers, groups, refused]| TallyCounts {
                    seen: counted + peers + groups + refused,
                    counted,
                    lost_peers_full: peers,
                    lost_groups_full: groups,
                    lost_refused: refused,
                    exceptions: counted,
                    unreported: refused,
                })
                .collect();
            let sum = tally(&per_cpu);
            prop_assert_eq!(sum.unexplained(), 0);
            prop_assert_eq!(sum.counted, per_cpu.iter().map(|cpu| cpu.counted).sum::<u64>());
            let lost = per_cpu.iter().map(|cpu| cpu.seen - cpu.counted).sum::<u64>();
            prop_assert_eq!(sum.lost(), lost);
            prop_assert_eq!(sum.is_blind(), lost > 0);
            prop_assert_eq!(sum.exceptions, sum.counted);
            prop_assert_eq!(sum.unreported, sum.lost_refused);
        }
    }
}
