// SPDX-License-Identifier: MIT OR Apache-2.0

//! One peer, sixteen threads: they send, look up, join and register while one of them is blocked in a receive call.
//! Nothing is lost, nobody gets another one's answer, and nobody is kept waiting.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ipcon_vm_tests::{Case, cases, pace, settings};
use libipcon::{Origin, Peer, Port, Replay};

use crate::support::{number, numbered, soon};

pub(crate) fn all() -> Vec<Case> {
    let seconds = settings::sharing_seconds() + 60;
    cases![
        sixteen_threads_share_one_peer => within(seconds),
        requests_go_on_while_a_thread_is_blocked,
    ]
}

/// Threads that send to another peer.
const SENDERS: u64 = 5;
/// Threads that send to the peer that they share, which one thread receives.
const ECHOES: u64 = 3;
/// Threads that look up.
const SEEKERS: u64 = 3;
/// Threads that join groups and leave them.
const JOINERS: u64 = 2;
/// Threads that register services and take them back.
const REGISTRARS: u64 = 2;
/// With the one that receives.
const THREADS: u64 = SENDERS + ECHOES + SEEKERS + JOINERS + REGISTRARS + 1;

/// The longest that any call may take on a machine that has time for it.
const STALL: Duration = Duration::from_millis(100);

/// The longest time that something took, in nanoseconds, and how often it was done.
#[derive(Default)]
struct Longest {
    time: AtomicU64,
    count: AtomicU64,
}

impl Longest {
    fn measure<T>(&self, body: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let output = body();
        self.note(start.elapsed());
        output
    }

    fn note(&self, time: Duration) {
        let time = u64::try_from(time.as_nanos()).unwrap();
        self.time.fetch_max(time, Ordering::Relaxed);
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    fn get(&self) -> Duration {
        Duration::from_nanos(self.time.load(Ordering::Relaxed))
    }

    fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }
}

/// What the threads have in common.
struct Shared {
    peer: Peer,
    /// Who receives what the senders send.
    sink: Port,
    is_over: AtomicBool,
    sends: Longest,
    requests: Longest,
    /// How long the machine kept a thread waiting that uses no peer.
    machine: Longest,
}

impl Shared {
    fn goes_on(&self) -> bool {
        !self.is_over.load(Ordering::Relaxed)
    }

    /// Sends numbers to `to` until the end; each has the thread in its upper half. Gives how many.
    fn send_numbers(&self, thread: u64, to: Port) -> u64 {
        let mut sent = 0;
        while self.goes_on() {
            let message = numbered(thread << 32 | sent);
            match self.sends.measure(|| self.peer.send(to, &message)) {
                Ok(()) => sent += 1,
                Err(error) if error.is_would_block() => thread::yield_now(),
                Err(error) => panic!("{error}"),
            }
        }
        sent
    }

    fn look_up(&self) {
        while self.goes_on() {
            let found = self.requests.measure(|| self.peer.find_service("sink"));
            assert_eq!(found.unwrap(), self.sink);
            let missing = self.requests.measure(|| self.peer.find_service("nobody"));
            assert!(missing.unwrap_err().is_not_found());
        }
    }

    fn join_and_leave(&self, group: &str) {
        while self.goes_on() {
            let join = || self.peer.join_group(group, Replay::Last);
            self.requests.measure(join).unwrap();
            assert_eq!(join().unwrap_err().errno(), libc::EALREADY);
            let leave = || self.peer.leave_group(group);
            self.requests.measure(leave).unwrap();
            assert!(leave().unwrap_err().is_not_found());
        }
    }

    fn register(&self, name: &str) {
        while self.goes_on() {
            let register = || self.peer.register_service(name);
            self.requests.measure(register).unwrap();
            assert!(register().unwrap_err().is_taken());
            let unregister = || self.peer.unregister_service(name);
            self.requests.measure(unregister).unwrap();
        }
    }

    /// Gets as little of the processors as each other thread, and sees how long it has to wait for that.
    fn watch_the_machine(&self) {
        let mut last = Instant::now();
        while self.goes_on() {
            thread::yield_now();
            let now = Instant::now();
            self.machine.note(now - last);
            last = now;
        }
    }
}

/// The numbers in messages of several threads; those of each must come without a gap.
#[derive(Default)]
struct Received {
    next: std::collections::BTreeMap<u64, u64>,
}

impl Received {
    fn take(&mut self, data: &[u8]) {
        let number = number(data);
        let next = self.next.entry(number >> 32).or_default();
        assert_eq!(number & 0xffff_ffff, *next, "of thread {}", number >> 32);
        *next += 1;
    }
}

fn sixteen_threads_share_one_peer() {
    let time = Duration::from_secs(settings::sharing_seconds());
    let sink = Peer::connect().unwrap();
    sink.register_service("sink").unwrap();
    let owner = Peer::connect().unwrap();
    let groups: Vec<String> = (0..JOINERS).map(|at| format!("group {at}")).collect();
    for group in &groups {
        owner.register_group(group).unwrap();
        owner.multicast(group, b"the last one").unwrap();
    }
    let shared = Shared {
        peer: Peer::connect().unwrap(),
        sink: sink.port(),
        is_over: AtomicBool::new(false),
        sends: Longest::default(),
        requests: Longest::default(),
        machine: Longest::default(),
    };
    let (shared, own) = (&shared, shared.peer.port());
    thread::scope(|scope| {
        // Ends with a message of the owner, after all others.
        let last = owner.port();
        let drain = move |peer: &Peer| {
            let mut received = Received::default();
            loop {
                let message = peer.recv().unwrap();
                match message.origin {
                    Origin::Peer(from) if from == last => return received,
                    Origin::Peer(_) => received.take(&message.data),
                    Origin::Group { .. } => assert!(message.replay),
                    Origin::Kevent(_) => panic!("{message:?}"),
                }
            }
        };
        let blocked = scope.spawn(move || drain(&shared.peer));
        let sink = &sink;
        let sinking = scope.spawn(move || drain(sink));
        let send = |count, first, to| -> Vec<_> {
            let threads = first..first + count;
            let spawn = |thread| (thread, scope.spawn(move || shared.send_numbers(thread, to)));
            threads.map(spawn).collect()
        };
        let senders = send(SENDERS, 0, shared.sink);
        let echoes = send(ECHOES, SENDERS, own);
        for _ in 0..SEEKERS {
            scope.spawn(|| shared.look_up());
        }
        for group in &groups {
            scope.spawn(|| shared.join_and_leave(group));
        }
        for name in ["first", "second"].iter().take(REGISTRARS as usize) {
            scope.spawn(|| shared.register(name));
        }
        scope.spawn(|| shared.watch_the_machine());
        thread::sleep(time);
        shared.is_over.store(true, Ordering::Relaxed);

        for (sent, receiving) in [(senders, (sinking, shared.sink)), (echoes, (blocked, own))] {
            let sent: Vec<(u64, u64)> = sent
                .into_iter()
                .map(|(thread, sending)| (thread, sending.join().unwrap()))
                .collect();
            let (receiving, port) = receiving;
            owner.send_deadline(port, b"the end", soon()).unwrap();
            let received: Vec<(u64, u64)> = receiving.join().unwrap().next.into_iter().collect();
            assert_eq!(received, sent);
        }
    });
    let (sends, requests, machine) = (&shared.sends, &shared.requests, shared.machine.get());
    println!(
        "{THREADS} threads for {time:?}: {} sends, longest {:?}; {} requests, longest {:?}; \
         a thread without a peer waited {machine:?} for its turn",
        sends.count(),
        sends.get(),
        requests.count(),
        requests.get(),
    );
    assert!(sends.count() > 100 && requests.count() > 100);
    if settings::kernel_is_slow() {
        // Its checkers make each call long, and so the wait behind fifteen others. What counts there is done.
        return;
    }
    // How long is for who asks for it, on a machine with nothing else to do. Otherwise only starving counts, which a
    // machine that keeps everybody waiting is not to blame for.
    let stall = if settings::is_sharing_asked_for() {
        STALL
    } else {
        10 * STALL
    };
    let longest = stall.max(10 * machine);
    assert!(sends.get() < longest, "a send took {:?}", sends.get());
    assert!(
        requests.get() < longest,
        "a request took {:?}",
        requests.get()
    );
}

/// The thread is blocked for all of the time, since nothing comes.
fn requests_go_on_while_a_thread_is_blocked() {
    const REQUESTS: usize = 1000;
    let peer = Peer::connect().unwrap();
    let other = Peer::connect().unwrap();
    other.register_service("other").unwrap();
    thread::scope(|scope| {
        let blocked = scope.spawn(|| peer.recv().unwrap());
        for _ in 0..pace::work(REQUESTS) {
            assert_eq!(peer.find_service("other").unwrap(), other.port());
            peer.send(other.port(), b"meanwhile").unwrap();
            assert_eq!(other.try_recv().unwrap().unwrap().data, b"meanwhile");
        }
        assert!(!blocked.is_finished());
        other.send(peer.port(), b"at last").unwrap();
        assert_eq!(blocked.join().unwrap().data, b"at last");
    });
}
