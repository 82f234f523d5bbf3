// SPDX-License-Identifier: MIT OR Apache-2.0

//! Names of peers.

use std::sync::{Barrier, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use ipcon_vm_tests::process::{Process, Role, say};
use ipcon_vm_tests::{Case, cases, pace};
use libipcon::{Inspector, Peer, PeerInfo};
use rustix::process::{Pid, Signal, WaitOptions, waitpid};

use crate::support::soon;

pub(crate) fn all() -> Vec<Case> {
    cases![
        two_services_and_a_look_up_of_each,
        one_peer_may_hold_several_names,
        an_unknown_name_is_refused_at_once,
        a_name_is_free_again_when_its_holder_gives_it_back_or_goes,
        a_look_up_does_not_wait_behind_a_blocked_receive,
        waiting_never_misses_a_registration => within(120),
        waiting_finds_a_registration_that_a_full_queue_lost_last,
        waiting_ends_at_the_deadline,
    ]
}

pub(crate) const ROLES: [Role; 1] = [("waiter", wait_for_wanted)];

fn two_services_and_a_look_up_of_each() {
    let (clock, store, user) = three_peers();
    clock.register_service("clock").unwrap();
    store.register_service("store").unwrap();
    assert_eq!(user.find_service("clock").unwrap(), clock.port());
    assert_eq!(user.find_service("store").unwrap(), store.port());
    assert_ne!(clock.port(), store.port());

    for (service, port) in [("clock", clock.port()), ("store", store.port())] {
        user.send(user.find_service(service).unwrap(), service.as_bytes())
            .unwrap();
        let holder = if port == clock.port() { &clock } else { &store };
        assert_eq!(
            holder.recv_deadline(soon()).unwrap().unwrap().data,
            service.as_bytes()
        );
    }
}

fn one_peer_may_hold_several_names() {
    let (peer, _, user) = three_peers();
    let longest = "n".repeat(31);
    let names = ["a", "größe", longest.as_str()];
    for name in names {
        peer.register_service(name).unwrap();
    }
    // A group may have the name of a service.
    peer.register_group("a").unwrap();
    for name in names {
        assert_eq!(user.find_service(name).unwrap(), peer.port());
    }
}

fn an_unknown_name_is_refused_at_once() {
    let peer = Peer::connect().unwrap();
    peer.register_group("board").unwrap();
    for name in ["nobody", "board", "ipcon_kevent"] {
        let error = peer.find_service(name).unwrap_err();
        assert_eq!(error.errno(), libc::ENOENT, "{error}");
    }
}

fn a_name_is_free_again_when_its_holder_gives_it_back_or_goes() {
    let (first, second, user) = three_peers();
    first.register_service("desk").unwrap();
    first.unregister_service("desk").unwrap();
    assert!(user.find_service("desk").unwrap_err().is_not_found());

    second.register_service("desk").unwrap();
    assert_eq!(user.find_service("desk").unwrap(), second.port());
    // The peer that gave the name back is still there.
    user.send(first.port(), b"still there?").unwrap();
    drop(second);
    assert!(user.find_service("desk").unwrap_err().is_not_found());
    first.register_service("desk").unwrap();
    assert_eq!(user.find_service("desk").unwrap(), first.port());
}

fn a_look_up_does_not_wait_behind_a_blocked_receive() {
    let (peer, other, _) = three_peers();
    other.register_service("other").unwrap();
    let about_to_block = Barrier::new(2);
    thread::scope(|scope| {
        let blocked = scope.spawn(|| {
            about_to_block.wait();
            peer.recv_deadline(soon()).unwrap().unwrap().data
        });
        about_to_block.wait();
        // Whenever the receive begins, a look-up that waited for it would never end: its message comes last.
        for _ in 0..1000 {
            assert_eq!(peer.find_service("other").unwrap(), other.port());
        }
        other.send(peer.port(), b"wake up").unwrap();
        assert_eq!(blocked.join().unwrap(), b"wake up");
    });
}

/// How many moments of a registration are tried.
const DELAYS: usize = 40;

/// The registration races with the look-up: at any moment of it, it must be found or heard of.
fn waiting_never_misses_a_registration() {
    let (holder, _, user) = three_peers();
    // Each round begins on both sides at once; a side that has failed ends the other.
    let (go, start) = mpsc::sync_channel(0);
    let (holder, user) = (&holder, &user);
    let rounds = pace::work(200).max(DELAYS);
    thread::scope(move |scope| {
        let waiter = scope.spawn(move || {
            for round in 0..rounds {
                start.recv().unwrap();
                let deadline = soon();
                let found = user.wait_for_service(format!("late-{round}"), deadline);
                assert_eq!(found.unwrap(), holder.port(), "round {round}");
                // A look-up at the deadline finds what was missed before: that is too late.
                let left = deadline.saturating_duration_since(Instant::now());
                assert!(
                    left > Duration::from_secs(5),
                    "round {round}: {left:?} left"
                );
            }
        });
        for round in 0..rounds {
            go.send(()).expect("the waiter goes on");
            // From before the waiter has subscribed to well after it.
            for _ in 0..round % DELAYS {
                holder.find_service("delay").unwrap_err();
            }
            holder.register_service(format!("late-{round}")).unwrap();
        }
        waiter.join().unwrap();
    });
}

/// How long the waiter waits; to be found late is to be missed.
const PATIENCE: Duration = Duration::from_secs(40);

fn wait_for_wanted() {
    let peer = Peer::connect().unwrap();
    let found = peer.wait_for_service("wanted", Instant::now() + PATIENCE);
    say(&found.unwrap().to_string());
}

/// The announcement is lost and nothing comes after it that could tell of the loss.
fn waiting_finds_a_registration_that_a_full_queue_lost_last() {
    let holder = Peer::connect().unwrap();
    let inspector = Inspector::open().unwrap();
    let mut waiter = Process::start("waiter");
    let watcher = loop {
        if let Some(member) = inspector.members().unwrap().items.first() {
            break member.port;
        }
        thread::yield_now();
    };
    let watcher = || -> PeerInfo { inspector.peer(watcher).unwrap() };
    // Once it has read something, its first look-up is behind it.
    holder.register_service("noise").unwrap();
    while watcher().queue_bytes > 0 {
        thread::yield_now();
    }
    waiter.signal(Signal::STOP);
    let pid = Pid::from_raw(waiter.pid().cast_signed());
    let (_, status) = waitpid(pid, WaitOptions::UNTRACED).unwrap().unwrap();
    assert!(status.stopped(), "{status:?}");

    for _ in 0..1000 {
        holder.unregister_service("noise").unwrap();
        holder.register_service("noise").unwrap();
    }
    let lost = watcher().lost;
    assert!(lost > 0, "the queue has room for all the noise");
    holder.register_service("wanted").unwrap();
    assert_eq!(watcher().lost, lost + 1, "the announcement was queued");

    let woken = Instant::now();
    waiter.signal(Signal::CONT);
    waiter.expect(&holder.port().to_string());
    let took = woken.elapsed();
    assert!(took < PATIENCE / 4, "missed until the deadline: {took:?}");
    waiter.end();
}

fn waiting_ends_at_the_deadline() {
    let peer = Peer::connect().unwrap();
    let error = peer
        .wait_for_service("never", std::time::Instant::now())
        .unwrap_err();
    assert_eq!(error.errno(), libc::ETIMEDOUT, "{error}");
}

fn three_peers() -> (Peer, Peer, Peer) {
    (
        Peer::connect().unwrap(),
        Peer::connect().unwrap(),
        Peer::connect().unwrap(),
    )
}
