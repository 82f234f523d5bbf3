// SPDX-License-Identifier: GPL-2.0

//! Random operations from several threads at once. What came of each depends on the order; what is
//! checked at the end does not.

use std::collections::BTreeMap;
use std::thread::scope;

use ipcon_core::bus::{Error, Event};
use ipcon_model::snapshot::Counters;
use proptest::prelude::*;

use crate::driver::counters;
use crate::fixture::{Client, Fixture};
use crate::property::cases;
use crate::world::{Body, Packet};

/// Names of services and groups, so few that the threads want the same ones.
const NAMES: [&str; 2] = ["a", "b"];
/// A group that is there all the time, and to which all threads publish.
const NEWS: &str = "news";
/// Messages that the queue of a random peer takes.
const ROOM: usize = 3;
const THREADS: u32 = 3;

#[derive(Debug, Clone, Copy)]
enum Step {
    Register(usize),
    Unregister(usize),
    Open(usize),
    Close(usize),
    Join(&'static str, bool),
    Leave(&'static str),
    Send(u32),
    Publish(usize),
    News,
    Read,
    /// Dies, and is reborn at the same port.
    Die,
}

fn step() -> impl Strategy<Value = Step> {
    let name = 0..NAMES.len();
    let group = || prop::sample::select(vec![NAMES[0], NAMES[1], NEWS]);
    prop_oneof![
        1 => name.clone().prop_map(Step::Register),
        1 => name.clone().prop_map(Step::Unregister),
        1 => name.clone().prop_map(Step::Open),
        1 => name.clone().prop_map(Step::Close),
        3 => (group(), any::<bool>()).prop_map(|(group, replay)| Step::Join(group, replay)),
        1 => group().prop_map(Step::Leave),
        2 => (1..=THREADS).prop_map(Step::Send),
        2 => name.prop_map(Step::Publish),
        3 => Just(Step::News),
        3 => Just(Step::Read),
        1 => Just(Step::Die),
    ]
}

/// What one port was in turn, and what each of its peers heard.
type Lives = Vec<(Client, Vec<Packet>)>;

/// Does the steps at one port. Refusals are as good as successes, as long as they can be.
fn live(bus: &Fixture, editor: &Client, port: u32, steps: &[Step]) -> Lives {
    bus.world.enter();
    let mut lives = vec![(bus.peer_with_room(port, ROOM), Vec::new())];
    for (number, step) in (0u64..).zip(steps) {
        let (client, heard) = lives.last_mut().expect("there is always one");
        let data = (u64::from(port) << 32 | number).to_le_bytes();
        let outcome = match *step {
            Step::Register(name) => client.register(NAMES[name]),
            Step::Unregister(name) => client.unregister(NAMES[name]),
            Step::Open(name) => client.open_group(NAMES[name]),
            Step::Close(name) => client.close_group(NAMES[name]),
            Step::Join(group, replay) => client.join(group, replay),
            Step::Leave(group) => client.leave(group),
            Step::Send(to) => client.send(to, &data),
            Step::Publish(name) => client.publish(NAMES[name], &data),
            Step::News => {
                editor.publish(NEWS, &data).unwrap();
                Ok(())
            }
            Step::Read => {
                heard.extend(client.socket.receive());
                Ok(())
            }
            Step::Die => {
                client.die();
                lives.push((bus.peer_with_room(port, ROOM), Vec::new()));
                Ok(())
            }
        };
        if let Err(error) = outcome {
            assert!(
                !matches!(
                    error,
                    Error::BadName | Error::ReservedName | Error::NotPeer | Error::NoMemory
                ),
                "{step:?}: {error:?}"
            );
        }
    }
    lives
}

/// Numbers of the messages of the group that is always there, without replays.
fn news(heard: &[Packet]) -> Vec<u64> {
    let live = heard
        .iter()
        .filter(|packet| packet.group.as_deref() == Some(NEWS.as_bytes()) && !packet.marks.replay);
    live.map(|packet| u64::from_le_bytes(packet.data().try_into().unwrap()))
        .collect()
}

/// Whether `part` is `whole` with some left out.
fn is_part_of(part: &[u64], whole: &[u64]) -> bool {
    let mut rest = whole.iter();
    part.iter().all(|number| rest.any(|other| other == number))
}

/// What the events say is there at the end; they are numbered without a gap.
fn announced(observer: &Client) -> (usize, usize) {
    let (mut services, mut groups) = (BTreeMap::new(), BTreeMap::new());
    for (sequence, packet) in (1..).zip(observer.socket.drain()) {
        let Body::Kevent(kevent) = packet.body else {
            panic!("{packet:?} is no kevent");
        };
        assert_eq!(kevent.sequence, sequence);
        match kevent.event {
            Event::ServiceAdded { name, port } => assert_eq!(services.insert(name, port), None),
            Event::ServiceRemoved { name, port } => assert_eq!(services.remove(&name), Some(port)),
            Event::GroupAdded { name, id } => assert_eq!(groups.insert(name, id), None),
            Event::GroupRemoved { name, id } => assert_eq!(groups.remove(&name), Some(id)),
            Event::PeerRemoved { port } => {
                assert!(!services.values().any(|holder| *holder == port));
            }
        }
    }
    (services.len(), groups.len())
}

fn storm(runs: &[Vec<Step>]) {
    let bus = Fixture::new();
    let observer = bus.observer(9);
    let editor = bus.peer(10);
    editor.open_group(NEWS).unwrap();
    let witnesses = [bus.peer(11), bus.peer(12)];
    for witness in &witnesses {
        witness.join(NEWS, false).unwrap();
    }
    let mut lives: Lives = scope(|threads| {
        let started: Vec<_> = (1..)
            .zip(runs)
            .map(|(port, steps)| {
                let (bus, editor) = (&bus, &editor);
                threads.spawn(move || live(bus, editor, port, steps))
            })
            .collect();
        let ended = started.into_iter().map(|thread| thread.join().unwrap());
        ended.flatten().collect()
    });

    let [order, other] = witnesses
        .each_ref()
        .map(|witness| news(&witness.socket.drain()));
    assert_eq!(order, other, "members see another order");
    for (client, heard) in &mut lives {
        heard.extend(client.socket.drain());
        assert!(is_part_of(&news(heard), &order), "{heard:?} of {order:?}");
        let counted = counters(&client.peer.counters);
        assert_eq!(
            heard.len() as u64,
            counted.delivered_unicast.messages + counted.delivered_multicast.messages
        );
        let told: u64 = heard.iter().map(|packet| packet.marks.lost).sum();
        assert_eq!(
            told + client.peer.unreported_losses(),
            counted.dropped_queue_full.messages + counted.dropped_no_memory.messages
        );
    }
    let census = bus.census();
    let there = (census.services as usize, census.groups as usize);
    assert_eq!(announced(&observer), there);

    let fixed = [&observer, &editor, &witnesses[0], &witnesses[1]];
    for client in lives.iter().map(|(client, _)| client).chain(fixed) {
        client.die();
    }
    let end = bus.census();
    assert_eq!(
        (end.peers, end.services, end.groups, end.memberships),
        (0, 0, 0, 0)
    );
    let mut sum = Counters::default();
    for client in lives.iter().map(|(client, _)| client).chain(fixed) {
        sum += counters(&client.peer.counters);
    }
    assert_eq!(sum, counters(bus.totals()));
    assert_eq!(sum.sent_unicast, sum.accounted_unicast());
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: cases() / 10,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn in_any_order_the_books_balance_and_nothing_is_left(
        runs in prop::collection::vec(
            prop::collection::vec(step(), 20..80),
            THREADS as usize,
        )
    ) {
        storm(&runs);
    }
}
