// SPDX-License-Identifier: MIT OR Apache-2.0
//! The queue of requests, the replies and the ring of events without a kernel: in memory of this process, so that Miri can run
//! it too, with what Rust leaves undefined, and atomics that see old values. The files of the library stand on other ground
//! here, as in `tests/loom`, which is about orders of threads where this is about values.

#![cfg(not(loom))]
#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    unused_imports,
    clippy::unwrap_used,
    reason = "these are files of the library, of which only a part is used here"
)]

#[path = "../../src/layout.rs"]
mod layout;
#[path = "../loom/region.rs"]
mod region;
#[path = "../../src/ring/mod.rs"]
mod ring;
#[path = "../../src/sizes.rs"]
mod sizes;
#[path = "../../src/status.rs"]
mod status;

mod sync {
    pub(crate) use std::sync::Arc;
    pub(crate) use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering, fence};
}

use std::collections::VecDeque;

use layout::{client, server};
use proptest::prelude::*;
use region::World;
use ring::{
    Answer, Consumer, Inbox, Outbox, Producer, Submission, look_for_answer, publish_answer,
};
use sizes::Sizes;
use status::Status;

const SIZES: Sizes = Sizes {
    slots: 4,
    request: 128,
    reply: 64,
    events: 256,
    large: 1000,
};

fn submission() -> impl Strategy<Value = Submission> {
    let parts = (0..SIZES.slots, any::<u16>(), any::<bool>(), any::<u64>());
    let payload = (0..=SIZES.request, proptest::option::of(any::<u32>()));
    (parts, payload).prop_map(
        |((slot, command, one_way, deadline), (len, large))| Submission {
            slot,
            command,
            one_way,
            len: if large.is_some() { len.max(1) } else { len },
            large: large.is_some(),
            descriptors: false,
            attachment: large.unwrap_or(0),
            deadline,
        },
    )
}

proptest! {
    /// Events of any length, sent and read in any turns, arrive whole and in order, and none that fits is left out.
    #[test]
    fn events_are_a_queue(turns in prop::collection::vec((any::<bool>(), 0u32..=248), 1..60)) {
        let world = World::new(&SIZES);
        let (server, client) = (world.server_own(), world.client_own());
        let (from_client, from_server) = (world.client_peer(), world.server_peer());
        let (mut producer, mut consumer) = (Producer::new(world.ring()), Consumer::new(SIZES.events));
        let (mut queue, mut held) = (VecDeque::new(), 0);
        for (sends, len) in turns {
            let taken = Producer::taken(len);
            if sends {
                let free = producer.free(&from_client).unwrap();
                prop_assert_eq!(free, SIZES.events - held);
                if taken > free {
                    continue;
                }
                let number = producer.next_number();
                let payload: Vec<u8> = (0..len).map(|at| (at + number) as u8).collect();
                producer.push(&server, number, len, |room| room.copy_from_slice(&payload));
                queue.push_back((number, payload));
                held += taken;
            } else if let Some(record) = consumer.peek(&from_server).unwrap() {
                let (number, payload) = queue.pop_front().unwrap();
                prop_assert_eq!(record.number, number);
                prop_assert_eq!(record.bytes(&from_server).to_vec(), payload.clone());
                consumer.give_back(&client, record);
                held -= Producer::taken(payload.len() as u32);
            } else {
                prop_assert!(queue.is_empty());
            }
        }
    }

    /// Requests arrive as they were submitted, in order.
    #[test]
    fn requests_are_a_queue(submissions in prop::collection::vec(submission(), 1..20)) {
        let world = World::new(&SIZES);
        let (outbox, mut inbox) = (Outbox::default(), Inbox::default());
        for (number, submission) in (1..).zip(submissions) {
            prop_assert_eq!(inbox.take(&world.client_peer(), &SIZES), Ok(None));
            let submitted = outbox.submit(&world.client_own(), SIZES.slots as usize, submission);
            prop_assert_eq!(submitted, number);
            let (given, mut taken) = inbox.take(&world.client_peer(), &SIZES).unwrap().unwrap();
            if !taken.is_attached() {
                // Left from another request, and nobody looks at it.
                taken.attachment = 0;
            }
            prop_assert_eq!((given, taken), (number, submission));
        }
    }

    /// An answer is found by the number of its request, and by no other.
    #[test]
    fn answers_are_found_by_their_request(
        slot in 0..SIZES.slots as usize, number in 1u32.., len in 0..=SIZES.reply, detail: u32
    ) {
        let world = World::new(&SIZES);
        let look = |number| look_for_answer(&world.server_peer(), &SIZES, slot, number);
        prop_assert_eq!(look(number), None);
        let answer = Answer { status: Status::Replied, len, detail };
        publish_answer(&world.server_own(), slot, number, answer);
        prop_assert_eq!(look(number), Some(Ok(answer)));
        prop_assert_eq!(look(number.wrapping_add(1)), None);
    }

    /// Whatever the other side writes, what is taken for good is within bounds.
    #[test]
    fn nonsense_is_found_out(
        words in prop::collection::vec((0usize..200, any::<u32>()), 1..40), small: bool
    ) {
        let world = World::new(&SIZES);
        let (client_words, server_words) =
            (SIZES.client_region().control, SIZES.server_region().control);
        let (mut inbox, mut consumer) = (Inbox::default(), Consumer::new(SIZES.events));
        let producer = Producer::new(world.ring());
        for (at, value) in words {
            let value = if small { value % 300 } else { value };
            let put = |own: region::Own, bytes| {
                own.word(at * 4 % bytes).store(value, sync::Ordering::Relaxed);
            };
            put(world.client_own(), client_words);
            put(world.server_own(), server_words);
            let filled = |room: &mut [u8]| room.copy_from_slice(&value.to_ne_bytes());
            world.ring().fill(at as u32 * 4, 4, filled);
            if let Ok(Some((_, taken))) = inbox.take(&world.client_peer(), &SIZES) {
                prop_assert!(taken.slot < SIZES.slots);
                let most = if taken.large { SIZES.large } else { SIZES.request };
                prop_assert!(taken.len <= most);
            }
            if let Ok(free) = producer.free(&world.client_peer()) {
                prop_assert!(free <= SIZES.events);
            }
            if let Ok(Some(record)) = consumer.peek(&world.server_peer()) {
                // It panics where that is more than the ring.
                record.bytes(&world.server_peer());
            }
            for slot in 0..SIZES.slots as usize {
                if let Some(Ok(answer)) = look_for_answer(&world.server_peer(), &SIZES, slot, value) {
                    let large = answer.status == Status::RepliedLarge;
                    let most = if large { SIZES.large } else { SIZES.reply };
                    prop_assert!(answer.len <= most);
                }
            }
        }
    }
}

/// The two sides in two threads, with a ring that is full most of the time.
#[test]
fn events_pass_between_threads() {
    let world = World::new(&SIZES);
    let count = if cfg!(miri) { 200 } else { 20_000 };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut producer = Producer::new(world.ring());
            let (own, peer) = (world.server_own(), world.client_peer());
            for event in 0..count {
                let len = event % 61;
                while producer.free(&peer).unwrap() < Producer::taken(len) {
                    std::thread::yield_now();
                }
                let number = producer.next_number();
                producer.push(&own, number, len, |room| room.fill(event as u8));
            }
        });
        let mut consumer = Consumer::new(SIZES.events);
        let (own, peer) = (world.client_own(), world.server_peer());
        for event in 0..count {
            let record = loop {
                match consumer.peek(&peer).unwrap() {
                    Some(record) => break record,
                    None => std::thread::yield_now(),
                }
            };
            assert_eq!(record.number, event);
            let expected = vec![event as u8; (event % 61) as usize];
            assert_eq!(record.bytes(&peer).to_vec(), expected);
            consumer.give_back(&own, record);
        }
    });
}
