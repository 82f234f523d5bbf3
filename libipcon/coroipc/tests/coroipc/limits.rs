// SPDX-License-Identifier: MIT OR Apache-2.0
//! How much one client, or one user, can take from a server and from others.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use coroipc::{Address, Client, ConnectError, Endpoint, Reason, Sizes};

use rustix::process::{Resource, getrlimit, setrlimit};

use crate::raw::*;
use crate::world::*;

pub(crate) fn all() -> Vec<Case> {
    cases![
        descriptors_that_take_long_to_close_keep_nobody_waiting,
        descriptors_that_take_long_to_close_count,
        memory_is_bounded_for_one_user_and_for_all,
        a_client_bounds_what_the_server_decides,
        the_limit_of_descriptors_bounds_connections,
    ]
}

pub(crate) const ROLES: &[Role] = &[("limits::as_few", as_few)];

/// A descriptor that takes seconds to close, or until the other end is closed: a connection that lingers, with more to send
/// than the other end takes.
fn slow_to_close() -> (OwnedFd, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (other, _) = listener.accept().unwrap();
    let lingers = Some(Duration::from_secs(4));
    rustix::net::sockopt::set_socket_linger(&stream, lingers).unwrap();
    stream.set_nonblocking(true).unwrap();
    while stream.write(&[0; 1 << 16]).is_ok() {}
    // Closing a socket that never waits does not linger.
    stream.set_nonblocking(false).unwrap();
    (stream.into(), other)
}

fn descriptors_that_take_long_to_close_keep_nobody_waiting() {
    // At once, since each takes its seconds.
    std::thread::scope(|scope| {
        for stage in ["hello", "memory", "doorbell"] {
            scope.spawn(move || keep_nobody_waiting(stage));
        }
    });
}

fn keep_nobody_waiting(stage: &str) {
    let name = format!("coroipc-limits-close-{stage}-{}", std::process::id());
    let address = Address::abstract_name(&name);
    let _server = server(&address);
    let raw = match stage {
        "hello" => Raw::connect(&name),
        "memory" => welcomed(&name),
        _ => connected(&name).0,
    };
    let kind = match stage {
        "hello" => hello(),
        "memory" => message(3, &[]),
        _ => message(6, &[]),
    };
    // More than are ever wanted; after this the message has the only ones.
    let (slow, _other) = slow_to_close();
    raw.send(&kind, &[&slow, &slow, &slow]);
    let began = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(move || drop(slow));
        if stage == "memory" {
            assert_eq!(raw.refusal(), 6);
        }
        let client = client(&address);
        assert_eq!(client.call(ECHO, b"x").unwrap().to_vec(), b"x");
        assert!(began.elapsed() < Duration::from_secs(2), "{stage}");
    });
}

fn descriptors_that_take_long_to_close_count() {
    let name = format!("coroipc-limits-count-{}", std::process::id());
    let address = Address::abstract_name(&name);
    let builder = Endpoint::builder(address.clone()).service(service());
    let server = builder.most_of_one_user(2, usize::MAX).bind().unwrap();
    let server = Mutex::new(server.into_loop().unwrap());
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                server.lock().unwrap().dispatch().unwrap();
                std::thread::yield_now();
            }
        });
        let mut others = Vec::new();
        for _ in 0..2 {
            let raw = welcomed(&name);
            let (slow, other) = slow_to_close();
            // The server is to have the last of them.
            let not_yet = server.lock().unwrap();
            raw.send(&message(3, &[]), &[&slow, &slow, &slow]);
            drop(slow);
            drop(not_yet);
            others.push(other);
            assert_eq!(raw.refusal(), 6);
        }
        // Nobody is connected, but what they have sent is there.
        let connect = || Client::builder(address.clone(), SERVICE).connect();
        let refused = connect();
        drop(others);
        let again = std::panic::catch_unwind(|| until("all is closed", || connect().is_ok()));
        over.store(true, Ordering::Relaxed);
        match refused {
            Err(ConnectError::Refused(why)) => {
                assert!(matches!(why.reason(), Reason::Overloaded { .. }), "{why}");
            }
            other => panic!("it should be refused: {other:?}"),
        }
        again.unwrap();
    });
}

fn memory_is_bounded_for_one_user_and_for_all() {
    let big = Sizes {
        reply: 256 << 10,
        ..Sizes::default()
    };
    let bytes = (big.slots * (big.request + big.reply) + big.events) as usize;
    for of_one_user in [false, true] {
        let address = address();
        let builder = Endpoint::builder(address.clone()).service(service());
        let builder = if of_one_user {
            builder.most_of_one_user(10, 2 * bytes)
        } else {
            builder.most_memory(2 * bytes)
        };
        let server = serve(builder);
        let connect = || {
            Client::builder(address.clone(), SERVICE)
                .sizes(big)
                .connect()
        };
        let (first, second) = (connect().unwrap(), connect().unwrap());
        let refused = |result: Result<Client, ConnectError>| match result {
            Err(ConnectError::Refused(why)) => matches!(why.reason(), Reason::Overloaded { .. }),
            other => panic!("it should be refused: {other:?}"),
        };
        assert!(refused(connect()));
        drop(first);
        until("one is left", || server.connections().len() == 1);
        until("there is memory again", || connect().is_ok());
        drop(second);
    }
    let address = address();
    let builder = Endpoint::builder(address.clone()).service(service());
    let _server = serve(builder.most_of_one_user(1, usize::MAX));
    let _first = client(&address);
    assert!(Client::builder(address, SERVICE).connect().is_err());
}

fn the_limit_of_descriptors_bounds_connections() {
    let mut few = Process::start("limits::as_few", "");
    few.wait_for("kept some");
}

/// The test above, in a process that may have few descriptors while it binds.
fn as_few() {
    let usual = getrlimit(Resource::Nofile);
    let mut few = usual;
    few.current = Some(200);
    // 150 / 4 of all, and 9 of one user, which is this one.
    for (chosen, most) in [(None, 9), (Some(20), 20)] {
        let address = address();
        let mut builder = Endpoint::builder(address.clone()).service(service());
        if let Some(most) = chosen {
            builder = builder.most_of_one_user(most, usize::MAX);
        }
        setrlimit(Resource::Nofile, few).unwrap();
        let server = builder.bind().unwrap().spawn().unwrap();
        setrlimit(Resource::Nofile, usual).unwrap();
        let clients: Vec<_> = (0..most).map(|_| client(&address)).collect();
        match Client::builder(address, SERVICE).connect() {
            Err(ConnectError::Refused(why)) => {
                assert!(matches!(why.reason(), Reason::Overloaded { .. }), "{why}");
            }
            other => panic!("it should be refused: {other:?}"),
        }
        drop((clients, server));
    }
    say("kept some");
}

fn a_client_bounds_what_the_server_decides() {
    let address = address();
    let least = Sizes {
        request: 1 << 20,
        ..Sizes::MIN
    };
    let _server = serve(
        Endpoint::builder(address.clone())
            .service(service())
            .sizes(least, Sizes::MAX),
    );
    let to = || Client::builder(address.clone(), SERVICE);
    let error = to().connect().unwrap_err();
    assert!(matches!(error, ConnectError::Protocol(_)), "{error}");
    assert!(to().most_sizes(Sizes::MAX).connect().is_ok());
}
