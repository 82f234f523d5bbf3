// SPDX-License-Identifier: MIT OR Apache-2.0

//! Following what comes and goes: from a snapshot on, without gaps, and again from a snapshot after a loss.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use futures_core::Stream;
use ipcon_vm_tests::{Case, cases, pace};
use libipcon::{AsyncEvents, Event, Events, Inspector, Name, Peer, Port, Snapshot, Update};
use tokio::runtime::Builder;
use tokio::time::timeout;

use crate::support::{SetOnDrop, soon};

pub(crate) fn all() -> Vec<Case> {
    cases![
        the_first_update_is_what_is_there,
        changes_follow_in_their_order_and_then_nothing,
        what_was_lost_is_noticed_although_nothing_follows_it,
        what_was_lost_is_noticed_with_what_follows_it,
        a_table_is_right_after_a_storm_with_losses => within(120),
        a_stranger_who_writes_to_the_listener_changes_nothing,
        a_flood_of_other_messages_keeps_nobody_waiting,
        a_stream_of_updates_makes_up_for_losses,
        a_dropped_future_of_updates_loses_none,
    ]
}

/// Services by name, as a program would keep them.
type Services = BTreeMap<Name, Port>;

fn apply(services: &mut Services, update: Update) {
    match update {
        Update::Snapshot(now) => {
            *services = now.services.iter().map(|it| (it.name, it.port)).collect();
        }
        Update::Kevent(kevent) => match kevent.event {
            Event::ServiceAdded { name, port } => _ = services.insert(name, port),
            Event::ServiceRemoved { name, .. } => _ = services.remove(&name),
            _ => {}
        },
    }
}

fn snapshot(update: Option<Update>) -> Snapshot {
    match update {
        Some(Update::Snapshot(snapshot)) => snapshot,
        other => panic!("not a snapshot: {other:?}"),
    }
}

fn next(events: &mut Events) -> Update {
    let update = events.recv_deadline(soon()).unwrap();
    update.expect("an update in time")
}

fn services_now() -> Services {
    let services = Inspector::open().unwrap().services().unwrap();
    services.items.iter().map(|it| (it.name, it.port)).collect()
}

/// More changes than the smallest queue of a listener has room for.
const MANY: u64 = 200;

/// Registers a service and takes it back, so many times.
fn come_and_go(peer: &Peer, times: u64) {
    for _ in 0..times {
        peer.register_service("restless").unwrap();
        peer.unregister_service("restless").unwrap();
    }
}

fn the_first_update_is_what_is_there() {
    let peer = Peer::connect().unwrap();
    peer.register_service("clock").unwrap();
    peer.register_group("ticks").unwrap();
    let mut events = Events::open().unwrap();
    let first = snapshot(events.try_recv().unwrap());
    let names: Vec<_> = first
        .services
        .iter()
        .map(|it| it.name.to_string())
        .collect();
    assert_eq!(names, ["clock"]);
    let names: Vec<_> = first.groups.iter().map(|it| it.name.to_string()).collect();
    assert_eq!(names, ["ipcon_kevent", "ticks"]);
    let ports: Vec<_> = first.peers.iter().map(|it| it.port).collect();
    assert_eq!(ports, [peer.port(), events.peer().port()]);
    assert_eq!((first.sequence, first.missed), (2, 0));
    assert_eq!(events.try_recv().unwrap(), None);
}

fn changes_follow_in_their_order_and_then_nothing() {
    const WAIT: Duration = Duration::from_millis(30);
    let mut events = Events::open().unwrap();
    let peer = Peer::connect().unwrap();
    // Announced before the first look, and so part of the snapshot and not told again.
    peer.register_service("early").unwrap();
    let first = snapshot(events.try_recv().unwrap());
    assert_eq!((first.services.len(), first.sequence), (1, 1));

    let port = peer.port();
    peer.register_group("ticks").unwrap();
    peer.unregister_service("early").unwrap();
    drop(peer);
    let told: Vec<_> = events.by_ref().take(4).map(Result::unwrap).collect();
    let mut sequence = first.sequence;
    let told: Vec<Event> = told
        .into_iter()
        .map(|update| {
            let Update::Kevent(kevent) = update else {
                panic!("{update:?}")
            };
            sequence += 1;
            assert_eq!(kevent.sequence, sequence);
            kevent.event
        })
        .collect();
    let name = |name: &str| Name::new(name).unwrap();
    let (Event::GroupAdded { group_id, .. }, early, ticks) =
        (told[0], name("early"), name("ticks"))
    else {
        panic!("{told:?}")
    };
    assert_eq!(
        told,
        [
            Event::GroupAdded {
                name: ticks,
                group_id
            },
            Event::ServiceRemoved { name: early, port },
            Event::GroupRemoved {
                name: ticks,
                group_id
            },
            Event::PeerRemoved { port },
        ]
    );
    let start = Instant::now();
    assert_eq!(events.recv_deadline(start + WAIT).unwrap(), None);
    assert!(start.elapsed() >= WAIT);
}

/// A listener with the smallest queue, which has told the first snapshot.
fn listener_with_a_small_queue() -> Events {
    let mut events = Events::open().unwrap();
    events.peer().set_queue_limit(1).unwrap();
    snapshot(events.try_recv().unwrap());
    events
}

/// The kevents that are told before the next snapshot, and that.
fn until_snapshot(events: &mut Events) -> (u64, Snapshot) {
    let mut told = 0;
    loop {
        match next(events) {
            Update::Kevent(_) => told += 1,
            Update::Snapshot(snapshot) => return (told, snapshot),
        }
    }
}

fn what_was_lost_is_noticed_although_nothing_follows_it() {
    let mut events = listener_with_a_small_queue();
    let peer = Peer::connect().unwrap();
    come_and_go(&peer, MANY);
    peer.register_service("last").unwrap();
    let (told, snapshot) = until_snapshot(&mut events);
    assert!(told > 0, "the queue has room for one");
    assert!(snapshot.missed > 0);
    assert_eq!(told + snapshot.missed, 2 * MANY + 1);
    assert_eq!(snapshot.sequence, 2 * MANY + 1);
    assert_eq!(snapshot.services.len(), 1);
    // That is told once, and the next one is told as it comes.
    assert_eq!(events.try_recv().unwrap(), None);
    peer.unregister_service("last").unwrap();
    assert!(matches!(next(&mut events), Update::Kevent(_)));
    assert_eq!(events.try_recv().unwrap(), None);
}

fn what_was_lost_is_noticed_with_what_follows_it() {
    let mut events = listener_with_a_small_queue();
    let peer = Peer::connect().unwrap();
    come_and_go(&peer, MANY);
    // There is room for one more again, behind the gap.
    assert!(matches!(next(&mut events), Update::Kevent(_)));
    assert!(matches!(next(&mut events), Update::Kevent(_)));
    peer.register_service("last").unwrap();
    let (told, snapshot) = until_snapshot(&mut events);
    assert_eq!(2 + told + snapshot.missed, 2 * MANY + 1);
    assert_eq!(snapshot.services.len(), 1);
    assert_eq!(events.try_recv().unwrap(), None);
}

fn a_table_is_right_after_a_storm_with_losses() {
    const THREADS: usize = 4;
    let mut events = listener_with_a_small_queue();
    let mut services = Services::new();
    let mut snapshots = 0;
    let mut kevents = 0;
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let storm = |thread: usize| {
            let is_over = &is_over;
            scope.spawn(move || {
                // Names that go from one peer to another, and peers that go with their names.
                let mut round = thread;
                let mut peers: [Peer; 3] = [(); 3].map(|()| Peer::connect().unwrap());
                while !is_over.load(Ordering::Relaxed) {
                    round += 1;
                    let peer = &peers[round % 3];
                    let name = format!("s{}", round % 7);
                    if peer.register_service(&name).is_err() {
                        let _ = peer.unregister_service(&name);
                    }
                    if round.is_multiple_of(50) {
                        peers[round / 50 % 3] = Peer::connect().unwrap();
                    }
                }
                peers[0]
                    .register_service(format!("left by {thread}"))
                    .unwrap();
                peers
            })
        };
        let threads: Vec<_> = (0..THREADS).map(storm).collect();
        // Also when an assertion fails, or the threads would keep the test from ending.
        let _stop = SetOnDrop(&is_over);
        // A look in the storm takes a slow kernel seconds: the storm lasts until both were told often enough.
        while snapshots < 3 || kevents < 100 {
            let update = next(&mut events);
            match &update {
                Update::Snapshot(_) => snapshots += 1,
                Update::Kevent(_) => kevents += 1,
            }
            apply(&mut services, update);
        }
        is_over.store(true, Ordering::Relaxed);
        // They stay until the table was compared.
        let _peers: Vec<_> = threads.into_iter().map(|it| it.join().unwrap()).collect();
        while let Some(update) = events.try_recv().unwrap() {
            apply(&mut services, update);
        }
        assert_eq!(services, services_now());
        for thread in 0..THREADS {
            let name = Name::new(format!("left by {thread}")).unwrap();
            assert!(services.contains_key(&name), "{services:?}");
        }
    });
    println!("{snapshots} snapshots, {kevents} kevents");
}

fn a_stranger_who_writes_to_the_listener_changes_nothing() {
    let mut events = Events::open().unwrap();
    snapshot(events.try_recv().unwrap());
    let stranger = Peer::connect().unwrap();
    stranger
        .send(events.peer().port(), b"I am the kernel")
        .unwrap();
    assert_eq!(events.try_recv().unwrap(), None);
    stranger.register_service("honest").unwrap();
    stranger.send(events.peer().port(), b"or so").unwrap();
    assert!(matches!(next(&mut events), Update::Kevent(_)));
    assert_eq!(events.try_recv().unwrap(), None);
}

fn a_flood_of_other_messages_keeps_nobody_waiting() {
    let mut events = Events::open().unwrap();
    snapshot(events.try_recv().unwrap());
    let port = events.peer().port();
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let stranger = Peer::connect().unwrap();
            while !ended.load(Ordering::Relaxed) {
                // Most of them are refused, because the queue is full.
                let _ = stranger.send_batch([(port, b"noise"); 100]);
            }
        });
        // Also when an assertion fails, or the stranger would keep the test from ending.
        let _stop = SetOnDrop(&ended);
        let service = Peer::connect().unwrap();
        let mut services = Services::new();
        service.register_service("honest").unwrap();
        let deadline = soon();
        while !services.values().any(|port| *port == service.port()) {
            assert!(Instant::now() < deadline, "not heard of in time");
            if let Some(update) = events.try_recv().unwrap() {
                apply(&mut services, update);
            }
        }
    });
}

fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime
        .block_on(async { timeout(Duration::from_secs(pace::seconds(20)), future).await })
        .expect("an end in time")
}

async fn stream_next(events: &mut AsyncEvents) -> Update {
    let update = poll_fn(|context| Pin::new(&mut *events).poll_next(context)).await;
    update.expect("a stream without end").unwrap()
}

fn a_stream_of_updates_makes_up_for_losses() {
    run(async {
        let mut events = AsyncEvents::open().unwrap();
        events.peer().set_queue_limit(1).unwrap();
        let first = snapshot(Some(stream_next(&mut events).await));
        assert_eq!(first.services, []);
        let peer = Peer::connect().unwrap();
        come_and_go(&peer, MANY);
        peer.register_service("last").unwrap();
        let mut told = 0;
        let again = loop {
            match stream_next(&mut events).await {
                Update::Kevent(_) => told += 1,
                Update::Snapshot(snapshot) => break snapshot,
            }
        };
        assert_eq!(told + again.missed, 2 * MANY + 1);
        assert_eq!(again.services.len(), 1);
        // It waits, and is woken.
        let waiting = tokio::spawn(async move { events.recv().await });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        peer.unregister_service("last").unwrap();
        let update = waiting.await.unwrap().unwrap();
        assert!(matches!(update, Update::Kevent(_)));
    });
}

fn a_dropped_future_of_updates_loses_none() {
    run(async {
        let mut events = AsyncEvents::open().unwrap();
        let peer = Peer::connect().unwrap();
        snapshot(Some(events.recv().await.unwrap()));
        let mut expected = 1;
        for round in 0..200 {
            tokio::select! {
                biased;
                () = tokio::task::yield_now(), if round % 3 == 0 => {}
                update = events.recv() => {
                    let Update::Kevent(kevent) = update.unwrap() else { panic!("a loss") };
                    assert_eq!(kevent.sequence, expected);
                    expected += 1;
                }
                // The runtime hears of it when the thread is given back.
                () = async { come_and_go(&peer, 1); tokio::task::yield_now().await } => {}
            }
        }
        assert!(expected > 1);
    });
}
