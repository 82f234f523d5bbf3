// SPDX-License-Identifier: MIT OR Apache-2.0

//! Counters: exact, and in agreement with each other, also across death.

use std::thread;

use ipcon_vm_tests::process::{Process, Role, hear, say};
use ipcon_vm_tests::{Case, cases, counters, pace};
use libipcon::{Counters, Inspector, Peer, Port, Replay};

use crate::support::{drain, soon};

pub(crate) fn all() -> Vec<Case> {
    cases![
        a_known_exchange_counts_exactly,
        totals_are_sums_across_the_death_of_peers,
        many_threads_at_once_lose_no_count => within(120),
        everything_at_once_balances => within(120),
        members_add_up_to_their_group,
        kevents_count_as_received_but_not_as_sent,
    ]
}

pub(crate) const ROLES: [Role; 1] = [("talker", talk)];

fn a_known_exchange_counts_exactly() {
    let (sender, receiver) = (Peer::connect().unwrap(), Peer::connect().unwrap());
    sender.register_group("group").unwrap();
    sender.multicast("group", &[0; 7]).unwrap();
    receiver.join_group("group", Replay::Last).unwrap();
    sender.join_group("group", Replay::None).unwrap();
    for len in [1, 10, 100] {
        sender.send(receiver.port(), &vec![0; len]).unwrap();
        sender.multicast("group", &vec![0; len]).unwrap();
    }
    let gone = Peer::connect().unwrap().port();
    sender.send(gone, &[0; 1000]).unwrap_err();
    sender.send(receiver.port(), &[]).unwrap_err();
    sender.multicast("other", &[0; 5]).unwrap_err();
    receiver.multicast("group", &[0; 5]).unwrap_err();

    let inspector = Inspector::open().unwrap();
    let (_, rows) = counters::assert_books(&inspector, &Counters::default());
    let of = |peer: &Peer| {
        rows.iter()
            .find(|row| row.id == peer.id())
            .unwrap()
            .counters
    };
    let expected = Counters {
        sent_unicast_messages: 4,
        sent_unicast_bytes: 1111,
        sent_multicast_messages: 4,
        sent_multicast_bytes: 118,
        delivered_multicast_messages: 3,
        delivered_multicast_bytes: 111,
        refused_no_peer: 1,
        refused_no_peer_bytes: 1000,
        ..Counters::default()
    };
    assert_eq!(of(&sender), expected);
    let expected = Counters {
        delivered_unicast_messages: 3,
        delivered_unicast_bytes: 111,
        delivered_multicast_messages: 4,
        delivered_multicast_bytes: 118,
        ..Counters::default()
    };
    assert_eq!(of(&receiver), expected);
}

/// Says its port, sends what the test asks for, and waits to be killed.
fn talk() {
    let peer = Peer::connect().unwrap();
    peer.register_group("talk").unwrap();
    say(&peer.port().to_string());
    while let Some(line) = hear() {
        let to = Port::new(line.parse().unwrap()).unwrap();
        while peer.send(to, &[0; 1000]).is_ok() {}
        for _ in 0..300 {
            peer.multicast("talk", &[0; 1000]).unwrap();
        }
        say("said");
    }
}

fn totals_are_sums_across_the_death_of_peers() {
    let inspector = Inspector::open().unwrap();
    let survivor = Peer::connect().unwrap();
    let mut departed = Counters::default();
    for _ in 0..5 {
        let mut talker = Process::start("talker");
        let port = Port::new(talker.line().parse().unwrap()).unwrap();
        survivor.join_group("talk", Replay::Last).unwrap();
        survivor.send(port, b"never read").unwrap();
        talker.tell(&survivor.port().to_string());
        talker.expect("said");
        counters::assert_books(&inspector, &departed);

        counters::add(&mut departed, &inspector.peer(port).unwrap().counters);
        talker.kill();
        let (bus, _) = counters::assert_books(&inspector, &departed);
        assert!(bus.counters.refused_queue_full > 0 && bus.counters.dropped_queue_full > 0);
        drain(&survivor);
    }
}

fn many_threads_at_once_lose_no_count() {
    const THREADS: u64 = 4;
    let each = pace::work(2000) as u64;
    let (shared, sink) = (Peer::connect().unwrap(), Peer::connect().unwrap());
    let gone = Peer::connect().unwrap().port();
    shared.register_group("group").unwrap();
    sink.join_group("group", Replay::None).unwrap();
    let mut received = 0_u64;
    let mut told = 0_u64;
    thread::scope(|scope| {
        for _ in 0..THREADS {
            let (shared, to) = (&shared, sink.port());
            scope.spawn(move || {
                for _ in 0..each {
                    shared.send_deadline(to, &[0; 16], soon()).unwrap();
                    shared.send(gone, &[0; 16]).unwrap_err();
                    shared.multicast("group", &[0; 16]).unwrap();
                }
            });
        }
        let mut unicast = 0;
        while unicast < THREADS * each {
            let message = crate::support::next(&sink);
            received += 1;
            told += u64::from(message.lost);
            unicast += u64::from(matches!(message.origin, libipcon::Origin::Peer(_)));
        }
    });
    shared.send(sink.port(), b"the rest").unwrap();
    for message in drain(&sink) {
        received += 1;
        told += u64::from(message.lost);
    }

    let inspector = Inspector::open().unwrap();
    let (bus, rows) = counters::assert_books(&inspector, &Counters::default());
    let sink_counters = rows
        .iter()
        .find(|row| row.id == sink.id())
        .unwrap()
        .counters;
    let all = THREADS * each;
    assert_eq!(bus.counters.refused_no_peer, all);
    assert_eq!(bus.counters.sent_multicast_messages, all);
    assert_eq!(sink_counters.delivered_unicast_messages, all + 1);
    let delivered =
        sink_counters.delivered_unicast_messages + sink_counters.delivered_multicast_messages;
    assert_eq!(delivered, received);
    assert_eq!(sink_counters.dropped_queue_full, told);
    assert_eq!(sink_counters.delivered_multicast_messages + told, all);
    let group = inspector.group("group").unwrap();
    assert_eq!(
        group.delivered_messages,
        sink_counters.delivered_multicast_messages
    );
    assert_eq!((group.sent_messages, group.dropped_queue_full), (all, told));
}

/// Threads come, name, join, send, read and go as chance has it, all against each other. What is refused is refused for
/// a reason that can be, and in the end nothing is left and all counts agree.
fn everything_at_once_balances() {
    const THREADS: u64 = 4;
    let rounds = pace::work(400);
    let survivor = Peer::connect().unwrap();
    survivor.register_group("always").unwrap();
    thread::scope(|scope| {
        for seed in 1..=THREADS {
            let survivor = &survivor;
            scope.spawn(move || {
                let mut chance = Chance(seed);
                for _ in 0..rounds {
                    live_once(&mut chance, survivor);
                }
            });
        }
    });
    drain(&survivor);
    let gone = Peer::connect().unwrap().port();
    survivor.send(gone, &[4]).unwrap_err();
    let inspector = Inspector::open().unwrap();
    let bus = inspector.bus().unwrap();
    assert_eq!(
        (bus.peers, bus.services, bus.groups, bus.memberships),
        (1, 0, 1, 0)
    );
    assert!(bus.counters.sent_unicast_messages > 0 && bus.counters.refused_no_peer > 0);
    let own = inspector.peers().unwrap().items[0].counters;
    let always = inspector.group("always").unwrap();
    assert_eq!(always.sent_messages, own.sent_multicast_messages);
    assert!(always.delivered_messages > 0 && always.replayed_messages > 0);
}

/// One short life on the bus, with twenty deeds.
fn live_once(chance: &mut Chance, survivor: &Peer) {
    let peer = Peer::connect().unwrap();
    let inspector = Inspector::open().unwrap();
    for _ in 0..20 {
        let name = format!("name-{}", chance.below(4));
        let replay = if chance.below(2) == 0 {
            Replay::Last
        } else {
            Replay::None
        };
        let (outcome, possible): (libipcon::Result<()>, &[i32]) = match chance.below(12) {
            0 => (peer.register_service(&name), &[libc::EEXIST]),
            1 => (peer.unregister_service(&name), &[libc::ENOENT, libc::EPERM]),
            2 => (peer.register_group(&name), &[libc::EEXIST]),
            3 => (peer.unregister_group(&name), &[libc::ENOENT, libc::EPERM]),
            4 => (
                peer.join_group(&name, replay),
                &[libc::ENOENT, libc::EALREADY],
            ),
            5 => (peer.leave_group(&name), &[libc::ENOENT]),
            6 => (
                peer.multicast(&name, &[1; 3000]),
                &[libc::ENOENT, libc::EPERM],
            ),
            7 => (peer.join_group("always", replay), &[libc::EALREADY]),
            8 => (
                peer.join_group(libipcon::KEVENT_GROUP, replay),
                &[libc::EALREADY],
            ),
            9 => (survivor.multicast("always", &[2; 200]), &[]),
            10 => {
                drain(&peer);
                continue;
            }
            _ => {
                let rows = inspector.peers().unwrap().items;
                let Some(to) = rows.get(chance.below(rows.len() as u64) as usize) else {
                    continue;
                };
                (
                    peer.send(to.port, &[3; 1000]),
                    &[libc::ECONNREFUSED, libc::EAGAIN],
                )
            }
        };
        if let Err(error) = outcome {
            assert!(possible.contains(&error.errno()), "{error}");
        }
    }
}

/// Numbers by chance, the same in every run (xorshift64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) % limit
    }
}

fn members_add_up_to_their_group() {
    let owner = Peer::connect().unwrap();
    owner.register_group("group").unwrap();
    owner.multicast("group", &[0; 5]).unwrap();
    let members = [(); 3].map(|()| Peer::connect().unwrap());
    members[0].set_queue_limit(0).unwrap();
    members[0].join_group("group", Replay::Last).unwrap();
    members[1].join_group("group", Replay::Last).unwrap();
    members[2].join_group("group", Replay::None).unwrap();
    for _ in 0..50 {
        owner.multicast("group", &[0; 1000]).unwrap();
    }
    let inspector = Inspector::open().unwrap();
    counters::assert_books(&inspector, &Counters::default());
    let group = inspector.group("group").unwrap();
    let rows = inspector.members().unwrap().items;
    assert_eq!(
        counters::copies_of_group(&group),
        counters::copies_of_members(&rows)
    );
    let of = |peer: &Peer| rows.iter().find(|row| row.peer_id == peer.id()).unwrap();
    let slow = of(&members[0]);
    assert!(slow.dropped_queue_full > 0);
    assert_eq!(slow.delivered_messages + slow.dropped_queue_full, 50);
    assert_eq!(
        slow.dropped_queue_full_bytes,
        1000 * slow.dropped_queue_full
    );
    assert_eq!((slow.replayed_messages, slow.replayed_bytes), (1, 5));
    let late = of(&members[2]);
    assert_eq!((late.replayed_messages, late.delivered_bytes), (0, 50_000));

    // Who joins again begins anew, and the group forgets nothing.
    members[1].leave_group("group").unwrap();
    members[1].join_group("group", Replay::None).unwrap();
    owner.multicast("group", &[0; 7]).unwrap();
    let rows = inspector.members().unwrap().items;
    let again = rows.iter().find(|row| row.peer_id == members[1].id());
    let again = again.unwrap();
    assert_eq!((again.delivered_messages, again.delivered_bytes), (1, 7));
    let after = inspector.group("group").unwrap();
    assert_eq!(after.delivered_messages, group.delivered_messages + 2);
    counters::assert_books(&inspector, &Counters::default());
}

fn kevents_count_as_received_but_not_as_sent() {
    let observer = crate::support::observer();
    let peer = Peer::connect().unwrap();
    for _ in 0..5 {
        peer.register_service("s").unwrap();
        peer.unregister_service("s").unwrap();
    }
    let inspector = Inspector::open().unwrap();
    let (bus, _) = counters::assert_books(&inspector, &Counters::default());
    assert_eq!(
        (
            bus.counters.sent_multicast_messages,
            bus.counters.sent_multicast_bytes
        ),
        (0, 0)
    );
    assert_eq!(bus.counters.delivered_multicast_messages, 10);
    assert_eq!(bus.counters.delivered_multicast_bytes, 400);
    let group = inspector.group(libipcon::KEVENT_GROUP).unwrap();
    assert_eq!((group.sent_messages, group.delivered_messages), (10, 10));
    assert_eq!(drain(&observer).len(), 10);
}
