// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who waits for a slot.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use coroipc::{Call, CallError, Client, CommandId, Endpoint, Running, Service, Sizes};

use crate::world::*;

pub(crate) fn all() -> Vec<Case> {
    cases![
        who_waits_for_a_slot_sees_the_end,
        whatever_slot_is_free_first_is_taken,
    ]
}

/// Has the test answer.
const HAND_OUT: CommandId = CommandId::new(30);

/// A client with two slots, its server, and the calls that are handed out.
fn two_slots() -> (Client, Running, mpsc::Receiver<Call>) {
    let address = address();
    let (calls, handed) = mpsc::channel();
    let calls = parking_lot::Mutex::new(calls);
    let service = Service::new(SERVICE, |_| Ok(()))
        .command(ECHO, |_, call| {
            let payload = call.payload().to_vec();
            call.reply(&payload);
        })
        .command(HAND_OUT, move |_, call| {
            calls.lock().send(call).unwrap();
        });
    let server = serve(Endpoint::builder(address.clone()).service(service));
    let sizes = Sizes {
        slots: 2,
        ..Sizes::default()
    };
    let client = Client::builder(address, SERVICE).sizes(sizes);
    (client.connect().unwrap(), server, handed)
}

fn who_waits_for_a_slot_sees_the_end() {
    let (client, server, _handed) = two_slots();
    let _rooms = [client.room(0, None).unwrap(), client.room(0, None).unwrap()];
    std::thread::scope(|scope| {
        let waiting: Vec<_> = (0..3)
            .map(|_| scope.spawn(|| client.call(ECHO, b"x").map(drop)))
            .collect();
        server.shut_down(Duration::ZERO);
        for waiting in waiting {
            let error = waiting.join().unwrap().unwrap_err();
            assert!(matches!(error, CallError::Disconnected(_)), "{error}");
        }
    });
}

fn whatever_slot_is_free_first_is_taken() {
    let (client, _server, handed) = two_slots();
    // Nobody answers this one, and nobody waits for it.
    drop(client.start(HAND_OUT, &[], None).unwrap());
    let _never = handed.recv().unwrap();
    for _ in 0..100 {
        let room = client.room(0, None).unwrap();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| client.room(0, soon()).map(drop));
            drop(room);
            waiting.join().unwrap().unwrap();
        });
    }
    // Of two that were given up, the younger is answered first.
    drop(client.start(HAND_OUT, &[], None).unwrap());
    let second = handed.recv().unwrap();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| client.call(ECHO, b"x").map(|reply| reply.to_vec()));
        second.reply(b"");
        assert_eq!(waiting.join().unwrap().unwrap(), b"x");
    });
    // With none, the deadline counts.
    drop(client.start(HAND_OUT, &[], None).unwrap());
    let began = Instant::now();
    let late = client.room(0, Some(began + Duration::from_millis(20)));
    assert_eq!(late.map(drop).unwrap_err(), CallError::TimedOut);
    assert!(began.elapsed() >= Duration::from_millis(20));
}
