// SPDX-License-Identifier: MIT OR Apache-2.0

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::format;
use crate::model::{
    Bus, Channel, ChannelCounters, Channels, Counters, Event, Flow, FlowCounters, FlowKind, Group,
    GroupCounters, MapFill, Probes, QueueLatency, RequestErrors, Service, SourceState,
    SourceStatus,
};

fn seconds(at: u64) -> Duration {
    Duration::from_secs(at)
}

fn peer(id: u64, name: &str, counters: Counters) -> Peer {
    Peer {
        id,
        pid: 1000 + id as u32,
        comm: "prog".into(),
        services: vec![Service {
            name: name.into(),
            ..Service::default()
        }],
        queue_limit: 1000,
        counters,
        ..Peer::default()
    }
}

fn snapshot(at: u64, peers: Vec<Peer>) -> Snapshot {
    Snapshot {
        taken_at: seconds(at),
        bus: Some(Bus::default()),
        peers,
        ..Snapshot::default()
    }
}

/// What is found in the last of these.
fn last(linter: &mut Linter, snapshots: &[Snapshot]) -> Vec<Warning> {
    let mut found = linter.look(&snapshots[0], &Rates::default());
    for pair in snapshots.windows(2) {
        found = linter.look(&pair[1], &Rates::between(&pair[0], &pair[1]));
    }
    found
}

fn found(snapshots: &[Snapshot]) -> Vec<Warning> {
    last(&mut Linter::default(), snapshots)
}

fn of(rule: Rule, found: &[Warning]) -> &Warning {
    let of_rule = found.iter().find(|it| it.rule == rule);
    of_rule.unwrap_or_else(|| panic!("no {} in {found:?}", rule.key()))
}

fn rules(found: &[Warning]) -> Vec<Rule> {
    found.iter().map(|it| it.rule).collect()
}

/// A logger with a queue, and a router that sends to it.
fn logged(at: u64, oldest: Option<u64>, bytes: u64, delivered: u64, lost: u64) -> Snapshot {
    let counters = Counters {
        delivered_unicast_messages: delivered,
        ..Counters::default()
    };
    let mut logger = peer(3, "logger", counters);
    logger.queue_bytes = bytes;
    logger.queue_oldest = oldest.map(seconds);
    let mut snapshot = snapshot(at, vec![peer(2, "router", Counters::default()), logger]);
    let counters = FlowCounters {
        messages: delivered,
        lost_messages: lost,
        ..FlowCounters::default()
    };
    snapshot.flows = vec![Flow {
        kind: FlowKind::Unicast,
        from_id: 2,
        to_id: 3,
        counters,
        ..Flow::default()
    }];
    snapshot
}

#[test]
fn a_receiver_whose_oldest_message_grows_old_as_time_passes_does_not_read() {
    let snapshots = [
        logged(10, Some(2), 990, 100, 0),
        logged(11, Some(3), 990, 100, 7),
    ];
    let found = found(&snapshots);
    let stalled = of(Rule::ReceiverStalled, &found);
    assert_eq!(
        stalled.sentence(),
        "logger (pid 1003 prog) does not read: oldest message waits 3.0s, queue 99% full; \
         router sends it 7.0/s, 7.0/s lost"
    );
    assert_eq!(
        stalled.brief(),
        "logger does not read; router sends it 7.0/s, 7.0/s lost"
    );
    assert_eq!(stalled.since, seconds(8));
    assert_eq!(found[0], *stalled, "it is the worst");
    let flood = of(Rule::Flood, &found);
    assert_eq!(flood.subject, Subject::Peer(2));
    assert_eq!(
        flood.reason(),
        "floods logger: 7.0/s to it, 100% of the 7.0/s that it loses"
    );
}

#[test]
fn with_room_in_its_queue_a_receiver_has_five_seconds() {
    let young = [
        logged(10, Some(3), 100, 5, 0),
        logged(11, Some(4), 200, 9, 0),
    ];
    assert_eq!(rules(&found(&young)), []);
    let old = [
        logged(10, Some(4), 100, 5, 0),
        logged(11, Some(5), 200, 9, 0),
    ];
    assert_eq!(rules(&found(&old)), [Rule::ReceiverStalled]);
}

#[test]
fn a_receiver_that_reads_is_slow_and_not_stalled() {
    // A second later the oldest message is one that came a second later.
    let snapshots = [
        logged(10, Some(30), 990, 5, 0),
        logged(11, Some(30), 990, 9, 0),
    ];
    let found = found(&snapshots);
    assert_eq!(rules(&found), [Rule::ReceiverSlow]);
    assert_eq!(found[0].severity, Severity::Alarm);
}

#[test]
fn a_receipt_shows_that_somebody_reads_and_no_receipt_shows_nothing() {
    let at = |at, oldest, reads| {
        let mut snapshot = logged(at, Some(oldest), 990, 5, 0);
        let mut latency = QueueLatency::default();
        latency.counts[3] = reads;
        snapshot.peers[1].queue_latency = Some(latency);
        snapshot
    };
    let reads = found(&[at(10, 20, 5), at(11, 21, 9)]);
    assert_eq!(rules(&reads), [Rule::ReceiverSlow]);
    let still = found(&[at(10, 20, 5), at(11, 21, 5)]);
    assert_eq!(rules(&still), [Rule::ReceiverStalled]);
    // What it reads is older than the probes, or was too much for them: it has no stamp, and is read all the same.
    let unstamped = found(&[at(10, 20, 0), at(11, 20, 0), at(12, 20, 0)]);
    assert_eq!(rules(&unstamped), [Rule::ReceiverSlow]);
}

#[test]
fn a_slow_reader_is_not_taken_for_one_that_stands_still_between_two_reads() {
    // Four looks a second, and one read in that second, of what came three quarters of a second after the one before.
    let at = |millis, oldest| {
        let mut snapshot = logged(10, None, 990, 5, 0);
        snapshot.taken_at = Duration::from_millis(millis);
        snapshot.peers[1].queue_oldest = Some(Duration::from_millis(oldest));
        snapshot
    };
    let looks = [
        at(10_000, 7000),
        at(10_250, 7250),
        at(10_500, 7500),
        at(10_750, 7000),
        at(11_000, 7250),
        at(11_250, 7500),
    ];
    let expected = [
        // Nobody was seen to read yet, or not to.
        Rule::QueueFull,
        Rule::QueueFull,
        Rule::QueueFull,
        Rule::ReceiverSlow,
        Rule::ReceiverSlow,
        Rule::ReceiverSlow,
    ];
    for (seen, rule) in (1..=looks.len()).zip(expected) {
        assert_eq!(rules(&found(&looks[..seen])), [rule], "after {seen}");
    }
    let stands = [
        at(11_000, 7250),
        at(11_250, 7500),
        at(11_500, 7750),
        at(11_750, 8000),
        at(12_000, 8250),
    ];
    assert_eq!(rules(&found(&stands[..4])), [Rule::QueueFull]);
    assert_eq!(rules(&found(&stands)), [Rule::ReceiverStalled]);
}

#[test]
fn who_loses_nothing_by_not_reading_stands_after_who_does() {
    let at = |at, lost| {
        let mut snapshot = logged(at, Some(at - 8), 990, 100, lost);
        let mut idle = peer(1, "idle", Counters::default());
        (idle.queue_bytes, idle.queue_oldest) = (4, Some(seconds(3600 + at)));
        snapshot.peers.insert(0, idle);
        snapshot
    };
    let both = found(&[at(4000, 0), at(4001, 7000)]);
    let stalled = both.iter().filter(|it| it.rule == Rule::ReceiverStalled);
    let stalled: Vec<_> = stalled.map(|it| (&*it.name, it.severity)).collect();
    let expected = [("logger", Severity::Alarm), ("idle", Severity::Warning)];
    assert_eq!(stalled, expected);
    assert_eq!(both[0].name, "logger");
    // Where there is room yet, what is lost nevertheless is an alarm.
    let roomy = |at, lost| logged(at, Some(at), 100, 100, lost);
    let severity = |lost| found(&[roomy(10, 0), roomy(11, lost)])[0].severity;
    assert_eq!(
        [severity(0), severity(1)],
        [Severity::Warning, Severity::Alarm]
    );
}

#[test]
fn without_ages_a_full_queue_that_takes_nothing_is_not_read() {
    let at = |at, delivered| logged(at, None, 990, delivered, 0);
    let still = [at(10, 5), at(11, 5), at(12, 5)];
    let warnings = found(&still);
    assert_eq!(rules(&warnings), [Rule::ReceiverStalled]);
    assert_eq!(
        warnings[0].reason(),
        "does not read: for 2.0s, queue 99% full"
    );
    let moving = [at(10, 5), at(11, 6), at(12, 7)];
    assert_eq!(rules(&found(&moving)), [Rule::QueueFull], "it made room");
}

#[test]
fn what_goes_on_keeps_its_beginning() {
    let mut linter = Linter::default();
    let at = |at, bytes| logged(at, None, bytes, at, 0);
    let begun = last(&mut linter, &[at(10, 0), at(11, 850), at(12, 860)]);
    assert_eq!(of(Rule::QueueFull, &begun).since, seconds(11));
    assert_eq!(of(Rule::QueueFull, &begun).severity, Severity::Warning);
    assert!(linter.look(&at(13, 0), &Rates::default()).is_empty());
    let again = linter.look(&at(14, 960), &Rates::default());
    assert_eq!(of(Rule::QueueFull, &again).since, seconds(14));
    assert_eq!(of(Rule::QueueFull, &again).severity, Severity::Alarm);
}

#[test]
fn copies_are_put_down_to_the_owner_of_the_group() {
    let at = |at, lost| {
        let counters = Counters {
            dropped_queue_full: lost,
            ..Counters::default()
        };
        let mut snapshot = snapshot(
            at,
            vec![
                peer(2, "router", Counters::default()),
                peer(3, "logger", counters),
            ],
        );
        snapshot.groups = vec![Group {
            id: 9,
            name: "frames".into(),
            owner_id: 2,
            owner_name: Some("router".into()),
            counters: GroupCounters {
                dropped_queue_full: lost,
                ..GroupCounters::default()
            },
            unheard_messages: lost,
            ..Group::default()
        }];
        snapshot.flows = vec![Flow {
            kind: FlowKind::Copies,
            from_id: 9,
            to_id: 3,
            from_name: Some("frames".into()),
            counters: FlowCounters {
                lost_messages: lost,
                ..FlowCounters::default()
            },
            ..Flow::default()
        }];
        snapshot
    };
    let found = found(&[at(10, 0), at(12, 28)]);
    assert_eq!(
        of(Rule::MemberLoses, &found).reason(),
        "loses 14 group messages/s; 14/s of group frames, which router publishes"
    );
    assert_eq!(
        of(Rule::GroupLoses, &found).sentence(),
        "frames (group of router) has 14 of its copies lost/s by members"
    );
    assert_eq!(of(Rule::Flood, &found).subject, Subject::Peer(2));
    assert_eq!(
        of(Rule::Unheard, &found).reason(),
        "has 14 messages/s that nobody hears"
    );
}

#[test]
fn who_sends_most_floods_the_bus_when_queues_are_full() {
    let at = |at, counts: &[u64], dropped, refused| {
        let sent = |n| Counters {
            sent_unicast_messages: n,
            ..Counters::default()
        };
        let peers = (1..).zip(counts).map(|(id, &n)| peer(id, "p", sent(n)));
        let mut snapshot = snapshot(at, peers.collect());
        snapshot.bus.as_mut().unwrap().counters = Counters {
            dropped_queue_full: dropped,
            refused_queue_full: refused,
            ..sent(counts.iter().sum())
        };
        snapshot
    };
    let none = at(10, &[0, 0, 0], 0, 0);
    let flood = found(&[none.clone(), at(11, &[900, 50, 50], 1, 20)]);
    assert_eq!(
        of(Rule::Flood, &flood).reason(),
        "sends 90% of all messages while queues are full: 900/s of 1.00k/s, 21/s lost"
    );
    let healthy = found(&[none.clone(), at(11, &[900, 50, 50], 0, 1)]);
    assert_eq!(rules(&healthy), [], "it has one main publisher");
    let shared = found(&[none, at(11, &[500, 250, 250], 1, 20)]);
    assert_eq!(rules(&shared), [], "half is not more than half");
}

#[test]
fn refused_sends_tell_the_commonest_reason() {
    let at = |at, full, gone| {
        let counters = Counters {
            refused_queue_full: full,
            refused_no_peer: gone,
            ..Counters::default()
        };
        snapshot(at, vec![peer(1, "client", counters)])
    };
    let found = found(&[at(10, 0, 0), at(11, 2, 10)]);
    assert_eq!(
        of(Rule::SendsRefused, &found).reason(),
        "has 12 of its unicast sends refused/s: 10/s since nobody has the port"
    );
}

#[test]
fn latency_is_held_against_the_objective_and_never_rounded_over_it() {
    let at = |at, bucket: usize, reads| {
        let mut reader = peer(1, "reader", Counters::default());
        let mut latency = QueueLatency::default();
        latency.counts[bucket] = reads;
        reader.queue_latency = Some(latency);
        snapshot(at, vec![reader])
    };
    // From 62 to 125 ms: perhaps below 100 ms.
    assert!(found(&[at(10, 17, 0), at(11, 17, 50)]).is_empty());
    let late = found(&[at(10, 18, 0), at(11, 18, 50)]);
    assert_eq!(
        of(Rule::QueueLatency, &late).reason(),
        "leaves one message in 100 unread for 125ms or longer: objective 100ms"
    );
    assert!(found(&[at(10, 18, 0), at(11, 18, 5)]).is_empty(), "too few");
    let endless = found(&[at(10, 25, 0), at(11, 25, 50)]);
    assert!(of(Rule::QueueLatency, &endless).what.contains("16.0s"));
    let mut lenient = Linter::new(Objectives {
        queue_latency: seconds(1),
    });
    assert!(last(&mut lenient, &[at(10, 18, 0), at(11, 18, 50)]).is_empty());
}

#[test]
fn storms_and_churn_name_their_makers() {
    let at = |at, requests, sequence| {
        let mut snapshot = snapshot(at, Vec::new());
        snapshot.bus.as_mut().unwrap().kevent_sequence = sequence;
        let event = |pid| Event {
            pid,
            ..Event::default()
        };
        snapshot.events = [7, 7, 8].map(event).into();
        snapshot.probes = Some(Probes {
            request_errors: [("group_join", "ENOENT"), ("send_unicast", "EAGAIN")]
                .map(|(command, errno)| RequestErrors {
                    command: command.into(),
                    errno: errno.into(),
                    requests,
                })
                .into(),
            maps: [("peers", 81), ("groups", 80)]
                .map(|(map, entries)| MapFill {
                    map: map.into(),
                    entries,
                    limit: 100,
                })
                .into(),
            ..Probes::default()
        });
        snapshot
    };
    let warnings = found(&[at(10, 1000, 5), at(11, 1030, 30)]);
    // Sends that are refused have a rule of their own.
    let expected = [Rule::ErrorStorm, Rule::Churn, Rule::MapFull];
    assert_eq!(rules(&warnings), expected);
    assert_eq!(
        warnings[0].sentence(),
        "the machine has 30 requests/s answered with ENOENT; group_join 30/s"
    );
    assert_eq!(warnings[1].cause.as_deref(), Some("process 7 made 2 of 3"));
    assert_eq!(warnings[2].item, "peers");
    let at_the_bounds = [at(10, 1000, 5), at(11, 1010, 25)];
    assert_eq!(rules(&found(&at_the_bounds)), [Rule::MapFull]);
}

#[test]
fn the_kernels_own_group_needs_no_listener() {
    let at = |at, unheard_messages| {
        let mut snapshot = snapshot(at, Vec::new());
        snapshot.groups = [(1, "ipcon_kevent", 0), (2, "news", 7)]
            .map(|(id, name, owner_id)| Group {
                id,
                name: name.into(),
                owner_id,
                unheard_messages,
                ..Group::default()
            })
            .into();
        snapshot
    };
    let found = found(&[at(10, 0), at(11, 5)]);
    assert_eq!(rules(&found), [Rule::Unheard]);
    assert_eq!(found[0].name, "news");
}

#[test]
fn a_blind_observer_says_so_for_a_minute() {
    let at = |at, lost, state| {
        let mut snapshot = snapshot(at, Vec::new());
        snapshot.sources = vec![SourceStatus {
            name: Source::Kevents,
            state,
            lost,
            duration: None,
        }];
        snapshot
    };
    let on = SourceState::On;
    let mut linter = Linter::default();
    let lost = last(
        &mut linter,
        &[
            at(10, 0, on.clone()),
            at(11, 3, on.clone()),
            at(12, 3, on.clone()),
        ],
    );
    assert_eq!(of(Rule::ObserverBlind, &lost).since, seconds(11));
    let later = linter.look(&at(70, 3, on.clone()), &Rates::default());
    assert_eq!(rules(&later), [Rule::ObserverBlind]);
    assert!(linter.look(&at(71, 3, on), &Rates::default()).is_empty());
    let failed = SourceState::Failed {
        reason: "no memory".into(),
    };
    let failed = linter.look(&at(72, 3, failed), &Rates::default());
    assert_eq!(failed[0].reason(), "cannot read kevents: no memory");
}

#[test]
fn data_is_old_after_three_intervals() {
    let stale = |now, interval| stale(seconds(10), seconds(now), seconds(interval));
    assert_eq!(stale(12, 0), None, "two seconds are not old");
    assert_eq!(stale(13, 1), None);
    assert_eq!(stale(9, 1), None, "clocks are read at different moments");
    assert!(stale(14, 1).unwrap().what.contains("4.0s old"));
}

#[test]
fn channels_say_what_is_lost_and_who_does_not_read() {
    let at = |at: u64, count, held| {
        let mut snapshot = snapshot(at, Vec::new());
        snapshot.bus = None;
        snapshot.channels = Some(Channels {
            read_at: seconds(at),
            connections: vec![Channel {
                id: 4,
                server_comm: "imaged".into(),
                client_pid: 15,
                service: 7,
                counters: ChannelCounters {
                    events_dropped: count,
                    overload: count,
                    expired: count,
                    flow_control: held,
                    ..ChannelCounters::default()
                },
                ..Channel::default()
            }],
            ..Channels::default()
        });
        snapshot
    };
    let warnings = found(&[at(10, 0, 1), at(12, 10, 1)]);
    let expected = [
        Rule::ChannelEventsDropped,
        Rule::ChannelClientStuck,
        Rule::ChannelOverload,
        Rule::ChannelExpired,
    ];
    assert_eq!(rules(&warnings), expected);
    assert_eq!(
        warnings[0].brief(),
        "imaged 7 to process 15 loses 5.0 events/s; its client does not read them"
    );
    assert!(found(&[at(10, 10, 0), at(12, 10, 0)]).is_empty());
}

#[test]
fn a_client_is_stuck_when_its_events_are_held_back_without_a_break() {
    let at = |at: u64, read_at: u64, held, changes| Snapshot {
        taken_at: Duration::from_millis(at),
        channels: Some(Channels {
            read_at: Duration::from_millis(read_at),
            connections: vec![Channel {
                id: 4,
                counters: ChannelCounters {
                    flow_control: held,
                    flow_control_count: changes,
                    events_queued: 12,
                    ..ChannelCounters::default()
                },
                ..Channel::default()
            }],
            ..Channels::default()
        }),
        ..Snapshot::default()
    };
    let stuck = found(&[
        at(1000, 990, 0, 0),
        at(2000, 1990, 1, 1),
        at(3000, 2990, 1, 1),
    ]);
    assert_eq!(rules(&stuck), [Rule::ChannelClientStuck]);
    assert_eq!(
        stuck[0].reason(),
        "has a client that does not take its events: 12 wait, for 1.0s"
    );
    assert_eq!(stuck[0].since, Duration::from_millis(1990));
    let silent = [
        ("at the first look", vec![at(1000, 990, 1, 1)]),
        (
            "it flowed in between",
            vec![at(1000, 990, 1, 1), at(2000, 1990, 1, 3)],
        ),
        (
            "a quarter of a second",
            vec![at(1000, 990, 1, 1), at(1250, 1240, 1, 1)],
        ),
        (
            "nobody looked again",
            vec![at(1000, 990, 1, 1), at(2000, 990, 1, 1)],
        ),
        (
            "it flows again",
            vec![at(1000, 990, 1, 1), at(2000, 1990, 0, 2)],
        ),
    ];
    for (why, looks) in silent {
        assert_eq!(rules(&found(&looks)), [], "{why}");
    }
}

#[test]
fn rules_have_names_of_their_own() {
    let mut keys: Vec<&str> = Rule::ALL.iter().map(|rule| rule.key()).collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), Rule::ALL.len());
    assert!(Rule::ALL.iter().all(|rule| rule.help().ends_with('.')));
}

fn any_count() -> impl Strategy<Value = u64> {
    prop_oneof![0..4u64, 0..100_000u64, Just(u64::MAX)]
}

prop_compose! {
    /// Anything that a bus could claim, at a moment.
    fn any_snapshot()(
        at in 0..20u64, bytes in any_count(), limit in any_count(), oldest in prop::option::of(any_count()),
        sent in any_count(), lost in any_count(), sequence in any_count(), bucket in 0..QueueLatency::BUCKETS,
    ) -> Snapshot {
        let mut snapshot = logged(at, oldest, bytes, sent, lost);
        for peer in &mut snapshot.peers {
            peer.queue_limit = limit;
            peer.counters.dropped_queue_full = lost;
            peer.counters.refused_no_peer = lost;
            peer.counters.sent_unicast_messages = sent;
            let mut latency = QueueLatency::default();
            latency.counts[bucket] = sent;
            peer.queue_latency = Some(latency);
        }
        let bus = snapshot.bus.as_mut().unwrap();
        bus.kevent_sequence = sequence;
        bus.counters.sent_unicast_messages = sent;
        snapshot.probes = Some(Probes {
            request_errors: vec![RequestErrors { requests: sent, ..RequestErrors::default() }],
            maps: vec![MapFill { map: "m".into(), entries: bytes, limit }],
            ..Probes::default()
        });
        snapshot.sources = vec![SourceStatus { lost, ..SourceStatus::default() }];
        snapshot
    }
}

proptest! {
    #[test]
    fn nothing_is_claimed_that_is_no_number(
        snapshots in prop::collection::vec(any_snapshot(), 1..5)
    ) {
        let found = found(&snapshots);
        for warning in &found {
            let sentence = warning.sentence();
            prop_assert!(!sentence.contains("NaN") && !sentence.contains("inf"), "{}", sentence);
            prop_assert!(!sentence.contains(&format!(" {}/s", format::ABSENT)), "{}", sentence);
            prop_assert!(!sentence.chars().any(char::is_control));
            prop_assert!(serde_json::to_string(warning).is_ok());
        }
        let mut keys: Vec<_> = found.iter().map(Warning::key).collect();
        keys.sort();
        keys.dedup();
        prop_assert_eq!(keys.len(), found.len(), "each once");
        prop_assert!(found.is_sorted_by(|a, b| a.severity >= b.severity), "the worst first");
    }
}
