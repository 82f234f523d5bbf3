// SPDX-License-Identifier: MIT OR Apache-2.0
//! The ledger against a small bus that is watched now and then.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::model::{Bus, Counters, Group, GroupCounters, Probes, QueueLatency, Service};

/// A bus with the same bookkeeping as the module: totals hold what all peers ever counted.
#[derive(Debug, Default)]
struct TestBus {
    next_id: u64,
    clock: u64,
    total: Counters,
    peers: Vec<Peer>,
    attached_at: u64,
    /// What all peers read, and of it what happened since somebody watched, by peer.
    read: u64,
    unseen: BTreeMap<u64, u64>,
    /// What was never seen, since a peer left or the probes were detached before anybody watched.
    missed: u64,
}

#[derive(Clone, Debug)]
enum Step {
    Arrive,
    Leave(usize),
    Name(usize, usize),
    Unname(usize),
    Send(usize, u64),
    Drop(usize, u64),
    Read(usize, u64),
    Attach,
    Watch { meanwhile: Option<(usize, u64)> },
}

const NAMES: &[&str] = &["a", "b", "c", "d", "_departed", "_x"];

impl TestBus {
    fn pick(&mut self, index: usize) -> Option<&mut Peer> {
        let count = self.peers.len();
        (count > 0).then(|| &mut self.peers[index % count])
    }

    fn run(&mut self, step: &Step) {
        self.clock += 1;
        match *step {
            Step::Arrive => {
                self.next_id += 1;
                let created_at = Duration::from_secs(self.clock);
                self.peers.push(Peer {
                    id: self.next_id,
                    created_at,
                    queue_latency: Some(QueueLatency::default()),
                    ..Peer::default()
                });
            }
            Step::Leave(index) => {
                if !self.peers.is_empty() {
                    let gone = self.peers.remove(index % self.peers.len());
                    self.missed += self.unseen.remove(&gone.id).unwrap_or(0);
                }
            }
            Step::Name(index, name) => {
                self.next_id += 1;
                let (id, name) = (self.next_id, NAMES[name % NAMES.len()]);
                let taken = self
                    .peers
                    .iter()
                    .flat_map(|p| &p.services)
                    .any(|s| *s.name == *name);
                if let (Some(peer), false) = (self.pick(index), taken) {
                    peer.services.push(Service {
                        id,
                        name: name.into(),
                        ..Service::default()
                    });
                }
            }
            Step::Unname(index) => {
                if let Some(peer) = self.pick(index).filter(|peer| !peer.services.is_empty()) {
                    peer.services.remove(0);
                }
            }
            Step::Send(index, messages) => {
                if let Some(peer) = self.pick(index) {
                    peer.counters.sent_unicast_messages += messages;
                    self.total.sent_unicast_messages += messages;
                }
            }
            Step::Drop(index, messages) => {
                if let Some(peer) = self.pick(index) {
                    peer.counters.dropped_queue_full += messages;
                    self.total.dropped_queue_full += messages;
                }
            }
            Step::Read(index, messages) => {
                let Some(peer) = self.pick(index) else { return };
                let (id, latency) = (peer.id, peer.queue_latency.as_mut());
                latency.unwrap().counts[index % QueueLatency::BUCKETS] += messages;
                self.read += messages;
                *self.unseen.entry(id).or_default() += messages;
            }
            Step::Attach => {
                self.attached_at = self.clock;
                for peer in &mut self.peers {
                    peer.queue_latency = Some(QueueLatency::default());
                }
                self.missed += std::mem::take(&mut self.unseen).values().sum::<u64>();
            }
            Step::Watch { .. } => {}
        }
    }

    /// Reads the bus as the collector does, totals first, with traffic in between.
    fn watch(&mut self, meanwhile: Option<(usize, u64)>) -> Snapshot {
        let bus = Bus {
            started_at: Some(Duration::ZERO),
            counters: self.total,
            ..Bus::default()
        };
        if let Some((index, messages)) = meanwhile {
            self.run(&Step::Send(index, messages));
            self.run(&Step::Leave(index / 2));
        }
        self.unseen.clear();
        let probes = Probes {
            attached_at: Duration::from_secs(self.attached_at),
            ..Probes::default()
        };
        Snapshot {
            taken_at: Duration::from_secs(self.clock),
            bus: Some(bus),
            peers: self.peers.clone(),
            probes: Some(probes),
            ..Snapshot::default()
        }
    }
}

fn step() -> impl Strategy<Value = Step> {
    let index = 0..20usize;
    prop_oneof![
        2 => Just(Step::Arrive),
        1 => index.clone().prop_map(Step::Leave),
        2 => (index.clone(), index.clone()).prop_map(|(peer, name)| Step::Name(peer, name)),
        1 => index.clone().prop_map(Step::Unname),
        4 => (index.clone(), 1..100u64).prop_map(|(peer, n)| Step::Send(peer, n)),
        1 => (index.clone(), 1..100u64).prop_map(|(peer, n)| Step::Drop(peer, n)),
        2 => (index.clone(), 1..100u64).prop_map(|(peer, n)| Step::Read(peer, n)),
        1 => Just(Step::Attach),
        4 => proptest::option::of((index, 1..100u64))
            .prop_map(|meanwhile| Step::Watch { meanwhile }),
    ]
}

fn sums(ledger: &Ledger) -> BTreeMap<&'static str, u64> {
    let keys: Vec<_> = ledger.peer_fields().map(|field| field.key).collect();
    let mut sums = BTreeMap::new();
    for (_, counts) in ledger.peers() {
        for (key, count) in keys.iter().zip(counts) {
            *sums.entry(*key).or_insert(0) += count;
        }
    }
    sums
}

fn labels(ledger: &Ledger) -> BTreeMap<String, Vec<u64>> {
    ledger
        .peers()
        .map(|(label, counts)| (label.to_owned(), counts.to_vec()))
        .collect()
}

/// What was read, by label, in the form of [`labels`].
fn reads(ledger: &Ledger) -> BTreeMap<String, Vec<u64>> {
    let reads = ledger.probed().reads();
    reads
        .map(|(label, read)| (label.to_owned(), vec![read]))
        .collect()
}

/// Fails when a total is less than before, or has vanished together with what it counted, or a limit is exceeded.
fn nothing_fell(
    before: &BTreeMap<String, Vec<u64>>,
    now: &BTreeMap<String, Vec<u64>>,
    limit: usize,
) -> Result<(), TestCaseError> {
    for (label, counts) in before {
        let Some(counts_now) = now.get(label) else {
            prop_assert!(!label.starts_with("_d"), "{} vanished", label);
            continue;
        };
        for (before, now) in counts.iter().zip(counts_now) {
            prop_assert!(now >= before, "{} fell from {} to {}", label, before, now);
        }
    }
    let is_named = |label: &&String| !label.starts_with('_') || label.starts_with("__");
    prop_assert!(now.keys().filter(is_named).count() <= limit);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn sums_are_exact_and_nothing_falls(
        steps in proptest::collection::vec(step(), 0..200),
        limit in 0..5usize,
        retain in 0..40u64,
    ) {
        let limits = Limits { peers: limit, groups: 0, channels: 0, retain: Duration::from_secs(retain) };
        let mut ledger = Ledger::new(limits);
        let mut bus = TestBus::default();
        let mut before = (labels(&ledger), reads(&ledger));
        for step in &steps {
            bus.run(step);
            let Step::Watch { meanwhile } = *step else { continue };
            ledger.apply(&bus.watch(meanwhile));

            let now = (labels(&ledger), reads(&ledger));
            nothing_fell(&before.0, &now.0, limit)?;
            nothing_fell(&before.1, &now.1, limit)?;
            prop_assert!(sums(&ledger)["sent_unicast_messages"] <= bus.total.sent_unicast_messages);
            let read: u64 = now.1.values().flatten().sum();
            prop_assert_eq!(read, bus.read - bus.missed);
            before = now;
        }
        // The bus is quiet now.
        ledger.apply(&bus.watch(None));
        prop_assert_eq!(sums(&ledger)["sent_unicast_messages"], bus.total.sent_unicast_messages);
        prop_assert_eq!(sums(&ledger)["dropped_queue_full"], bus.total.dropped_queue_full);
    }
}

fn total(ledger: &Ledger, label: &str) -> Option<u64> {
    let sent = ledger
        .peer_fields()
        .position(|f| f.key == "sent_unicast_messages")
        .unwrap();
    ledger
        .peers()
        .find(|(l, _)| *l == label)
        .map(|(_, counts)| counts[sent])
}

#[test]
fn growth_goes_to_the_name_of_the_moment() {
    let mut bus = TestBus::default();
    let mut ledger = Ledger::new(Limits::default());
    bus.run(&Step::Arrive);
    bus.run(&Step::Send(0, 5));
    ledger.apply(&bus.watch(None));
    assert_eq!(total(&ledger, ANONYMOUS), Some(5));

    bus.run(&Step::Name(0, 0));
    bus.run(&Step::Send(0, 7));
    ledger.apply(&bus.watch(None));
    assert_eq!(total(&ledger, ANONYMOUS), Some(5));
    assert_eq!(total(&ledger, "a"), Some(7));
    assert_eq!(ledger.peer_label(1), Some("a"));

    bus.run(&Step::Send(0, 2));
    bus.run(&Step::Leave(0));
    ledger.apply(&bus.watch(None));
    assert_eq!(total(&ledger, "a"), Some(7));
    assert_eq!(
        total(&ledger, DEPARTED),
        Some(2),
        "sent after the last look"
    );

    bus.clock += 301;
    ledger.apply(&bus.watch(None));
    assert_eq!(total(&ledger, "a"), None);
    assert_eq!(total(&ledger, DEPARTED), Some(9));
}

#[test]
fn the_observer_has_a_label_of_its_own() {
    let mut bus = TestBus::default();
    let mut ledger = Ledger::new(Limits {
        peers: 0,
        ..Limits::default()
    });
    bus.run(&Step::Arrive);
    bus.run(&Step::Send(0, 3));
    bus.peers[0].observer = true;
    ledger.apply(&bus.watch(None));
    assert_eq!(total(&ledger, OBSERVER), Some(3));
    assert_eq!(total(&ledger, ANONYMOUS), Some(0));
}

#[test]
fn nobody_takes_a_label_of_the_ledger() {
    let mut bus = TestBus::default();
    let mut ledger = Ledger::new(Limits::default());
    bus.run(&Step::Arrive);
    bus.run(&Step::Name(0, 4));
    bus.run(&Step::Send(0, 3));
    ledger.apply(&bus.watch(None));
    assert_eq!(total(&ledger, DEPARTED), Some(0));
    assert_eq!(total(&ledger, "__departed"), Some(3));
}

#[test]
fn a_module_loaded_anew_starts_over() {
    let mut bus = TestBus::default();
    let mut ledger = Ledger::new(Limits::default());
    bus.run(&Step::Arrive);
    bus.run(&Step::Send(0, 5));
    ledger.apply(&bus.watch(None));

    let mut bus = TestBus::default();
    bus.run(&Step::Arrive);
    bus.run(&Step::Send(0, 3));
    let mut snapshot = bus.watch(None);
    snapshot.bus.as_mut().unwrap().started_at = Some(Duration::from_secs(9));
    ledger.apply(&snapshot);
    assert_eq!(sums(&ledger)["sent_unicast_messages"], 3);
}

#[test]
fn a_bus_that_cannot_be_read_for_a_while_is_counted_once() {
    let mut bus = TestBus::default();
    let mut ledger = Ledger::new(Limits::default());
    bus.run(&Step::Arrive);
    bus.run(&Step::Send(0, 5));
    ledger.apply(&bus.watch(None));
    ledger.apply(&Snapshot::default());
    bus.run(&Step::Send(0, 3));
    ledger.apply(&bus.watch(None));
    assert_eq!(sums(&ledger)["sent_unicast_messages"], 8);
}

#[test]
fn too_many_peers_share_a_label() {
    let mut bus = TestBus::default();
    let mut ledger = Ledger::new(Limits {
        peers: 1,
        ..Limits::default()
    });
    for peer in 0..3 {
        bus.run(&Step::Arrive);
        bus.run(&Step::Name(peer, peer));
        bus.run(&Step::Send(peer, 1));
    }
    ledger.apply(&bus.watch(None));
    ledger.apply(&bus.watch(None));
    assert_eq!(total(&ledger, "a"), Some(1));
    assert_eq!(total(&ledger, OTHER), Some(2));
    assert_eq!(ledger.folded_peers(), 2);
}

#[test]
fn groups_have_totals_by_name() {
    let group = |id, sent| Group {
        id,
        name: "news".into(),
        counters: GroupCounters {
            sent_messages: sent,
            ..GroupCounters::default()
        },
        ..Group::default()
    };
    let at = |secs, groups| Snapshot {
        taken_at: Duration::from_secs(secs),
        bus: Some(Bus::default()),
        groups,
        ..Snapshot::default()
    };
    let mut ledger = Ledger::new(Limits::default());
    ledger.apply(&at(1, vec![group(1, 4)]));
    ledger.apply(&at(2, vec![group(2, 3)]));
    let sent = ledger
        .group_fields()
        .position(|f| f.key == "sent_messages")
        .unwrap();
    let totals: Vec<_> = ledger
        .groups()
        .map(|(label, counts)| (label, counts[sent]))
        .collect();
    assert_eq!(totals, [("news", 7)]);

    ledger.apply(&at(303, vec![]));
    let totals: Vec<_> = ledger
        .groups()
        .map(|(label, counts)| (label, counts[sent]))
        .collect();
    assert_eq!(totals, [(DEPARTED, 7)], "unused for more than five minutes");
}

#[test]
fn the_bus_has_a_total_for_every_exported_counter_of_a_peer() {
    for field in exported(PEER_FIELDS) {
        let total = find(BUS_FIELDS, field.key);
        assert!(
            total.is_some_and(|total| total.kind == Kind::Counter),
            "{}",
            field.key
        );
    }
}
