// SPDX-License-Identifier: MIT OR Apache-2.0
//! Any bytes as what the other side sends and writes: messages of the handshake, payloads that should be of a type, or words
//! and bytes of its region, written between this side's looks at them. Whatever they are, reading them must neither panic nor go beyond what was agreed on.
//!
//! The first byte decides which. The library has no public way to these parts, so its files are part of this program.

#![no_main]
// Only the reading side is used.
#![allow(dead_code, unused_imports)]

use std::cell::RefCell;

use libfuzzer_sys::fuzz_target;

mod handshake;
#[path = "../../src/layout.rs"]
mod layout;
#[path = "../../src/region/mod.rs"]
mod region;
#[path = "../../src/ring/mod.rs"]
mod ring;
#[path = "../../src/sizes.rs"]
mod sizes;
#[path = "../../src/status.rs"]
mod status;
mod typed;

mod sync {
    pub(crate) use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
}

use handshake::wire::Message;
use region::{Own, Parts, Peer};
use ring::{Consumer, Inbox, Producer, Record, look_for_answer};
use sizes::Sizes;
use sync::Ordering;

const SIZES: Sizes = Sizes {
    slots: 4,
    request: 128,
    reply: 192,
    events: 4096,
    large: 8192,
};

fuzz_target!(|input: &[u8]| {
    match input.split_first() {
        Some((b'h', message)) => handshake(message),
        Some((b't', payload)) => REGIONS.with_borrow_mut(|regions| regions.read(payload)),
        Some((_, steps)) => REGIONS.with_borrow_mut(|regions| regions.walk(steps)),
        None => {}
    }
});

fn handshake(bytes: &[u8]) {
    let Ok(message) = Message::parse(bytes) else {
        return;
    };
    let built = message.build();
    assert!(built.len() <= bytes.len());
    // The text of a refusal is cut, and a number that means nothing with its reason is left out.
    if built.len() == bytes.len() {
        assert_eq!(Message::parse(&built).as_ref(), Ok(&message));
    }
    if let Message::Hello { sizes, .. } = message {
        let most = Sizes {
            large: 0,
            ..Sizes::MAX
        };
        let agreed = sizes.within(Sizes::MIN, most);
        assert!(agreed.possible() && agreed.large == 0);
    }
    if let Message::Welcome { sizes, .. } = message
        && sizes.possible()
    {
        let (ours, theirs) = (sizes.client_region(), sizes.server_region());
        assert!(ours.control + ours.rooms * ours.room < 5 << 30);
        assert!(theirs.control + theirs.rooms * theirs.room + theirs.ring < 7 << 30);
    }
}

thread_local! {
    static REGIONS: RefCell<Regions> = RefCell::new(Regions::new());
}

/// Both regions, each from both sides.
struct Regions {
    client: Parts,
    server: Parts,
    of_client: Peer,
    of_server: Peer,
}

/// What one byte makes of the next five.
const STEP: usize = 6;

impl Regions {
    fn new() -> Self {
        let make = |shape| {
            let parts = Own::create("coroipc-fuzz", shape).expect("there is memory");
            let peer = Peer::open(&parts.file, shape).expect("it is sealed");
            (parts, peer)
        };
        let (client, of_client) = make(SIZES.client_region());
        let (server, of_server) = make(SIZES.server_region());
        Self {
            client,
            server,
            of_client,
            of_server,
        }
    }

    fn clear(&mut self) {
        for (own, control) in [
            (&self.client.words, SIZES.client_region().control),
            (&self.server.words, SIZES.server_region().control),
        ] {
            for at in (0..control).step_by(4) {
                own.word(at).store(0, Ordering::Relaxed);
            }
        }
        let ring = self.server.ring.as_mut().expect("it has one");
        ring.fill(0, SIZES.events as usize, |ring| ring.fill(0));
    }

    /// A reply with this payload, as typed ones.
    fn read(&mut self, payload: &[u8]) {
        let payload = &payload[..payload.len().min(SIZES.reply as usize)];
        self.server.rooms[0].bytes_mut()[..payload.len()].copy_from_slice(payload);
        typed::read(self.of_server.room(0, payload.len()), payload);
    }

    fn walk(&mut self, steps: &[u8]) {
        self.clear();
        let mut inbox = Inbox::default();
        let mut consumer = Consumer::new(SIZES.events);
        let mut record: Option<Record> = None;
        for step in steps.chunks_exact(STEP).take(200) {
            let (at, value) = (step[1] as usize, [step[2], step[3], step[4], step[5]]);
            let word = u32::from_ne_bytes(value);
            match step[0] % 7 {
                0 => {
                    let at = 4 * at % SIZES.client_region().control;
                    self.client.words.word(at).store(word, Ordering::Relaxed);
                }
                1 => {
                    let at = 4 * at % SIZES.server_region().control;
                    self.server.words.word(at).store(word, Ordering::Relaxed);
                }
                2 => {
                    let ring = self.server.ring.as_mut().expect("it has one");
                    ring.fill(4 * at as u32, 4, |ring| ring.copy_from_slice(&value));
                }
                3 => self.take(&mut inbox),
                4 => {
                    if let Ok(peeked) = consumer.peek(&self.of_server) {
                        if let Some(record) = &peeked {
                            assert!(record.bytes(&self.of_server).to_vec().len() <= 4088);
                        }
                        record = peeked;
                    }
                }
                5 => {
                    if let Some(record) = record.take() {
                        consumer.give_back(&self.client.words, record);
                    }
                }
                _ => self.answer(at % SIZES.slots as usize, word),
            }
        }
    }

    fn take(&self, inbox: &mut Inbox) {
        let Ok(Some((_, submission))) = inbox.take(&self.of_client, &SIZES) else {
            return;
        };
        let (slot, len) = (submission.slot as usize, submission.len as usize);
        assert!(slot < SIZES.slots as usize);
        if submission.large {
            assert!((1..=SIZES.large as usize).contains(&len));
        } else {
            assert_eq!(self.of_client.room(slot, len).to_vec().len(), len);
        }
    }

    fn answer(&self, slot: usize, number: u32) {
        let answer = look_for_answer(&self.of_server, &SIZES, slot, number);
        let Some(Ok(answer)) = answer else {
            return;
        };
        let len = answer.len as usize;
        if answer.status == status::Status::RepliedLarge {
            assert!((1..=SIZES.large as usize).contains(&len));
        } else {
            assert_eq!(self.of_server.room(slot, len).to_vec().len(), len);
        }
    }
}
