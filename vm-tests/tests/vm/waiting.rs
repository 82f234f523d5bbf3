// SPDX-License-Identifier: MIT OR Apache-2.0

//! How long messages wait until they are read, by the probes; and how long the oldest one does, which needs none.

use std::os::fd::{AsFd as _, AsRawFd as _};
use std::thread;
use std::time::Duration;

use ipcon_observe::model::{Kind, QueueLatency};
use ipcon_observe::probes::{Limits, Probes, Program, Settings, Stamps, Waiting};
use ipcon_observe::{Collector, Options};
use ipcon_vm_tests::process::{Process, Role, hear, say};
use ipcon_vm_tests::{Case, cases, clock, settings};
use libipcon::{Inspector, Peer, Port, Replay};

use crate::probes::{assert_identities, assert_sound};
use crate::support::{drain, kevents_until_gone, next, observer};

pub(crate) fn all() -> Vec<Case> {
    cases![
        a_wait_is_in_the_bucket_of_its_length,
        a_look_at_a_message_is_its_receipt => needs(settings::quick_kernel),
        what_a_killed_peer_leaves_unread_is_counted,
        what_a_filter_throws_away_is_not_waited_for => needs(settings::quick_kernel),
        more_messages_than_there_is_room_for_are_told,
        messages_whose_slot_is_taken_are_waited_for_as_well => needs(settings::quick_kernel),
        without_latency_there_is_none => needs(settings::quick_kernel),
        the_oldest_message_ages_until_it_is_read,
    ]
}

pub(crate) const ROLES: [Role; 1] = [("peer that does not read", do_not_read)];

fn waiting(probes: &mut Probes) -> Waiting {
    let reading = probes.read().unwrap();
    assert_sound(&reading);
    reading.waiting.expect("it is measured")
}

fn a_wait_is_in_the_bucket_of_its_length() {
    let mut probes = Probes::attach().unwrap();
    let (sender, receiver) = (Peer::connect().unwrap(), Peer::connect().unwrap());
    sender.register_group("group").unwrap();
    receiver.join_group("group", Replay::None).unwrap();
    for pause in [0, 40, 300] {
        let before = waiting(&mut probes);
        let begun = clock::now();
        sender.send(receiver.port(), b"one").unwrap();
        sender.send(receiver.port(), b"two").unwrap();
        sender.multicast("group", b"three").unwrap();
        let sent = clock::now();
        assert_eq!(waiting(&mut probes).stamps.waiting, 3);
        // What is measured, and nothing that anybody waits for.
        thread::sleep(Duration::from_millis(pause));
        let woken = clock::now();
        assert_eq!(drain(&receiver).len(), 3);
        let (shortest, longest) = (woken - sent, clock::now() - begun);

        let after = waiting(&mut probes);
        assert_eq!(after.stamps.waiting, 0);
        let waits = |of: &Waiting| of.peers.get(&receiver.id()).map(|it| it.latency);
        let own = waits(&after)
            .unwrap()
            .since(&waits(&before).unwrap_or_default());
        let unicast = after.unicast.since(&before.unicast);
        let multicast = after.multicast.since(&before.multicast);
        for (waits, messages) in [(own, 3), (unicast, 2), (multicast, 1)] {
            assert_eq!(waits.count(), messages);
            let filled = waits
                .counts
                .iter()
                .enumerate()
                .filter(|&(_, &count)| count > 0);
            for (bucket, _) in filled {
                let range = QueueLatency::bucket(shortest)..=QueueLatency::bucket(longest);
                assert!(range.contains(&bucket), "{bucket} in {range:?}, {waits:?}");
            }
            let sum = Duration::from_nanos(waits.sum_nanos);
            let of_all = |each: Duration| each * messages as u32;
            assert!(
                (of_all(shortest)..=of_all(longest)).contains(&sum),
                "{sum:?}"
            );
        }
    }
}

fn a_look_at_a_message_is_its_receipt() {
    let mut probes = Probes::attach().unwrap();
    let (sender, receiver) = (Peer::connect().unwrap(), Peer::connect().unwrap());
    sender.send(receiver.port(), b"message").unwrap();
    for _ in 0..2 {
        let mut byte = 0_u8;
        let flags = libc::MSG_PEEK | libc::MSG_DONTWAIT;
        // SAFETY: The buffer is as long as the kernel is told.
        let got = unsafe {
            let fd = receiver.as_fd().as_raw_fd();
            libc::recv(fd, std::ptr::from_mut(&mut byte).cast(), 1, flags)
        };
        assert_eq!(got, 1, "{}", std::io::Error::last_os_error());
        let stamps = waiting(&mut probes).stamps;
        assert_eq!((stamps.read, stamps.waiting), (1, 0));
    }
    next(&receiver);
    assert_eq!(waiting(&mut probes).stamps.read, 1);
}

fn do_not_read() {
    let peer = Peer::connect().unwrap();
    say(&peer.port().to_string());
    hear();
}

fn what_a_killed_peer_leaves_unread_is_counted() {
    let mut probes = Probes::attach().unwrap();
    let (sender, ears) = (Peer::connect().unwrap(), observer());
    let mut lazy = Process::start("peer that does not read");
    let port = Port::new(lazy.line().parse().unwrap()).unwrap();
    let id = Inspector::open().unwrap().peer(port).unwrap().id;
    for _ in 0..5 {
        sender.send(port, b"never read").unwrap();
    }
    assert_eq!(waiting(&mut probes).stamps.waiting, 5);
    lazy.kill();
    kevents_until_gone(&ears, port);
    let after = waiting(&mut probes);
    let Stamps {
        unread,
        waiting: left,
        ..
    } = after.stamps;
    assert_eq!((unread, left), (5, 0));
    let of_peer = after.peers[&id];
    assert_eq!((of_peer.unread, of_peer.latency.count()), (5, 0));

    // As with a peer that just ends.
    let other = Peer::connect().unwrap();
    sender.send(other.port(), b"read").unwrap();
    next(&other);
    sender.send(other.port(), b"never read").unwrap();
    let id = other.id();
    drop(other);
    let after = waiting(&mut probes);
    assert_eq!(
        (after.stamps.unread, after.stamps.waiting),
        (6, 1),
        "the kevent"
    );
    assert_eq!(
        (after.peers[&id].unread, after.peers[&id].latency.count()),
        (1, 1)
    );
}

fn what_a_filter_throws_away_is_not_waited_for() {
    let mut probes = Probes::attach().unwrap();
    let (sender, receiver) = (Peer::connect().unwrap(), Peer::connect().unwrap());
    let code = (libc::BPF_RET | libc::BPF_K) as u16;
    let mut nothing = [libc::sock_filter {
        code,
        jt: 0,
        jf: 0,
        k: 0,
    }];
    let filter = libc::sock_fprog {
        len: 1,
        filter: nothing.as_mut_ptr(),
    };
    // SAFETY: The kernel reads the filter and its one instruction, which live until the call returns.
    let outcome = unsafe {
        libc::setsockopt(
            receiver.as_fd().as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ATTACH_FILTER,
            std::ptr::from_ref(&filter).cast(),
            size_of_val(&filter) as libc::socklen_t,
        )
    };
    assert_eq!(outcome, 0, "{}", std::io::Error::last_os_error());
    for _ in 0..4 {
        sender.send(receiver.port(), b"thrown away").unwrap();
    }
    let stamps = waiting(&mut probes).stamps;
    assert_eq!((stamps.filtered, stamps.stamped), (4, 0));
}

fn more_messages_than_there_is_room_for_are_told() {
    let limits = Limits {
        messages: 4,
        ..Limits::default()
    };
    let mut probes = Probes::attach_with(Settings {
        limits,
        ..Settings::default()
    })
    .unwrap();
    let (sender, receiver) = (Peer::connect().unwrap(), Peer::connect().unwrap());
    for _ in 0..10 {
        sender.send(receiver.port(), b"message").unwrap();
    }
    assert_eq!(drain(&receiver).len(), 10);
    let reading = probes.read().unwrap();
    assert_identities(&reading);
    // Four, and each that found a slot of its own.
    let stamps = reading.waiting.as_ref().unwrap().stamps;
    assert!((5..=8).contains(&stamps.stamped), "{stamps:?}");
    assert_eq!(
        (stamps.full, stamps.read, stamps.waiting),
        (10 - stamps.stamped, stamps.stamped, 0)
    );
    let receive = reading.tally(Program::Receive);
    assert_eq!(
        (receive.seen, receive.counted, receive.lost_unstamped),
        (10, stamps.read, stamps.full)
    );
    let blind: Vec<_> = reading.blind_spots().map(|(program, _)| program).collect();
    assert_eq!(blind, [Program::Receive]);
    // All other counts are whole.
    assert_eq!(reading.peers[&receiver.id()].delivered_unicast.messages, 10);
}

fn messages_whose_slot_is_taken_are_waited_for_as_well() {
    let limits = Limits {
        messages: 32,
        ..Limits::default()
    };
    let mut probes = Probes::attach_with(Settings {
        limits,
        ..Settings::default()
    })
    .unwrap();
    let (sender, receiver) = (Peer::connect().unwrap(), Peer::connect().unwrap());
    for round in 1..=4 {
        // As many messages as slots: it would be a wonder if no two wanted the same.
        for _ in 0..32 {
            sender.send(receiver.port(), b"message").unwrap();
        }
        let stamps = waiting(&mut probes).stamps;
        assert_eq!((stamps.full, stamps.waiting), (0, 32));
        assert_eq!(drain(&receiver).len(), 32);
        let stamps = waiting(&mut probes).stamps;
        assert_eq!(
            (stamps.read, stamps.waiting, stamps.replaced),
            (32 * round, 0, 0)
        );
    }
}

fn without_latency_there_is_none() {
    let mut probes = Probes::attach_with(Settings {
        latency: false,
        ..Settings::default()
    })
    .unwrap();
    let options = Options {
        latency: false,
        ..Options::default()
    };
    let mut collector = Collector::open(options).unwrap();
    let (sender, receiver) = (Peer::connect().unwrap(), Peer::connect().unwrap());
    sender.send(receiver.port(), b"message").unwrap();
    next(&receiver);
    let reading = probes.read().unwrap();
    assert_sound(&reading);
    assert_eq!(
        (reading.waiting.as_ref(), reading.messages_fill),
        (None, None)
    );
    assert!(!reading.programs.contains_key(&Program::Receive));

    let snapshot = collector.collect().unwrap();
    let told = snapshot.probes.as_ref().unwrap();
    assert_eq!(told.queue_latencies, []);
    let is_there = |name| told.probes.iter().any(|probe| probe.name == name);
    assert!(is_there("ipcon_deliver") && !is_there("skb_copy_datagram_iovec"));
    assert_eq!(snapshot.peer(receiver.id()).unwrap().queue_latency, None);

    drop((probes, collector));
    let mut collector = Collector::open(Options::default()).unwrap();
    sender.send(receiver.port(), b"message").unwrap();
    next(&receiver);
    let snapshot = collector.collect().unwrap();
    let told = snapshot.probes.as_ref().unwrap();
    let of = |kind| {
        told.queue_latencies
            .iter()
            .find(|it| it.kind == kind)
            .unwrap()
    };
    assert_eq!(of(Kind::Unicast).latency.count(), 1);
    let latency = |peer: &Peer| snapshot.peer(peer.id()).unwrap().queue_latency;
    assert_eq!(latency(&receiver).unwrap().count(), 1);
    assert_eq!(latency(&sender), Some(QueueLatency::default()));
    assert!(
        told.probes
            .iter()
            .any(|probe| probe.name == "skb_copy_datagram_iovec")
    );
}

fn the_oldest_message_ages_until_it_is_read() {
    /// The clock of the queues is as old as the last tick, of which there are at least a hundred a second.
    const TICK: Duration = Duration::from_millis(10);
    let inspector = Inspector::open().unwrap();
    let (sender, receiver) = (Peer::connect().unwrap(), Peer::connect().unwrap());
    let oldest = || inspector.peer(receiver.port()).unwrap().queue_oldest;
    assert_eq!(oldest(), None);
    let begun = clock::now();
    sender.send(receiver.port(), b"first").unwrap();
    let sent = clock::now();
    let first = oldest().expect("a message waits");
    assert!(
        (begun - TICK..=sent).contains(&first),
        "{first:?}, {begun:?} to {sent:?}"
    );

    let options = Options {
        probes: false,
        ..Options::default()
    };
    let mut collector = Collector::open(options).unwrap();
    let mut age = || {
        let snapshot = collector.collect().unwrap();
        (
            snapshot.peer(receiver.id()).unwrap().queue_oldest,
            snapshot.taken_at,
        )
    };
    let (young, _) = age();
    thread::sleep(2 * TICK);
    sender.send(receiver.port(), b"second").unwrap();
    assert_eq!(oldest(), Some(first));
    let (old, taken_at) = age();
    let (young, old) = (young.unwrap(), old.unwrap());
    assert!(
        young + 2 * TICK <= old && old <= taken_at - first,
        "{young:?}, {old:?}"
    );

    next(&receiver);
    assert!(oldest().unwrap() > first);
    next(&receiver);
    assert_eq!((oldest(), age().0), (None, None));
}
