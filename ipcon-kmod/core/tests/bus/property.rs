// SPDX-License-Identifier: GPL-2.0

//! Random runs, done to the core and to the model: same results, deliveries, lists and counts.

use std::collections::{BTreeMap, BTreeSet};

use ipcon_core::bus::{Delivery, DropReason, Trace};
use ipcon_model::Model;
use ipcon_model::met::Met;
use ipcon_model::operation::{Operation, Outcome, Refusal};
use ipcon_model::snapshot::{Counters, GroupCounts};
use ipcon_model::strategy::{Stage, runs};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};

use crate::driver::Driver;
use crate::world::Traced;

/// Messages that a queue takes: so few that it fills often.
const LIMITS: std::ops::Range<usize> = 1..8;

/// Random runs of one test: `PROPTEST_CASES`, else as many as take a few seconds.
pub fn cases() -> u32 {
    match std::env::var("PROPTEST_CASES") {
        Ok(cases) => cases.parse().expect("PROPTEST_CASES is a number"),
        Err(_) => 1500,
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: cases(),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_core_does_what_the_model_does(limit in LIMITS, run in runs(160, Stage::Directed)) {
        compare(limit, &run)?;
    }
}

/// What is enough for a comparison must also have come up in it.
#[test]
fn random_runs_meet_every_refusal_and_every_kind_of_message() {
    let mut runner = TestRunner::new_with_rng(
        ProptestConfig::default(),
        TestRng::deterministic_rng(RngAlgorithm::ChaCha),
    );
    let mut met = Met::default();
    for _ in 0..400 {
        let (limit, run) = (LIMITS, runs(160, Stage::Directed))
            .new_tree(&mut runner)
            .unwrap()
            .current();
        for outcome in compare(limit, &run).unwrap() {
            met.note(&outcome);
        }
    }
    use Refusal::*;
    let refusals = [
        BadName,
        ReservedName,
        NameTaken,
        Unknown,
        NotOwner,
        AlreadyMember,
        NotPeer,
        AlreadyPeer,
        NotInvited,
        NoSuchPeer,
        QueueFull,
        NoMemory,
    ];
    assert_eq!(met.refusals.into_iter().collect::<Vec<_>>(), refusals);
    let [unicast, multicast, kevents, replays, losses] = met.messages;
    for (kind, count) in [
        ("unicast", unicast),
        ("multicast", multicast),
        ("kevents", kevents),
        ("replays", replays),
        ("losses", losses),
    ] {
        assert!(count > 30, "only {count} {kind} in all runs");
    }
}

/// Does a run to both, and gives what came of each operation.
fn compare(limit: usize, run: &[Operation]) -> Result<Vec<Outcome>, TestCaseError> {
    let mut model = Model::new(limit);
    let mut core = Driver::new(limit);
    let outcomes = ipcon_model::compare::compare(&mut model, &mut core, run, Model::is_possible)?;
    let mut traces = Ledger::default();
    traces.note(core.world.take_traces());
    traces.reconcile(&core, &model)?;
    Ok(outcomes)
}

/// Counts by the trace events alone, by id, as a probe makes them.
#[derive(Default)]
struct Ledger {
    peers: BTreeMap<u64, Counters>,
    groups: BTreeMap<u64, GroupCounts>,
    /// What is there by the events that tell of coming and going.
    live: BTreeSet<(&'static str, u64, u64)>,
}

impl Ledger {
    fn note(&mut self, traces: Vec<Traced>) {
        for trace in traces {
            match trace {
                Traced::Event(event) => self.note_event(event),
                Traced::Delivery(delivery) => self.note_delivery(delivery),
                Traced::Unread(_) => {}
            }
        }
    }

    fn note_delivery(&mut self, delivery: Delivery) {
        let Delivery { to, len, .. } = delivery;
        if delivery.group == 0 {
            self.peer(to).delivered_unicast.count(len);
            return;
        }
        self.peer(to).delivered_multicast.count(len);
        let copies = &mut self.group(delivery.group).copies;
        let traffic = if delivery.replay {
            &mut copies.replayed
        } else {
            &mut copies.delivered
        };
        traffic.count(len);
    }

    fn note_event(&mut self, event: Trace) {
        match event {
            Trace::Send {
                peer,
                group: 0,
                len,
                ..
            } => self.peer(peer).sent_unicast.count(len),
            Trace::Send {
                peer,
                group,
                port,
                len,
            } => {
                assert_eq!(port, 0, "a multicast goes to no port");
                self.peer(peer).sent_multicast.count(len);
                self.group(group).sent.count(len);
            }
            Trace::Drop {
                from,
                group: 0,
                len,
                reason,
                ..
            } => match reason {
                DropReason::QueueFull => self.peer(from).refused_queue_full.count(len),
                DropReason::NoPeer => self.peer(from).refused_no_peer.count(len),
                DropReason::NoMemory => self.peer(from).refused_no_memory.count(len),
            },
            Trace::Drop {
                to,
                group,
                len,
                reason,
                ..
            } => match reason {
                DropReason::QueueFull => {
                    self.peer(to).dropped_queue_full.count(len);
                    self.group(group).copies.dropped_queue_full.count(len);
                }
                DropReason::NoMemory => {
                    self.peer(to).dropped_no_memory.count(len);
                    self.group(group).copies.dropped_no_memory.count(len);
                }
                DropReason::NoPeer => panic!("a closing member loses nothing"),
            },
            Trace::Peer { id, added, .. } => self.change(("peer", id, 0), added),
            Trace::Service { id, peer, added } => self.change(("service", id, peer), added),
            Trace::Group { id, owner, added } => self.change(("group", id, owner), added),
            Trace::Member { group, peer, added } => self.change(("member", group, peer), added),
        }
    }

    fn peer(&mut self, id: u64) -> &mut Counters {
        self.peers.entry(id).or_default()
    }

    fn group(&mut self, id: u64) -> &mut GroupCounts {
        self.groups.entry(id).or_default()
    }

    fn change(&mut self, object: (&'static str, u64, u64), added: bool) {
        let changed = if added {
            self.live.insert(object)
        } else {
            self.live.remove(&object)
        };
        assert!(changed, "{object:?} came or went twice");
    }

    /// The events say what the counters say, also of peers and groups that are gone.
    fn reconcile(mut self, core: &Driver, model: &Model) -> Result<(), TestCaseError> {
        for ((id, _), counters) in core.peers.iter().zip(model.peer_history()) {
            prop_assert_eq!(self.peers.remove(id).unwrap_or_default(), counters);
        }
        self.peers.remove(&0);
        prop_assert!(
            self.peers.is_empty(),
            "events of peers that never were: {:?}",
            self.peers
        );
        for (id, counts) in core.groups.iter().zip(model.group_history()) {
            let traced = self.groups.remove(id).unwrap_or_default();
            // Whether somebody heard it is not for a probe to tell.
            prop_assert_eq!(
                GroupCounts {
                    unheard: counts.unheard,
                    ..traced
                },
                counts
            );
        }
        prop_assert!(self.groups.is_empty());
        let end = model.snapshot();
        let objects =
            end.peers.len() + end.services.len() + end.groups.len() - 1 + end.members.len();
        prop_assert_eq!(self.live.len(), objects);
        Ok(())
    }
}
