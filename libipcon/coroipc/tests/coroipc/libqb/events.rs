// SPDX-License-Identifier: MIT OR Apache-2.0
//! Cases of events, received in a poll loop.

use std::io::IoSlice;

use coroipc::{CallError, Client, Disconnected, Events, Sizes};
use rustix::event::{PollFd, PollFlags, poll};

use super::server::*;
use crate::serving::*;
use crate::world::*;

pub(super) fn all() -> Vec<ServedCase> {
    served_cases![
        test_ipc_dispatch,
        test_ipc_stress_test,
        test_ipc_bulk_events,
        test_ipc_event_on_created,
    ]
}

/// The next event, which a loop polls for.
fn next(events: &mut Events) -> Vec<u8> {
    loop {
        if let Some(event) = events.try_next().unwrap() {
            return event.to_vec();
        }
        poll(&mut [PollFd::new(&*events, PollFlags::IN)], None).unwrap();
    }
}

/// Events whose sizes double.
fn test_ipc_dispatch(serving: Serving) {
    let mut server = start("dispatch", serving);
    let client = connect(&server.address);
    let mut events = client.events().unwrap();
    for power in 5..20 {
        let payload: Vec<u8> = (0..1usize << power).map(|at| (at % 253) as u8).collect();
        // There is no reply: only the event comes.
        client.notify(DISPATCH, &[IoSlice::new(&payload)]).unwrap();
        assert!(next(&mut events) == payload, "{} bytes", payload.len());
    }
    server.exit(&client);
}

/// Events in great number, with giants among them that count, to a client that asked for less memory than the server
/// insists on.
fn test_ipc_stress_test(serving: Serving) {
    let mut server = start("stress", serving);
    let asked = Sizes {
        request: MOST - 1024,
        ..SIZES
    };
    let client = Client::builder(server.address.clone(), SERVICE).sizes(asked);
    let client = client.connect().unwrap();
    assert_eq!(client.sizes().request, MOST);
    let mut events = client.events().unwrap();
    client.call(STRESS_EVENTS, b"").unwrap();
    for number in 1..=STRESS {
        let event = next(&mut events);
        let giant = number.is_multiple_of(GIANT_EACH);
        let len = if giant { GIANT } else { 0 };
        assert_eq!(event.len(), len + 4, "event {number}");
        assert!(event[..len].iter().all(|&byte| byte == 7), "event {number}");
        assert_eq!(event[len..], number.to_ne_bytes());
    }
    // Longer than what was asked for, in a call that the server does not live to answer.
    let giant = vec![0; MOST as usize];
    let error = client.call(EXIT, &giant).map(drop);
    assert_eq!(error, Err(CallError::Disconnected(Disconnected::Gone)));
    assert_eq!(server.process.end().code(), Some(0));
}

/// Events before and after the reply; one that is too long for any ring is an error.
fn test_ipc_bulk_events(serving: Serving) {
    let mut server = start("bulk", serving);
    let client = connect(&server.address);
    let mut events = client.events().unwrap();
    client.call(BULK_EVENTS, b"").unwrap();
    for number in 0..BULK {
        assert_eq!(next(&mut events), number.to_ne_bytes());
    }
    assert!(events.try_next().unwrap().is_none());
    server.exit(&client);
}

/// An event that is sent while the client connects.
fn test_ipc_event_on_created(serving: Serving) {
    let mut server = start("greets", serving);
    let client = connect(&server.address);
    let mut events = client.events().unwrap();
    assert_eq!(next(&mut events), GREETING);
    server.exit(&client);
}
