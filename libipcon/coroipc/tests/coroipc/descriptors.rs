// SPDX-License-Identifier: MIT OR Apache-2.0
//! Descriptors that go with requests and replies.

use std::fs::File;
use std::io::{IoSlice, Read, Seek, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::Ordering;

use coroipc::{Address, CallError, Client, CommandId, Endpoint, EndpointBuilder, Service, Sizes};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{MemfdFlags, memfd_create};

use crate::raw::{self, Raw};
use crate::world::*;

pub(crate) fn all() -> Vec<Case> {
    cases![
        they_go_to_another_process_and_come_back,
        they_go_with_large_payloads,
        a_loop_takes_and_sends_them_too,
        both_sides_bound_them,
        those_that_nobody_takes_leave_nothing,
        a_client_that_breaks_the_rules_is_disconnected,
        each_message_has_a_number_of_its_own,
        a_client_that_takes_no_replies_is_disconnected,
        a_server_that_breaks_the_rules_is_left,
    ]
}

pub(crate) const ROLES: &[Role] = &[
    ("descriptors::as_server", as_server),
    ("descriptors::as_both", as_both),
];

/// Appends the payload to each file, and replies with the files, the last one first.
const TURN: CommandId = CommandId::new(1);
/// Keeps the call, and looks at nothing.
const IGNORE: CommandId = CommandId::new(2);
/// Replies to what was kept, each with a file, and to this with as many files as the payload says.
const NOW: CommandId = CommandId::new(3);

fn endpoint(address: Address) -> EndpointBuilder {
    let service = Service::new(SERVICE, |_| Ok(Vec::new()))
        .accepts_descriptors(MOST)
        .command(TURN, |_, mut call| {
            let payload = call.payload().to_vec();
            let mut files: Vec<_> = call
                .take_descriptors()
                .into_iter()
                .map(File::from)
                .collect();
            assert!(call.take_descriptors().is_empty());
            for file in &mut files {
                file.write_all(&payload[..payload.len().min(100)]).unwrap();
            }
            let files: Vec<_> = files.iter().rev().map(AsFd::as_fd).collect();
            call.reply_with_descriptors(&[IoSlice::new(&payload)], &files);
        })
        .command(IGNORE, |session, call| session.state.push(call))
        .command(NOW, |session, call| {
            let file = memory("");
            for kept in session.state.drain(..) {
                kept.reply_with_descriptors(&[], &[file.as_fd()]);
            }
            let count: u8 = call.payload().to_vec()[0];
            let files = vec![file.as_fd(); count.into()];
            call.reply_with_descriptors(&[IoSlice::new(b"now")], &files);
        });
    let most = Sizes {
        large: 1 << 20,
        ..Sizes::MAX
    };
    Endpoint::builder(address)
        .service(service)
        .sizes(Sizes::MIN, most)
}

const MOST: u32 = 3;

fn to(address: Address, most: u32) -> Client {
    let sizes = Sizes {
        slots: 4,
        request: 64,
        reply: 64,
        events: 0,
        large: 1 << 20,
    };
    let builder = Client::builder(address, SERVICE).sizes(sizes);
    builder.descriptors(most).connect().unwrap()
}

fn memory(content: &str) -> File {
    let mut file = File::from(memfd_create("a test's", MemfdFlags::CLOEXEC).unwrap());
    file.write_all(content.as_bytes()).unwrap();
    file
}

fn content(file: &mut File) -> String {
    let mut text = String::new();
    file.rewind().unwrap();
    file.read_to_string(&mut text).unwrap();
    text
}

/// Files go there and come back, with payloads of these lengths.
fn turn_them(client: &Client, lens: &[usize]) {
    for &len in lens {
        for count in 0..=MOST as usize {
            let mut files: Vec<_> = (0..count).map(|it| memory(&it.to_string())).collect();
            let payload = "x".repeat(len);
            let sent: Vec<_> = files.iter().map(AsFd::as_fd).collect();
            let mut reply = client
                .call_with_descriptors(TURN, payload.as_bytes(), &sent)
                .unwrap();
            assert_eq!(reply.len(), len);
            let came = reply.take_descriptors();
            assert!(reply.take_descriptors().is_empty());
            assert_eq!(came.len(), count);
            let written = &payload[..len.min(100)];
            for (number, file) in came.into_iter().rev().enumerate() {
                assert_eq!(content(&mut file.into()), format!("{number}{written}"));
                assert_eq!(content(&mut files[number]), format!("{number}{written}"));
            }
        }
    }
}

fn they_go_to_another_process_and_come_back() {
    let name = format!("coroipc-descriptors-{}", std::process::id());
    let mut server = Process::start("descriptors::as_server", &name);
    server.wait_for("ready");
    let client = to(Address::abstract_name(&name), 9);
    assert_eq!(client.most_descriptors(), MOST as usize);
    turn_them(&client, &[0, 1, 64]);
}

fn as_server() {
    let _server = serve(endpoint(Address::abstract_name(argument())));
    say("ready");
    run_on();
}

fn they_go_with_large_payloads() {
    let address = address();
    let _server = serve(endpoint(address.clone()));
    turn_them(&to(address, MOST), &[65, 5000, 1 << 20]);
}

fn a_loop_takes_and_sends_them_too() {
    let address = address();
    let mut server = endpoint(address.clone())
        .bind()
        .unwrap()
        .into_loop()
        .unwrap();
    std::thread::scope(|scope| {
        let client = scope.spawn(|| turn_them(&to(address, MOST), &[0, 64, 5000]));
        while !client.is_finished() {
            server.dispatch().unwrap();
            std::thread::yield_now();
        }
        client.join().unwrap();
    });
}

fn both_sides_bound_them() {
    let address = address();
    let _server = serve(endpoint(address.clone()));
    for (wanted, most) in [(0, 0), (2, 2), (u32::MAX, MOST as usize)] {
        let client = to(address.clone(), wanted);
        assert_eq!(client.most_descriptors(), most);
        let file = memory("");
        let files = vec![file.as_fd(); most + 1];
        let sent = most + 1;
        let error = CallError::TooManyDescriptors { sent, most };
        let refused = client.call_with_descriptors(TURN, b"", &files).map(drop);
        assert_eq!(refused, Err(error.clone()));
        let room = client.room(0, None).unwrap();
        let refused = room.notify_with_descriptors(TURN, &files);
        assert_eq!(refused, Err(error));
        for count in 0..5 {
            let now = client
                .call(NOW, &[count])
                .map(|mut it| it.take_descriptors().len());
            let fits = usize::from(count) <= most;
            let expected = if fits {
                Ok(count.into())
            } else {
                Err(CallError::TooManyInReply(count.into()))
            };
            assert_eq!(now, expected);
        }
    }
}

fn those_that_nobody_takes_leave_nothing() {
    let mut alone = Process::start("descriptors::as_both", "");
    alone.wait_for("left nothing");
}

/// The test above, in a process where no other test runs.
fn as_both() {
    let address = address();
    let _server = serve(endpoint(address.clone()));
    let client = to(address.clone(), MOST);
    let file = memory("");
    let files = [file.as_fd(), file.as_fd()];
    client.call_with_descriptors(TURN, b"", &files).unwrap();
    let before = Left::now();
    for round in 0..200 {
        // The handler takes none, and nobody the reply's; some replies come before they are given up, some after.
        let start = || {
            let room = client
                .room(if round % 2 == 0 { 10 } else { 1000 }, soon())
                .unwrap();
            room.start_with_descriptors(IGNORE, &files, soon()).unwrap()
        };
        let (early, late) = (start(), start());
        let room = client.room(0, soon()).unwrap();
        room.notify_with_descriptors(IGNORE, &files).unwrap();
        drop(early);
        drop(client.call(NOW, &[2]).unwrap());
        drop(late.wait().unwrap());
        // Answered, and then given up.
        let answered = start();
        drop(client.call(NOW, &[0]).unwrap());
        drop(answered);
        // A command that does not exist, and a room that is not sent.
        let refused = client.call_with_descriptors(UNKNOWN, b"", &files).map(drop);
        assert_eq!(refused, Err(CallError::UnknownCommand));
        drop(client.room(1000, soon()).unwrap());
    }
    // The slots are used again, and with that the last ones are taken out of the way.
    let all: Vec<_> = (0..4).map(|_| client.room(1, soon()).unwrap()).collect();
    until("nothing is left", || Left::now().is_within(before));
    drop(all);
    // What was sent for a request that never came goes with the connection.
    let before = Left::now();
    let other = to(address, MOST);
    let pending = other.room(0, None).unwrap();
    let pending = pending
        .start_with_descriptors(IGNORE, &files, None)
        .unwrap();
    drop(pending);
    drop(other);
    until("nothing is left", || Left::now().is_within(before));
    say("left nothing");
}

/// A request, counted from 1, each in the next slot: its command and flags, bytes, and the message with its files.
fn request(ours: &raw::Words, common: &raw::Words, number: u32, [flags, len, with]: [u32; 3]) {
    let line = &ours.words()[16 * (3 + 4 + (number as usize - 1) % 4)..];
    for (word, value) in [(1, (number - 1) % 4), (2, flags), (3, len), (6, with)] {
        line[word].store(value, Ordering::Relaxed);
    }
    line[0].store(number, Ordering::Release);
    let bell = &common.words()[0];
    bell.fetch_add(1, Ordering::SeqCst);
    rustix::thread::futex::wake(bell, rustix::thread::futex::Flags::empty(), 1).unwrap();
}

/// A message that says that these files go with the request that has the number.
fn attach(raw: &Raw, number: u32, files: &[&OwnedFd]) {
    raw.send(&raw::message(7, &[number]), files);
}

fn a_client_that_breaks_the_rules_is_disconnected() {
    let name = format!("coroipc-descriptors-hostile-{}", std::process::id());
    let server = serve(endpoint(Address::abstract_name(&name)).sizes(Sizes::MIN, Sizes::MAX));
    let file: OwnedFd = memory("").into();
    let (large, with) = (1 << 17, 1 << 18);
    // How many files, of two that were agreed on and one for a payload, come with which request, of so many bytes.
    let cases = [
        (0, with, 0, "none came"),
        (1, with | large, 300, "what came is no memory of a payload"),
        (4, 0, 0, "more than were agreed on"),
        (0, with | large, 0, "an empty large payload"),
    ];
    for (count, flags, len, what) in cases {
        let (raw, ours, common, _region) = raw::connected(&name);
        if count != 0 {
            attach(&raw, 5, &vec![&file; count]);
        }
        let line = &ours.words()[16 * (3 + 4)..];
        let command = u32::from(IGNORE.get());
        for (word, value) in [(2, command | flags), (3, len), (6, 5)] {
            line[word].store(value, Ordering::Relaxed);
        }
        line[0].store(1, Ordering::Release);
        let bell = &common.words()[0];
        bell.fetch_add(1, Ordering::SeqCst);
        rustix::thread::futex::wake(bell, rustix::thread::futex::Flags::empty(), 1).unwrap();
        if flags == 0 {
            // Nobody looks at the socket for a request with nothing.
            let line = &ours.words()[16 * (3 + 5)..];
            for (word, value) in [(1, 1), (2, command | with), (3, 0), (6, 5)] {
                line[word].store(value, Ordering::Relaxed);
            }
            line[0].store(2, Ordering::Release);
            bell.fetch_add(1, Ordering::SeqCst);
            rustix::thread::futex::wake(bell, rustix::thread::futex::Flags::empty(), 1).unwrap();
        }
        assert_eq!(raw.refusal(), 6, "{what}");
    }
    until("nobody is left", || server.connections().is_empty());
}

fn each_message_has_a_number_of_its_own() {
    let name = format!("coroipc-descriptors-numbers-{}", std::process::id());
    let _server = serve(endpoint(Address::abstract_name(&name)).sizes(Sizes::MIN, Sizes::MAX));
    let file: OwnedFd = memory("").into();
    let (raw, ours, common, _region) = raw::connected(&name);
    for number in [5, 6, 5] {
        attach(&raw, number, &[&file]);
    }
    // Of which it learns when it looks for one of them.
    request(&ours, &common, 1, [1 << 18 | u32::from(IGNORE.get()), 0, 5]);
    assert_eq!(raw.refusal(), 6);
}

fn a_client_that_takes_no_replies_is_disconnected() {
    let name = format!("coroipc-descriptors-untaken-{}", std::process::id());
    let _server = serve(endpoint(Address::abstract_name(&name)).sizes(Sizes::MIN, Sizes::MAX));
    let (raw, ours, common, _region) = raw::connected(&name);
    for slot in 0..4 {
        // A reply with one file.
        ours.words()[16 * (3 + 4 + 4) + 64 * slot]
            .store(u32::from_ne_bytes([1; 4]), Ordering::Relaxed);
    }
    let now = [u32::from(NOW.get()), 1, 0];
    let mut number = 0;
    let mut next = || {
        number += 1;
        request(&ours, &common, number, now);
    };
    // Who takes each may have many.
    for _ in 0..20 {
        next();
        let (bytes, files) = raw.receive();
        assert_eq!((bytes[6], files.len()), (7, 1));
    }
    // One for each slot may be on its way.
    for waiting in 1..=4 {
        next();
        let there = || rustix::io::ioctl_fionread(&raw.0).unwrap() == 12 * waiting;
        until("the reply has come", there);
    }
    next();
    // Whoever reads before that has taken them after all.
    until("it has hung up", || {
        let mut fds = [PollFd::new(&raw.0, PollFlags::RDHUP)];
        poll(&mut fds, Some(&Timespec::default())).unwrap() != 0
    });
    assert_eq!(raw.refusal(), 6);
}

/// A server by hand, which answers the first request as it likes.
fn a_server_that_breaks_the_rules_is_left() {
    let name = format!("coroipc-descriptors-server-{}", std::process::id());
    let listener = raw::listener_without_rules(&name);
    let file: OwnedFd = memory("").into();
    // Files that come with the reply, how many it says there are, and whether that is a reply at all.
    for (count, said, good) in [
        (0, 0, true),
        (1, 1, true),
        (2, 2, true),
        (2, 1, false),
        (1, 2, false),
        (0, 1, false),
        (3, 3, false),
    ] {
        let client = std::thread::spawn({
            let address = Address::abstract_name(&name);
            move || {
                let sizes = Sizes {
                    large: 0,
                    ..raw::SIZES
                };
                let builder = Client::builder(address, SERVICE).sizes(sizes);
                let client = builder.descriptors(2).connect().unwrap();
                let reply = client.call(TURN, b"");
                reply.map(|mut it| it.take_descriptors().len())
            }
        });
        let raw = Raw(rustix::net::accept(&listener).unwrap());
        raw.receive();
        raw.send(&raw::message(2, &[4, 256, 256, 4096, 0, 2]), &[]);
        let (_, files) = raw.receive();
        let bells = raw::Words::map(&files[1], 4096);
        let writing = rustix::fs::SealFlags::FUTURE_WRITE | rustix::fs::SealFlags::SEAL;
        rustix::fs::fcntl_add_seals(&files[1], writing).unwrap();
        let region = raw::file(2 * 4096);
        let words = raw::Words::map(&region, 2 * 4096);
        rustix::fs::fcntl_add_seals(&region, raw::SEALS).unwrap();
        raw.send(&raw::message(4, &[]), &[&region]);
        if count != 0 {
            attach(&raw, 1, &vec![&file; count]);
        }
        let reply = &words.words()[16 * 4..];
        reply[3].store(said, Ordering::Relaxed);
        reply[0].store(1, Ordering::Release);
        // The client may sleep by now. Its slot's bell is at byte 48.
        let bell = &bells.words()[12];
        bell.fetch_add(1, Ordering::SeqCst);
        rustix::thread::futex::wake(bell, rustix::thread::futex::Flags::empty(), 1).unwrap();
        let came = client.join().unwrap();
        if good {
            assert_eq!(came, Ok(count));
        } else {
            let left = matches!(came, Err(CallError::Disconnected(_)));
            assert!(left, "{count} came, {said} were announced: {came:?}");
        }
    }
}
