// SPDX-License-Identifier: MIT OR Apache-2.0
//! Clients and servers on tokio.

use std::future::Future;
use std::io::IoSlice;
use std::os::fd::AsFd;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use coroipc::{
    Address, AsyncClient, AsyncEndpoint, CallError, Client, ConnectError, Disconnected, Endpoint,
    Sizes,
};
use futures_core::Stream;
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

use crate::sharing::Woken;
use crate::wakers::Hooks;
use crate::world::*;

pub(crate) fn all() -> Vec<Case> {
    cases![
        tasks_call_and_receive,
        many_tasks_wait_for_few_slots,
        a_dropped_call_loses_nothing,
        a_dropped_wait_for_a_slot_loses_nothing,
        a_dropped_wait_for_an_event_loses_nothing,
        a_dropped_connection_is_none,
        a_dropped_server_task_loses_nothing,
        deadlines_are_kept,
        a_full_queue_is_waited_for,
        a_stream_ends_with_the_reason,
        a_pending_call_sees_the_server_die,
        a_server_that_rings_without_end_leaves_time_for_others,
        wakers_may_use_the_client_for_slots,
    ]
}

pub(crate) const ROLES: &[Role] = &[("tasks::as_server", as_server)];

fn one_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn two_threads() -> Runtime {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(2).enable_all().build().unwrap()
}

async fn connect(address: &Address) -> AsyncClient {
    with_slots(address, Sizes::default().slots).await
}

async fn with_slots(address: &Address, slots: u32) -> AsyncClient {
    let sizes = Sizes {
        slots,
        large: 1 << 20,
        ..Sizes::default()
    };
    let builder = Client::builder(address.clone(), SERVICE).sizes(sizes);
    AsyncClient::connect(builder).await.unwrap()
}

fn endpoint(address: &Address) -> AsyncEndpoint {
    let endpoint = Endpoint::builder(address.clone()).service(service());
    endpoint.bind().unwrap().into_async().unwrap()
}

/// What must come soon.
async fn soon<T>(what: impl Future<Output = T>) -> T {
    let result = timeout(Duration::from_secs(20), what).await;
    result.expect("it is not woken")
}

async fn handled(client: &AsyncClient) -> u32 {
    let reply = soon(client.call(COUNT, b"")).await.unwrap();
    u32::from_ne_bytes(reply.bytes().first().unwrap())
}

/// All slots are there, and each can be used.
async fn no_slot_is_lost(client: &AsyncClient) {
    let mut rooms = Vec::new();
    for _ in 0..client.sizes().slots {
        rooms.push(soon(client.room(0, None)).await.unwrap());
    }
    drop(rooms);
}

/// Polls a future so often at most, each time after it was woken, and then drops it. What became of it.
async fn at_most<T>(polls: u32, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let mut left = polls;
    soon(std::future::poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(context) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    }))
    .await
}

/// Polls once, for nobody.
fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn tasks_call_and_receive() {
    for (looped, runtime) in [
        (false, one_thread()),
        (true, one_thread()),
        (false, two_threads()),
        (true, two_threads()),
    ] {
        let address = address();
        let _server = (!looped).then(|| server(&address));
        runtime.block_on(async {
            if looped {
                let mut endpoint = endpoint(&address);
                tokio::spawn(async move { endpoint.serve().await });
            }
            let client = Arc::new(connect(&address).await);
            let mut events = client.events().unwrap();
            assert!(client.events().is_none(), "there is one receiver");
            let tasks: Vec<_> = (0..4u32)
                .map(|task| {
                    let client = client.clone();
                    tokio::spawn(async move {
                        for at in 0..500u32 {
                            let payload = [task.to_ne_bytes(), at.to_ne_bytes()].concat();
                            let reply = client.call(ECHO, &payload).await.unwrap();
                            assert_eq!(reply.to_vec(), payload);
                        }
                        let large = client.call(FILL, &200_000u32.to_ne_bytes()).await;
                        assert_eq!(large.unwrap().len(), 200_000);
                    })
                })
                .collect();
            // In a loop the server refuses events for which there is no room.
            for burst in 0..20u32 {
                let count = 100u32;
                client
                    .notify(SEND, &[IoSlice::new(&count.to_ne_bytes())])
                    .await
                    .unwrap();
                for expected in 0..count {
                    let event = soon(events.next()).await.unwrap();
                    assert_eq!(event.number(), burst * count + expected);
                }
            }
            for task in tasks {
                soon(task).await.unwrap();
            }
            let error = soon(client.call(FORBIDDEN, b"")).await.unwrap_err();
            assert_eq!(error, CallError::Denied);
            no_slot_is_lost(&client).await;
        });
    }
}

fn many_tasks_wait_for_few_slots() {
    let address = address();
    let _server = server(&address);
    two_threads().block_on(async {
        let client = Arc::new(with_slots(&address, 2).await);
        let tasks: Vec<_> = (0..100u32)
            .map(|task| {
                let client = client.clone();
                tokio::spawn(async move {
                    for at in 0..20u32 {
                        let payload = at.to_ne_bytes();
                        let call = client.call(ECHO, &payload);
                        if (task + at).is_multiple_of(3) {
                            // Perhaps it waits for a slot then, or for the reply.
                            at_most(1, call).await;
                        } else {
                            assert_eq!(call.await.unwrap().to_vec(), payload);
                        }
                    }
                })
            })
            .collect();
        for task in tasks {
            soon(task).await.unwrap();
        }
        no_slot_is_lost(&client).await;
    });
}

fn a_dropped_call_loses_nothing() {
    let address = address();
    let _server = server(&address);
    one_thread().block_on(async {
        let client = with_slots(&address, 2).await;
        for round in 0..50 {
            for polls in 0.. {
                let before = handled(&client).await;
                let done = at_most(polls, client.call(ECHO, b"x")).await;
                let completed = done.is_some();
                drop(done);
                no_slot_is_lost(&client).await;
                // With the first poll it was sent, and then it was handled; both times this counts itself.
                let sent = u32::from(polls > 0);
                assert_eq!(
                    handled(&client).await,
                    before + sent + 1,
                    "{round}, {polls}"
                );
                if completed {
                    assert!(polls >= 1);
                    break;
                }
            }
            // While nobody replies the handler sees it, and the slot comes back with the reply.
            assert!(at_most(1, client.call(KEEP, b"")).await.is_none());
            soon(client.call(RELEASE, b"")).await.unwrap();
            no_slot_is_lost(&client).await;
        }
    });
}

fn a_dropped_wait_for_a_slot_loses_nothing() {
    let address = address();
    let _server = server(&address);
    one_thread().block_on(async {
        let client = with_slots(&address, 2).await;
        for _ in 0..50 {
            let before = handled(&client).await;
            let first = client.start(KEEP, &[], None).await.unwrap();
            let second = client.room(0, None).await.unwrap();
            let mut dropped = Box::pin(client.call(ECHO, b"dropped"));
            let mut next = Box::pin(client.call(COUNT, b""));
            assert!(poll_once(dropped.as_mut()).is_pending());
            let woken = Arc::new(Woken::default());
            let waker = Waker::from(woken.clone());
            let first_poll = next.as_mut().poll(&mut Context::from_waker(&waker));
            assert!(first_poll.is_pending());
            assert_eq!(woken.count(), 0);
            // The one who is told of it will not take it.
            drop(second);
            drop(dropped);
            assert_eq!(woken.count(), 1, "the next one was not told");
            let reply = soon(next).await.unwrap();
            let count = u32::from_ne_bytes(reply.bytes().first().unwrap());
            assert_eq!(count, before + 1, "nothing else was handled");
            drop((reply, first));
            soon(client.call(RELEASE, b"")).await.unwrap();
            no_slot_is_lost(&client).await;
        }
        // Both are given up, and it is the server's answer that is waited for.
        for _ in 0..50 {
            let first = client.start(KEEP, &[], None).await.unwrap();
            drop(client.start(ECHO, &[], None).await);
            drop(first);
            let echo = soon(client.call(ECHO, b"x")).await.unwrap();
            assert_eq!(echo.to_vec(), b"x");
            drop(echo);
            soon(client.call(RELEASE, b"")).await.unwrap();
            no_slot_is_lost(&client).await;
        }
    });
}

fn a_dropped_wait_for_an_event_loses_nothing() {
    let address = address();
    let _server = server(&address);
    one_thread().block_on(async {
        let client = connect(&address).await;
        let mut events = client.events().unwrap();
        let mut expected = 0;
        for round in 0..50u32 {
            assert!(poll_once(pin!(events.next())).is_pending());
            let count = 3u32.to_ne_bytes();
            soon(client.call(SEND, &count)).await.unwrap();
            for polls in 0..3 {
                if let Some(event) = at_most(polls, events.next()).await {
                    assert_eq!(event.unwrap().number(), expected);
                    expected += 1;
                }
            }
            while expected < (round + 1) * 3 {
                let event = soon(events.next()).await.unwrap();
                assert_eq!(event.number(), expected);
                expected += 1;
            }
        }
    });
}

fn a_dropped_connection_is_none() {
    let address = address();
    let server = server(&address);
    one_thread().block_on(async {
        for polls in 0.. {
            let builder = Client::builder(address.clone(), SERVICE);
            let connected = at_most(polls, AsyncClient::connect(builder)).await;
            let done = connected.is_some();
            drop(connected);
            if done {
                break;
            }
        }
    });
    until("nobody is left", || server.connections().is_empty());
    one_thread().block_on(async {
        let client = connect(&address).await;
        assert_eq!(handled(&client).await, 1);
    });
}

fn a_dropped_server_task_loses_nothing() {
    let address = address();
    one_thread().block_on(async {
        let mut endpoint = endpoint(&address);
        let clients = async {
            let client = connect(&address).await;
            for at in 0..500u32 {
                let reply = client.call(ECHO, &at.to_ne_bytes()).await.unwrap();
                assert_eq!(reply.to_vec(), at.to_ne_bytes());
            }
            client
        };
        let mut clients = pin!(clients);
        let mut rounds = 0u32;
        let client = loop {
            tokio::select! {
                failed = at_most(rounds % 3, endpoint.serve()) => assert!(failed.is_none()),
                client = &mut clients => break client,
            }
            rounds += 1;
            assert!(rounds < 1_000_000, "it does not go on");
            tokio::task::yield_now().await;
        };
        assert_eq!(endpoint.connections().len(), 1);
        drop(client);
        while !endpoint.connections().is_empty() {
            at_most(2, endpoint.serve()).await;
        }
    });
}

fn deadlines_are_kept() {
    let address = address();
    let _server = server(&address);
    one_thread().block_on(async {
        let client = with_slots(&address, 1).await;
        let late = |began: Instant, result: Result<(), CallError>| {
            assert_eq!(result.unwrap_err(), CallError::TimedOut);
            let took = began.elapsed();
            assert!(took >= Duration::from_millis(20), "{took:?}");
        };
        loop {
            let began = Instant::now();
            let deadline = Some(began + Duration::from_millis(20));
            let result = soon(client.call_vectored(KEEP, &[], deadline)).await;
            // On a busy machine the server may be too late to begin.
            if !matches!(result, Err(CallError::Expired)) {
                late(began, result.map(drop));
                break;
            }
        }
        // Its slot is not there yet.
        let began = Instant::now();
        let deadline = Some(began + Duration::from_millis(20));
        late(began, soon(client.room(0, deadline)).await.map(drop));
        let too_long = vec![0; 2 << 20];
        let error = soon(client.call(ECHO, &too_long)).await.unwrap_err();
        assert!(matches!(error, CallError::TooLong { .. }), "{error}");
    });
}

fn a_full_queue_is_waited_for() {
    let name = format!("coroipc-full-{}", std::process::id());
    one_thread().block_on(async {
        let silent = crate::raw::listener_with_queue(&name, 0);
        let builder = || Client::builder(Address::abstract_name(&name), SERVICE);
        let _first = builder().start_connect().unwrap();
        let waiting = AsyncClient::connect(builder());
        let endpoint = async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let endpoint = Endpoint::builder_on(silent).service(service());
            let mut endpoint = endpoint.bind().unwrap().into_async().unwrap();
            endpoint.serve().await
        };
        tokio::select! {
            failed = endpoint => panic!("{failed:?}"),
            client = soon(waiting) => drop(client.unwrap()),
        }
        // Nobody accepts any more, and nobody listens, but for a process that another test is starting just now.
        let error = soon(AsyncClient::connect(builder())).await.unwrap_err();
        let nobody = matches!(
            error,
            ConnectError::Unreachable { .. } | ConnectError::HungUp(_)
        );
        assert!(nobody, "{error}");
    });
}

fn a_stream_ends_with_the_reason() {
    let address = address();
    let server = server(&address);
    one_thread().block_on(async {
        let client = connect(&address).await;
        let mut events = client.events().unwrap();
        soon(client.call(SEND, &2u32.to_ne_bytes())).await.unwrap();
        let ended = tokio::task::spawn_blocking(|| server.shut_down(Duration::ZERO));
        let mut next = async || {
            let next = std::future::poll_fn(|context| Pin::new(&mut events).poll_next(context));
            soon(next).await.expect("it goes on")
        };
        for number in 0..2u32 {
            let event = [b"event ".as_slice(), &number.to_ne_bytes()].concat();
            assert_eq!(next().await.unwrap(), event);
        }
        let end = next().await.unwrap_err();
        assert!(matches!(end, Disconnected::Told(_)), "{end}");
        ended.await.unwrap();
        let error = soon(client.call(ECHO, b"")).await.unwrap_err();
        assert_eq!(error, end.into());
    });
}

fn a_pending_call_sees_the_server_die() {
    let mut times = Vec::new();
    for round in 0..5 {
        let name = format!("coroipc-task-death-{}-{round}", std::process::id());
        let mut server = Process::start("tasks::as_server", &name);
        server.wait_for("ready");
        one_thread().block_on(async {
            let client = with_slots(&Address::abstract_name(&name), 2).await;
            let client = Arc::new(client);
            let mut events = client.events().unwrap();
            // Each in a task of its own, so that none is woken by another's wake-up.
            let call = |command| {
                let client = client.clone();
                tokio::spawn(async move {
                    let error = client.call(command, b"").await.unwrap_err();
                    (error, Instant::now())
                })
            };
            // Two wait for replies, and one for a slot.
            let calls = [call(KEEP), call(KEEP), call(ECHO)];
            let event = tokio::spawn(async move {
                let end = events.next().await.map(drop).unwrap_err();
                (CallError::Disconnected(end), Instant::now())
            });
            // All are polled before this goes on.
            tokio::task::yield_now().await;
            let killed = server.kill();
            for task in calls.into_iter().chain([event]) {
                let (error, ended) = soon(task).await.unwrap();
                assert_eq!(error, CallError::Disconnected(Disconnected::Gone));
                times.push(ended.saturating_duration_since(killed));
            }
        });
    }
    times.sort_unstable();
    let median = times[times.len() / 2];
    assert!(median <= at_once(), "{times:?}");
}

/// The server of the test above, in a process of its own.
fn as_server() {
    let _server = server(&Address::abstract_name(argument()));
    say("ready");
    run_on();
}

fn a_server_that_rings_without_end_leaves_time_for_others() {
    let name = format!("coroipc-task-flood-{}", std::process::id());
    let (raw, _words, client) = crate::raw::server_without_rules(&name);
    let socket = client.as_fd().try_clone_to_owned().unwrap();
    let queued = || rustix::io::ioctl_fionread(&socket).unwrap();
    // More than are heard at once, before anybody hears.
    let doorbell = crate::raw::message(6, &[]);
    for _ in 0..150 {
        raw.send(&doorbell, &[]);
    }
    let all = queued();
    one_thread().block_on(async {
        let _client = AsyncClient::new(client).unwrap();
        let mut seen = Vec::new();
        soon(async {
            while queued() != 0 {
                seen.push(queued());
                tokio::task::yield_now().await;
            }
        })
        .await;
        seen.retain(|&left| left != all);
        assert!(!seen.is_empty(), "all were heard before anybody else ran");
    });
}

fn wakers_may_use_the_client_for_slots() {
    let address = address();
    let _server = server(&address);
    crate::wakers::goes_on(move || {
        one_thread().block_on(async {
            let client = Arc::new(with_slots(&address, 2).await);
            let first = client.room(0, None).await.unwrap();
            let second = client.room(0, None).await.unwrap();
            let ask = {
                let client = client.clone();
                move || drop(poll_once(pin!(client.room(0, None))))
            };
            let both = Hooks::new(ask.clone(), ask.clone()).waker();
            // When this one is copied there is a slot, which is not to be taken by that.
            let dropped = Hooks::new(|| (), ask).waker();
            let poll = |waiting: Pin<&mut _>, waker| {
                Future::poll(waiting, &mut Context::from_waker(waker)).is_pending()
            };
            let [mut one, mut two, mut three] = [(); 3].map(|()| Box::pin(client.room(0, None)));
            // The second wait is instead of the first.
            assert!(poll(one.as_mut(), &both) && poll(one.as_mut(), &both));
            assert!(poll(two.as_mut(), &dropped) && poll(three.as_mut(), &both));
            drop(three);
            // The first one is told, and the second one takes it.
            drop(first);
            assert!(!poll(two.as_mut(), &dropped));
            drop((one, two, second));
            no_slot_is_lost(&client).await;
        });
    });
}
