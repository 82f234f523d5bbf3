// SPDX-License-Identifier: MIT OR Apache-2.0
//! Servers that come late, or go and come again.

use std::io::IoSlice;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use coroipc::{
    Address, CallError, Client, CommandId, ConnectError, Disconnected, Endpoint, Reason,
    ReconnectError, Refusal, Sizes,
};
use rustix::time::{ClockId, clock_gettime};

use crate::raw::{accept_without_rules, listener_without_rules};
use crate::world::*;

pub(crate) fn all() -> Vec<Case> {
    cases![
        a_client_waits_for_a_server_that_comes_late,
        waiting_takes_no_time_of_the_processor,
        waiting_ends_at_the_deadline,
        who_is_refused_does_not_wait,
        a_lost_call_is_reported_and_not_repeated,
        calls_go_on_with_the_next_server,
        a_server_that_hangs_up_on_everybody_is_not_asked_without_end,
        a_large_request_that_nobody_can_get_goes_to_the_next_server,
    ]
}

pub(crate) const ROLES: &[Role] = &[("reconnecting::as_server", as_server)];

/// Says `handled`, and never replies.
const LOSE: CommandId = CommandId::new(20);

/// An address by its kind, for another process: a path or an abstract name.
fn of(name: &str) -> Address {
    match name.strip_prefix('@') {
        Some(name) => Address::abstract_name(name),
        None => Address::path(name),
    }
}

fn as_server() {
    let losing = service().command(LOSE, |_, call| {
        say("handled");
        std::mem::forget(call);
    });
    let _server = serve(Endpoint::builder(of(&argument())).service(losing));
    say("ready");
    run_on();
}

/// A folder of its own, gone with this.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let name = format!("coroipc-{name}-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn path(&self) -> String {
        self.0.join("socket").to_str().unwrap().into()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn start(name: &str) -> Process {
    let mut server = Process::start("reconnecting::as_server", name);
    server.wait_for("ready");
    server
}

fn deadline() -> Instant {
    soon().unwrap()
}

fn a_client_waits_for_a_server_that_comes_late() {
    let folder = Folder::new("late");
    let abstract_name = format!("@coroipc-late-{}", std::process::id());
    for name in [folder.path(), abstract_name] {
        // Nobody was ever there, and then one was, and was killed.
        for _ in 0..2 {
            let at_once = Client::builder(of(&name), SERVICE).connect();
            assert!(matches!(at_once, Err(ConnectError::Unreachable { .. })));
            let builder = Client::builder(of(&name), SERVICE).wait_for_server(deadline());
            let waiting = std::thread::spawn(move || builder.connect());
            let mut server = start(&name);
            let client = waiting.join().unwrap().unwrap();
            assert_eq!(client.call(ECHO, b"x").unwrap().to_vec(), b"x");
            server.kill();
        }
    }
}

fn waiting_takes_no_time_of_the_processor() {
    let folder = Folder::new("idle");
    let abstract_name = format!("@coroipc-idle-{}", std::process::id());
    for name in [folder.path(), abstract_name] {
        let until = Instant::now() + Duration::from_millis(500);
        let busy = || {
            let time = clock_gettime(ClockId::ThreadCPUTime);
            Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
        };
        let before = busy();
        let builder = Client::builder(of(&name), SERVICE).wait_for_server(until);
        builder.connect().unwrap_err();
        let took = busy() - before;
        assert!(took < Duration::from_millis(50), "{took:?}");
    }
}

fn waiting_ends_at_the_deadline() {
    let name = format!("coroipc-never-{}", std::process::id());
    for millis in [0, 1, 150] {
        let until = Instant::now() + Duration::from_millis(millis);
        let builder = Client::builder(Address::abstract_name(&name), SERVICE);
        let error = builder.wait_for_server(until).connect().unwrap_err();
        assert!(matches!(error, ConnectError::Unreachable { .. }), "{error}");
        assert!(Instant::now() >= until);
        assert!(until.elapsed() < Duration::from_secs(5));
    }
    // A server that listens and says nothing is not waited for longer either.
    let _listener = listener_without_rules(&name);
    let until = Instant::now() + Duration::from_millis(100);
    let builder = Client::builder(Address::abstract_name(&name), SERVICE);
    let error = builder.wait_for_server(until).connect().unwrap_err();
    assert!(matches!(error, ConnectError::TimedOut(_)), "{error}");
    assert!(until.elapsed() < Duration::from_secs(4));
}

fn who_is_refused_does_not_wait() {
    let address = address();
    let asked = Arc::new(AtomicU32::new(0));
    let builder = Endpoint::builder(address.clone()).service(service());
    let counting = asked.clone();
    let _server = serve(builder.policy(move |_| {
        counting.fetch_add(1, Ordering::SeqCst);
        Err(Refusal::denied("never"))
    }));
    let client = Client::builder(address.clone(), SERVICE).wait_for_server(deadline());
    let Err(ConnectError::Refused(why)) = client.connect() else {
        panic!("it is refused");
    };
    assert_eq!(why.reason(), Reason::Denied);
    let client = Client::builder(address, SERVICE).reconnecting();
    let refused = client.call(ECHO, b"", deadline()).unwrap_err();
    let ReconnectError::Connect(ConnectError::Refused(_)) = refused else {
        panic!("{refused}");
    };
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

fn a_lost_call_is_reported_and_not_repeated() {
    let name = format!("@coroipc-lost-{}", std::process::id());
    let mut first = start(&name);
    let client = Client::builder(of(&name), SERVICE).reconnecting();
    let lost = std::thread::scope(|scope| {
        let lost = scope.spawn(|| client.call(LOSE, b"", deadline()));
        first.wait_for("handled");
        first.kill();
        let mut second = start(&name);
        let lost = lost.join().unwrap().unwrap_err();
        // The next call goes to the next server, which has not heard of the lost one.
        assert_eq!(
            client.call(COUNT, b"", deadline()).unwrap(),
            1u32.to_ne_bytes()
        );
        second.kill();
        assert!(!second.rest().contains("handled"));
        lost
    });
    assert!(matches!(lost, ReconnectError::Lost(_)), "{lost}");
    assert_eq!(client.connections(), 2);
}

fn calls_go_on_with_the_next_server() {
    let folder = Folder::new("next");
    let name = folder.path();
    let prepared = Arc::new(AtomicU32::new(0));
    let counting = prepared.clone();
    let client = Client::builder(of(&name), SERVICE).reconnecting();
    let client = client.on_connect(move |client| {
        counting.fetch_add(1, Ordering::SeqCst);
        client.call(COUNT, b"").map(drop)
    });
    for round in 1..=5u32 {
        let mut server = start(&name);
        for call in 0..20u32 {
            // The first one is that of the hook.
            let count = client.call(COUNT, b"", deadline()).unwrap();
            assert_eq!(count, (2 + call).to_ne_bytes());
        }
        // Other errors are no reason to connect again.
        let failed = client.call(FAIL, &7u32.to_ne_bytes(), deadline());
        assert!(matches!(
            failed,
            Err(ReconnectError::Call(CallError::Failed(7)))
        ));
        assert_eq!(u64::from(round), client.connections());
        server.kill();
        let current = client.client(Instant::now());
        until("its end is seen", || match &current {
            Ok(client) => client.disconnected().is_some(),
            Err(_) => true,
        });
        let short = Instant::now() + Duration::from_millis(20);
        let nobody = client.call(ECHO, b"", short).unwrap_err();
        assert!(matches!(nobody, ReconnectError::Connect(_)), "{nobody}");
    }
    assert_eq!(prepared.load(Ordering::SeqCst), 5);
}

fn a_server_that_hangs_up_on_everybody_is_not_asked_without_end() {
    let name = format!("coroipc-rude-{}", std::process::id());
    let listener = listener_without_rules(&name);
    let client = std::thread::spawn(move || {
        let client = Client::builder(Address::abstract_name(&name), SERVICE).reconnecting();
        client.call(ECHO, b"", Instant::now() + Duration::from_millis(500))
    });
    let mut asked = 0;
    let mut fds = [rustix::event::PollFd::new(
        &listener,
        rustix::event::PollFlags::IN,
    )];
    let moment = rustix::event::Timespec {
        tv_sec: 0,
        tv_nsec: 20_000_000,
    };
    while !client.is_finished() {
        if rustix::event::poll(&mut fds, Some(&moment)).unwrap() == 1 {
            drop(rustix::net::accept(listener.as_fd()).unwrap());
            asked += 1;
        }
    }
    let error = client.join().unwrap().unwrap_err();
    assert!(matches!(error, ReconnectError::Connect(_)), "{error}");
    assert!((2..30).contains(&asked), "{asked} times");
}

fn a_large_request_that_nobody_can_get_goes_to_the_next_server() {
    let name = format!("coroipc-deaf-{}", std::process::id());
    let listener = listener_without_rules(&name);
    let sizes = Sizes {
        large: 8192,
        ..Sizes::default()
    };
    let builder = || Client::builder(Address::abstract_name(&name), SERVICE).sizes(sizes);
    let client = builder().reconnecting();
    let (deaf, gone, single) = std::thread::scope(|scope| {
        let connecting = scope.spawn(|| client.client(deadline()).map(drop));
        let (deaf, _) = accept_without_rules(&listener, 8192);
        connecting.join().unwrap().unwrap();
        let connecting = scope.spawn(|| builder().connect());
        let (gone, _) = accept_without_rules(&listener, 8192);
        (deaf, gone, connecting.join().unwrap().unwrap())
    });
    let large = [7; 5000];
    // One that hangs up when there is a room already: whether the client has seen it or not, it is the end.
    let pieces = [IoSlice::new(&large)];
    let mut room = single.room(large.len(), None).unwrap();
    room.bytes().copy_from_slice(&large);
    drop(gone);
    let error = room.call(ECHO, None).map(drop).unwrap_err();
    assert_eq!(error, CallError::Disconnected(Disconnected::Gone));
    assert_eq!(single.disconnected(), Some(Disconnected::Gone));
    let error = single.notify(ECHO, &pieces).unwrap_err();
    assert_eq!(error, CallError::Disconnected(Disconnected::Gone));
    // One that hears no more without hanging up: nothing but sending tells.
    rustix::net::shutdown(&deaf.0, rustix::net::Shutdown::Read).unwrap();
    let _next = serve(Endpoint::builder_on(listener).service(service()));
    let reply = client.call(ECHO, &large, deadline()).unwrap();
    assert!(reply.iter().all(|&byte| byte == 7) && !reply.is_empty());
    assert_eq!(client.connections(), 2);
}
