// SPDX-License-Identifier: MIT OR Apache-2.0
//! Events from the server.

use std::io::IoSlice;
use std::time::{Duration, Instant};

use coroipc::{
    Client, Connection, Disconnected, Endpoint, EventError, Overflow, Reason, Service, Sizes,
};

use crate::serving::*;
use crate::world::*;

pub(crate) fn all() -> Vec<ServedCase> {
    served_cases![
        events_arrive_in_order,
        events_of_all_sizes_come_through_a_small_ring,
        a_full_ring_refuses_or_has_the_sender_wait,
        a_slow_client_sees_a_gap_or_is_disconnected,
        events_may_be_sent_when_connecting_and_read_after_the_end,
        a_connection_may_be_without_events,
    ]
}

fn events_arrive_in_order(serving: Serving) {
    let address = address();
    let _server = serving.server(&address);
    let client = client(&address);
    let mut events = client.events().unwrap();
    assert!(client.events().is_none(), "there is one receiver");
    assert!(events.try_next().unwrap().is_none());
    // More than the ring takes.
    let count = 200_000u32;
    let pending = client
        .start(SEND, &[IoSlice::new(&count.to_ne_bytes())], soon())
        .unwrap();
    for expected in 0..count {
        let event = events.next(soon()).unwrap().unwrap();
        assert_eq!(event.number(), expected);
        let payload = event.to_vec();
        assert_eq!(
            payload,
            [b"event ".as_slice(), &expected.to_ne_bytes()].concat()
        );
    }
    pending.wait().unwrap();
    let deadline = Some(Instant::now() + Duration::from_millis(5));
    assert!(events.next(deadline).unwrap().is_none());
}

fn events_of_all_sizes_come_through_a_small_ring(serving: Serving) {
    let address = address();
    let service = Service::new(SERVICE, |_| Ok(())).command(SEND, |session, call| {
        for len in (0..=4088usize).chain((0..=4088).rev().step_by(7)) {
            let event = vec![len as u8; len];
            session
                .connection()
                .send_event(&[IoSlice::new(&event)])
                .unwrap();
        }
        let error = session
            .connection()
            .send_event(&[IoSlice::new(&[0; 4089])])
            .unwrap_err();
        assert_eq!(
            error,
            EventError::TooLong {
                len: 4089,
                most: 4088
            }
        );
        call.reply(b"");
    });
    let _server =
        serving.serve(Endpoint::builder(address.clone()).service(serving.patient(service)));
    let sizes = Sizes {
        events: 4096,
        ..Sizes::default()
    };
    let client = Client::builder(address, SERVICE)
        .sizes(sizes)
        .connect()
        .unwrap();
    let mut events = client.events().unwrap();
    let pending = client.start(SEND, &[], soon()).unwrap();
    for len in (0..=4088usize).chain((0..=4088).rev().step_by(7)) {
        let event = events.next(soon()).unwrap().unwrap();
        assert_eq!(event.to_vec(), vec![len as u8; len]);
    }
    pending.wait().unwrap();
}

/// A server that does this with events for which there is no room, and a connection of it from both sides.
fn with_a_full_ring_it_does(serving: Serving, overflow: Overflow) -> (Server, Client, Connection) {
    let address = address();
    let server =
        serving.serve(Endpoint::builder(address.clone()).service(service().overflow(overflow)));
    let client = client(&address);
    until("it is there", || server.connections().len() == 1);
    let connection = server.connections().remove(0);
    (server, client, connection)
}

fn a_full_ring_refuses_or_has_the_sender_wait(serving: Serving) {
    let refuses = [Overflow::Refuse, Overflow::Block];
    let possible = serving.overflows().into_iter();
    for overflow in possible.filter(|it| refuses.contains(it)) {
        let (_server, client, connection) = with_a_full_ring_it_does(serving, overflow);
        let event = vec![1; 60 << 10];
        let send = || {
            let deadline = Instant::now() + Duration::from_millis(10);
            connection.send_event_by(&[IoSlice::new(&event)], deadline)
        };
        let error = (0..5).find_map(|_| send().err()).unwrap();
        let expected = match overflow {
            Overflow::Refuse => EventError::Full,
            _ => EventError::TimedOut,
        };
        assert_eq!(error, expected);
        let mut events = client.events().unwrap();
        for _ in 0..4 {
            assert_eq!(events.next(soon()).unwrap().unwrap().to_vec(), event);
        }
        send().unwrap();
        // Without a reader the sender's wait ends with the connection.
        drop((client, events));
        until("it is over", || connection.is_over());
        assert_eq!(send(), Err(EventError::Over));
    }
}

fn a_slow_client_sees_a_gap_or_is_disconnected(serving: Serving) {
    for overflow in [Overflow::DropNewest, Overflow::Disconnect] {
        let (_server, client, connection) = with_a_full_ring_it_does(serving, overflow);
        let event = vec![1; 60 << 10];
        let send = || connection.send_event(&[IoSlice::new(&event)]);
        let results: Vec<_> = (0..6).map(|_| send()).collect();
        let mut events = client.events().unwrap();
        for expected in 0..4 {
            assert_eq!(events.next(soon()).unwrap().unwrap().number(), expected);
        }
        if overflow == Overflow::DropNewest {
            assert_eq!(results, vec![Ok(()); 6]);
            send().unwrap();
            assert_eq!(events.next(soon()).unwrap().unwrap().number(), 6);
        } else {
            assert_eq!(results[4], Err(EventError::Over));
            let end = events.next(soon()).map(drop).unwrap_err();
            let Disconnected::Told(refusal) = end else {
                panic!("it was told why: {end}");
            };
            assert_eq!(refusal.reason(), Reason::SlowConsumer);
        }
    }
}

fn events_may_be_sent_when_connecting_and_read_after_the_end(serving: Serving) {
    let address = address();
    let service = Service::new(SERVICE, |connection| {
        connection.send_event(&[IoSlice::new(b"welcome")]).unwrap();
        Ok(())
    });
    let server = serving.serve(Endpoint::builder(address.clone()).service(service));
    let client = client(&address);
    let mut events = client.events().unwrap();
    server.shut_down(Duration::ZERO);
    until("it is over", || client.disconnected().is_some());
    assert_eq!(events.next(soon()).unwrap().unwrap().to_vec(), b"welcome");
    let end = events.next(soon()).map(drop).unwrap_err();
    assert!(matches!(end, Disconnected::Told(_)), "{end}");
}

fn a_connection_may_be_without_events(serving: Serving) {
    let address = address();
    let server = serving.server(&address);
    let sizes = Sizes {
        events: 0,
        ..Sizes::default()
    };
    let client = Client::builder(address, SERVICE)
        .sizes(sizes)
        .connect()
        .unwrap();
    assert!(client.events().is_none());
    until("it is there", || server.connections().len() == 1);
    let error = server.connections()[0].send_event(&[]).unwrap_err();
    assert_eq!(error, EventError::NoEvents);
}
