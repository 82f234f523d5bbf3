// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a loop leaves for the next time, and what does not keep it busy.

use std::mem::MaybeUninit;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use coroipc::{Address, Connection, Endpoint, EndpointLoop, Refusal, Service};
use rustix::event::{PollFd, PollFlags, Timespec, epoll, poll};
use rustix::process::{Resource, getrlimit, setrlimit};

use crate::raw::*;
use crate::world::*;

pub(crate) fn all() -> Vec<Case> {
    cases![
        a_loop_that_is_told_once_accepts_all,
        many_who_say_nothing_make_room_for_others,
        a_refused_client_that_the_hook_keeps_is_no_work,
        a_client_that_cannot_be_given_memory_is_not_kept,
        a_loop_without_descriptors_is_not_kept_busy,
        a_client_ends_at_a_message_that_has_no_place,
        the_last_words_of_a_server_that_had_not_heard_all_arrive,
    ]
}

pub(crate) const ROLES: &[Role] = &[("loop_limits::as_poor", as_poor)];

fn looped(name: &str) -> EndpointLoop {
    let builder = Endpoint::builder(Address::abstract_name(name)).service(service());
    let builder = builder
        .most_connections(1024)
        .most_of_one_user(1024, 1 << 30)
        .greeting_time(Duration::from_secs(60));
    builder.bind().unwrap().into_loop().unwrap()
}

/// How often there is something to do within a tenth of a second.
fn calls_for_attention(server: &mut EndpointLoop) -> u32 {
    let (began, mut calls) = (Instant::now(), 0);
    while began.elapsed() < Duration::from_millis(100) {
        let timeout = Timespec {
            tv_sec: 0,
            tv_nsec: 5_000_000,
        };
        calls +=
            u32::from(poll(&mut [PollFd::new(&*server, PollFlags::IN)], Some(&timeout)) != Ok(0));
        server.dispatch().unwrap();
    }
    calls
}

fn a_client_that_cannot_be_given_memory_is_not_kept() {
    let name = format!("coroipc-loop-not-ready-{}", std::process::id());
    let gone = Arc::new(AtomicBool::new(false));
    let hook = gone.clone();
    let service = Service::new(SERVICE, |_| Ok(()))
        .on_disconnect(move |_| hook.store(true, Ordering::Relaxed));
    let builder = Endpoint::builder(Address::abstract_name(&name)).service(service);
    let mut server = builder.bind().unwrap().into_loop().unwrap();
    let raw = std::thread::scope(|scope| {
        let raw = scope.spawn(|| welcomed(&name));
        while !raw.is_finished() {
            server.dispatch().unwrap();
        }
        raw.join().unwrap()
    });
    let memory = file(CLIENT_REGION as u64);
    rustix::fs::fcntl_add_seals(&memory, SEALS).unwrap();
    // What is sent to it fails from here on.
    rustix::net::shutdown(&raw.0, rustix::net::Shutdown::Read).unwrap();
    raw.send(&message(3, &[]), &[&memory, &bells()]);
    let began = Instant::now();
    while !gone.load(Ordering::Relaxed) {
        assert!(began.elapsed() < Duration::from_secs(20), "it is kept");
        server.dispatch().unwrap();
    }
    assert!(server.connections().is_empty());
}

fn a_loop_that_is_told_once_accepts_all() {
    let name = format!("coroipc-loop-edge-{}", std::process::id());
    let mut server = looped(&name);
    let outer = epoll::create(epoll::CreateFlags::CLOEXEC).unwrap();
    let flags = epoll::EventFlags::IN | epoll::EventFlags::ET;
    epoll::add(&outer, &server, epoll::EventData::new_u64(0), flags).unwrap();
    // They say nothing, which would be told again; only the last one does.
    let silent: Vec<_> = (0..200).map(|_| Raw::connect(&name)).collect();
    let last = Raw::connect(&name);
    last.send(&hello(), &[]);
    let mut events = [const { MaybeUninit::uninit() }; 1];
    loop {
        let timeout = Timespec {
            tv_sec: 0,
            tv_nsec: 300_000_000,
        };
        let (told, _) = epoll::wait(&outer, &mut events, Some(&timeout)).unwrap();
        if told.is_empty() {
            break;
        }
        server.dispatch().unwrap();
    }
    let mut fds = [PollFd::new(&last.0, PollFlags::IN)];
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    assert_eq!(
        poll(&mut fds, Some(&now)).unwrap(),
        1,
        "it was not accepted"
    );
    drop(silent);
}

fn many_who_say_nothing_make_room_for_others() {
    let name = format!("coroipc-loop-silent-{}", std::process::id());
    let mut server = looped(&name);
    let silent: Vec<_> = (0..300).map(|_| Raw::connect(&name)).collect();
    for _ in 0..10 {
        server.dispatch().unwrap();
    }
    let too_slow = 7;
    assert_eq!(silent[0].refusal(), too_slow);
}

fn a_refused_client_that_the_hook_keeps_is_no_work() {
    let name = format!("coroipc-loop-kept-{}", std::process::id());
    let kept = parking_lot::Mutex::new(Vec::<Connection>::new());
    let picky = Service::<()>::new(SERVICE, move |connection| {
        kept.lock().push(connection.clone());
        Err(Refusal::denied("but kept"))
    });
    let builder = Endpoint::builder(Address::abstract_name(&name)).service(picky);
    let mut server = builder.bind().unwrap().into_loop().unwrap();
    let client = std::thread::spawn(move || {
        coroipc::Client::builder(Address::abstract_name(name), SERVICE).connect()
    });
    while !client.is_finished() {
        server.dispatch().unwrap();
    }
    assert!(client.join().unwrap().is_err());
    assert!(calls_for_attention(&mut server) < 5);
}

fn a_loop_without_descriptors_is_not_kept_busy() {
    let mut alone = Process::start("loop_limits::as_poor", "");
    alone.wait_for("was patient");
    alone.wait_for("blamed nobody");
}

fn as_poor() {
    let name = format!("coroipc-loop-poor-{}", std::process::id());
    let mut server = looped(&name);
    let raw = Raw::connect(&name);
    raw.send(&hello(), &[]);
    let usual = getrlimit(Resource::Nofile);
    let mut none = usual;
    // Not 0: `poll` wants as many as it is asked about.
    none.current = Some(1);
    setrlimit(Resource::Nofile, none).unwrap();
    let calls = calls_for_attention(&mut server);
    assert!(calls < 30, "{calls}");
    setrlimit(Resource::Nofile, usual).unwrap();
    calls_for_attention(&mut server);
    let (welcome, _) = raw.receive();
    assert_eq!(welcome[6..8], 2u16.to_ne_bytes());
    say("was patient");

    // Whose descriptors have no room here has not broken any rule.
    let (memory, bells) = (file(CLIENT_REGION as u64), bells());
    raw.send(&message(3, &[]), &[&memory, &bells]);
    setrlimit(Resource::Nofile, none).unwrap();
    server.dispatch().unwrap();
    setrlimit(Resource::Nofile, usual).unwrap();
    assert_eq!(raw.refusal(), 9);
    say("blamed nobody");
}

fn a_client_ends_at_a_message_that_has_no_place() {
    let (server, client) = RawServer::with_client(&address());
    let raw = &server.raw;
    let mut events = client.events().unwrap();
    assert!(events.try_next().unwrap().is_none());
    // A doorbell is in place, a welcome is not.
    raw.send(&message(6, &[]), &[]);
    assert!(events.try_next().unwrap().is_none());
    raw.send(&welcome(), &[]);
    let end = events.try_next().map(drop).unwrap_err();
    let stray = coroipc::Disconnected::Violation(coroipc::Violation::Message);
    assert_eq!(end, stray);
}

fn the_last_words_of_a_server_that_had_not_heard_all_arrive() {
    let (server, client) = RawServer::with_client(&address());
    // It is in a poll loop, so the client rings, and it never looks: hanging up is a reset then.
    let RawServer { raw, region, .. } = server;
    region.words()[0].store(4 | 2, std::sync::atomic::Ordering::SeqCst);
    let pending = client.start(ECHO, &[], soon()).unwrap();
    let shutting_down = 8;
    raw.send(&message(5, &[shutting_down, 0]), &[]);
    drop(raw);
    let error = pending.wait().map(drop).unwrap_err();
    let coroipc::CallError::Disconnected(coroipc::Disconnected::Told(why)) = error else {
        panic!("it was told why: {error}");
    };
    assert_eq!(why.reason(), coroipc::Reason::ShuttingDown);
}
