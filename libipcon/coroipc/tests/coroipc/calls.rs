// SPDX-License-Identifier: MIT OR Apache-2.0
//! Requests and their replies.

use std::io::IoSlice;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use coroipc::{
    CallError, Client, CommandId, Disconnected, Endpoint, Reason, Service, ServiceId, Sizes,
};

use crate::serving::*;
use crate::world::*;

pub(crate) fn all() -> Vec<ServedCase> {
    served_cases![
        requests_are_answered_at_any_size,
        the_first_and_the_last_numbers_are_served,
        pieces_are_gathered_and_written_in_place,
        each_outcome_is_told,
        state_is_per_connection,
        many_are_under_way_and_answered_in_any_order,
        a_reply_stays_while_it_is_held,
        a_call_ends_at_its_deadline_and_is_cancelled,
        a_late_request_is_not_handled,
        slots_of_cancelled_calls_come_back,
        one_way_requests_are_handled_in_order,
        many_threads_share_a_client,
        a_panic_ends_the_connection_alone,
        overload_is_answered,
        replies_may_come_from_other_threads,
    ]
}

fn requests_are_answered_at_any_size(serving: Serving) {
    let address = address();
    let _server = serving.server(&address);
    let client = client(&address);
    let most = client.sizes().request as usize;
    let mut len = 0;
    while len <= most {
        let payload: Vec<u8> = (0..len).map(|at| at as u8).collect();
        assert_eq!(client.call(ECHO, &payload).unwrap().to_vec(), payload);
        len = (len * 2).max(1);
    }
    let error = client.call(ECHO, &vec![0; most + 1]).unwrap_err();
    let expected = CallError::TooLong {
        len: most + 1,
        most,
    };
    assert_eq!(error, expected);
}

fn the_first_and_the_last_numbers_are_served(serving: Serving) {
    let ends = [0, u16::MAX];
    let address = address();
    let mut builder = Endpoint::builder(address.clone());
    for service in ends {
        let mut commands = Service::new(ServiceId::new(service), |_| Ok(()));
        for command in ends {
            commands = commands.command(CommandId::new(command), move |_, call| {
                call.reply(&[service.to_ne_bytes(), command.to_ne_bytes()].concat());
            });
        }
        builder = builder.service(commands);
    }
    let _server = serving.serve(builder);
    for service in ends {
        let client = Client::builder(address.clone(), ServiceId::new(service));
        let client = client.connect().unwrap();
        for command in ends {
            let expected = [service.to_ne_bytes(), command.to_ne_bytes()].concat();
            let reply = client.call(CommandId::new(command), b"").unwrap();
            assert_eq!(reply.to_vec(), expected);
        }
        let none = client.call(CommandId::new(1), b"").map(drop);
        assert_eq!(none, Err(CallError::UnknownCommand));
    }
}

fn pieces_are_gathered_and_written_in_place(serving: Serving) {
    let address = address();
    let _server = serving.server(&address);
    let client = client(&address);
    let pieces = [b"ab".as_slice(), b"", b"cde"].map(IoSlice::new);
    let reply = client.call_vectored(ECHO, &pieces, soon()).unwrap();
    assert_eq!(reply.to_vec(), b"abcde");
    drop(reply);
    let mut room = client.room(3, soon()).unwrap();
    room.bytes().copy_from_slice(b"xyz");
    assert_eq!(room.call(ECHO, soon()).unwrap().to_vec(), b"xyz");
    // A room that is not sent gives its slot back.
    for _ in 0..100 {
        drop(client.room(3, soon()).unwrap());
    }
}

fn each_outcome_is_told(serving: Serving) {
    let address = address();
    let _server = serving.server(&address);
    let client = client(&address);
    let outcome = |command, number: u32| client.call(command, &number.to_ne_bytes()).unwrap_err();
    assert_eq!(outcome(FAIL, 77), CallError::Failed(77));
    assert_eq!(outcome(DROP, 0), CallError::NoReply);
    assert_eq!(outcome(UNKNOWN, 0), CallError::UnknownCommand);
    assert_eq!(outcome(CommandId::new(10), 0), CallError::UnknownCommand);
    assert_eq!(outcome(FORBIDDEN, 0), CallError::Denied);
    let most = client.sizes().reply;
    assert_eq!(outcome(FILL, most + 1), CallError::ReplyTooLong(most + 1));
    let full = client.call(FILL, &most.to_ne_bytes()).unwrap();
    assert_eq!(full.to_vec(), vec![9; most as usize]);
}

fn state_is_per_connection(serving: Serving) {
    let address = address();
    let _server = serving.server(&address);
    let (one, two) = (client(&address), client(&address));
    let count = |client: &Client| client.call(COUNT, b"").unwrap().bytes().first().unwrap();
    assert_eq!(u32::from_ne_bytes(count(&one)), 1);
    assert_eq!(u32::from_ne_bytes(count(&one)), 2);
    assert_eq!(u32::from_ne_bytes(count(&two)), 1);
}

fn many_are_under_way_and_answered_in_any_order(serving: Serving) {
    let address = address();
    let _server = serving.server(&address);
    let client = client(&address);
    let start = |at: u8| client.start(KEEP, &[IoSlice::new(&[at])], soon()).unwrap();
    let pending: Vec<_> = (0..7).map(start).collect();
    client.call(RELEASE, b"").unwrap();
    for (at, pending) in pending.into_iter().enumerate() {
        assert_eq!(pending.wait().unwrap().to_vec(), [at as u8]);
    }
}

fn a_reply_stays_while_it_is_held(serving: Serving) {
    let address = address();
    let _server = serving.server(&address);
    let client = client(&address);
    let held = client.call(ECHO, b"held").unwrap();
    for at in 0..100u8 {
        assert_eq!(client.call(ECHO, &[at]).unwrap().to_vec(), [at]);
    }
    assert_eq!(held.to_vec(), b"held");
}

fn a_call_ends_at_its_deadline_and_is_cancelled(serving: Serving) {
    let address = address();
    let cancelled = Arc::new(AtomicBool::new(false));
    let seen = cancelled.clone();
    let slow = Service::new(SERVICE, |_| Ok(())).command(ECHO, move |_, call| {
        let left = call.time_left().unwrap();
        assert!(left <= Duration::from_millis(30), "{left:?}");
        until("cancelled", || call.is_cancelled());
        seen.store(true, Ordering::SeqCst);
    });
    let _server = serving.serve(Endpoint::builder(address.clone()).service(slow));
    let client = client(&address);
    let began = Instant::now();
    let deadline = Some(began + Duration::from_millis(30));
    let error = client.call_vectored(ECHO, &[], deadline).unwrap_err();
    assert_eq!(error, CallError::TimedOut);
    assert!(began.elapsed() >= Duration::from_millis(30));
    until("the handler has seen it", || {
        cancelled.load(Ordering::SeqCst)
    });
}

fn a_late_request_is_not_handled(serving: Serving) {
    let address = address();
    let _server = serving.server(&address);
    let client = client(&address);
    let past = Some(Instant::now());
    let pending = client.start(COUNT, &[], past).unwrap();
    // The client would not wait for it, so have the server answer first.
    client.call(ECHO, b"").unwrap();
    assert_eq!(pending.wait().unwrap_err(), CallError::Expired);
    let count = client.call(COUNT, b"").unwrap().bytes().first().unwrap();
    assert_eq!(u32::from_ne_bytes(count), 2);
}

fn slots_of_cancelled_calls_come_back(serving: Serving) {
    let address = address();
    let _server = serving.server(&address);
    let client = client(&address);
    for _ in 0..5 {
        for _ in 0..client.sizes().slots - 1 {
            drop(client.start(KEEP, &[], soon()).unwrap());
        }
        client.call(RELEASE, b"").unwrap();
    }
    // With all taken, waiting for one ends at the deadline.
    let held: Vec<_> = (0..client.sizes().slots)
        .map(|_| client.start(KEEP, &[], soon()).unwrap())
        .collect();
    let deadline = Some(Instant::now() + Duration::from_millis(10));
    assert_eq!(
        client.room(1, deadline).map(drop).unwrap_err(),
        CallError::TimedOut
    );
    drop(held);
}

fn one_way_requests_are_handled_in_order(serving: Serving) {
    let address = address();
    let _server = serving.server(&address);
    let client = client(&address);
    for _ in 0..1000 {
        client.notify(COUNT, &[IoSlice::new(b"x")]).unwrap();
    }
    let count = client.call(COUNT, b"").unwrap().bytes().first().unwrap();
    assert_eq!(u32::from_ne_bytes(count), 1001);
}

fn many_threads_share_a_client(serving: Serving) {
    let address = address();
    let _server = serving.server(&address);
    let sizes = Sizes {
        slots: 4,
        ..Sizes::default()
    };
    let client = Client::builder(address, SERVICE)
        .sizes(sizes)
        .connect()
        .unwrap();
    std::thread::scope(|scope| {
        for thread in 0..8u32 {
            let client = &client;
            scope.spawn(move || {
                for at in 0..2000u32 {
                    let payload = [thread.to_ne_bytes(), at.to_ne_bytes()].concat();
                    assert_eq!(client.call(ECHO, &payload).unwrap().to_vec(), payload);
                }
            });
        }
    });
    let count = client.call(COUNT, b"").unwrap().bytes().first().unwrap();
    assert_eq!(u32::from_ne_bytes(count), 8 * 2000 + 1);
}

fn a_panic_ends_the_connection_alone(serving: Serving) {
    let address = address();
    let _server = serving.server(&address);
    let (one, two) = (client(&address), client(&address));
    assert_eq!(one.call(PANIC, b"").unwrap_err(), CallError::Panicked);
    until("it is over", || one.disconnected().is_some());
    let CallError::Disconnected(Disconnected::Told(refusal)) = one.call(ECHO, b"").unwrap_err()
    else {
        panic!("it was told why");
    };
    assert_eq!(refusal.reason(), Reason::Panicked);
    assert_eq!(two.call(ECHO, b"x").unwrap().to_vec(), b"x");
}

fn overload_is_answered(serving: Serving) {
    let address = address();
    let builder = Endpoint::builder(address.clone())
        .service(service())
        .admission(|call| {
            if call.command() == COUNT {
                return Err(Duration::from_millis(3));
            }
            Ok(())
        });
    let _server = serving.serve(builder);
    let client = client(&address);
    let expected = CallError::Overloaded {
        retry_after: Duration::from_millis(3),
    };
    assert_eq!(client.call(COUNT, b"").unwrap_err(), expected);
    assert_eq!(client.call(ECHO, b"x").unwrap().to_vec(), b"x");
}

fn replies_may_come_from_other_threads(serving: Serving) {
    let address = address();
    let (calls, kept) = std::sync::mpsc::channel::<coroipc::Call>();
    let calls = parking_lot::Mutex::new(calls);
    let deferring = Service::new(SERVICE, |_| Ok(())).command(ECHO, move |_, call| {
        calls.lock().send(call).unwrap();
    });
    let _server = serving.serve(Endpoint::builder(address.clone()).service(deferring));
    let worker = std::thread::spawn(move || {
        for call in kept.iter().take(100) {
            let payload = call.payload().to_vec();
            call.reply(&payload);
        }
    });
    let client = client(&address);
    for at in 0..100u8 {
        assert_eq!(client.call(ECHO, &[at]).unwrap().to_vec(), [at]);
    }
    worker.join().unwrap();
}
