// SPDX-License-Identifier: MIT OR Apache-2.0

//! Members by the hundred that never read.

use std::time::{Duration, Instant};

use ipcon_vm_tests::{Case, cases, pace};
use libipcon::{Inspector, Peer, Replay};

use crate::support::{drain, next, number, numbered};

/// How many times longer a message to members whose queues are full may take than one to members with room, which is
/// copied and queued for each. It takes less; what is allowed for is the noise of a busy machine.
const SLOWER: u32 = 3;

pub(crate) fn all() -> Vec<Case> {
    cases![
        hundreds_of_slow_members_slow_nobody_and_learn_their_loss => within(120),
    ]
}

fn hundreds_of_slow_members_slow_nobody_and_learn_their_loss() {
    const BATCH: u64 = 50;
    let members = pace::work(300).max(100);
    let owner = Peer::connect().unwrap();
    owner.register_group("news").unwrap();
    let slow: Vec<Peer> = (0..members)
        .map(|_| {
            let peer = Peer::connect().unwrap();
            peer.set_queue_limit(100_000).unwrap();
            peer.join_group("news", Replay::None).unwrap();
            peer
        })
        .collect();
    let reader = Peer::connect().unwrap();
    reader.join_group("news", Replay::None).unwrap();

    let mut sent = 0;
    let mut batch = || {
        let start = Instant::now();
        for _ in 0..BATCH {
            owner.multicast("news", &numbered(sent)).unwrap();
            let message = next(&reader);
            assert_eq!((number(&message.data), message.lost), (sent, 0));
            sent += 1;
        }
        start.elapsed()
    };
    let with_room = batch();
    let inspector = Inspector::open().unwrap();
    let all_full = || {
        let peers = inspector.peers().unwrap().items;
        let full = peers
            .iter()
            .filter(|peer| peer.queue_bytes >= peer.queue_limit);
        full.count() == members
    };
    while !all_full() {
        batch();
    }
    let when_full = (0..3).map(|_| batch()).min().unwrap();
    println!("{BATCH} messages to {members}: {with_room:?} with room, {when_full:?} when full");
    // A floor, because a machine that does nothing else is fast in the first batch.
    let allowed = SLOWER * with_room.max(Duration::from_millis(50));
    assert!(
        when_full < allowed,
        "{when_full:?}, allowed are {allowed:?}"
    );

    let mut heard = Vec::new();
    for peer in &slow {
        let queued = drain(peer);
        assert!(queued.iter().all(|message| message.lost == 0));
        // What was taken is what was sent first, without a hole.
        let numbers: Vec<u64> = queued.iter().map(|message| number(&message.data)).collect();
        assert_eq!(numbers, (0..queued.len() as u64).collect::<Vec<_>>());
        heard.push(queued.len() as u64);
    }
    owner.multicast("news", &numbered(sent)).unwrap();
    for (peer, heard) in slow.iter().zip(heard) {
        let message = next(peer);
        assert_eq!(number(&message.data), sent);
        assert_eq!(u64::from(message.lost), sent - heard, "lost");
    }
}
