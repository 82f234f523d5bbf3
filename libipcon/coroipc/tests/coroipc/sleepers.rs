// SPDX-License-Identifier: MIT OR Apache-2.0
//! Threads that sleep on bells, which the other side does to what the kernel lets it.

use std::sync::Arc;
use std::time::Duration;

use coroipc::{Address, Endpoint, Service};
use rustix::fs::fcntl_add_seals;
use rustix::thread::futex;

use crate::raw::*;
use crate::world::*;

pub(crate) fn all() -> Vec<Case> {
    cases![
        a_sleeper_that_was_moved_to_another_word_sees_the_end,
        a_bell_that_cannot_be_woken_keeps_nobody_from_seeing_the_end,
        an_answer_right_before_the_end_arrives,
    ]
}

/// A connection without rules, and the bells, which `prepare` has before the server's thread is there.
fn prepared(name: &str, prepare: impl FnOnce(&Arc<Words>)) -> (Raw, Arc<Words>) {
    let raw = welcomed(name);
    let (memory, bells) = (file(CLIENT_REGION as u64), bells());
    let common = Arc::new(Words::map(&bells, 4096));
    prepare(&common);
    fcntl_add_seals(&memory, SEALS).unwrap();
    raw.send(&message(3, &[]), &[&memory, &bells]);
    let (ready, _) = raw.receive();
    assert_eq!(ready[6..8], 4u16.to_ne_bytes());
    (raw, common)
}

fn guarded(name: &str) -> coroipc::Running {
    let builder = Endpoint::builder(Address::abstract_name(name)).service(service());
    serve(builder.guard_against_own_user(true))
}

/// Connects, moves the thread that waits for requests to a word that the server does not know, and hangs up.
pub(crate) fn move_the_servers_thread(name: &str) {
    let (_raw, common) = prepared(name, |_| ());
    let (bell, other) = (&common.words()[0], &common.words()[1000]);
    until("the server's thread sleeps, and is moved", || {
        futex::requeue(bell, futex::Flags::empty(), 0, 1, other).unwrap() == 1
    });
}

fn a_sleeper_that_was_moved_to_another_word_sees_the_end() {
    let name = format!("coroipc-sleepers-moved-{}", std::process::id());
    let server = guarded(&name);
    move_the_servers_thread(&name);
    until("the connection is over", || server.connections().is_empty());
    // The thread that watches goes on: the next client's end is seen too.
    drop(prepared(&name, |_| ()));
    until("the next is over", || server.connections().is_empty());
}

fn a_bell_that_cannot_be_woken_keeps_nobody_from_seeing_the_end() {
    let name = format!("coroipc-sleepers-locked-{}", std::process::id());
    let server = guarded(&name);
    let shared = futex::Flags::empty();
    // Whether the server's thread sleeps already when the end comes is left to chance.
    for _ in 0..20 {
        std::thread::scope(|scope| {
            // A lock that this thread owns, and another waits for: the kernel refuses to wake anybody at such a word.
            let (raw, common) = prepared(&name, |common| {
                let bell = &common.words()[0];
                futex::lock_pi(bell, shared, None).unwrap();
                let common = common.clone();
                scope.spawn(move || {
                    let bell = &common.words()[0];
                    futex::lock_pi(bell, shared, None).unwrap();
                    futex::unlock_pi(bell, shared).unwrap();
                });
                until("the other thread waits for the lock", || {
                    futex::wake(bell, shared, 1) == Err(rustix::io::Errno::INVAL)
                });
            });
            drop(raw);
            until("the connection is over", || server.connections().is_empty());
            futex::unlock_pi(&common.words()[0], shared).unwrap();
        });
    }
}

fn an_answer_right_before_the_end_arrives() {
    for round in 0..300u32 {
        // A process that another test is starting may have the last one's listener for a moment.
        let address = address();
        let (calls, kept) = std::sync::mpsc::channel::<coroipc::Call>();
        let calls = parking_lot::Mutex::new(calls);
        let deferring = Service::new(SERVICE, |_| Ok(())).command(ECHO, move |_, call| {
            calls.lock().send(call).unwrap();
        });
        let server = serve(Endpoint::builder(address.clone()).service(deferring));
        let client = client(&address);
        let pending = client.start(ECHO, &[], soon()).unwrap();
        let call = kept.recv().unwrap();
        // It ends the connection as soon as the call is answered.
        let ending = std::thread::spawn(move || server.shut_down(Duration::from_secs(20)));
        let answering = std::thread::spawn(move || call.reply(&round.to_ne_bytes()));
        assert_eq!(pending.wait().unwrap().to_vec(), round.to_ne_bytes());
        answering.join().unwrap();
        ending.join().unwrap();
    }
}
