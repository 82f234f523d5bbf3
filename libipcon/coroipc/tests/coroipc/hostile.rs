// SPDX-License-Identifier: MIT OR Apache-2.0
//! A side that writes what it likes over everything that it can write, and sends what it likes, while the other works.

use std::io::IoSlice;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use coroipc::{Address, CallError, Client, ConnectError, Disconnected, Endpoint};
use rustix::fs::fcntl_add_seals;
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

use crate::raw::*;
use crate::world::*;

pub(crate) fn all() -> Vec<Case> {
    cases![
        memory_that_could_vanish_or_be_resized_is_not_mapped,
        the_servers_region_cannot_be_written,
        a_client_that_scribbles_harms_nobody_else,
        a_server_that_scribbles_harms_its_clients_connection_alone,
        a_request_that_breaks_the_rules_ends_the_connection,
        a_client_refuses_a_server_that_breaks_the_rules,
        a_strangers_version_is_told_ours,
    ]
}

fn memory_that_could_vanish_or_be_resized_is_not_mapped() {
    let name = format!("coroipc-hostile-memory-{}", std::process::id());
    let _server = server(&Address::abstract_name(&name));
    let protocol = 6;
    for lacking in SEALS.iter() {
        let raw = welcomed(&name);
        let memory = file(CLIENT_REGION as u64);
        fcntl_add_seals(&memory, SEALS - lacking).unwrap();
        raw.send(&message(3, &[]), &[&memory, &bells()]);
        assert_eq!(raw.refusal(), protocol, "{lacking:?}");
    }
    for (what, memory) in [
        ("too short", file(64)),
        ("too long", file(1 << 20)),
        ("a hole", {
            let flags = rustix::fs::MemfdFlags::ALLOW_SEALING;
            let memory = rustix::fs::memfd_create("hole", flags).unwrap();
            rustix::fs::ftruncate(&memory, CLIENT_REGION as u64).unwrap();
            memory
        }),
        ("a hole, and as many pages beyond the end", {
            let flags = rustix::fs::MemfdFlags::ALLOW_SEALING;
            let memory = rustix::fs::memfd_create("beyond", flags).unwrap();
            let len = CLIENT_REGION as u64;
            rustix::fs::ftruncate(&memory, len).unwrap();
            let beyond = rustix::fs::FallocateFlags::KEEP_SIZE;
            rustix::fs::fallocate(&memory, beyond, len, len).unwrap();
            memory
        }),
    ] {
        let raw = welcomed(&name);
        fcntl_add_seals(&memory, SEALS).unwrap();
        raw.send(&message(3, &[]), &[&memory, &bells()]);
        assert_eq!(raw.refusal(), protocol, "{what}");
    }
    // The bells of any size, or with a hole, or sealed by the client so that nobody can write them.
    for (what, bells) in [
        ("unsealed", file(4096)),
        ("punched", {
            let bells = bells();
            let flags =
                rustix::fs::FallocateFlags::PUNCH_HOLE | rustix::fs::FallocateFlags::KEEP_SIZE;
            rustix::fs::fallocate(&bells, flags, 0, 4096).unwrap();
            bells
        }),
        ("sealed", {
            let bells = bells();
            fcntl_add_seals(&bells, SEALS).unwrap();
            bells
        }),
    ] {
        let raw = welcomed(&name);
        let memory = file(CLIENT_REGION as u64);
        fcntl_add_seals(&memory, SEALS).unwrap();
        raw.send(&message(3, &[]), &[&memory, &bells]);
        assert_eq!(raw.refusal(), protocol, "bells {what}");
    }
    // No memory, too little or too much of it, or something else.
    for files in [0, 1, 3] {
        let raw = welcomed(&name);
        raw.send(&message(3, &[]), &vec![&bells(); files]);
        assert_eq!(raw.refusal(), protocol, "{files} files");
    }
    let raw = welcomed(&name);
    raw.send(b"something else", &[]);
    assert_eq!(raw.refusal(), protocol);
}

fn the_servers_region_cannot_be_written() {
    let name = format!("coroipc-hostile-write-{}", std::process::id());
    let _server = server(&Address::abstract_name(&name));
    let (_raw, _ours, _common, region) = connected(&name);
    let access = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: It is to fail.
    let mapped = unsafe {
        mmap(
            std::ptr::null_mut(),
            4096,
            access,
            MapFlags::SHARED,
            &region,
            0,
        )
    };
    assert_eq!(mapped, Err(rustix::io::Errno::PERM));
    assert!(rustix::io::write(&region, b"x").is_err());
    assert!(rustix::fs::ftruncate(&region, 0).is_err());
    let punch = rustix::fs::FallocateFlags::PUNCH_HOLE | rustix::fs::FallocateFlags::KEEP_SIZE;
    assert!(rustix::fs::fallocate(&region, punch, 0, 4096).is_err());
    // Mapped for reading it stays so.
    // SAFETY: A new mapping, and its protection changed, or not.
    unsafe {
        let flags = MapFlags::SHARED;
        let at = mmap(
            std::ptr::null_mut(),
            4096,
            ProtFlags::READ,
            flags,
            &region,
            0,
        )
        .unwrap();
        let change = rustix::mm::MprotectFlags::READ | rustix::mm::MprotectFlags::WRITE;
        assert!(rustix::mm::mprotect(at, 4096, change).is_err());
        munmap(at, 4096).unwrap();
    }
}

/// Numbers that are the same each time.
fn random() -> impl FnMut() -> u32 {
    let mut random = 0x2545_f491u32;
    move || {
        random ^= random << 13;
        random ^= random >> 17;
        random ^= random << 5;
        random
    }
}

fn a_client_that_scribbles_harms_nobody_else() {
    let name = format!("coroipc-hostile-client-{}", std::process::id());
    let server = server(&Address::abstract_name(&name));
    let honest = client(&Address::abstract_name(&name));
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut next = random();
            let end = Instant::now() + Duration::from_secs(2);
            while Instant::now() < end {
                let (raw, ours, common, _region) = connected(&name);
                // Requests that look right but for one word, so that they are read.
                for round in 0..20u32 {
                    let line = 16 * (3 + 4 + round as usize % 4);
                    let words = ours.words();
                    words[line + 1].store(round % 4, Ordering::Relaxed);
                    words[line + 2].store(next() % 12, Ordering::Relaxed);
                    words[line + 3].store(next() % 300, Ordering::Relaxed);
                    if next().is_multiple_of(8) {
                        words[line + next() as usize % 6].store(next(), Ordering::Relaxed);
                    }
                    words[line].store(round + 1, Ordering::Release);
                    raw.send(&message(6, &[]), &[]);
                }
                for _ in 0..2000 {
                    let words = if next().is_multiple_of(2) {
                        ours.words()
                    } else {
                        common.words()
                    };
                    words[next() as usize % words.len()]
                        .store(next() >> (next() % 32), Ordering::Relaxed);
                }
            }
            done.store(true, Ordering::SeqCst);
        });
        let mut calls = 0u32;
        while !done.load(Ordering::SeqCst) {
            let payload = calls.to_ne_bytes();
            assert_eq!(honest.call(ECHO, &payload).unwrap().to_vec(), payload);
            calls += 1;
        }
    });
    until("only the honest one is left", || {
        server.connections().len() == 1
    });
}

fn a_server_that_scribbles_harms_its_clients_connection_alone() {
    let address = address();
    let _server = server(&address);
    let honest = client(&address);
    let hostile = std::thread::spawn(|| {
        let (mut next, mut seen) = (random(), Seen::default());
        let end = Instant::now() + Duration::from_secs(1);
        while Instant::now() < end {
            let (server, client) = RawServer::with_client(&crate::world::address());
            let used = use_until_it_is_over(client);
            scribble(&server, &used, &mut next);
            // It hangs up, after which nobody waits any more.
            drop(server);
            for used in used {
                until("its client sees the end", || used.is_finished());
                let it = used.join().unwrap();
                seen.results += it.results;
                seen.events += it.events;
                seen.violations += it.violations;
            }
        }
        seen
    });
    let mut calls = 0u32;
    while !hostile.is_finished() {
        let payload = calls.to_ne_bytes();
        assert_eq!(honest.call(ECHO, &payload).unwrap().to_vec(), payload);
        calls += 1;
    }
    let seen = hostile.join().unwrap();
    // Not all that it wrote was refused.
    assert!(
        calls > 0 && seen.results > 0 && seen.events > 0 && seen.violations > 0,
        "{calls} calls, {seen:?}"
    );
}

/// What a client saw until its connection was over.
#[derive(Debug, Default)]
struct Seen {
    results: u32,
    events: u32,
    violations: u32,
}

/// Calls and reads events, in a thread each, until the connection is over.
fn use_until_it_is_over(client: Client) -> [JoinHandle<Seen>; 2] {
    let mut events = client.events().unwrap();
    let violations = |end: &Disconnected| matches!(end, Disconnected::Violation(_)).into();
    // A large reply, or descriptors, that it was told of and that never come are waited for until then.
    let shortly = || Some(Instant::now() + Duration::from_millis(5));
    let calling = std::thread::spawn(move || {
        let mut seen = Seen::default();
        loop {
            match client.call_vectored(ECHO, &[IoSlice::new(b"a request")], shortly()) {
                Ok(mut reply) => {
                    assert_eq!(reply.to_vec().len(), reply.len());
                    reply.take_descriptors();
                    seen.results += 1;
                }
                Err(CallError::Disconnected(end)) => {
                    seen.violations = violations(&end);
                    return seen;
                }
                Err(CallError::TimedOut) => {}
                Err(_) => seen.results += 1,
            }
        }
    });
    let reading = std::thread::spawn(move || {
        let mut seen = Seen::default();
        loop {
            match events.next(soon()) {
                Ok(event) => {
                    let event = event.expect("a server that is gone was waited for");
                    assert_eq!(event.to_vec().len(), event.bytes().len());
                    seen.events += 1;
                }
                Err(end) => {
                    seen.violations = violations(&end);
                    return seen;
                }
            }
        }
    });
    [calling, reading]
}

/// Answers and events of which most look right, so that they are read; and, the longer it takes the more, anything
/// anywhere.
fn scribble(server: &RawServer, client: &[JoinHandle<Seen>], next: &mut impl FnMut() -> u32) {
    let (ours, bells) = (server.region.words(), server.bells.words());
    for round in 0..4000 {
        answer(server, round % 4, next);
        send_event(server, next);
        if round % 256 == 0 {
            server.raw.send(&message(6, &[]), &[]);
        }
        if next() as usize % (1 << 16) < round {
            let words = if next().is_multiple_of(2) {
                ours
            } else {
                bells
            };
            words[next() as usize % words.len()].store(anything(next), Ordering::Relaxed);
        }
        if client.iter().all(JoinHandle::is_finished) {
            return;
        }
    }
}

/// A number of any length.
fn anything(next: &mut impl FnMut() -> u32) -> u32 {
    next() >> (next() % 32)
}

/// Answers the request in a line of the queue, whatever has become of it.
fn answer(server: &RawServer, line: usize, next: &mut impl FnMut() -> u32) {
    let request = &server.requests.words()[16 * (3 + 4 + line)..];
    let number = request[0].load(Ordering::Acquire);
    let slot = request[1].load(Ordering::Relaxed) as usize % 4;
    let reply = &server.region.words()[16 * (4 + slot)..];
    // Any without memory of its own, and half of them replies.
    let status = (next() % 9) * (next() % 2);
    for (word, value) in [(1, status), (2, next() % 257), (3, 0)] {
        reply[word].store(value, Ordering::Relaxed);
    }
    if next().is_multiple_of(16) {
        reply[next() as usize % 4].store(anything(next), Ordering::Relaxed);
    }
    reply[0].store(number, Ordering::Release);
    ring(&server.bells.words()[12 + 4 * slot]);
}

/// An event, if there is room for it.
fn send_event(server: &RawServer, next: &mut impl FnMut() -> u32) {
    let (written, in_ring) = (&server.region.words()[16 * 2], 4096);
    let (at, len) = (written.load(Ordering::Relaxed), next() % 57);
    let read = server.requests.words()[16].load(Ordering::Acquire);
    let taken = (8 + len).next_multiple_of(8);
    if at.wrapping_sub(read).saturating_add(taken) > in_ring {
        return std::thread::yield_now();
    }
    let len = match next().is_multiple_of(256) {
        true => anything(next),
        false => len,
    };
    let ring_of_words = &server.region.words()[1024..];
    ring_of_words[(at % in_ring / 4) as usize].store(len, Ordering::Relaxed);
    written.store(at.wrapping_add(taken), Ordering::Release);
    ring(&server.bells.words()[8]);
}

fn a_request_that_breaks_the_rules_ends_the_connection() {
    let name = format!("coroipc-hostile-request-{}", std::process::id());
    let _server = server(&Address::abstract_name(&name));
    // Slot, command and flags, length; and the same slot twice.
    let cases: [&[[u32; 3]]; 9] = [
        &[[4, 0, 0]],
        &[[u32::MAX, 0, 0]],
        &[[0, 0, 257]],
        &[[0, 1 << 19, 0]],
        // With descriptors, which did not come.
        &[[0, 1 << 18, 0]],
        // A large one, whose memory was not sent; an empty one; one that is too large.
        &[[0, 1 << 17, 300]],
        &[[0, 1 << 17, 0]],
        &[[0, 1 << 17, 8193]],
        &[[0, u32::from(KEEP.get()), 0], [0, 0, 0]],
    ];
    for requests in cases {
        let (raw, ours, common, _region) = connected(&name);
        for (at, request) in requests.iter().enumerate() {
            let line = &ours.words()[16 * (3 + 4 + at)..];
            for (word, value) in request.iter().enumerate() {
                line[word + 1].store(*value, Ordering::Relaxed);
            }
            line[0].store(at as u32 + 1, Ordering::Release);
        }
        // Wake the server's thread, should it sleep already.
        let bell = &common.words()[0];
        bell.fetch_add(1, Ordering::SeqCst);
        rustix::thread::futex::wake(bell, rustix::thread::futex::Flags::empty(), 1).unwrap();
        assert_eq!(raw.refusal(), 6, "{requests:?}");
    }
}

fn a_client_refuses_a_server_that_breaks_the_rules() {
    let name = format!("coroipc-hostile-server-{}", std::process::id());
    let listener = listener_without_rules(&name);
    let impossible = message(2, &[3, 256, 256, 4096, 0, 0]);
    let greedy = message(2, &[64, 64 << 20, 64 << 20, 1 << 30, 0, 0]);
    let (welcome, ready) = (message(2, &[4, 256, 256, 4096, 0, 0]), message(4, &[]));
    let unsealed = file(3 * 4096);
    // What it sends, one after the other; the files come with the last.
    let answers: [(&[&[u8]], &[&OwnedFd]); 9] = [
        (&[b"HTTP/1.0 400"], &[]),
        (&[&impossible], &[]),
        (&[&greedy], &[]),
        (&[&welcome], &[&unsealed]),
        (&[&ready], &[]),
        (&[&welcome, &welcome], &[]),
        (&[&welcome, &ready], &[]),
        (&[&welcome, &ready], &[&unsealed]),
        (&[&welcome, &ready], &[&unsealed, &unsealed]),
    ];
    for (messages, files) in answers {
        let client = std::thread::spawn({
            let address = Address::abstract_name(&name);
            move || Client::builder(address, SERVICE).connect().map(drop)
        });
        let raw = Raw(rustix::net::accept(&listener).unwrap());
        for (at, bytes) in messages.iter().enumerate() {
            raw.receive();
            let files = if at + 1 == messages.len() { files } else { &[] };
            raw.send(bytes, files);
        }
        drop(raw);
        let error = client.join().unwrap().unwrap_err();
        let lacks_files = messages.len() == 1 && !files.is_empty();
        // Where the kernel refuses to send what is not wanted, the server has nothing to say.
        let expected = matches!(error, ConnectError::Protocol(_))
            || lacks_files && matches!(error, ConnectError::HungUp(_));
        assert!(expected, "{error}");
        // It could keep waiting who watches it.
        assert_eq!(
            error.to_string().contains("process"),
            files.len() == 2,
            "{error}"
        );
    }
}

fn a_strangers_version_is_told_ours() {
    let name = format!("coroipc-hostile-version-{}", std::process::id());
    let _server = serve(Endpoint::builder(Address::abstract_name(&name)).service(service()));
    let raw = Raw::connect(&name);
    let mut bytes = hello();
    bytes[4] = 9;
    raw.send(&bytes, &[]);
    let (version, ours) = (4, 1);
    assert_eq!(raw.refusal_in_detail(), [version, ours]);
}
