// SPDX-License-Identifier: MIT OR Apache-2.0

//! Peers under tokio: they wait without holding a thread, and lose no message to a future that is dropped.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use ipcon_vm_tests::{Case, cases, pace, settings};
use libipcon::{AsyncPeer, Batch, Origin, Peer};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::support::{number, numbered, soon};

mod dropping;

pub(crate) fn all() -> Vec<Case> {
    let own = cases![
        a_message_wakes_the_task_that_waits_for_it,
        a_receive_with_a_deadline_ends_in_time_and_takes_what_is_there,
        what_did_not_fit_is_received_by_the_next,
        a_send_waits_for_room,
        a_service_is_waited_for,
        many_tasks_share_one_peer,
        a_busy_peer_lets_other_tasks_run,
        a_peer_goes_from_blocking_to_async_and_back,
        many_peers_echo_on_one_thread => within(settings::echo_peers() as u64 / 2 + 60),
    ];
    [own, dropping::all()].concat()
}

/// A runtime of one thread, this one.
fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// Runs a future to its end, which must come soon.
fn run<T>(future: impl Future<Output = T>) -> T {
    runtime()
        .block_on(async { timeout(Duration::from_secs(pace::seconds(20)), future).await })
        .expect("an end in time")
}

/// Polls a future once, and drops it.
fn poll_and_drop<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

fn a_message_wakes_the_task_that_waits_for_it() {
    run(async {
        let receiver = Arc::new(AsyncPeer::connect().unwrap());
        let sender = Peer::connect().unwrap();
        let waiting = tokio::spawn({
            let receiver = receiver.clone();
            async move { receiver.recv().await }
        });
        // It is waiting when it gives the thread back.
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        sender.send(receiver.port(), b"wake up").unwrap();
        let message = waiting.await.unwrap().unwrap();
        assert_eq!(message.data, b"wake up");
        assert_eq!(message.origin, Origin::Peer(sender.port()));
        // The same peer, the next message: the readiness of before is over.
        assert_eq!(poll_and_drop(receiver.recv()).map(Result::unwrap), None);
        sender.send(receiver.port(), b"again").unwrap();
        assert_eq!(receiver.recv().await.unwrap().data, b"again");
    });
}

fn a_receive_with_a_deadline_ends_in_time_and_takes_what_is_there() {
    const WAIT: Duration = Duration::from_millis(50);
    run(async {
        let peer = AsyncPeer::connect().unwrap();
        let start = Instant::now();
        assert_eq!(peer.recv_deadline(start + WAIT).await.unwrap(), None);
        assert!(start.elapsed() >= WAIT);
        let mut batch = Batch::new(4);
        let past = Instant::now();
        assert_eq!(peer.recv_batch_deadline(&mut batch, past).await.unwrap(), 0);
        assert_eq!(
            peer.recv_into_deadline(&mut [0; 8], past).await.unwrap(),
            None
        );

        for round in 0..3 {
            peer.send(peer.port(), &numbered(round)).unwrap();
        }
        let message = peer.recv_deadline(past).await.unwrap().unwrap();
        assert_eq!(number(&message.data), 0);
        let mut buffer = [0; 8];
        let received = peer.recv_into_deadline(&mut buffer, past).await.unwrap();
        assert_eq!((received.unwrap().len, number(&buffer)), (8, 1));
        assert_eq!(peer.recv_batch_deadline(&mut batch, past).await.unwrap(), 1);
        assert_eq!(number(batch.get(0).unwrap().data), 2);
    });
}

/// A message that was put back does not make the descriptor readable, and must be found all the same.
fn what_did_not_fit_is_received_by_the_next() {
    run(async {
        let peer = AsyncPeer::connect().unwrap();
        let mut batch = Batch::new(4);
        for round in 0..3 {
            // The runtime knows that nothing is there, and hears of no message before it is put back.
            assert!(poll_and_drop(peer.recv()).is_none());
            peer.send(peer.port(), b"too long for it").unwrap();
            let error = match round {
                0 => peer.try_recv_into(&mut [0; 4]).unwrap_err(),
                _ => peer.recv_into(&mut [0; 4]).await.unwrap_err(),
            };
            assert_eq!(error.message_len(), Some(15));
            match round {
                0 => assert_eq!(peer.recv().await.unwrap().data, b"too long for it"),
                1 => {
                    let mut buffer = [0; 20];
                    assert_eq!(peer.recv_into(&mut buffer).await.unwrap().len, 15);
                }
                _ => assert_eq!(peer.recv_batch(&mut batch).await.unwrap(), 1),
            }
        }
    });
}

/// Sends until the queue of the peer is full, and gives the number of messages.
fn fill(peer: &Peer, to: &Peer) -> u64 {
    let mut sent = 0;
    while peer.send(to.port(), &numbered(sent)).is_ok() {
        sent += 1;
    }
    sent
}

fn a_send_waits_for_room() {
    run(async {
        let sender = Arc::new(AsyncPeer::connect().unwrap());
        let receiver = AsyncPeer::connect().unwrap();
        let to = receiver.port();
        let sent = fill(&sender, &receiver);
        let start = Instant::now();
        let wait = Duration::from_millis(30);
        let late = sender.send_deadline(to, b"late", start + wait).await;
        assert!(late.unwrap_err().is_timed_out());
        assert!(start.elapsed() >= wait);

        let waiting = [0, 1].map(|which| {
            let sender = sender.clone();
            tokio::spawn(async move {
                match which {
                    0 => sender.send_wait(to, &numbered(sent)).await,
                    _ => sender.send_deadline(to, &numbered(sent), soon()).await,
                }
            })
        });
        tokio::task::yield_now().await;
        let mut expected = (0..sent).chain([sent, sent]);
        for _ in 0..sent + 2 {
            let message = receiver.recv().await.unwrap();
            assert_eq!(Some(number(&message.data)), expected.next());
        }
        for waiting in waiting {
            waiting.await.unwrap().unwrap();
        }
        let gone = Peer::connect().unwrap().port();
        assert!(
            sender
                .send_wait(gone, b"nobody")
                .await
                .unwrap_err()
                .is_no_peer()
        );
    });
}

fn a_service_is_waited_for() {
    run(async {
        let peer = Arc::new(AsyncPeer::connect().unwrap());
        let short = Instant::now() + Duration::from_millis(20);
        let absent = peer.wait_for_service("clock", short).await;
        assert!(absent.unwrap_err().is_timed_out());
        let waiting = tokio::spawn({
            let peer = peer.clone();
            async move { peer.wait_for_service("clock", soon()).await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        let clock = Peer::connect().unwrap();
        clock.register_service("clock").unwrap();
        assert_eq!(waiting.await.unwrap().unwrap(), clock.port());
        assert_eq!(
            peer.wait_for_service("clock", soon()).await.unwrap(),
            clock.port()
        );
    });
}

fn many_tasks_share_one_peer() {
    const TASKS: u64 = 50;
    const EACH: u64 = 20;
    run(async {
        let shared = Arc::new(AsyncPeer::connect().unwrap());
        let mut receiving = JoinSet::new();
        for _ in 0..TASKS {
            let shared = shared.clone();
            receiving.spawn(async move {
                let mut received = Vec::new();
                for _ in 0..EACH {
                    received.push(number(&shared.recv().await.unwrap().data));
                }
                received
            });
        }
        for round in 0..TASKS * EACH {
            shared
                .send_wait(shared.port(), &numbered(round))
                .await
                .unwrap();
        }
        let mut all: Vec<u64> = receiving.join_all().await.concat();
        all.sort_unstable();
        assert!(all.into_iter().eq(0..TASKS * EACH));
    });
}

/// A queue that is never empty must not keep its reader's thread from everybody else.
fn a_busy_peer_lets_other_tasks_run() {
    run(async {
        let busy = Arc::new(AsyncPeer::connect().unwrap());
        let mut reading = JoinSet::new();
        reading.spawn({
            let busy = busy.clone();
            async move {
                loop {
                    // To itself, so that the next receive has something as well.
                    busy.send(busy.port(), b"endless").unwrap();
                    busy.recv().await.unwrap();
                }
            }
        });
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        reading.abort_all();
    });
}

fn a_peer_goes_from_blocking_to_async_and_back() {
    let peer = Peer::connect().unwrap();
    let port = peer.port();
    peer.send(port, b"one").unwrap();
    peer.send(port, b"two").unwrap();
    let peer = run(async {
        let peer = AsyncPeer::new(peer).unwrap();
        assert_eq!(peer.recv().await.unwrap().data, b"one");
        peer.into_inner()
    });
    assert_eq!(peer.port(), port);
    assert_eq!(peer.recv_deadline(soon()).unwrap().unwrap().data, b"two");
}

/// Each peer is a server to which one client sends, so that all of them wait at once.
fn many_peers_echo_on_one_thread() {
    const MESSAGES: u64 = 100;
    let peers = pace::work(settings::echo_peers()) as u64;
    // Two descriptors of each peer, and some of the runtime.
    let descriptors = Rlimit {
        current: Some(2 * peers + 1000),
        maximum: Some(2 * peers + 1000),
    };
    let usual = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, descriptors).unwrap();
    let start = Instant::now();
    let echoed = runtime().block_on(async {
        let mut servers = JoinSet::new();
        let mut ports = Vec::new();
        for _ in 0..peers {
            let server = AsyncPeer::connect().unwrap();
            ports.push(server.port());
            servers.spawn(async move {
                for _ in 0..MESSAGES {
                    let message = server.recv().await.unwrap();
                    let Origin::Peer(asker) = message.origin else {
                        panic!("{message:?}")
                    };
                    server.send_wait(asker, &message.data).await.unwrap();
                }
            });
        }
        println!("{peers} peers connected after {:?}", start.elapsed());
        let client = AsyncPeer::connect().unwrap();
        client.set_queue_limit(4 << 20).unwrap();
        let mut echoed = 0;
        let mut batch = Batch::new(64);
        for round in 0..MESSAGES {
            for some in ports.chunks(64) {
                client
                    .send_batch(some.iter().map(|&port| (port, numbered(round))))
                    .unwrap();
                let mut missing = some.len();
                while missing > 0 {
                    missing -= client.recv_batch(&mut batch).await.unwrap();
                    for message in &batch {
                        assert_eq!(number(message.data), round);
                        echoed += 1;
                    }
                }
            }
        }
        servers.join_all().await;
        echoed
    });
    println!(
        "{echoed} echoes of {peers} peers took {:?}",
        start.elapsed()
    );
    assert_eq!(echoed, peers * MESSAGES);
    setrlimit(Resource::Nofile, usual).unwrap();
}
