// SPDX-License-Identifier: GPL-2.0

//! Messages: to whom they go, what becomes of those that do not arrive, and what is counted.

use ipcon_core::bus::{Delivery, DropReason, Error, Trace};
use ipcon_core::seam::NoMemory;
use ipcon_model::snapshot::{Counters, Traffic};

use crate::driver::counters;
use crate::fixture::{Fixture, KEVENTS, after_loss, group, plain};
use crate::world::Traced;

#[test]
fn a_message_is_stamped_and_arrives_in_order() {
    let bus = Fixture::new();
    let (a, b) = (bus.peer(1), bus.peer(2));
    for number in 0..100u8 {
        a.send(2, &[number]).unwrap();
    }
    let received = b.socket.drain();
    assert!(
        received
            .iter()
            .all(|packet| packet.from == 1 && packet.group.is_none())
    );
    let order = received.iter().map(|packet| packet.data()[0]);
    assert!(order.eq(0..100));
    assert_eq!(
        counters(&a.peer.counters).sent_unicast,
        Traffic::new(100, 100)
    );
    assert_eq!(
        counters(&b.peer.counters).delivered_unicast,
        Traffic::new(100, 100)
    );
}

#[test]
fn a_peer_may_send_to_itself() {
    let bus = Fixture::new();
    let a = bus.peer(1);
    a.send(1, b"note").unwrap();
    assert_eq!(a.heard(), [plain(b"note")]);
}

#[test]
fn a_port_that_is_no_peer_refuses_and_nothing_is_built() {
    let bus = Fixture::new();
    let a = bus.peer(1);
    let refused = bus.send_unicast(&a.peer, 7, 3, || panic!("built for nobody"));
    assert_eq!(refused, Err(Error::NoSuchPeer));
    assert_eq!(
        counters(&a.peer.counters),
        Counters {
            sent_unicast: Traffic::new(1, 3),
            refused_no_peer: Traffic::new(1, 3),
            ..Default::default()
        }
    );
}

#[test]
fn a_full_queue_refuses_and_loses_nothing() {
    let bus = Fixture::new();
    let a = bus.peer(1);
    let b = bus.peer_with_room(2, 2);
    a.send(2, b"1").unwrap();
    a.send(2, b"2").unwrap();
    assert_eq!(a.send(2, b"3"), Err(Error::QueueFull));
    assert_eq!(b.heard(), [plain(b"1"), plain(b"2")]);
    a.send(2, b"3").unwrap();
    assert_eq!(
        b.heard(),
        [plain(b"3")],
        "a refused unicast is no loss of the receiver"
    );
    assert_eq!(a.peer.counters.refused_queue_full.messages.get(), 1);
    assert_eq!(counters(bus.totals()).sent_unicast, Traffic::new(4, 4));
    assert_eq!(counters(bus.totals()).delivered_unicast, Traffic::new(3, 3));
}

#[test]
fn a_message_without_memory_is_refused() {
    let bus = Fixture::new();
    let (a, b) = (bus.peer(1), bus.peer(2));
    assert_eq!(
        bus.send_unicast(&a.peer, 2, 5, || Err(NoMemory)),
        Err(Error::NoMemory)
    );
    b.socket.starve(true);
    assert_eq!(a.send(2, b"12345"), Err(Error::NoMemory));
    assert_eq!(
        counters(&a.peer.counters),
        Counters {
            sent_unicast: Traffic::new(2, 10),
            refused_no_memory: Traffic::new(2, 10),
            ..Default::default()
        }
    );
    a.open_group("news").unwrap();
    let name = group("news");
    assert_eq!(
        bus.send_multicast(&a.peer, name, 5, || Err(NoMemory)),
        Err(Error::NoMemory)
    );
    assert_eq!(
        counters(&a.peer.counters).sent_multicast,
        Traffic::new(0, 0),
        "it was not accepted"
    );
    assert_eq!(bus.group_view(name).unwrap().counts, Default::default());
}

#[test]
fn a_slow_member_loses_alone_and_is_told_with_the_next_message() {
    let bus = Fixture::new();
    let owner = bus.peer(1);
    let (slow, quick) = (bus.peer_with_room(2, 1), bus.peer(3));
    owner.open_group("news").unwrap();
    slow.join("news", false).unwrap();
    quick.join("news", false).unwrap();
    for data in [b"1", b"2", b"3"] {
        owner.publish("news", data).unwrap();
    }
    assert_eq!(quick.heard(), [plain(b"1"), plain(b"2"), plain(b"3")]);
    assert_eq!(slow.heard(), [plain(b"1")]);
    assert_eq!(slow.peer.unreported_losses(), 2);
    owner.publish("news", b"4").unwrap();
    assert_eq!(slow.heard(), [after_loss(b"4", 2)]);
    owner.publish("news", b"5").unwrap();
    assert_eq!(slow.heard(), [plain(b"5")], "told once");
    assert_eq!(
        counters(&slow.peer.counters),
        Counters {
            delivered_multicast: Traffic::new(3, 3),
            dropped_queue_full: Traffic::new(2, 2),
            ..Default::default()
        }
    );
    let counts = bus.group_view(group("news")).unwrap().counts;
    assert_eq!(
        counts.sent_messages * 2,
        counts.copies.delivered_messages + counts.copies.dropped_queue_full
    );
}

#[test]
fn a_loss_is_told_by_whatever_message_comes_next() {
    let bus = Fixture::new();
    let owner = bus.peer(1);
    let slow = bus.peer_with_room(2, 1);
    owner.open_group("news").unwrap();
    slow.join("news", false).unwrap();
    owner.publish("news", b"1").unwrap();
    owner.publish("news", b"2").unwrap();
    assert_eq!(owner.send(2, b"no room"), Err(Error::QueueFull));
    slow.socket.drain();
    // Neither a refused message nor one for which there is no memory swallows the number.
    bus.world.fail_copies(true);
    assert_eq!(owner.send(2, b"no memory"), Err(Error::NoMemory));
    bus.world.fail_copies(false);
    owner.send(2, b"3").unwrap();
    assert_eq!(slow.heard(), [after_loss(b"3", 1)]);
    assert_eq!(slow.peer.unreported_losses(), 0);
}

#[test]
fn copies_without_memory_are_lost_and_counted() {
    let bus = Fixture::new();
    let owner = bus.peer(1);
    let members = [bus.peer(2), bus.peer(3)];
    owner.open_group("news").unwrap();
    for member in &members {
        member.join("news", false).unwrap();
    }
    bus.world.fail_copies(true);
    owner.publish("news", b"1").unwrap();
    bus.world.fail_copies(false);
    owner.publish("news", b"2").unwrap();
    for member in &members {
        assert_eq!(member.heard(), [after_loss(b"2", 1)]);
        assert_eq!(member.peer.counters.dropped_no_memory.messages.get(), 1);
    }
    assert_eq!(
        bus.group_view(group("news"))
            .unwrap()
            .counts
            .copies
            .dropped_no_memory,
        2
    );
}

#[test]
fn a_member_that_just_closed_loses_nothing() {
    let bus = Fixture::new();
    let owner = bus.peer(1);
    let gone = bus.peer(2);
    owner.open_group("news").unwrap();
    gone.join("news", false).unwrap();
    gone.socket.close();
    owner.publish("news", b"1").unwrap();
    assert_eq!(counters(&gone.peer.counters), Counters::default());
    let counts = bus.group_view(group("news")).unwrap().counts;
    assert_eq!(
        (counts.sent_messages, counts.copies.dropped_queue_full),
        (1, 0)
    );
}

#[test]
fn totals_survive_the_death_of_peers() {
    let bus = Fixture::new();
    let (a, b) = (bus.peer(1), bus.peer_with_room(2, 1));
    b.join(KEVENTS, false).unwrap();
    a.open_group("news").unwrap();
    b.join("news", false).unwrap();
    a.send(2, b"full").unwrap_err();
    a.publish("news", b"lost").unwrap();
    b.send(7, b"nobody").unwrap_err();
    a.die();
    b.die();
    let mut sum = counters(&a.peer.counters);
    sum += counters(&b.peer.counters);
    assert_eq!(counters(bus.totals()), sum);
    assert_eq!(sum.refused_no_peer, Traffic::new(1, 6));
    assert_eq!(
        sum.dropped_queue_full.messages, 3,
        "the message and the events of the death"
    );
}

#[test]
fn a_probe_sees_what_became_of_each_message() {
    let bus = Fixture::new();
    let (a, b) = (bus.peer(1), bus.peer_with_room(2, 1));
    let (from, to) = (a.peer.id, b.peer.id);
    bus.world.record();
    a.send(2, b"abc").unwrap();
    a.send(2, b"de").unwrap_err();
    a.send(7, b"f").unwrap_err();
    let event = Traced::Event;
    let drop = |to, len, reason| {
        event(Trace::Drop {
            from,
            to,
            group: 0,
            len,
            reason,
        })
    };
    assert_eq!(
        bus.world.take_traces(),
        [
            event(Trace::Send {
                peer: from,
                group: 0,
                port: 2,
                len: 3
            }),
            Traced::Delivery(Delivery {
                from,
                to,
                group: 0,
                len: 3,
                replay: false
            }),
            event(Trace::Send {
                peer: from,
                group: 0,
                port: 2,
                len: 2
            }),
            drop(to, 2, DropReason::QueueFull),
            event(Trace::Send {
                peer: from,
                group: 0,
                port: 7,
                len: 1
            }),
            drop(0, 1, DropReason::NoPeer),
        ]
    );
}

#[test]
fn a_probe_sees_what_nobody_will_read() {
    let bus = Fixture::new();
    let (a, b) = (bus.peer(1), bus.peer(2));
    let id = b.peer.id;
    for _ in 0..3 {
        a.send(2, b"abc").unwrap();
    }
    b.socket.receive().unwrap();
    bus.world.record();
    b.die();
    let traces = bus.world.take_traces();
    // Before the peer ends, so that what is kept of it can take them.
    assert_eq!(traces[..2], [Traced::Unread(id); 2]);
    let is_end = |it: &Traced| matches!(it, Traced::Event(Trace::Peer { added: false, .. }));
    assert!(is_end(&traces[2]), "{traces:?}");
}

#[test]
fn the_oldest_message_that_waits_is_known() {
    let bus = Fixture::new();
    let (a, b) = (bus.peer(1), bus.peer(2));
    assert_eq!(b.peer.queue_oldest(), None);
    a.send(2, b"first").unwrap();
    let first = b.peer.queue_oldest().unwrap();
    let later = bus.peer(3);
    a.send(2, b"second").unwrap();
    assert_eq!(b.peer.queue_oldest(), Some(first));
    b.socket.receive().unwrap();
    assert!(b.peer.queue_oldest().unwrap() >= later.peer.created_at);
    b.socket.receive().unwrap();
    assert_eq!(b.peer.queue_oldest(), None);
}

#[test]
fn bytes_are_counted_with_each_reason() {
    let bus = Fixture::new();
    let (a, b) = (bus.peer(1), bus.peer_with_room(2, 1));
    a.send(2, b"12").unwrap();
    a.send(2, b"123").unwrap_err();
    a.send(9, b"1234").unwrap_err();
    bus.send_unicast(&a.peer, 2, 7, || Err(NoMemory))
        .unwrap_err();
    b.socket.drain();
    b.socket.starve(true);
    a.send(2, b"12345").unwrap_err();
    let of = &a.peer.counters;
    assert_eq!(of.refused_queue_full.bytes.get(), 3 + 7);
    assert_eq!(of.refused_no_peer.bytes.get(), 4);
    assert_eq!(of.refused_no_memory.bytes.get(), 5);
    assert_eq!(of.sent_unicast.bytes.get(), 2 + 3 + 4 + 7 + 5);
    assert_eq!(b.peer.counters.delivered_unicast.bytes.get(), 2);
}

#[test]
fn each_member_has_counts_of_its_own() {
    let bus = Fixture::new();
    let (owner, slow, quick) = (bus.peer(1), bus.peer_with_room(2, 1), bus.peer(3));
    owner.open_group("news").unwrap();
    owner.publish("news", b"12345").unwrap();
    slow.join("news", true).unwrap();
    quick.join("news", false).unwrap();
    owner.publish("news", b"123").unwrap();
    owner.publish("news", b"1").unwrap();
    let counts_of = |peer| {
        let view = bus.group_view(group("news")).unwrap();
        let member = bus.member_from(view.group.id, peer).unwrap();
        (member.counts, view.counts.copies)
    };
    let (of_slow, _) = counts_of(slow.peer.id);
    assert_eq!((of_slow.replayed_messages, of_slow.replayed_bytes), (1, 5));
    assert_eq!(
        (of_slow.delivered_messages, of_slow.delivered_bytes),
        (0, 0)
    );
    assert_eq!(
        (of_slow.dropped_queue_full, of_slow.dropped_queue_full_bytes),
        (2, 4)
    );
    let (of_quick, of_group) = counts_of(quick.peer.id);
    assert_eq!(
        (of_quick.delivered_messages, of_quick.delivered_bytes),
        (2, 4)
    );
    assert_eq!(
        (of_quick.replayed_messages, of_quick.dropped_queue_full),
        (0, 0)
    );
    assert_eq!(of_group.delivered_bytes, 4);
    assert_eq!(of_group.dropped_queue_full_bytes, 4);
    // Who comes back begins anew.
    quick.leave("news").unwrap();
    quick.join("news", false).unwrap();
    assert_eq!(counts_of(quick.peer.id), (Default::default(), of_group));
}
