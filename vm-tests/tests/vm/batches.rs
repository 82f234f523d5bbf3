// SPDX-License-Identifier: MIT OR Apache-2.0

//! Many messages in one system call: in order, none lost, and each refusal told of the message that it is about.

use std::thread;
use std::time::{Duration, Instant};

use ipcon_vm_tests::{Case, cases, pace};
use libipcon::{Batch, BatchError, Inspector, KEVENT_GROUP, Origin, Peer, Port, Replay};

use crate::support::{drain, number, numbered, soon};

pub(crate) fn all() -> Vec<Case> {
    cases![
        batches_of_every_size_arrive_whole_and_in_order => within(120),
        a_hundred_thousand_in_batches_in_order => within(240),
        each_refusal_is_told_of_its_message,
        a_full_queue_refuses_the_rest_of_a_batch_and_every_refusal_is_told,
        the_largest_messages_go_in_batches,
        a_batch_goes_to_all_members_of_a_group,
        a_batch_to_a_group_that_is_none_of_ours_is_refused,
        a_batch_holds_no_more_than_its_room,
        what_did_not_fit_comes_first_in_a_batch,
        a_batch_waits_as_long_as_it_was_told,
        credentials_and_kevents_come_in_batches_as_well,
        threads_send_and_receive_batches_over_one_peer => within(240),
    ]
}

fn two_peers() -> (Peer, Peer) {
    (Peer::connect().unwrap(), Peer::connect().unwrap())
}

/// The next messages, of which there must be some.
fn fill(batch: &mut Batch, peer: &Peer) {
    let count = peer.recv_batch_deadline(batch, soon()).unwrap();
    assert!(count > 0, "no message in time");
    assert_eq!(count, batch.len());
}

/// The places of the messages that were not sent, with their error numbers.
fn failed(outcome: Result<(), BatchError>) -> Vec<(usize, i32)> {
    let failures = outcome.map_or_else(BatchError::into_failures, |()| Vec::new());
    failures
        .into_iter()
        .map(|(place, error)| {
            assert!(!error.may_have_been_sent(), "{place}: {error}");
            (place, error.errno())
        })
        .collect()
}

fn batches_of_every_size_arrive_whole_and_in_order() {
    let (sender, receiver) = two_peers();
    let mut batch = Batch::new(64);
    for count in [1, 2, 3, 31, 32, 33, 103, 104, 105, 150] {
        // Each of another length, and no two bytes of a short stretch the same.
        let messages: Vec<Vec<u8>> = (0..count)
            .map(|at| (0..1 + at % 70).map(|byte| (at + byte) as u8).collect())
            .collect();
        sender
            .send_batch(messages.iter().map(|data| (receiver.port(), data)))
            .unwrap();
        let mut received = Vec::new();
        while received.len() < count {
            fill(&mut batch, &receiver);
            for message in &batch {
                assert_eq!(message.origin, Origin::Peer(sender.port()));
                assert_eq!((message.lost, message.replay), (0, false));
                received.push(message.data.to_vec());
            }
        }
        assert!(received == messages, "{count} messages");
    }
    sender.send_batch::<&[u8]>([]).unwrap();
    assert_eq!(receiver.try_recv_batch(&mut batch).unwrap(), 0);
    assert!(batch.is_empty());
}

fn a_hundred_thousand_in_batches_in_order() {
    let messages = pace::work(100_000) as u64;
    const AT_ONCE: u64 = 100;
    let (sender, receiver) = two_peers();
    let to = receiver.port();
    let (grant, credits) = std::sync::mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(move || {
            for first in (0..messages).step_by(AT_ONCE as usize) {
                credits.recv().unwrap();
                let chunk = (first..first + AT_ONCE).map(|at| (to, numbered(at)));
                sender.send_batch(chunk).unwrap();
            }
        });
        grant.send(()).unwrap();
        let mut batch = Batch::new(32);
        let mut expected = 0;
        while expected < messages {
            fill(&mut batch, &receiver);
            for message in &batch {
                assert_eq!((number(message.data), message.lost), (expected, 0));
                expected += 1;
                if expected % AT_ONCE == 0 && expected < messages {
                    grant.send(()).unwrap();
                }
            }
        }
    });
    let info = Inspector::open().unwrap().peer(to).unwrap();
    assert_eq!(info.counters.delivered_unicast_messages, messages);
    assert_eq!(info.counters.delivered_unicast_bytes, 8 * messages);
}

fn each_refusal_is_told_of_its_message() {
    let (sender, receiver) = two_peers();
    let gone = {
        let short_lived = Peer::connect().unwrap();
        short_lived.port()
    };
    let to = receiver.port();
    let long = vec![7; sender.max_message_len() + 1];
    let too_long_for_netlink = vec![7; 70_000];
    let mut messages: Vec<(Port, &[u8])> = Vec::new();
    let mut expected = Vec::new();
    let mut sent = Vec::new();
    for round in 0..60_u8 {
        let mut add = |to, data, errno: Option<i32>| {
            expected.extend(errno.map(|errno| (messages.len(), errno)));
            messages.push((to, data));
        };
        add(to, b"good", None);
        add(gone, b"nobody hears it", Some(libc::ECONNREFUSED));
        add(to, b"", Some(libc::EINVAL));
        if round % 20 == 3 {
            add(to, &long, Some(libc::EMSGSIZE));
            add(to, &too_long_for_netlink, Some(libc::EMSGSIZE));
        }
        add(to, b"better", None);
        sent.extend([&b"good"[..], b"better"]);
    }
    let total = messages.len();
    let outcome = sender.send_batch(messages);
    let error = outcome.as_ref().unwrap_err();
    assert_eq!(error.total(), total);
    let words = error.failures()[0].1.to_string();
    assert!(
        words.starts_with(&format!("send to port {gone}:")),
        "{words}"
    );
    assert_eq!(failed(outcome), expected);
    let received: Vec<_> = drain(&receiver).into_iter().map(|it| it.data).collect();
    assert_eq!(received, sent);
    // Nothing is left for the next request.
    sender.send(to, b"alone").unwrap();
    assert_eq!(
        sender.find_service("none").unwrap_err().errno(),
        libc::ENOENT
    );
}

/// More refusals than the queue of the control socket could hold at once.
fn a_full_queue_refuses_the_rest_of_a_batch_and_every_refusal_is_told() {
    const MESSAGES: u64 = 3000;
    let (sender, receiver) = two_peers();
    let to = receiver.port();
    let outcome = sender.send_batch((0..MESSAGES).map(|at| (to, numbered(at))));
    let failed = failed(outcome);
    let received: Vec<u64> = drain(&receiver).iter().map(|it| number(&it.data)).collect();
    assert!(!received.is_empty());
    assert_eq!(received.len() + failed.len(), MESSAGES as usize);
    let first = received.len();
    assert!(received.iter().copied().eq(0..first as u64));
    assert!(
        failed
            .into_iter()
            .eq((first..MESSAGES as usize).map(|at| (at, libc::EAGAIN)))
    );

    let info = Inspector::open().unwrap().peer(sender.port()).unwrap();
    assert_eq!(info.counters.sent_unicast_messages, MESSAGES);
    assert_eq!(info.counters.refused_queue_full, MESSAGES - first as u64);
}

fn the_largest_messages_go_in_batches() {
    let (sender, receiver) = two_peers();
    receiver.set_queue_limit(1 << 20).unwrap();
    let largest = |at: u8| vec![at; sender.max_message_len()];
    let messages: Vec<Vec<u8>> = vec![
        largest(1),
        vec![2],
        largest(3),
        vec![4; 1024],
        vec![5; 1025],
    ];
    let to = |data| (receiver.port(), data);
    let mut batch = Batch::new(messages.len());
    let mut received = Vec::new();
    // The queue may have room for one of the largest only.
    for pair in messages.chunks(2) {
        sender.send_batch(pair.iter().map(to)).unwrap();
        let so_far = received.len() + pair.len();
        while received.len() < so_far {
            fill(&mut batch, &receiver);
            received.extend(batch.iter().map(|message| message.data.to_vec()));
        }
    }
    assert!(received == messages);
}

fn a_batch_goes_to_all_members_of_a_group() {
    let (owner, member) = two_peers();
    let other = Peer::connect().unwrap();
    owner.register_group("news").unwrap();
    for peer in [&member, &other] {
        peer.join_group("news", Replay::None).unwrap();
    }
    owner
        .multicast_batch("news", (0..50).map(numbered))
        .unwrap();
    for peer in [&member, &other] {
        let numbers: Vec<u64> = drain(peer).iter().map(|it| number(&it.data)).collect();
        assert!(numbers.iter().copied().eq(0..50));
    }
    let late = Peer::connect().unwrap();
    late.join_group("news", Replay::Last).unwrap();
    let mut batch = Batch::new(4);
    fill(&mut batch, &late);
    let last = batch.get(0).unwrap();
    assert_eq!((number(last.data), last.replay, batch.len()), (49, true, 1));
    assert_eq!(batch.get(1), None);
}

fn a_batch_to_a_group_that_is_none_of_ours_is_refused() {
    let (owner, other) = two_peers();
    owner.register_group("news").unwrap();
    for (group, errno) in [
        ("news", libc::EPERM),
        ("nowhere", libc::ENOENT),
        ("a\0b", libc::EINVAL),
    ] {
        let outcome = other.multicast_batch(group, ["one", "two"]);
        assert_eq!(failed(outcome), [(0, errno), (1, errno)], "{group:?}");
    }
}

fn a_batch_holds_no_more_than_its_room() {
    let (sender, receiver) = two_peers();
    for (asked, room) in [(0, 1), (1, 1), (7, 7)] {
        let mut batch = Batch::new(asked);
        assert_eq!(batch.capacity(), room);
        let messages = (0..room as u64 + 1).map(|at| (receiver.port(), numbered(at)));
        sender.send_batch(messages).unwrap();
        assert_eq!(receiver.try_recv_batch(&mut batch).unwrap(), room);
        assert_eq!(receiver.try_recv_batch(&mut batch).unwrap(), 1);
        assert_eq!(number(batch.get(0).unwrap().data), room as u64);
    }
    assert_eq!(Batch::new(1_000_000).capacity(), 1024);
}

fn what_did_not_fit_comes_first_in_a_batch() {
    let (sender, receiver) = two_peers();
    sender
        .send_batch([
            (receiver.port(), "too long for it"),
            (receiver.port(), "next"),
        ])
        .unwrap();
    let error = receiver.recv_into(&mut [0; 4]).unwrap_err();
    assert_eq!(error.message_len(), Some(15));
    let mut batch = Batch::new(4);
    let mut received = Vec::new();
    while received.len() < 2 {
        fill(&mut batch, &receiver);
        received.extend(batch.iter().map(|message| message.to_message()));
    }
    assert_eq!(received[0].data, b"too long for it");
    assert_eq!(received[1].data, b"next");
    assert_eq!(received[0].origin, Origin::Peer(sender.port()));
}

fn a_batch_waits_as_long_as_it_was_told() {
    const WAIT: Duration = Duration::from_millis(50);
    let (sender, receiver) = two_peers();
    let mut batch = Batch::new(8);
    assert_eq!(receiver.try_recv_batch(&mut batch).unwrap(), 0);
    let start = Instant::now();
    let received = receiver
        .recv_batch_deadline(&mut batch, start + WAIT)
        .unwrap();
    assert_eq!(received, 0);
    assert!(start.elapsed() >= WAIT);

    sender.send(receiver.port(), b"here already").unwrap();
    let past = Instant::now();
    assert_eq!(receiver.recv_batch_deadline(&mut batch, past).unwrap(), 1);

    thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let mut batch = Batch::new(8);
            let count = receiver.recv_batch(&mut batch).unwrap();
            (count, batch.get(0).unwrap().data.to_vec())
        });
        sender.send(receiver.port(), b"at last").unwrap();
        assert_eq!(waiting.join().unwrap(), (1, b"at last".to_vec()));
    });
}

fn credentials_and_kevents_come_in_batches_as_well() {
    let (sender, receiver) = two_peers();
    receiver.receive_credentials(true).unwrap();
    receiver.join_group(KEVENT_GROUP, Replay::None).unwrap();
    sender.register_service("noted").unwrap();
    sender.send(receiver.port(), b"signed").unwrap();
    let mut batch = Batch::new(8);
    let mut received = Vec::new();
    while received.len() < 2 {
        fill(&mut batch, &receiver);
        received.extend(
            batch
                .iter()
                .map(|it| (it.kevent().is_some(), it.credentials)),
        );
        if let Some(kevent) = batch.get(0).unwrap().kevent() {
            let added = libipcon::Event::ServiceAdded {
                name: libipcon::Name::new("noted").unwrap(),
                port: sender.port(),
            };
            assert_eq!(kevent.unwrap().event, added);
        }
    }
    let [announced, signed] = received[..] else {
        panic!("{received:?}")
    };
    assert!(announced.0 && !signed.0);
    assert_eq!(signed.1.unwrap().pid, std::process::id());
    receiver.receive_credentials(false).unwrap();
    sender.send(receiver.port(), b"unsigned").unwrap();
    fill(&mut batch, &receiver);
    assert_eq!(batch.get(0).unwrap().credentials, None);
}

/// Refusals that belong to one thread must never be told to another.
fn threads_send_and_receive_batches_over_one_peer() {
    const THREADS: u64 = 4;
    const ROUNDS: u64 = 300;
    const AT_ONCE: u64 = 10;
    // Each thread has its own pattern of messages that nobody hears.
    let is_heard = |thread: u64, round: u64, at: u64| (at + round) % THREADS != thread;
    let (shared, receiver) = two_peers();
    let (shared, to) = (&shared, receiver.port());
    let gone = {
        let short_lived = Peer::connect().unwrap();
        short_lived.port()
    };
    let mut expected: Vec<u64> = Vec::new();
    let mut received = Vec::new();
    thread::scope(|scope| {
        for thread in 0..THREADS {
            for round in 0..ROUNDS {
                let heard = (0..AT_ONCE).filter(|&at| is_heard(thread, round, at));
                expected.extend(heard.map(|at| thread << 32 | round << 8 | at));
            }
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    let name = |at| numbered(thread << 32 | round << 8 | at);
                    let outcome = shared.send_batch((0..AT_ONCE).map(|at| {
                        let is_heard = is_heard(thread, round, at);
                        (if is_heard { to } else { gone }, name(at))
                    }));
                    let mut unheard = (0..AT_ONCE).filter(|&at| !is_heard(thread, round, at));
                    for (place, errno) in failed(outcome) {
                        if errno == libc::EAGAIN {
                            shared
                                .send_deadline(to, &name(place as u64), soon())
                                .unwrap();
                        } else {
                            assert_eq!(errno, libc::ECONNREFUSED);
                            assert_eq!(unheard.next(), Some(place as u64));
                        }
                    }
                    assert_eq!(unheard.next(), None);
                }
            });
        }
        let mut batch = Batch::new(16);
        while received.len() < expected.len() {
            fill(&mut batch, &receiver);
            received.extend(batch.iter().map(|message| number(message.data)));
        }
    });
    received.sort_unstable();
    assert!(received == expected);
}
