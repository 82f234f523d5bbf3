// SPDX-License-Identifier: MIT OR Apache-2.0
//! Very many events from one process to another: whole, and in order.

use std::io::IoSlice;
use std::time::Instant;

use coroipc::{
    Address, Call, CommandId, Endpoint, EventError, EventRef, Overflow, Service, Session,
};
use rustix::event::{PollFd, PollFlags, poll};

use crate::serving::*;
use crate::world::*;

pub(crate) fn all() -> Vec<ServedCase> {
    served_cases![a_long_stream_arrives_whole_and_in_order]
}

pub(crate) const ROLES: &[Role] = &[("stream::as_server", as_server)];

/// Sends as many events as the payload says, then replies.
const POUR: CommandId = CommandId::new(1);

/// How many there are; `COROIPC_EVENTS` asks for more.
fn count() -> u64 {
    let given = std::env::var("COROIPC_EVENTS").ok();
    given.map_or(200_000, |given| given.parse().unwrap())
}

/// What events are made of. Each begins somewhere else in it and has another length than the one before.
static PATTERN: [u8; 512] = {
    let mut pattern = [0; 512];
    let mut at = 0;
    while at < pattern.len() {
        pattern[at] = (at * 151 % 257) as u8;
        at += 1;
    }
    pattern
};

/// An event's bytes after its number.
fn rest(event: u64) -> &'static [u8] {
    let begin = (event % 256) as usize;
    &PATTERN[begin..begin + (event % 61) as usize]
}

/// What is under way on a connection.
#[derive(Default)]
struct Pouring {
    next: u64,
    count: u64,
    call: Option<Call>,
}

/// Sends until there is no room, or all are sent.
fn pour(session: &mut Session<Pouring>) {
    while session.state.next < session.state.count {
        let event = session.state.next;
        let number = event.to_ne_bytes();
        let pieces = [IoSlice::new(&number), IoSlice::new(rest(event))];
        match session.connection().send_event(&pieces) {
            Ok(()) => session.state.next += 1,
            // The hook goes on with it.
            Err(EventError::Full) => return,
            Err(error) => panic!("{error}"),
        }
    }
    if let Some(call) = session.state.call.take() {
        call.reply(b"");
    }
}

/// The server of the test below, in a process of its own. A thread waits for room; a loop hears of it.
fn as_server() {
    let argument = argument();
    let (serving, name) = argument.split_once(' ').unwrap();
    let serving = Serving::named(serving);
    let overflow = match serving {
        Serving::Threads => Overflow::Block,
        Serving::Loop => Overflow::Refuse,
    };
    let service = Service::new(SERVICE, |_| Ok(Pouring::default()))
        .command(POUR, |session, call| {
            session.state.count = u64::from_ne_bytes(call.payload().first().unwrap());
            session.state.call = Some(call);
            pour(session);
        })
        .overflow(overflow)
        .on_room(pour);
    let _server = serving.serve(Endpoint::builder(Address::abstract_name(name)).service(service));
    say("ready");
    run_on();
}

/// Looks at an event, all of it.
fn check(event: &EventRef<'_>, expected: u64, copy: &mut Vec<u8>) {
    assert_eq!(event.number(), expected as u32);
    copy.resize(event.bytes().len(), 0);
    event.bytes().copy_to(copy);
    let (number, payload) = copy.split_first_chunk().unwrap();
    assert_eq!(u64::from_ne_bytes(*number), expected);
    assert!(payload == rest(expected), "event {expected}: {payload:?}");
}

fn a_long_stream_arrives_whole_and_in_order(serving: Serving) {
    let name = format!("coroipc-stream-{}-{}", serving.name(), std::process::id());
    let mut server = Process::start("stream::as_server", &format!("{} {name}", serving.name()));
    server.wait_for("ready");
    let client = client(&Address::abstract_name(&name));
    let mut events = client.events().unwrap();
    let (count, mut received, mut copy) = (count(), 0, Vec::new());
    let began = Instant::now();
    let pouring = client.start(POUR, &[IoSlice::new(&count.to_ne_bytes())], None);
    while received < count {
        if serving == Serving::Threads {
            let event = events.next(None).unwrap().unwrap();
            check(&event, received, &mut copy);
            received += 1;
            continue;
        }
        while let Some(event) = events.try_next().unwrap() {
            check(&event, received, &mut copy);
            received += 1;
        }
        if received < count {
            poll(&mut [PollFd::new(&events, PollFlags::IN)], None).unwrap();
        }
    }
    let took = began.elapsed();
    pouring.unwrap().wait().unwrap();
    assert!(events.try_next().unwrap().is_none(), "one more");
    if count >= 1_000_000 {
        let rate = count as f64 / took.as_secs_f64();
        eprintln!(
            "{}: {count} events in {took:?}, {rate:.0} a second",
            serving.name()
        );
    }
}
