// SPDX-License-Identifier: MIT OR Apache-2.0
//! A connection on which nothing happens wakes nobody.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use coroipc::{Address, Endpoint};
use rustix::event::{PollFd, PollFlags, poll};

use crate::world::*;

pub(crate) fn all() -> Vec<Case> {
    #[allow(unused_mut, reason = "without tokio nothing is added")]
    let mut cases = cases![
        an_idle_connection_wakes_nobody,
        an_idle_connection_does_not_wake_a_loop,
        an_idle_connection_does_not_wake_a_client_in_a_loop,
    ];
    #[cfg(feature = "tokio")]
    cases.extend(cases![an_idle_connection_wakes_no_task]);
    cases
}

pub(crate) const ROLES: &[Role] = &[
    ("idle::as_server", as_server),
    ("idle::as_loop", as_loop),
    ("idle::as_client", as_client),
    ("idle::as_client_in_a_loop", as_client_in_a_loop),
    #[cfg(feature = "tokio")]
    ("idle::as_server_task", as_server_task),
    #[cfg(feature = "tokio")]
    ("idle::as_client_task", as_client_task),
];

/// How long a client may take to introduce itself here: a timer that is left over from that would wake the server in the
/// time that the test takes.
const GREETING: Duration = Duration::from_secs(1);

fn threads(pid: u32) -> Vec<PathBuf> {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    threads.map(|thread| thread.unwrap().path()).collect()
}

/// How often the threads of a process have been taken from a processor, or gone to sleep; nothing while one does not sleep.
fn switches(pid: u32) -> Option<u64> {
    let mut switches = 0;
    for thread in threads(pid) {
        let status = std::fs::read_to_string(thread.join("status")).unwrap();
        if !status.contains("State:\tS") {
            return None;
        }
        let lines = status.lines().filter(|line| line.contains("ctxt_switches"));
        let numbers = lines.map(|line| line.rsplit('\t').next().unwrap().parse::<u64>().unwrap());
        switches += numbers.sum::<u64>();
    }
    Some(switches)
}

/// The same of both processes, once all of their threads have slept for so long that one which is about to do something,
/// for the other process perhaps, had the time for it.
fn settled(pids: [u32; 2]) -> [u64; 2] {
    let (began, mut last, mut looks) = (Instant::now(), [None; 2], 0);
    loop {
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "they never sleep"
        );
        let now = pids.map(switches);
        looks = if now == last { looks + 1 } else { 0 };
        if let (50.., [Some(one), Some(other)]) = (looks, now) {
            return [one, other];
        }
        last = now;
        std::thread::yield_now();
    }
}

fn nobody_wakes(server_role: &str, client_role: &str) {
    let argument = format!("coroipc-{client_role}-{}-{server_role}", std::process::id());
    let argument = &argument;
    let mut server = Process::start(server_role, argument);
    server.wait_for("ready");
    let mut client = Process::start(client_role, argument);
    client.wait_for("ready");
    let pids = [server.pid(), client.pid()];
    let before = settled(pids);
    // Meanwhile others connect and call, until that has been much, and longer than any timer of the two.
    let address = address();
    let _others = crate::world::server(&address);
    let (began, mut rounds) = (Instant::now(), 0);
    while rounds < 100 || began.elapsed() < GREETING {
        let other = crate::world::client(&address);
        assert_eq!(other.call(ECHO, b"x").unwrap().to_vec(), b"x");
        rounds += 1;
    }
    assert_eq!(
        pids.map(switches),
        before.map(Some),
        "after {rounds} rounds"
    );
}

fn an_idle_connection_wakes_nobody() {
    nobody_wakes("idle::as_server", "idle::as_client");
}

fn an_idle_connection_does_not_wake_a_loop() {
    nobody_wakes("idle::as_loop", "idle::as_client");
}

fn an_idle_connection_does_not_wake_a_client_in_a_loop() {
    nobody_wakes("idle::as_server", "idle::as_client_in_a_loop");
}

#[cfg(feature = "tokio")]
fn an_idle_connection_wakes_no_task() {
    nobody_wakes("idle::as_server_task", "idle::as_client_task");
}

/// A server of the tests above, in a process of its own.
fn as_server() {
    let builder = Endpoint::builder(Address::abstract_name(argument())).greeting_time(GREETING);
    let _server = serve(builder.service(service()));
    say("ready");
    run_on();
}

/// A server of the tests above, in a process of its own.
fn as_loop() {
    let builder = Endpoint::builder(Address::abstract_name(argument())).greeting_time(GREETING);
    let mut server = builder
        .service(service())
        .bind()
        .unwrap()
        .into_loop()
        .unwrap();
    say("ready");
    loop {
        poll(&mut [PollFd::new(&server, PollFlags::IN)], None).unwrap();
        server.dispatch().unwrap();
    }
}

/// The client of the tests above, in a process of its own.
fn as_client() {
    let client = client(&Address::abstract_name(argument()));
    let mut events = client.events().unwrap();
    // All that was busy once is idle now: a call that waits, a receiver of events, and the two of the server.
    for _ in 0..1000 {
        client.call(ECHO, b"x").unwrap();
    }
    std::thread::scope(|scope| {
        scope.spawn(|| client.call(KEEP, b"").map(drop));
        scope.spawn(|| events.next(None).map(drop));
        client.call(ECHO, b"x").unwrap();
        say("ready");
    });
}

/// A client of the tests above, in a process of its own.
fn as_client_in_a_loop() {
    let client = client(&Address::abstract_name(argument()));
    let mut events = client.events().unwrap();
    let mut kept = client.start(KEEP, &[], None).unwrap();
    let mut echoed = 0;
    let mut pending = None;
    loop {
        assert!(events.try_next().unwrap().is_none());
        kept = kept.try_reply().unwrap_err();
        let asked = pending.take().or_else(|| {
            let more = echoed < 1000;
            more.then(|| client.start(ECHO, &[], None).unwrap())
        });
        match asked.map(coroipc::Pending::try_reply) {
            Some(Ok(reply)) => {
                reply.unwrap();
                echoed += 1;
                continue;
            }
            Some(Err(again)) => pending = Some(again),
            None => say("ready"),
        }
        poll(&mut [PollFd::new(&client, PollFlags::IN)], None).unwrap();
    }
}

#[cfg(feature = "tokio")]
#[tokio::main(flavor = "current_thread")]
async fn as_server_task() {
    let builder = Endpoint::builder(Address::abstract_name(argument())).greeting_time(GREETING);
    let endpoint = builder.service(service()).bind().unwrap();
    let mut server = endpoint.into_async().unwrap();
    say("ready");
    server.serve().await.unwrap();
}

#[cfg(feature = "tokio")]
#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn as_client_task() {
    use coroipc::{AsyncClient, Client};
    let builder = Client::builder(Address::abstract_name(argument()), SERVICE);
    let client = AsyncClient::connect(builder).await.unwrap();
    let mut events = client.events().unwrap();
    let mut rooms = Vec::new();
    for _ in 2..client.sizes().slots {
        rooms.push(client.room(0, None).await.unwrap());
    }
    let busy = async {
        for _ in 0..1000 {
            client.call(ECHO, b"x").await.unwrap();
        }
        // One that is kept, and one that waits for a slot.
        let _kept = client.start(KEEP, &[], None).await.unwrap();
        say("ready");
        client.room(0, None).await.map(drop)
    };
    let (kept, event, busy) = tokio::join!(client.call(KEEP, b""), events.next(), busy);
    panic!("it ended: {kept:?} {event:?} {busy:?}");
}
