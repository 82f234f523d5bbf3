// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who waits for the other side sees its `kill -9` at once, whatever it waits for.

use std::io::IoSlice;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use coroipc::{
    Address, CallError, Client, Connection, Disconnected, Endpoint, EventError, Overflow, Service,
    Sizes,
};
use rustix::event::{PollFd, PollFlags, poll};

use crate::serving::*;
use crate::world::*;

pub(crate) fn all() -> Vec<ServedCase> {
    served_cases![
        a_client_in_a_call_sees_the_server_killed,
        a_client_that_waits_for_events_sees_the_server_killed,
        a_client_that_polls_for_events_sees_the_server_killed,
        a_client_that_waits_for_a_slot_sees_the_server_killed,
        a_server_that_waits_for_requests_sees_the_client_killed,
        a_server_that_waits_for_room_sees_the_client_killed,
    ]
}

pub(crate) const ROLES: &[Role] = &[
    ("blocked::as_server", as_server),
    ("blocked::as_idle_client", as_idle_client),
    ("blocked::as_deaf_client", as_deaf_client),
];

/// Deaths of each test below; `COROIPC_DEATHS` asks for more.
fn deaths() -> usize {
    let given = std::env::var("COROIPC_DEATHS").ok();
    given.map_or(5, |given| given.parse().unwrap())
}

/// Sees that the other side's deaths were seen at once, half of them at least: somebody else's work may be in the way of
/// one.
fn all_at_once(what: &str, serving: Serving, mut times: Vec<Duration>) {
    times.sort_unstable();
    let (median, worst) = (times[times.len() / 2], times[times.len() - 1]);
    if times.len() >= 100 {
        let (deaths, how) = (times.len(), serving.name());
        eprintln!("{what}, {how}: {deaths} deaths seen in {median:?}, the worst in {worst:?}");
    }
    assert!(median <= at_once(), "{what}: {times:?}");
}

/// Has servers killed while a thread is in `wait`, which ends with the time at which it did.
fn while_servers_are_killed(
    what: &str,
    serving: Serving,
    wait: impl Fn(&Client) -> Instant + Sync,
) {
    let name = format!("coroipc-{what}-{}-{}", serving.name(), std::process::id());
    let role = format!("{} {name}", serving.name());
    let kill_one = |_| {
        let mut server = Process::start("blocked::as_server", &role);
        server.wait_for("ready");
        let sizes = Sizes {
            slots: 4,
            ..Sizes::default()
        };
        let client = Client::builder(Address::abstract_name(&name), SERVICE).sizes(sizes);
        let client = client.connect().unwrap();
        assert_eq!(client.server().pid(), server.pid());
        std::thread::scope(|scope| {
            let (thread, waiting) = mpsc::channel();
            let (client, wait) = (&client, &wait);
            let waits = scope.spawn(move || {
                thread.send(rustix::thread::gettid()).unwrap();
                wait(client)
            });
            sleeps(waiting.recv().unwrap());
            let killed = server.kill();
            waits.join().unwrap().saturating_duration_since(killed)
        })
    };
    all_at_once(what, serving, (0..deaths()).map(kill_one).collect());
}

/// Returns once a thread of this process has slept for several looks.
fn sleeps(thread: rustix::thread::Pid) {
    let status = format!("/proc/self/task/{}/status", thread.as_raw_nonzero());
    let mut looks = 0;
    until("the thread sleeps", || {
        let now = std::fs::read_to_string(&status).unwrap();
        now.contains("State:\tS")
    });
    while looks < 20 {
        let now = std::fs::read_to_string(&status).unwrap();
        looks = if now.contains("State:\tS") {
            looks + 1
        } else {
            0
        };
    }
}

fn gone() -> CallError {
    Disconnected::Gone.into()
}

fn a_client_in_a_call_sees_the_server_killed(serving: Serving) {
    while_servers_are_killed("call", serving, |client| {
        assert_eq!(client.call(KEEP, b"").map(drop), Err(gone()));
        Instant::now()
    });
}

fn a_client_that_waits_for_events_sees_the_server_killed(serving: Serving) {
    while_servers_are_killed("events", serving, |client| {
        let mut events = client.events().unwrap();
        assert_eq!(events.next(None).map(drop), Err(Disconnected::Gone));
        Instant::now()
    });
}

fn a_client_that_polls_for_events_sees_the_server_killed(serving: Serving) {
    while_servers_are_killed("poll", serving, |client| {
        let mut events = client.events().unwrap();
        loop {
            match events.try_next().map(drop) {
                Ok(()) => {}
                Err(end) => {
                    assert_eq!(end, Disconnected::Gone);
                    return Instant::now();
                }
            }
            poll(&mut [PollFd::new(&events, PollFlags::IN)], None).unwrap();
        }
    });
}

fn a_client_that_waits_for_a_slot_sees_the_server_killed(serving: Serving) {
    while_servers_are_killed("slot", serving, |client| {
        let _all: Vec<_> = (0..client.sizes().slots)
            .map(|_| client.start(KEEP, &[], None).unwrap())
            .collect();
        assert_eq!(client.room(0, None).map(drop), Err(gone()));
        Instant::now()
    });
}

/// The server of the tests above, in a process of its own.
fn as_server() {
    let argument = argument();
    let (serving, name) = argument.split_once(' ').unwrap();
    let _server = Serving::named(serving).server(&Address::abstract_name(name));
    say("ready");
    run_on();
}

/// Has clients of a role killed once `waits` says that the server waits for them. It tells when it saw each end.
fn while_clients_are_killed(
    what: &str,
    serving: Serving,
    role: &str,
    (service, seen): (Service<()>, Receiver<Instant>),
    waits: impl Fn(&Connection) -> bool,
) {
    let name = format!("coroipc-{what}-{}-{}", serving.name(), std::process::id());
    let builder = Endpoint::builder(Address::abstract_name(&name)).service(service);
    let server = serving.serve(builder);
    let kill_one = |_| {
        let mut client = Process::start(role, &name);
        client.wait_for("ready");
        until("the server waits", || {
            let connections = server.connections();
            connections.len() == 1 && waits(&connections[0])
        });
        let killed = client.kill();
        let ended = seen.recv_timeout(Duration::from_secs(20)).unwrap();
        until("nobody is left", || server.connections().is_empty());
        ended.saturating_duration_since(killed)
    };
    all_at_once(what, serving, (0..deaths()).map(kill_one).collect());
}

fn a_server_that_waits_for_requests_sees_the_client_killed(serving: Serving) {
    let (end, seen) = mpsc::channel();
    let end = parking_lot::Mutex::new(end);
    let service = Service::new(SERVICE, |_| Ok(()))
        .command(ECHO, |_, call| call.reply(b""))
        .on_disconnect(move |_| end.lock().send(Instant::now()).unwrap());
    let role = "blocked::as_idle_client";
    while_clients_are_killed("requests", serving, role, (service, seen), |_| true);
}

/// A client of the test above, in a process of its own.
fn as_idle_client() {
    let client = client(&Address::abstract_name(argument()));
    client.call(ECHO, b"").unwrap();
    say("ready");
    run_on();
}

/// A thread waits in the middle of sending; a loop, which never does, has the event in a queue.
fn a_server_that_waits_for_room_sees_the_client_killed(serving: Serving) {
    let (end, seen) = mpsc::channel();
    let end = parking_lot::Mutex::new(end);
    let threads = serving == Serving::Threads;
    let at_the_end = end.lock().clone();
    let at_the_end = parking_lot::Mutex::new(at_the_end);
    let service = Service::new(SERVICE, |_| Ok(()))
        .command(SEND, move |session, _call| {
            let event = [0; 1024];
            let error = loop {
                let sent = session.connection().send_event(&[IoSlice::new(&event)]);
                if let Err(error) = sent {
                    break error;
                }
            };
            if threads {
                assert_eq!(error, EventError::Over);
                end.lock().send(Instant::now()).unwrap();
            } else {
                assert_eq!(error, EventError::Full);
            }
        })
        .on_disconnect(move |_| {
            if !threads {
                at_the_end.lock().send(Instant::now()).unwrap();
            }
        });
    let service = match serving {
        Serving::Threads => service.overflow(Overflow::Block),
        Serving::Loop => service.event_queue(1 << 20, 100).overflow(Overflow::Refuse),
    };
    let role = "blocked::as_deaf_client";
    let held_back = |connection: &Connection| connection.is_held_back();
    while_clients_are_killed("room", serving, role, (service, seen), held_back);
}

/// A client of the test above, in a process of its own.
fn as_deaf_client() {
    let client = client(&Address::abstract_name(argument()));
    let _pending = client.start(SEND, &[], None).unwrap();
    let mut events = client.events().unwrap();
    let _first = events.next(None).unwrap();
    say("ready");
    run_on();
}
