// SPDX-License-Identifier: MIT OR Apache-2.0
//! `kill -9` of either side.

use std::io::IoSlice;
use std::time::{Duration, Instant};

use coroipc::{Address, CallError, Disconnected, Endpoint, EventError, Service};

use crate::world::*;

/// What the other side's death may take to be seen.
const AT_ONCE: Duration = Duration::from_millis(10);

#[test]
fn a_blocked_call_sees_the_server_die() {
    let name = format!("coroipc-death-{}", std::process::id());
    let mut times = Vec::new();
    for _ in 0..5 {
        let mut server = Process::start("death::as_server", &name);
        server.wait_for("ready");
        let client = client(&Address::abstract_name(&name));
        assert_eq!(client.server().pid(), server.pid());
        let mut events = client.events().unwrap();
        std::thread::scope(|scope| {
            let call = scope.spawn(|| (client.call(KEEP, b"").map(drop), Instant::now()));
            let event = scope.spawn(|| (events.next(None).map(drop), Instant::now()));
            // The one that is kept was taken, so the caller sleeps or is about to.
            client.call(ECHO, b"").unwrap();
            let killed = server.kill();
            let (result, ended) = call.join().unwrap();
            let gone = CallError::Disconnected(Disconnected::Gone);
            assert_eq!(result.unwrap_err(), gone);
            times.push(ended.saturating_duration_since(killed));
            let (result, ended) = event.join().unwrap();
            assert_eq!(result.unwrap_err(), Disconnected::Gone);
            times.push(ended.saturating_duration_since(killed));
        });
    }
    times.sort_unstable();
    // Somebody else's work may be in the way once.
    assert!(times[times.len() / 2] <= AT_ONCE, "{times:?}");
}

#[test]
#[ignore = "the server of the test above, in a process of its own"]
fn as_server() {
    let _server = server(&Address::abstract_name(argument()));
    say("ready");
    run_on();
}

#[test]
fn a_blocked_server_sees_the_client_die() {
    let address = Address::abstract_name(format!("coroipc-dying-{}", std::process::id()));
    let (gone, ended) = std::sync::mpsc::channel();
    let gone = parking_lot::Mutex::new(gone);
    let service = Service::new(SERVICE, |_| Ok(()))
        .command(SEND, |session, _call| {
            // Until nobody is there to make room.
            let event = [0; 1024];
            let error = loop {
                let sent = session.connection().send_event(&[IoSlice::new(&event)]);
                if let Err(error) = sent {
                    break error;
                }
            };
            assert_eq!(error, EventError::Over);
        })
        .on_disconnect(move |_| gone.lock().send(Instant::now()).unwrap());
    let server = serve(Endpoint::builder(address).service(service));
    let name = format!("coroipc-dying-{}", std::process::id());
    let mut times = Vec::new();
    for role in ["death::as_idle_client", "death::as_deaf_client"] {
        for _ in 0..3 {
            let mut client = Process::start(role, &name);
            client.wait_for("ready");
            let killed = client.kill();
            let ended = ended.recv_timeout(Duration::from_secs(20)).unwrap();
            times.push(ended.saturating_duration_since(killed));
        }
    }
    until("nobody is left", || server.connections().is_empty());
    times.sort_unstable();
    assert!(times[times.len() / 2] <= AT_ONCE, "{times:?}");
}

#[test]
#[ignore = "a client of the test above, in a process of its own"]
fn as_idle_client() {
    let _client = client(&Address::abstract_name(argument()));
    say("ready");
    run_on();
}

#[test]
#[ignore = "a client of the test above, in a process of its own"]
fn as_deaf_client() {
    let client = client(&Address::abstract_name(argument()));
    let _pending = client.start(SEND, &[], None).unwrap();
    let mut events = client.events().unwrap();
    let _first = events.next(None).unwrap();
    say("ready");
    run_on();
}

/// Rounds of the test below; `COROIPC_KILLS` asks for more.
const KILLS: u32 = 40;

#[test]
fn clients_killed_at_any_point_leave_nothing() {
    let kills = std::env::var("COROIPC_KILLS").unwrap_or_else(|_| KILLS.to_string());
    let mut alone = Process::start("death::as_killer", &kills);
    alone.wait_for("left nothing");
}

#[test]
#[ignore = "the test above, in a process where no other test runs"]
fn as_killer() {
    let name = format!("coroipc-killer-{}", std::process::id());
    let server = server(&Address::abstract_name(&name));
    let left = || {
        let count = |what| std::fs::read_dir(what).unwrap().count();
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let memory = maps.matches("memfd:coroipc").count();
        (count("/proc/self/fd"), count("/proc/self/task"), memory)
    };
    // The thread that watches stays once it is there.
    drop(client(&Address::abstract_name(&name)));
    until("it has gone", || {
        server.connections().is_empty() && left().2 == 0
    });
    let before = left();
    let kills: u32 = argument().parse().unwrap();
    for kill in 0..kills {
        let mut client = Process::start("death::as_busy_client", &name);
        client.wait_for("ready");
        // Another point each time: so many looks at the clock, the steps of a walk without pattern.
        let pause = Duration::from_micros(u64::from(kill) * 7919 % 5000);
        let began = Instant::now();
        while began.elapsed() < pause {
            std::hint::spin_loop();
        }
        client.kill();
    }
    until("all have gone", || server.connections().is_empty());
    until("nothing is left", || left() == before);
    say("left nothing");
}

#[test]
#[ignore = "a client of the test above, in a process of its own"]
fn as_busy_client() {
    let address = Address::abstract_name(argument());
    say("ready");
    loop {
        let client = client(&address);
        let mut events = client.events().unwrap();
        for at in 0..20u8 {
            assert_eq!(client.call(ECHO, &[at]).unwrap().to_vec(), [at]);
        }
        let pending = client.start(SEND, &[IoSlice::new(&30u32.to_ne_bytes())], None);
        for _ in 0..10 {
            events.next(None).unwrap();
        }
        drop(pending);
        drop(client.start(KEEP, &[], None));
    }
}
