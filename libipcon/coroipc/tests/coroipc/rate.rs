// SPDX-License-Identifier: MIT OR Apache-2.0
//! Calls that come faster than they may.

use std::time::{Duration, Instant};

use coroipc::{Address, CallError, Client, Endpoint, RateLimit, Running};

use crate::world::*;

pub(crate) fn all() -> Vec<Case> {
    cases![
        who_waits_as_told_is_let_through,
        connections_have_buckets_of_their_own,
        connections_of_a_user_share_one,
        some_are_exempt_and_some_calls_weigh_more,
    ]
}

pub(crate) const ROLES: &[Role] = &[("rate::as_client", as_client)];

fn limited(address: &Address, limit: RateLimit) -> Running {
    let builder = Endpoint::builder(address.clone()).service(service());
    serve(builder.admission(limit.into_admission()))
}

/// Calls until it is turned down. How many calls there were before, and the time after which to try again.
fn until_turned_down(client: &Client) -> (u32, Duration) {
    let mut calls = 0;
    loop {
        match client.call(ECHO, b"x") {
            Ok(_) => calls += 1,
            Err(CallError::Overloaded { retry_after }) => return (calls, retry_after),
            Err(other) => panic!("{other}"),
        }
    }
}

const HOUR: Duration = Duration::from_secs(3600);

fn who_waits_as_told_is_let_through() {
    let name = format!("coroipc-rate-{}", std::process::id());
    // One in 100 ms.
    let limit = RateLimit::per_connection(10, Duration::from_secs(1)).burst(3);
    let _server = limited(&Address::abstract_name(&name), limit);
    let mut other = Process::start("rate::as_client", &name);
    other.wait_for("was let through");
}

/// The client of the test above, in a process of its own.
fn as_client() {
    let client = client(&Address::abstract_name(argument()));
    let began = Instant::now();
    let (mut calls, mut retry_after) = until_turned_down(&client);
    assert!(calls >= 3);
    for _ in 0..5 {
        assert!(retry_after <= Duration::from_millis(100), "{retry_after:?}");
        // What is told is a time, and this waits for nothing else.
        std::thread::sleep(retry_after);
        // At once, with no second try.
        client.call(ECHO, b"x").unwrap();
        let more;
        (more, retry_after) = until_turned_down(&client);
        calls += 1 + more;
    }
    let most = 3 + began.elapsed().as_millis() / 100;
    assert!(u128::from(calls) <= most, "{calls} calls, {most} tokens");
    say("was let through");
}

fn connections_have_buckets_of_their_own() {
    let address = address();
    let _server = limited(&address, RateLimit::per_connection(5, HOUR));
    for _ in 0..3 {
        let client = client(&address);
        let (calls, retry_after) = until_turned_down(&client);
        assert_eq!(calls, 5);
        assert!(retry_after <= HOUR / 5 && retry_after > HOUR / 6);
    }
}

fn connections_of_a_user_share_one() {
    let address = address();
    let _server = limited(&address, RateLimit::per_user(5, HOUR).burst(7));
    let (one, other) = (client(&address), client(&address));
    one.call(ECHO, b"x").unwrap();
    assert_eq!(until_turned_down(&other).0, 6);
    assert_eq!(until_turned_down(&one).0, 0);
    drop((one, other));
    // It is the user's, not the connection's.
    assert_eq!(until_turned_down(&client(&address)).0, 0);
}

fn some_are_exempt_and_some_calls_weigh_more() {
    let uid = rustix::process::geteuid().as_raw();
    for exempt in [uid, uid + 1] {
        let address = address();
        let limit = RateLimit::per_user(5, HOUR)
            .exempt(move |client| client.uid() == exempt)
            .weigh(|call| match call.command() {
                ECHO => 1,
                COUNT => 3,
                _ => 0,
            });
        let _server = limited(&address, limit);
        let client = client(&address);
        if exempt == uid {
            for _ in 0..100 {
                client.call(COUNT, b"").unwrap();
            }
            continue;
        }
        client.call(ECHO, b"").unwrap();
        client.call(COUNT, b"").unwrap();
        // One is left.
        let heavy = client.call(COUNT, b"").map(drop);
        let Err(CallError::Overloaded { retry_after }) = heavy else {
            panic!("{heavy:?}");
        };
        assert!(retry_after <= 2 * HOUR / 5 && retry_after > HOUR / 5);
        client.call(ECHO, b"").unwrap();
        assert_eq!(until_turned_down(&client).0, 0);
        for _ in 0..100 {
            client.call(SEND, &0u32.to_ne_bytes()).unwrap();
        }
    }
}
