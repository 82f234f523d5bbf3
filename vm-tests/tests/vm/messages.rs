// SPDX-License-Identifier: MIT OR Apache-2.0

//! Messages: whole, in order, never lost in silence.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use ipcon_vm_tests::{Case, cases, pace};
use libipcon::{Inspector, Origin, Peer, Port, Replay};

use crate::speaker::{Received, Speaker, find};
use crate::support::{drain, next, number, numbered, soon};
use crate::uapi::{attr, cmd};

pub(crate) fn all() -> Vec<Case> {
    cases![
        many_to_one_arrive_in_the_order_of_each_sender => within(120),
        a_hundred_thousand_to_one_peer_in_order => within(240),
        a_hundred_thousand_to_a_group_in_order => within(240),
        messages_arrive_whole_at_every_boundary,
        what_is_empty_or_too_long_is_refused,
        a_small_buffer_is_told_the_length_and_loses_nothing,
        a_receive_into_memory_waits_as_long_as_it_was_told,
        a_message_goes_to_any_live_port_and_to_oneself,
        a_peer_gets_messages_once_its_control_socket_is_there,
        a_full_queue_refuses_and_loses_nothing,
        a_send_with_a_deadline_waits_for_room,
        a_slow_member_alone_loses_and_is_told,
        losses_of_several_groups_are_told_together,
    ]
}

fn many_to_one_arrive_in_the_order_of_each_sender() {
    const SENDERS: usize = 8;
    let each = pace::work(1000) as u64;
    let receiver = Peer::connect().unwrap();
    let to = receiver.port();
    let senders: Vec<Peer> = (0..SENDERS).map(|_| Peer::connect().unwrap()).collect();
    thread::scope(|scope| {
        for sender in &senders {
            scope.spawn(move || {
                for round in 0..each {
                    sender.send_deadline(to, &numbered(round), soon()).unwrap();
                }
            });
        }
        let mut expected = [0; SENDERS];
        for _ in 0..SENDERS as u64 * each {
            let message = next(&receiver);
            let from = |sender: &Peer| message.origin == Origin::Peer(sender.port());
            let sender = senders
                .iter()
                .position(from)
                .expect("a message of a sender");
            assert_eq!(
                number(&message.data),
                expected[sender],
                "of sender {sender}"
            );
            expected[sender] += 1;
        }
    });
    assert_eq!(receiver.try_recv().unwrap(), None);
}

/// So many on a stock kernel; one that checks everything gets fewer, which take as long.
fn hundred_thousand() -> u64 {
    pace::work(100_000) as u64
}

fn a_hundred_thousand_to_one_peer_in_order() {
    let (sender, receiver) = two_peers();
    let (to, messages) = (receiver.port(), hundred_thousand());
    thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..messages {
                sender.send_deadline(to, &numbered(round), soon()).unwrap();
            }
        });
        for round in 0..messages {
            let message = next(&receiver);
            assert_eq!((number(&message.data), message.lost), (round, 0));
        }
    });
    let info = Inspector::open().unwrap().peer(to).unwrap();
    assert_eq!(info.counters.delivered_unicast_messages, messages);
    assert_eq!(info.counters.delivered_unicast_bytes, 8 * messages);
}

/// The reader hands out credits, so that the publisher is never further ahead than the queue has room.
fn a_hundred_thousand_to_a_group_in_order() {
    const CREDITS: u64 = 100;
    let (owner, member) = two_peers();
    owner.register_group("stream").unwrap();
    member.join_group("stream", Replay::None).unwrap();
    let (grant, credits) = mpsc::channel();
    let messages = hundred_thousand();
    thread::scope(|scope| {
        scope.spawn(move || {
            for round in 0..messages {
                if round % CREDITS == 0 {
                    credits.recv().unwrap();
                }
                owner.multicast("stream", &numbered(round)).unwrap();
            }
        });
        grant.send(()).unwrap();
        for round in 0..messages {
            let message = next(&member);
            assert_eq!((number(&message.data), message.lost), (round, 0));
            if (round + 1) % CREDITS == 0 && round + 1 < messages {
                grant.send(()).unwrap();
            }
        }
    });
    assert_eq!(member.try_recv().unwrap(), None);
}

fn messages_arrive_whole_at_every_boundary() {
    let (sender, receiver) = two_peers();
    assert_eq!(sender.max_message_len(), 65_000);
    sender.register_group("sizes").unwrap();
    receiver.join_group("sizes", Replay::None).unwrap();
    for len in [
        1, 2, 3, 4, 511, 512, 513, 4095, 4096, 4097, 32_768, 64_999, 65_000,
    ] {
        // No two bytes of a short stretch are the same, so that a shift shows.
        let data: Vec<u8> = (0..len).map(|at| (at % 251) as u8).collect();
        sender.send(receiver.port(), &data).unwrap();
        assert!(next(&receiver).data == data, "{len} bytes to a peer");
        sender.multicast("sizes", &data).unwrap();
        assert!(next(&receiver).data == data, "{len} bytes to a group");
    }
}

fn what_is_empty_or_too_long_is_refused() {
    let (sender, receiver) = two_peers();
    sender.register_group("sizes").unwrap();
    receiver.join_group("sizes", Replay::None).unwrap();
    for (data, errno) in [(vec![], libc::EINVAL), (vec![0; 65_001], libc::EMSGSIZE)] {
        assert_eq!(
            sender.send(receiver.port(), &data).unwrap_err().errno(),
            errno
        );
        assert_eq!(sender.multicast("sizes", &data).unwrap_err().errno(), errno);
    }
    assert_eq!(receiver.try_recv().unwrap(), None);
    // What is not well-formed was never sent.
    let totals = Inspector::open().unwrap().bus().unwrap().counters;
    assert_eq!(
        (totals.sent_unicast_messages, totals.sent_multicast_messages),
        (0, 0)
    );
}

fn a_small_buffer_is_told_the_length_and_loses_nothing() {
    let (sender, receiver) = two_peers();
    let data = vec![b'x'; 700];
    sender.send(receiver.port(), &data).unwrap();
    sender.send(receiver.port(), b"next").unwrap();
    for len in [0, 1, 699] {
        let error = receiver.recv_into(&mut vec![0; len]).unwrap_err();
        assert_eq!(
            (error.errno(), error.message_len()),
            (libc::EMSGSIZE, Some(700)),
            "{error}"
        );
    }
    let mut buffer = [0; 700];
    let received = receiver.recv_into(&mut buffer).unwrap();
    assert_eq!(
        (received.len, received.origin),
        (700, Origin::Peer(sender.port()))
    );
    assert_eq!(buffer.as_slice(), data);
    assert_eq!(next(&receiver).data, b"next");
}

fn a_receive_into_memory_waits_as_long_as_it_was_told() {
    let (sender, receiver) = two_peers();
    let mut buffer = [0; 8];
    assert_eq!(receiver.try_recv_into(&mut buffer).unwrap(), None);
    let before = Instant::now();
    let deadline = before + Duration::from_millis(50);
    assert_eq!(
        receiver.recv_into_deadline(&mut buffer, deadline).unwrap(),
        None
    );
    assert!(before.elapsed() >= Duration::from_millis(50));

    let waiting = thread::scope(|scope| {
        let waiting = scope.spawn(|| receiver.recv_into_deadline(&mut buffer, soon()));
        sender.send(receiver.port(), b"awaited").unwrap();
        waiting.join().unwrap().unwrap()
    });
    assert_eq!(waiting.map(|received| received.len), Some(7));
    assert_eq!(&buffer[..7], b"awaited");

    // One that is there is received although the deadline has passed, and one that does not fit stays.
    sender.send(receiver.port(), b"too long for it").unwrap();
    sender.send(receiver.port(), b"fits").unwrap();
    let mut large = [0; 15];
    for _ in 0..2 {
        let error = receiver.try_recv_into(&mut buffer).unwrap_err();
        assert_eq!(error.message_len(), Some(15), "{error}");
        let error = receiver
            .recv_into_deadline(&mut buffer, before)
            .unwrap_err();
        assert_eq!(error.message_len(), Some(15), "{error}");
    }
    assert!(receiver.try_recv_into(&mut large).unwrap().is_some());
    assert_eq!(&large, b"too long for it");
    let received = receiver.recv_into_deadline(&mut buffer, before).unwrap();
    assert_eq!(received.map(|received| received.len), Some(4));
    assert_eq!(receiver.try_recv_into(&mut buffer).unwrap(), None);
}

fn a_message_goes_to_any_live_port_and_to_oneself() {
    let (nameless, user) = two_peers();
    user.send(nameless.port(), b"you have no name").unwrap();
    assert_eq!(next(&nameless).origin, Origin::Peer(user.port()));
    user.send(user.port(), b"note to self").unwrap();
    assert_eq!(next(&user).origin, Origin::Peer(user.port()));

    let port = nameless.port();
    drop(nameless);
    let error = user.send(port, b"gone").unwrap_err();
    assert_eq!(error.errno(), libc::ECONNREFUSED, "{error}");
}

/// Its process does not know yet that it is a peer.
fn a_peer_gets_messages_once_its_control_socket_is_there() {
    let (mut receive, mut control) = (Speaker::open(), Speaker::open());
    let sender = Peer::connect().unwrap();
    let to = Port::new(receive.port()).unwrap();
    let port = control.port().to_ne_bytes();
    receive
        .ask(cmd::PEER_NEW, &[(attr::peer::CTL_PORT, &port)])
        .unwrap();
    assert_eq!(
        sender.send(to, b"early").unwrap_err().errno(),
        libc::ECONNREFUSED
    );
    let port = receive.port().to_ne_bytes();
    control
        .ask(cmd::PEER_ATTACH, &[(attr::peer::PORT, &port)])
        .unwrap();
    sender.send(to, b"in time").unwrap();
    let Some(Received::Message(attributes)) = receive.receive() else {
        panic!("no message")
    };
    assert_eq!(
        find(&attributes, attr::message::DATA),
        Some(&b"in time"[..])
    );
    assert!(receive.receive().is_none());
}

fn a_full_queue_refuses_and_loses_nothing() {
    let (sender, receiver) = two_peers();
    let sent = fill(&sender, receiver.port(), 1000);
    let inspector = Inspector::open().unwrap();
    let info = inspector.peer(receiver.port()).unwrap();
    // A message is taken while there is any room, so the last one may stand out.
    assert!(
        info.queue_bytes >= info.queue_limit,
        "refused with room left: {info:?}"
    );
    let refused = inspector.peer(sender.port()).unwrap().counters;
    assert_eq!(
        (refused.refused_queue_full, refused.sent_unicast_messages),
        (1, sent + 1)
    );

    let received = drain(&receiver);
    assert_eq!(
        received.len() as u64,
        sent,
        "the refused one was queued, or a queued one is lost"
    );
    for (round, message) in received.iter().enumerate() {
        assert_eq!((number(&message.data), message.lost), (round as u64, 0));
    }
    // There is room again at once, without any other sign from the receiver.
    sender.send(receiver.port(), b"again").unwrap();
    assert_eq!(next(&receiver).data, b"again");
}

fn a_send_with_a_deadline_waits_for_room() {
    let (sender, receiver) = two_peers();
    let to = receiver.port();
    let sent = fill(&sender, to, 1000);
    let error = sender
        .send_deadline(to, b"no room", Instant::now())
        .unwrap_err();
    assert_eq!(error.errno(), libc::ETIMEDOUT, "{error}");
    let start = Instant::now();
    let wait = Duration::from_millis(50);
    let error = sender
        .send_deadline(to, b"no room", start + wait)
        .unwrap_err();
    assert_eq!(error.errno(), libc::ETIMEDOUT, "{error}");
    assert!(start.elapsed() >= wait, "gave up before the deadline");

    thread::scope(|scope| {
        let late = scope.spawn(|| sender.send_deadline(to, b"late", soon()));
        // It cannot be through while nothing has been read.
        let refused = || {
            Inspector::open()
                .unwrap()
                .peer(sender.port())
                .unwrap()
                .counters
                .refused_queue_full
        };
        let before = refused();
        while refused() < before + 3 {
            thread::yield_now();
        }
        assert!(!late.is_finished());
        for round in 0..sent {
            assert_eq!(number(&next(&receiver).data), round);
        }
        late.join().unwrap().unwrap();
    });
    assert_eq!(next(&receiver).data, b"late");
}

fn a_slow_member_alone_loses_and_is_told() {
    const ROUNDS: u64 = 2000;
    let owner = Peer::connect().unwrap();
    let (slow, quick) = two_peers();
    owner.register_group("fast").unwrap();
    slow.join_group("fast", Replay::None).unwrap();
    quick.join_group("fast", Replay::None).unwrap();
    for round in 0..ROUNDS {
        owner.multicast("fast", &numbered(round)).unwrap();
        let message = next(&quick);
        assert_eq!(
            (number(&message.data), message.lost),
            (round, 0),
            "others must not suffer"
        );
    }

    let inspector = Inspector::open().unwrap();
    let info = inspector.peer(slow.port()).unwrap();
    let dropped = info.counters.dropped_queue_full;
    assert!(
        dropped > 0,
        "the queue of the slow one was never full: {info:?}"
    );
    assert_eq!(info.lost, dropped, "lost and not told yet");
    let queued = drain(&slow);
    assert_eq!(queued.len() as u64 + dropped, ROUNDS);
    for (round, message) in queued.iter().enumerate() {
        assert_eq!((number(&message.data), message.lost), (round as u64, 0));
    }

    owner.multicast("fast", b"now you know").unwrap();
    assert_eq!(u64::from(next(&slow).lost), dropped);
    owner.multicast("fast", b"and only once").unwrap();
    assert_eq!(next(&slow).lost, 0);
    assert_eq!(inspector.peer(slow.port()).unwrap().lost, 0);
    assert_eq!(inspector.group("fast").unwrap().dropped_queue_full, dropped);
    assert_eq!(
        inspector
            .peer(quick.port())
            .unwrap()
            .counters
            .dropped_queue_full,
        0
    );
}

/// What tells of a loss need not be a message of the group that lost.
fn losses_of_several_groups_are_told_together() {
    let owner = Peer::connect().unwrap();
    let (slow, writer) = two_peers();
    for group in ["one", "two"] {
        owner.register_group(group).unwrap();
        slow.join_group(group, Replay::None).unwrap();
    }
    fill(&writer, slow.port(), 4000);
    fill(&writer, slow.port(), 1);
    for group in ["one", "two", "two"] {
        owner.multicast(group, &[0; 1000]).unwrap();
    }
    drain(&slow);
    writer.send(slow.port(), b"what you missed").unwrap();
    assert_eq!(next(&slow).lost, 3);
}

/// Sends numbered messages of at least `len` bytes until one is refused; gives the number of those that were not.
fn fill(sender: &Peer, to: Port, len: usize) -> u64 {
    for round in 0_u64.. {
        let mut data = vec![0; len.max(8)];
        data[..8].copy_from_slice(&numbered(round));
        match sender.send(to, &data) {
            Ok(()) => {}
            Err(error) => {
                assert_eq!(error.errno(), libc::EAGAIN, "{error}");
                return round;
            }
        }
    }
    unreachable!()
}

fn two_peers() -> (Peer, Peer) {
    (Peer::connect().unwrap(), Peer::connect().unwrap())
}
