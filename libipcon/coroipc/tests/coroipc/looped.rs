// SPDX-License-Identifier: MIT OR Apache-2.0
//! Servers and clients in poll loops.

use std::io::IoSlice;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use coroipc::{Address, CallError, Disconnected, Endpoint, EndpointLoop, Reason};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::world::*;

pub(crate) fn all() -> Vec<Case> {
    cases![
        a_loop_serves_many_clients,
        a_loop_takes_turns_with_those_who_ask_much,
        a_loop_ends_what_breaks_and_tells_when_it_goes,
        a_loop_receives_events,
    ]
}

fn poll_once(server: &mut EndpointLoop) {
    let timeout = Timespec {
        tv_sec: 0,
        tv_nsec: 20_000_000,
    };
    poll(&mut [PollFd::new(&*server, PollFlags::IN)], Some(&timeout)).unwrap();
    server.dispatch().unwrap();
}

/// Serves from a loop while `clients` run, and then returns what serves.
fn serve_while<T: Send>(
    address: &Address,
    clients: impl FnOnce() -> T + Send,
) -> (EndpointLoop, T) {
    let builder = Endpoint::builder(address.clone()).service(service());
    let mut server = builder.bind().unwrap().into_loop().unwrap();
    let done = AtomicBool::new(false);
    let result = std::thread::scope(|scope| {
        let clients = scope.spawn(|| {
            let result = clients();
            done.store(true, Ordering::SeqCst);
            result
        });
        while !clients.is_finished() {
            poll_once(&mut server);
        }
        clients.join().unwrap()
    });
    (server, result)
}

fn a_loop_serves_many_clients() {
    let address = address();
    let (mut server, ()) = serve_while(&address, || {
        std::thread::scope(|scope| {
            for thread in 0..4u32 {
                let address = &address;
                scope.spawn(move || {
                    let client = client(address);
                    for at in 0..2000u32 {
                        let payload = [thread.to_ne_bytes(), at.to_ne_bytes()].concat();
                        assert_eq!(client.call(ECHO, &payload).unwrap().to_vec(), payload);
                    }
                    assert_eq!(client.call(FORBIDDEN, b"").unwrap_err(), CallError::Denied);
                });
            }
        });
    });
    while !server.connections().is_empty() {
        poll_once(&mut server);
    }
}

fn a_loop_takes_turns_with_those_who_ask_much() {
    let address = address();
    let (_server, ()) = serve_while(&address, || {
        let client = client(&address);
        for _ in 0..5000 {
            client.notify(COUNT, &[]).unwrap();
        }
        let count = client.call(COUNT, b"").unwrap().bytes().first().unwrap();
        assert_eq!(u32::from_ne_bytes(count), 5001);
    });
}

fn a_loop_ends_what_breaks_and_tells_when_it_goes() {
    let address = address();
    let (server, client) = serve_while(&address, || {
        let broken = client(&address);
        assert_eq!(broken.call(PANIC, b"").unwrap_err(), CallError::Panicked);
        until("it is over", || broken.disconnected().is_some());
        client(&address)
    });
    drop(server);
    until("it is over", || client.disconnected().is_some());
    let Some(Disconnected::Told(refusal)) = client.disconnected() else {
        panic!("it was told why");
    };
    assert_eq!(refusal.reason(), Reason::ShuttingDown);
}

fn a_loop_receives_events() {
    let address = address();
    let server = server(&address);
    let client = client(&address);
    let mut events = client.events().unwrap();
    let count = 100_000u32;
    let pending = client
        .start(SEND, &[IoSlice::new(&count.to_ne_bytes())], soon())
        .unwrap();
    let mut expected = 0;
    while expected < count {
        while let Some(event) = events.try_next().unwrap() {
            assert_eq!(event.number(), expected);
            expected += 1;
        }
        if expected < count {
            let timeout = Timespec {
                tv_sec: 20,
                tv_nsec: 0,
            };
            let mut fds = [PollFd::new(&events, PollFlags::IN)];
            assert_ne!(poll(&mut fds, Some(&timeout)).unwrap(), 0, "at {expected}");
        }
    }
    pending.wait().unwrap();
    // It hears of the end in the same way, with the reason.
    assert!(events.try_next().unwrap().is_none());
    server.shut_down(Duration::ZERO);
    poll(&mut [PollFd::new(&events, PollFlags::IN)], None).unwrap();
    let end = loop {
        match events.try_next() {
            Ok(_) => {}
            Err(end) => break end,
        }
    };
    let Disconnected::Told(refusal) = end else {
        panic!("it was told why: {end}");
    };
    assert_eq!(refusal.reason(), Reason::ShuttingDown);
}
