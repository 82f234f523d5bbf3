// SPDX-License-Identifier: MIT OR Apache-2.0

//! Joining with the last message.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use ipcon_vm_tests::{Case, cases, pace};
use libipcon::{Inspector, Origin, Peer, Replay};

use crate::support::{SetOnDrop, next, number, numbered};

pub(crate) fn all() -> Vec<Case> {
    cases![
        joining_with_replay_brings_the_last_message_marked,
        joining_without_replay_brings_live_messages_only,
        nothing_is_replayed_where_nothing_was_sent,
        join_and_replay_are_one_step_at_any_load => within(240),
    ]
}

fn joining_with_replay_brings_the_last_message_marked() {
    let owner = owner_of("state");
    owner.multicast("state", b"old").unwrap();
    owner.multicast("state", b"current").unwrap();
    let member = Peer::connect().unwrap();
    member.join_group("state", Replay::Last).unwrap();
    let message = next(&member);
    assert_eq!(
        (message.data.as_slice(), message.replay),
        (b"current".as_slice(), true)
    );
    assert!(matches!(message.origin, Origin::Group { from, .. } if from == owner.port()));

    owner.multicast("state", b"newer").unwrap();
    let message = next(&member);
    assert_eq!(
        (message.data.as_slice(), message.replay),
        (b"newer".as_slice(), false)
    );
    assert_eq!(member.try_recv().unwrap(), None);

    let group = Inspector::open().unwrap().group("state").unwrap();
    assert_eq!((group.replayed_messages, group.replayed_bytes), (1, 7));
    assert_eq!((group.delivered_messages, group.delivered_bytes), (1, 5));
    assert_eq!((group.sent_messages, group.unheard_messages), (3, 2));
}

fn joining_without_replay_brings_live_messages_only() {
    let owner = owner_of("live");
    owner.multicast("live", b"before").unwrap();
    let member = Peer::connect().unwrap();
    member.join_group("live", Replay::None).unwrap();
    assert_eq!(member.try_recv().unwrap(), None);
    owner.multicast("live", b"after").unwrap();
    let message = next(&member);
    assert_eq!(
        (message.data.as_slice(), message.replay),
        (b"after".as_slice(), false)
    );
}

fn nothing_is_replayed_where_nothing_was_sent() {
    let owner = owner_of("fresh");
    let member = Peer::connect().unwrap();
    member.join_group("fresh", Replay::Last).unwrap();
    assert_eq!(member.try_recv().unwrap(), None);
    owner.multicast("fresh", b"first").unwrap();
    assert!(!next(&member).replay);
}

/// A publisher never stops. Of each join, the first message is the replayed one, and the numbers go on from it without
/// a gap and without a duplicate.
fn join_and_replay_are_one_step_at_any_load() {
    let joins = pace::work(1000);
    let owner = owner_of("flood");
    owner.multicast("flood", &numbered(0)).unwrap();
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for round in 1.. {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                owner.multicast("flood", &numbered(round)).unwrap();
            }
        });
        // Also when an assertion fails, or the publisher would keep the test from ending.
        let _stop = SetOnDrop(&over);
        let member = Peer::connect().unwrap();
        // Room for all that is sent while this thread is not scheduled.
        member.set_queue_limit(8 << 20).unwrap();
        let mut newest = 0;
        for join in 0..joins {
            member.join_group("flood", Replay::Last).unwrap();
            let first = next(&member);
            assert!(
                first.replay,
                "join {join}: no replay before the live messages"
            );
            let replayed = number(&first.data);
            assert!(
                replayed >= newest,
                "join {join}: {replayed} was replayed after {newest}"
            );
            newest = replayed;
            for _ in 0..2 {
                newest = expect_successor(&member, newest);
            }
            member.leave_group("flood").unwrap();
            while let Some(message) = member.try_recv().unwrap() {
                assert!(!message.replay);
                assert_eq!(message.lost, 0);
                assert_eq!(
                    number(&message.data),
                    newest + 1,
                    "join {join}, after leaving"
                );
                newest += 1;
            }
        }
    });
}

fn expect_successor(member: &Peer, before: u64) -> u64 {
    let message = next(member);
    assert_eq!((message.replay, message.lost), (false, 0), "after {before}");
    assert_eq!(number(&message.data), before + 1);
    before + 1
}

fn owner_of(group: &str) -> Peer {
    let peer = Peer::connect().unwrap();
    peer.register_group(group).unwrap();
    peer
}
