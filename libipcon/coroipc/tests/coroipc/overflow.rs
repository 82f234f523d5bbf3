// SPDX-License-Identifier: MIT OR Apache-2.0
//! What becomes of events that a client is slow to read.

use std::io::IoSlice;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use coroipc::statistics::{Counter, of_process};
use coroipc::{
    Address, BindError, Client, Connection, Disconnected, Endpoint, EventError, Events, Overflow,
    Reason, Refusal, Running, Service, Sizes,
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::world::*;

pub(crate) fn all() -> Vec<Case> {
    cases![
        what_the_ring_has_no_room_for_waits_in_order,
        the_number_of_waiting_events_is_bounded_too,
        the_oldest_in_the_queue_make_room,
        dropping_the_oldest_needs_no_queue_of_ones_own,
        a_full_queue_blocks_or_disconnects,
        the_service_learns_when_there_is_room_again,
        a_loop_moves_the_queue_and_tells_of_room,
        a_loop_does_not_take_what_could_block_it,
        shutting_down_sends_what_waits,
        the_reason_comes_through_doorbells_that_nobody_heard,
        all_threads_learn_the_same_reason,
    ]
}

/// Bytes of an event; four fill a ring.
const EVENT: usize = 1000;
const IN_RING: u32 = 4;

fn small_ring(address: &Address) -> Client {
    let sizes = Sizes {
        events: 4096,
        ..Sizes::default()
    };
    let client = Client::builder(address.clone(), SERVICE).sizes(sizes);
    client.connect().unwrap()
}

fn connected(service: Service<State>) -> (Running, Client, Events, Connection) {
    let address = address();
    let server = serve(Endpoint::builder(address.clone()).service(service));
    let client = small_ring(&address);
    until("it is there", || server.connections().len() == 1);
    let connection = server.connections().remove(0);
    let events = client.events().unwrap();
    (server, client, events, connection)
}

fn send(connection: &Connection, event: u32) -> Result<(), EventError> {
    let rest = [0; EVENT - 4];
    connection.send_event(&[IoSlice::new(&event.to_ne_bytes()), IoSlice::new(&rest)])
}

/// The next event: its number, and what was sent.
fn next(events: &mut Events) -> (u32, u32) {
    let event = events.next(soon()).unwrap().unwrap();
    let sent = event.bytes().first().unwrap();
    (event.number(), u32::from_ne_bytes(sent))
}

fn what_the_ring_has_no_room_for_waits_in_order() {
    let (_server, _client, mut events, connection) = connected(
        service()
            .overflow(Overflow::Refuse)
            .event_queue(10 * EVENT, 100),
    );
    assert_eq!(events.flow_control(), Default::default());
    for event in 0..IN_RING + 10 {
        assert_eq!(send(&connection, event), Ok(()));
    }
    // By bytes it is full.
    assert_eq!(send(&connection, 0), Err(EventError::Full));
    assert_eq!(connection.queued_events(), 10);
    assert!(connection.is_held_back());
    let flow = events.flow_control();
    assert_eq!((flow.held_back, flow.queued, flow.dropped), (true, 10, 0));
    // Nobody sends any more, and yet all come.
    for event in 0..IN_RING + 10 {
        assert_eq!(next(&mut events), (event, event));
    }
    until("none is held back", || {
        !connection.is_held_back() && events.flow_control() == Default::default()
    });
}

fn the_number_of_waiting_events_is_bounded_too() {
    let (_server, _client, mut events, connection) = connected(
        service()
            .overflow(Overflow::Refuse)
            .event_queue(usize::MAX, 3),
    );
    let sent = (0..).take_while(|&event| send(&connection, event).is_ok());
    assert_eq!(sent.count() as u32, IN_RING + 3);
    for event in 0..IN_RING + 3 {
        assert_eq!(next(&mut events), (event, event));
    }
}

fn the_oldest_in_the_queue_make_room() {
    let (_server, _client, mut events, connection) = connected(
        service()
            .overflow(Overflow::DropOldest)
            .event_queue(usize::MAX, 3),
    );
    for event in 0..100 {
        assert_eq!(send(&connection, event), Ok(()));
    }
    let flow = events.flow_control();
    let dropped = 100 - IN_RING - 3;
    assert_eq!((flow.queued, flow.dropped), (3, dropped));
    let of_ours = of_process(std::process::id()).unwrap();
    let ours = of_ours
        .iter()
        .find(|it| it.get(Counter::EventsDropped) == u64::from(dropped));
    let ours = ours.expect("its page says so");
    assert_eq!(ours.get(Counter::EventsQueued), 3);
    assert_eq!(ours.get(Counter::EventsQueuedHigh), 3);
    assert_eq!(ours.get(Counter::FlowControl), 1);
    for event in (0..IN_RING).chain(97..100) {
        assert_eq!(next(&mut events), (event, event));
    }
    // One that can never wait is dropped itself, where the ring is full.
    let (_server, _client, mut events, connection) = connected(
        service()
            .overflow(Overflow::DropOldest)
            .event_queue(EVENT - 1, 3),
    );
    for event in 0..=IN_RING {
        assert_eq!(send(&connection, event), Ok(()));
    }
    assert_eq!(events.flow_control().dropped, 1);
    for event in 0..IN_RING {
        assert_eq!(next(&mut events), (event, event));
    }
    assert_eq!(send(&connection, 9), Ok(()));
    assert_eq!(next(&mut events), (IN_RING + 1, 9));
}

fn dropping_the_oldest_needs_no_queue_of_ones_own() {
    let (_server, _client, mut events, connection) =
        connected(service().overflow(Overflow::DropOldest));
    for event in 0..100 {
        assert_eq!(send(&connection, event), Ok(()));
    }
    // As much again as the ring.
    assert_eq!(connection.queued_events(), 4);
    for event in (0..IN_RING).chain(96..100) {
        assert_eq!(next(&mut events), (event, event));
    }
}

fn a_full_queue_blocks_or_disconnects() {
    let (_server, client, mut events, connection) = connected(
        service()
            .overflow(Overflow::Disconnect)
            .event_queue(usize::MAX, 3),
    );
    for event in 0..IN_RING + 3 {
        assert_eq!(send(&connection, event), Ok(()));
    }
    assert_eq!(client.disconnected(), None);
    assert_eq!(send(&connection, 0), Err(EventError::Over));
    // What is in the ring can be read after the end.
    for event in 0..IN_RING {
        assert_eq!(next(&mut events), (event, event));
    }
    let end = events.next(soon()).map(drop).unwrap_err();
    let Disconnected::Told(refusal) = end else {
        panic!("it was told why: {end}");
    };
    assert_eq!(refusal.reason(), Reason::SlowConsumer);

    let (_server, _client, mut events, connection) = connected(
        service()
            .overflow(Overflow::Block)
            .event_queue(usize::MAX, 3),
    );
    let count = 20_000;
    std::thread::scope(|scope| {
        // Two who send, so that one waits behind the other.
        for thread in 0..2 {
            let connection = &connection;
            scope.spawn(move || {
                for event in 0..count {
                    send(connection, thread * count + event).unwrap();
                }
            });
        }
        let mut expected = [0, count];
        for number in 0..2 * count {
            let (numbered, event) = next(&mut events);
            assert_eq!(numbered, number);
            let thread = (event / count) as usize;
            assert_eq!(event, expected[thread]);
            expected[thread] += 1;
        }
    });
    until("none is held back", || !connection.is_held_back());
    // Who waits behind one that waits has a deadline too.
    for event in 0..IN_RING + 3 {
        send(&connection, event).unwrap();
    }
    std::thread::scope(|scope| {
        scope.spawn(|| send(&connection, 0).unwrap());
        let late = Instant::now() + Duration::from_millis(20);
        let error = connection.send_event_by(&[IoSlice::new(&[0; EVENT])], late);
        assert_eq!(error, Err(EventError::TimedOut));
        for event in 0..IN_RING + 3 {
            assert_eq!(next(&mut events).1, event);
        }
    });
}

/// A service that says when there is room again, and that has counted how often.
fn with_hook(overflow: Overflow) -> (Service<State>, mpsc::Receiver<()>, Arc<AtomicU32>) {
    let (room, told) = mpsc::channel();
    let room = parking_lot::Mutex::new(room);
    let times = Arc::new(AtomicU32::new(0));
    let counted = times.clone();
    let service = service().overflow(overflow).on_room(move |session| {
        counted.fetch_add(1, Ordering::SeqCst);
        assert!(!session.connection().is_held_back());
        let _ = room.lock().send(());
    });
    (service, told, times)
}

fn the_service_learns_when_there_is_room_again() {
    for overflow in [Overflow::Refuse, Overflow::DropNewest, Overflow::Block] {
        let (service, told, times) = with_hook(overflow);
        let (_server, client, mut events, connection) = connected(service);
        for round in 0..50 {
            for event in 0..IN_RING {
                send(&connection, event).unwrap();
            }
            let late = Instant::now() + Duration::from_millis(1);
            let result = connection.send_event_by(&[IoSlice::new(&[0; EVENT])], late);
            match overflow {
                Overflow::Refuse => assert_eq!(result, Err(EventError::Full)),
                Overflow::Block => assert_eq!(result, Err(EventError::TimedOut)),
                _ => assert_eq!(result, Ok(())),
            }
            assert!(told.try_recv().is_err(), "nobody has read yet");
            for event in 0..IN_RING {
                assert_eq!(next(&mut events).1, event);
            }
            let room = told.recv_timeout(Duration::from_secs(20));
            room.unwrap_or_else(|_| panic!("never told of room in round {round}, {overflow:?}"));
        }
        // Nothing was held back since.
        client.call(ECHO, b"").unwrap();
        assert_eq!(times.load(Ordering::SeqCst), 50, "{overflow:?}");
    }
}

fn a_loop_moves_the_queue_and_tells_of_room() {
    let (service, told, _) = with_hook(Overflow::DropOldest);
    let address = address();
    let builder = Endpoint::builder(address.clone()).service(service.event_queue(1 << 20, 1000));
    let mut server = builder.bind().unwrap().into_loop().unwrap();
    let client = std::thread::spawn(move || small_ring(&address));
    let timeout = Timespec {
        tv_sec: 20,
        tv_nsec: 0,
    };
    let once = |server: &mut coroipc::EndpointLoop| {
        let mut fds = [PollFd::new(&*server, PollFlags::IN)];
        assert_ne!(poll(&mut fds, Some(&timeout)).unwrap(), 0, "nothing came");
        server.dispatch().unwrap();
    };
    while !client.is_finished() {
        server.dispatch().unwrap();
    }
    let client = client.join().unwrap();
    let mut events = client.events().unwrap();
    let connection = server.connections().remove(0);
    for event in 0..500 {
        send(&connection, event).unwrap();
    }
    let receiver = std::thread::spawn(move || {
        for event in 0..500 {
            assert_eq!(next(&mut events), (event, event));
        }
    });
    // The loop is woken as often as that takes, and no more is needed.
    while told.try_recv().is_err() {
        once(&mut server);
    }
    receiver.join().unwrap();
    assert_eq!(connection.queued_events(), 0);
}

fn a_loop_does_not_take_what_could_block_it() {
    let blocks = |overflow| {
        let service = service().overflow(overflow);
        let builder = Endpoint::builder(address()).service(service);
        builder.bind().unwrap().into_loop()
    };
    let error = blocks(Overflow::Block).map(drop).unwrap_err();
    assert!(matches!(error, BindError::BlocksLoop(SERVICE)), "{error}");
    for overflow in [
        Overflow::Refuse,
        Overflow::DropOldest,
        Overflow::DropNewest,
        Overflow::Disconnect,
    ] {
        assert!(blocks(overflow).is_ok(), "{overflow:?}");
    }
}

fn shutting_down_sends_what_waits() {
    let (server, _client, mut events, connection) =
        connected(service().event_queue(usize::MAX, 100));
    for event in 0..50 {
        send(&connection, event).unwrap();
    }
    let stopping = std::thread::spawn(move || server.shut_down(Duration::from_secs(20)));
    for event in 0..50 {
        assert_eq!(next(&mut events), (event, event));
    }
    stopping.join().unwrap();
    assert!(matches!(events.next(soon()), Err(Disconnected::Told(_))));
}

fn the_reason_comes_through_doorbells_that_nobody_heard() {
    let address = address();
    let builder = Endpoint::builder(address.clone()).service(service());
    let mut server = builder.bind().unwrap().into_loop().unwrap();
    let connecting = std::thread::spawn(move || client(&address));
    while !connecting.is_finished() {
        server.dispatch().unwrap();
    }
    let client = connecting.join().unwrap();
    server.dispatch().unwrap();
    // It rings, and the server hangs up with that unread: the kernel tells of it before all else.
    client.notify(DROP, &[]).unwrap();
    let why = Refusal::new(Reason::Other(7), "closing time");
    server.connections()[0].disconnect(why.clone());
    drop(server);
    until("it is over", || client.disconnected().is_some());
    assert_eq!(client.disconnected(), Some(Disconnected::Told(why)));
}

fn all_threads_learn_the_same_reason() {
    let address = address();
    let server = server(&address);
    for round in 0..300 {
        let client = client(&address);
        let mut events = client.events().unwrap();
        until("it is there", || server.connections().len() == 1);
        let why = Refusal::new(Reason::Other(round), "enough");
        std::thread::scope(|scope| {
            let calling = scope.spawn(|| client.call(KEEP, b"").map(drop).unwrap_err());
            let polling = scope.spawn(|| {
                loop {
                    if let Err(end) = events.try_next().map(drop) {
                        return end;
                    }
                }
            });
            server.connections()[0].disconnect(why.clone());
            let told = Disconnected::Told(why.clone());
            assert_eq!(polling.join().unwrap(), told);
            assert_eq!(calling.join().unwrap(), told.into());
        });
        drop((client, events));
        until("it has gone", || server.connections().is_empty());
    }
}
