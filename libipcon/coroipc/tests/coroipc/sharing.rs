// SPDX-License-Identifier: MIT OR Apache-2.0
//! Replies in poll loops, beside events, other loops and threads that sleep: all of them share one socket.

use std::io::IoSlice;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use coroipc::{
    Address, Client, ConnectError, Connecting, Disconnected, Endpoint, Pending, Progress, Reason,
    Refusal, Sizes,
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::world::*;

pub(crate) fn all() -> Vec<Case> {
    cases![
        a_loop_receives_replies,
        a_doorbell_stays_until_all_were_asked,
        who_takes_a_large_reply_leaves_a_doorbell,
        loops_tasks_and_threads_share_a_connection,
        a_loop_learns_of_what_comes_while_another_hears,
        a_task_learns_of_what_comes_while_another_hears,
        a_request_that_was_given_up_is_not_told_of,
        a_loop_connects,
        a_loop_learns_why_it_is_not_connected,
        whoever_hears_wakes_tasks,
    ]
}

fn is_readable(descriptor: impl AsFd) -> bool {
    let now = Timespec::default();
    poll(&mut [PollFd::new(&descriptor, PollFlags::IN)], Some(&now)).unwrap() != 0
}

/// As a loop does; a hang is an end.
fn wait(descriptor: impl AsFd) {
    let timeout = Timespec {
        tv_sec: 20,
        tv_nsec: 0,
    };
    let mut fds = [PollFd::new(&descriptor, PollFlags::IN)];
    assert_ne!(poll(&mut fds, Some(&timeout)).unwrap(), 0, "nobody told us");
}

fn start<'c>(client: &'c Client, command: coroipc::CommandId, payload: u32) -> Pending<'c> {
    let payload = payload.to_ne_bytes();
    let pending = client.start(command, &[IoSlice::new(&payload)], None);
    pending.unwrap()
}

/// What is not there yet.
fn ask(pending: Pending<'_>) -> Pending<'_> {
    match pending.try_reply() {
        Err(pending) => pending,
        Ok(reply) => panic!("nobody replied: {reply:?}"),
    }
}

fn a_loop_receives_replies() {
    let address = address();
    let _server = server(&address);
    let client = client(&address);
    let (mut pending, mut sent, mut answered) = (Vec::new(), 0u32, 0u32);
    while answered < 20_000 {
        while pending.len() < 8 && sent < 20_000 {
            pending.push((sent, start(&client, ECHO, sent)));
            sent += 1;
        }
        let before = answered;
        for (payload, request) in std::mem::take(&mut pending) {
            match request.try_reply() {
                Ok(reply) => {
                    assert_eq!(reply.unwrap().to_vec(), payload.to_ne_bytes());
                    answered += 1;
                }
                Err(again) => pending.push((payload, again)),
            }
        }
        if answered == before {
            wait(&client);
        }
    }
}

fn a_doorbell_stays_until_all_were_asked() {
    let address = address();
    let _server = server(&address);
    let client = client(&address);
    let mut events = client.events().unwrap();
    for _ in 0..100 {
        let first = ask(start(&client, KEEP, 1));
        let second = ask(start(&client, KEEP, 2));
        assert!(events.try_next().unwrap().is_none());
        assert!(!is_readable(&client));
        client.call(RELEASE, b"").unwrap();
        wait(&client);
        // Whoever asks first has heard for all.
        assert!(events.try_next().unwrap().is_none());
        assert!(is_readable(&client), "the doorbell was for another");
        let second = second.try_reply().unwrap().unwrap();
        assert_eq!(second.to_vec(), 2u32.to_ne_bytes());
        assert!(events.try_next().unwrap().is_none());
        assert!(is_readable(&client), "the doorbell was for two");
        let first = first.try_reply().unwrap().unwrap();
        assert_eq!(first.to_vec(), 1u32.to_ne_bytes());
        assert!(events.try_next().unwrap().is_none());
        assert!(!is_readable(&client), "there is nothing more");
    }
}

fn who_takes_a_large_reply_leaves_a_doorbell() {
    let address = address();
    let _server = server(&address);
    let sizes = Sizes {
        large: 1 << 20,
        ..Sizes::default()
    };
    let client = Client::builder(address, SERVICE).sizes(sizes).connect();
    let client = client.unwrap();
    for _ in 0..20 {
        let pending = ask(start(&client, KEEP, 1));
        // This thread sleeps, and takes from the socket what came before its reply.
        client.call(RELEASE, b"").unwrap();
        let len = 200_000u32;
        let large = client.call(FILL, &len.to_ne_bytes()).unwrap();
        assert_eq!(large.len(), len as usize);
        wait(&client);
        let reply = pending.try_reply().unwrap().unwrap();
        assert_eq!(reply.to_vec(), 1u32.to_ne_bytes());
    }
}

/// A loop for replies, another one for events, threads that call and one that takes large replies.
fn loops_tasks_and_threads_share_a_connection() {
    let address = address();
    let _server = server(&address);
    let sizes = Sizes {
        large: 1 << 20,
        ..Sizes::default()
    };
    let client = Client::builder(address, SERVICE).sizes(sizes).connect();
    let client = client.unwrap();
    let mut events = client.events().unwrap();
    let rounds = 3000u32;
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..rounds / 20 {
                client.call(SEND, &20u32.to_ne_bytes()).unwrap();
            }
        });
        scope.spawn(|| {
            let mut expected = 0;
            while expected < rounds / 20 * 20 {
                if let Some(event) = events.try_next().unwrap() {
                    assert_eq!(event.number(), expected);
                    expected += 1;
                    continue;
                }
                wait(&events);
            }
        });
        for _ in 0..2 {
            scope.spawn(|| {
                for round in 0..rounds {
                    let mut pending = start(&client, ECHO, round);
                    let reply = loop {
                        match pending.try_reply() {
                            Ok(reply) => break reply.unwrap(),
                            Err(again) => pending = again,
                        }
                        wait(&client);
                    };
                    assert_eq!(reply.to_vec(), round.to_ne_bytes());
                }
            });
        }
        scope.spawn(|| {
            for round in 0..rounds / 20 {
                let len = 100_000 + round;
                let reply = client.call(FILL, &len.to_ne_bytes()).unwrap();
                assert_eq!(reply.len(), len as usize);
            }
        });
        scope.spawn(|| {
            for round in 0..rounds {
                // Given up after it was asked for, or waited for in the end.
                let pending = match start(&client, ECHO, round).try_reply() {
                    Ok(reply) => {
                        reply.unwrap();
                        continue;
                    }
                    Err(pending) => pending,
                };
                if round % 2 == 0 {
                    pending.wait().unwrap();
                }
            }
        });
    });
    assert!(client.dispatch());
    assert!(!is_readable(&client), "there is nothing more");
}

/// Says that something is over, also where its test fails.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// One thread hears all the time, so that most doorbells come while it does. There is one for each reply, and nothing else:
/// no later doorbell makes up for one that nobody learnt of.
fn beside_one_who_hears(receive: impl Fn(&Client, Pending<'_>, &dyn Fn()) -> Vec<u8>) {
    let address = address();
    let _server = server(&address);
    let client = client(&address);
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::SeqCst) {
                assert!(client.dispatch());
            }
        });
        let _over = Over(&over);
        let release = || client.notify(RELEASE, &[]).unwrap();
        for round in 0..4000 {
            let received = receive(&client, start(&client, KEEP, round), &release);
            assert_eq!(received, round.to_ne_bytes());
        }
    });
}

fn a_loop_learns_of_what_comes_while_another_hears() {
    beside_one_who_hears(|client, pending, release| {
        let mut pending = ask(pending);
        release();
        loop {
            wait(client);
            match pending.try_reply() {
                Ok(reply) => return reply.unwrap().to_vec(),
                Err(again) => pending = again,
            }
        }
    });
}

/// A task that is this thread.
struct Parked(Thread);

impl Wake for Parked {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn a_task_learns_of_what_comes_while_another_hears() {
    let waker = Waker::from(Arc::new(Parked(thread::current())));
    beside_one_who_hears(|_, mut pending, release| {
        let mut context = Context::from_waker(&waker);
        assert!(pending.poll_reply(&mut context).is_pending());
        release();
        loop {
            let began = Instant::now();
            thread::park_timeout(Duration::from_secs(20));
            let reply = pending.poll_reply(&mut context);
            let hangs = began.elapsed() >= Duration::from_secs(20);
            assert!(!hangs, "nobody woke us");
            if let Poll::Ready(reply) = reply {
                return reply.unwrap().to_vec();
            }
        }
    });
}

fn a_request_that_was_given_up_is_not_told_of() {
    let address = address();
    let _server = server(&address);
    let client = client(&address);
    drop(ask(start(&client, KEEP, 1)));
    client.call(RELEASE, b"").unwrap();
    client.call(ECHO, b"").unwrap();
    assert!(!is_readable(&client));
    // All slots are there.
    let rooms = client.sizes().slots as usize;
    let rooms: Vec<_> = (0..rooms).map(|_| client.room(0, soon())).collect();
    assert!(rooms.iter().all(Result::is_ok));
}

fn complete(connecting: Result<Connecting, ConnectError>) -> Result<Client, ConnectError> {
    let mut connecting = connecting?;
    loop {
        match connecting.advance()? {
            Progress::Connected(client) => return Ok(client),
            Progress::Waiting(again) => connecting = again,
        }
        let left = connecting.deadline() - Instant::now();
        let left = Timespec::try_from(left).unwrap();
        poll(&mut [PollFd::new(&connecting, PollFlags::IN)], Some(&left)).unwrap();
    }
}

fn a_loop_connects() {
    let address = address();
    let builder = Client::builder(address.clone(), SERVICE);
    let error = complete(builder.start_connect()).unwrap_err();
    assert!(matches!(error, ConnectError::Unreachable { .. }), "{error}");
    let endpoint = Endpoint::builder(address).service(service());
    let mut server = endpoint.bind().unwrap().into_loop().unwrap();
    // Client and server in one thread, so that neither can wait for the other.
    let mut connecting = builder.start_connect().unwrap();
    let client = loop {
        server.dispatch().unwrap();
        match connecting.advance().unwrap() {
            Progress::Connected(client) => break client,
            Progress::Waiting(again) => connecting = again,
        }
    };
    let mut pending = start(&client, ECHO, 7);
    let reply = loop {
        match pending.try_reply() {
            Ok(reply) => break reply.unwrap(),
            Err(again) => pending = again,
        }
        server.dispatch().unwrap();
    };
    assert_eq!(reply.to_vec(), 7u32.to_ne_bytes());
}

fn a_loop_learns_why_it_is_not_connected() {
    let address = address();
    let builder = Endpoint::builder(address.clone()).service(service());
    let _server = serve(builder.policy(|_| Err(Refusal::denied("not today"))));
    let error = complete(Client::builder(address, SERVICE).start_connect()).unwrap_err();
    let ConnectError::Refused(refusal) = error else {
        panic!("{error}");
    };
    assert_eq!(
        (refusal.reason(), refusal.text()),
        (Reason::Denied, "not today")
    );
    // Somebody who listens and says nothing, and whose queue is full then.
    let name = format!("coroipc-silent-{}", std::process::id());
    let silent = crate::raw::listener_with_queue(&name, 0);
    let builder = Client::builder(Address::abstract_name(&name), SERVICE);
    let builder = builder.connect_timeout(Duration::from_millis(30));
    let began = Instant::now();
    let error = complete(builder.start_connect()).unwrap_err();
    assert!(matches!(error, ConnectError::TimedOut(_)), "{error}");
    assert!(began.elapsed() >= Duration::from_millis(30));
    let waiting: Vec<_> = (0..2)
        .map(|_| builder.start_connect())
        .take_while(Result::is_ok)
        .collect();
    let error = builder.start_connect().unwrap_err();
    assert!(matches!(error, ConnectError::TimedOut(_)), "{error}");
    drop((waiting, silent));
}

/// A task that counts how often it was woken.
#[derive(Default)]
pub(crate) struct Woken(AtomicU32);

impl Woken {
    pub(crate) fn count(&self) -> u32 {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn whoever_hears_wakes_tasks() {
    let address = address();
    let server = server(&address);
    let client = client(&address);
    let mut events = client.events().unwrap();
    let tasks = [(); 3].map(|()| Arc::new(Woken::default()));
    let woken = || tasks.each_ref().map(|task| task.count());
    let wakers = tasks.each_ref().map(|task| Waker::from(task.clone()));
    let [mut one, mut two, mut three] = wakers.each_ref().map(Context::from_waker);
    let mut first = start(&client, KEEP, 1);
    assert!(first.poll_reply(&mut one).is_pending());
    assert!(events.poll_next(&mut two).is_pending());
    client.call(RELEASE, b"").unwrap();
    wait(&client);
    // Nobody else is told by the descriptor.
    assert!(client.dispatch());
    assert!(!is_readable(&client));
    assert_eq!(woken(), [1, 0, 0]);
    let Poll::Ready(reply) = first.poll_reply(&mut one) else {
        panic!("it was answered");
    };
    assert_eq!(reply.unwrap().to_vec(), 1u32.to_ne_bytes());
    client.call(SEND, &2u32.to_ne_bytes()).unwrap();
    wait(&client);
    // A poll loop hears for tasks too.
    let mut third = ask(start(&client, KEEP, 3));
    assert_eq!(woken(), [1, 1, 0]);
    for expected in 0..2 {
        let Poll::Ready(event) = events.poll_next(&mut two) else {
            panic!("it was sent");
        };
        assert_eq!(event.unwrap().number(), expected);
    }
    assert!(third.poll_reply(&mut three).is_pending());
    assert!(events.poll_next(&mut two).is_pending());
    // The end needs nobody who hears.
    server.shut_down(Duration::ZERO);
    until("all are woken", || woken() == [1, 2, 1]);
    let Poll::Ready(Err(end)) = third.poll_reply(&mut three) else {
        panic!("it is over");
    };
    let told = |end: &Disconnected| matches!(end, Disconnected::Told(_));
    assert!(matches!(&end, coroipc::CallError::Disconnected(it) if told(it)));
    let Poll::Ready(Err(end)) = events.poll_next(&mut two) else {
        panic!("it is over");
    };
    assert!(told(&end), "{end}");
}
