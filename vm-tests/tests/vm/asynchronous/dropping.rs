// SPDX-License-Identifier: MIT OR Apache-2.0

//! Futures that are dropped before they are done, as `select!` and `timeout` do: at each point where they wait, and
//! nothing is lost.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use futures_core::Stream as _;
use ipcon_vm_tests::{Case, cases};
use libipcon::{AsyncEvents, AsyncPeer, Batch, Event, Inspector, Peer, Result, Update};
use tokio::task::yield_now;
use tokio::time::timeout;

use super::{fill, poll_and_drop, run};
use crate::support::{number, numbered, soon};

pub(super) fn all() -> Vec<Case> {
    cases![
        a_dropped_receive_has_taken_nothing => within(120),
        a_receive_that_ran_into_a_dropped_one_has_what_it_put_back,
        a_dropped_send_has_sent_nothing,
        a_dropped_wait_for_a_service_leaves_nothing_behind,
        a_dropped_wait_for_an_update_loses_none,
    ]
}

/// When a future is dropped.
#[derive(Debug, Clone, Copy)]
struct When {
    /// After so many polls.
    polls: usize,
    /// Also after another turn, in which it may have been woken.
    is_late: bool,
}

impl When {
    /// Each in turn.
    fn of(round: usize) -> Self {
        Self {
            polls: 1 + round % 4,
            is_late: round / 4 % 2 == 1,
        }
    }
}

/// Polls a future, and then drops it. Before each poll but the first, something is done, and all other tasks and the
/// runtime get their turn.
async fn drop_after<T>(
    when: When,
    mut meanwhile: impl FnMut(),
    future: impl Future<Output = T>,
) -> Option<T> {
    let mut future = pin!(future);
    for poll in 0..when.polls {
        if poll > 0 {
            meanwhile();
            yield_now().await;
        }
        if let Poll::Ready(output) = poll_fn(|it| Poll::Ready(future.as_mut().poll(it))).await {
            return Some(output);
        }
    }
    if when.is_late {
        meanwhile();
        yield_now().await;
    }
    None
}

/// The ways to receive.
#[derive(Debug, Clone, Copy)]
enum Way {
    Message,
    Into,
    Batch,
    MessageDeadline,
    IntoDeadline,
    BatchDeadline,
}

const WAYS: [Way; 6] = [
    Way::Message,
    Way::Into,
    Way::Batch,
    Way::MessageDeadline,
    Way::IntoDeadline,
    Way::BatchDeadline,
];

impl Way {
    /// Receives in this way: the numbers of the messages that came before the future was dropped, if any did.
    async fn receive(self, peer: &AsyncPeer, when: When) -> Option<Vec<u64>> {
        let (mut buffer, mut batch) = ([0; 8], Batch::new(3));
        let nothing = || {};
        match self {
            Self::Message => {
                let message = drop_after(when, nothing, peer.recv()).await?.unwrap();
                Some(vec![number(&message.data)])
            }
            Self::MessageDeadline => {
                let message = drop_after(when, nothing, peer.recv_deadline(soon())).await?;
                Some(vec![number(&message.unwrap().unwrap().data)])
            }
            Self::Into => {
                let received = drop_after(when, nothing, peer.recv_into(&mut buffer)).await?;
                assert_eq!(received.unwrap().len, buffer.len());
                Some(vec![number(&buffer)])
            }
            Self::IntoDeadline => {
                let received = peer.recv_into_deadline(&mut buffer, soon());
                let received = drop_after(when, nothing, received).await?;
                assert_eq!(received.unwrap().unwrap().len, buffer.len());
                Some(vec![number(&buffer)])
            }
            Self::Batch => {
                let count = drop_after(when, nothing, peer.recv_batch(&mut batch)).await?;
                Some(numbers(count, &batch))
            }
            Self::BatchDeadline => {
                let count = peer.recv_batch_deadline(&mut batch, soon());
                let count = drop_after(when, nothing, count).await?;
                Some(numbers(count, &batch))
            }
        }
    }
}

fn numbers(count: Result<usize>, batch: &Batch) -> Vec<u64> {
    assert!(!batch.is_empty());
    assert_eq!(count.unwrap(), batch.len());
    batch.into_iter().map(|it| number(it.data)).collect()
}

/// Receives of all kinds are dropped after each number of polls; whatever was sent comes in order all the same.
fn a_dropped_receive_has_taken_nothing() {
    const MESSAGES: u64 = 3000;
    run(async {
        let receiver = AsyncPeer::connect().unwrap();
        let to = receiver.port();
        let sending = tokio::spawn(async move {
            let sender = AsyncPeer::connect().unwrap();
            for round in 0..MESSAGES {
                sender.send_wait(to, &numbered(round)).await.unwrap();
                // The receiver finds several, one, or none for a while.
                for _ in 0..round % 7 {
                    yield_now().await;
                }
            }
        });
        let mut expected = 0;
        // Of each way, those dropped at once, after some polls, and late.
        let mut dropped = [[0; 3]; WAYS.len()];
        for round in 0.. {
            if expected == MESSAGES {
                break;
            }
            let (way, when) = (round % WAYS.len(), When::of(round / WAYS.len()));
            match WAYS[way].receive(&receiver, when).await {
                Some(numbers) => {
                    for number in numbers {
                        assert_eq!(number, expected, "{:?}", WAYS[way]);
                        expected += 1;
                    }
                }
                None if when.is_late => dropped[way][2] += 1,
                None => dropped[way][usize::from(when.polls > 1)] += 1,
            }
        }
        sending.await.unwrap();
        assert!(
            dropped.as_flattened().iter().all(|&it| it > 0),
            "not all were dropped: {dropped:?}"
        );
        assert_eq!(receiver.try_recv().unwrap(), None);
    });
}

/// A future that is dropped while it waits leaves alone what another receive puts back.
fn a_receive_that_ran_into_a_dropped_one_has_what_it_put_back() {
    run(async {
        let peer = AsyncPeer::connect().unwrap();
        for way in WAYS {
            let never = When {
                polls: usize::MAX,
                is_late: false,
            };
            let mut waiting = Box::pin(way.receive(&peer, never));
            let first = poll_fn(|it| Poll::Ready(waiting.as_mut().poll(it))).await;
            assert!(first.is_pending());
            peer.send(peer.port(), &numbered(1)).unwrap();
            peer.send(peer.port(), &numbered(2)).unwrap();
            let error = peer.try_recv_into(&mut [0; 4]).unwrap_err();
            assert_eq!(error.message_len(), Some(8));
            drop(waiting);
            for expected in [1, 2] {
                let message = peer.recv_deadline(soon()).await.unwrap().unwrap();
                assert_eq!(number(&message.data), expected, "{way:?}");
            }
        }
    });
}

fn a_dropped_send_has_sent_nothing() {
    run(async {
        let sender = AsyncPeer::connect().unwrap();
        let receiver = Peer::connect().unwrap();
        let sent = fill(&sender, &receiver);
        let to = receiver.port();
        assert!(poll_and_drop(sender.send_wait(to, b"dropped")).is_none());
        assert!(poll_and_drop(sender.send_deadline(to, b"dropped", soon())).is_none());
        let short = Duration::from_millis(20);
        assert!(
            timeout(short, sender.send_wait(to, b"dropped"))
                .await
                .is_err()
        );
        for round in 0..sent {
            assert_eq!(number(&receiver.try_recv().unwrap().unwrap().data), round);
        }
        assert_eq!(receiver.try_recv().unwrap(), None);
    });
}

/// The peer that listens for it is gone, and what was sent to the one that waits is there.
fn a_dropped_wait_for_a_service_leaves_nothing_behind() {
    run(async {
        let peer = AsyncPeer::connect().unwrap();
        let noise = Peer::connect().unwrap();
        let inspector = Inspector::open().unwrap();
        let present = || inspector.peers().unwrap().items.len();
        let before = present();
        for polls in 1..=5 {
            peer.send(peer.port(), &numbered(polls)).unwrap();
            // Each announcement wakes the wait, which looks and waits again.
            let announce = || {
                noise.register_service("noise").unwrap();
                noise.unregister_service("noise").unwrap();
            };
            let waiting = peer.wait_for_service("clock", soon());
            let when = When {
                polls: polls as usize,
                is_late: polls % 2 == 0,
            };
            let found = drop_after(when, announce, waiting).await;
            assert!(found.is_none(), "{found:?}");
            assert_eq!(present(), before, "dropped after {polls} polls");
        }

        // Dropped when it was announced, and before the wait could hear of it.
        let clock = Peer::connect().unwrap();
        let mut waiting = Box::pin(peer.wait_for_service("clock", soon()));
        assert!(
            poll_fn(|it| Poll::Ready(waiting.as_mut().poll(it).is_pending())).await,
            "there is no clock yet"
        );
        clock.register_service("clock").unwrap();
        drop(waiting);
        let found = peer.wait_for_service("clock", soon()).await.unwrap();
        assert_eq!(found, clock.port());
        for expected in 1..=5 {
            assert_eq!(number(&peer.recv().await.unwrap().data), expected);
        }
    });
}

/// Waits of both kinds, the stream's and the call's, are dropped after each number of polls.
fn a_dropped_wait_for_an_update_loses_none() {
    const SERVICES: usize = 200;
    run(async {
        let peer = Peer::connect().unwrap();
        let mut events = AsyncEvents::open().unwrap();
        assert!(matches!(events.recv().await.unwrap(), Update::Snapshot(_)));
        let (mut heard, mut dropped) = (Vec::new(), [0; 2]);
        let mut registered = 0;
        for round in 0.. {
            if heard.len() == SERVICES {
                break;
            }
            // Two at once every now and then, so that a wait finds none, one or more.
            let register = || {
                let count = (round % 3).min(SERVICES - registered);
                for _ in 0..count {
                    peer.register_service(registered.to_string()).unwrap();
                    registered += 1;
                }
            };
            let when = When::of(round / 2);
            let update = match round % 2 {
                0 => drop_after(when, register, events.recv()).await,
                _ => {
                    let next = poll_fn(|it| Pin::new(&mut events).poll_next(it));
                    drop_after(when, register, next).await.map(Option::unwrap)
                }
            };
            match update {
                Some(update) => heard.push(service_added(&update.unwrap())),
                None => dropped[round % 2] += 1,
            }
        }
        assert!(heard.into_iter().eq((0..SERVICES).map(|it| it.to_string())));
        assert!(dropped.iter().all(|&it| it > 0), "{dropped:?}");
        assert!(poll_and_drop(events.recv()).is_none());
    });
}

fn service_added(update: &Update) -> String {
    match update {
        Update::Kevent(kevent) => match kevent.event {
            Event::ServiceAdded { name, .. } => name.to_string(),
            ref other => panic!("{other:?}"),
        },
        Update::Snapshot(_) => panic!("something was lost"),
    }
}
