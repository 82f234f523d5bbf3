// SPDX-License-Identifier: MIT OR Apache-2.0
//! What others can read about a server's connections.

use std::time::{Duration, Instant};

use coroipc::statistics::{
    Counter, EndpointCounter, EndpointSnapshot, Snapshot, endpoints_of_process, of_process,
};
use coroipc::{
    Address, Client, ConnectError, Endpoint, Overflow, Reason, Refusal, Service, ServiceId, Sizes,
};

use crate::world::*;

pub(crate) fn all() -> Vec<Case> {
    cases![
        another_process_can_read_what_happened,
        refusals_are_counted_by_reason,
        a_full_server_shows_what_it_has,
        a_loop_counts_them_too,
        what_only_looks_like_a_page_keeps_nobody_waiting,
        each_counter_has_a_name_of_its_own,
    ]
}

pub(crate) const ROLES: &[Role] = &[
    ("statistics::as_server", as_server),
    ("statistics::as_gate", as_gate),
    ("statistics::as_full", as_full),
    ("statistics::as_impostor", as_impostor),
];

fn of_ours(server: u32) -> Snapshot {
    let all = of_process(server).unwrap();
    let ours = |it: &Snapshot| it.client_pid() == std::process::id();
    let mut ours: Vec<_> = all.into_iter().filter(ours).collect();
    assert_eq!(ours.len(), 1);
    ours.remove(0)
}

fn another_process_can_read_what_happened() {
    let name = format!("coroipc-statistics-{}", std::process::id());
    let mut server = Process::start("statistics::as_server", &name);
    server.wait_for("ready");
    let client = Client::builder(Address::abstract_name(&name), SERVICE)
        .connect()
        .unwrap();
    for _ in 0..100 {
        client.call(ECHO, b"12345").unwrap();
    }
    client.call(FAIL, &7u32.to_ne_bytes()).unwrap_err();
    client.call(UNKNOWN, b"").unwrap_err();
    client.call(FORBIDDEN, b"").unwrap_err();
    client.call(DROP, b"").unwrap_err();
    client.start(ECHO, &[], Some(Instant::now())).unwrap();
    client.notify(DROP, &[]).unwrap();
    let kept = client.start(KEEP, &[], None).unwrap();
    client.call(SEND, &3u32.to_ne_bytes()).unwrap();

    let snapshot = of_ours(server.pid());
    assert_eq!(snapshot.service(), ServiceId::new(1));
    assert_eq!(snapshot.client_uid(), rustix::process::geteuid().as_raw());
    let expected = [
        (Counter::Requests, 108),
        (Counter::Responses, 101),
        (Counter::Failed, 1),
        (Counter::InvalidRequest, 1),
        (Counter::Denied, 1),
        (Counter::NoReply, 2),
        (Counter::Expired, 1),
        (Counter::OneWay, 1),
        (Counter::QueueSize, 1),
        (Counter::QueueHigh, 2),
        (Counter::Dispatched, 3),
        (Counter::EventBytes, 30),
        (Counter::RequestBytes, 508),
        (Counter::ResponseBytes, 500),
        (Counter::EventsDropped, 0),
        (Counter::FlowControlCount, 0),
    ];
    for (counter, value) in expected {
        assert_eq!(snapshot.get(counter), value, "{}", counter.key());
    }
    assert_eq!(snapshot.latency().iter().sum::<u64>(), 108 / 16);
    drop(kept);
    drop(client);
    until("its page is gone", || {
        of_process(server.pid()).unwrap().is_empty()
    });
}

/// The server of the test above, in a process of its own.
fn as_server() {
    let service = service().overflow(Overflow::Refuse);
    let _server = serve(Endpoint::builder(Address::abstract_name(argument())).service(service));
    say("ready");
    run_on();
}

/// The only endpoint of a process.
fn endpoint_of(server: u32) -> EndpointSnapshot {
    let mut all = endpoints_of_process(server).unwrap();
    assert_eq!(all.len(), 1);
    all.remove(0)
}

/// A service that refuses as the policy says for its number.
fn gate(id: u16, refuse: impl Fn() -> Reason + Send + Sync + 'static) -> Service<()> {
    Service::new(ServiceId::new(id), move |_| Err(Refusal::new(refuse(), "")))
}

fn gates(name: &str) -> coroipc::EndpointBuilder {
    Endpoint::builder(Address::abstract_name(name))
        .service(service().overflow(Overflow::Refuse).interface(7))
        .service(gate(2, || Reason::Denied))
        .service(gate(3, || Reason::Other(9)))
        .service(gate(4, || panic!("as asked for")))
        .service(gate(5, || Reason::ShuttingDown))
        .service(gate(6, || Reason::Denied).policy(|_| Err(Refusal::denied("never"))))
}

/// Meets all reasons of [`gates`], with a connection that stays.
fn meet_the_gates(name: &str) -> Client {
    let to = |service| Client::builder(Address::abstract_name(name), ServiceId::new(service));
    let met = |service: u16, times| {
        for _ in 0..times {
            let refused = to(service).interface(7).connect();
            assert!(matches!(refused, Err(ConnectError::Refused(_))));
        }
    };
    let client = to(1).interface(7).connect().unwrap();
    assert!(to(1).interface(8).connect().is_err());
    met(2, 3);
    met(3, 2);
    met(4, 1);
    met(5, 1);
    met(6, 4);
    met(99, 2);
    let stranger = crate::raw::Raw::connect(name);
    stranger.send(b"something else", &[]);
    stranger.refusal();
    let other = crate::raw::Raw::connect(name);
    let mut hello = crate::raw::hello();
    hello[4] = 9;
    other.send(&hello, &[]);
    other.refusal();
    let silent = crate::raw::Raw::connect(name);
    silent.refusal();
    client
}

fn check_the_gates(snapshot: &EndpointSnapshot, name: &str) {
    assert_eq!(snapshot.address(), format!("@{name}"));
    let refused = [
        (Reason::Denied, 7),
        (Reason::NoSuchService, 2),
        (
            Reason::Overloaded {
                retry_after: Duration::ZERO,
            },
            0,
        ),
        (Reason::Version(0), 1),
        (Reason::Interface, 1),
        (Reason::Protocol, 1),
        (Reason::TooSlow, 1),
        (Reason::ShuttingDown, 1),
        (Reason::Resources, 0),
        (Reason::SlowConsumer, 0),
        (Reason::Panicked, 1),
        (Reason::Other(0), 2),
    ];
    for (reason, count) in refused {
        assert_eq!(snapshot.refused(reason), count, "{reason:?}");
    }
    let all: u64 = refused.iter().map(|(_, count)| count).sum();
    assert_eq!(snapshot.get(EndpointCounter::Accepted), all + 1);
    assert_eq!(snapshot.get(EndpointCounter::Connected), 1);
}

fn refusals_are_counted_by_reason() {
    let name = format!("coroipc-gates-{}", std::process::id());
    let mut server = Process::start("statistics::as_gate", &name);
    server.wait_for("ready");
    let _client = meet_the_gates(&name);
    check_the_gates(&endpoint_of(server.pid()), &name);
}

fn as_gate() {
    let _server = serve(gates(&argument()).greeting_time(Duration::from_millis(300)));
    say("ready");
    run_on();
}

/// A server with room for three clients, and the memory of two.
fn as_full() {
    let server = gates(&argument()).greeting_time(Duration::from_millis(300));
    let _server = serve(server.most_of_one_user(3, 2 * usual_bytes() as usize));
    say("ready");
    run_on();
}

/// Bytes of a connection that asks for nothing special.
fn usual_bytes() -> u64 {
    let Sizes {
        slots,
        request,
        reply,
        events,
        ..
    } = Sizes::default();
    u64::from(slots * (request + reply) + events)
}

fn a_full_server_shows_what_it_has() {
    let name = format!("coroipc-full-{}", std::process::id());
    let mut server = Process::start("statistics::as_full", &name);
    server.wait_for("ready");
    let connect = || {
        let builder = Client::builder(Address::abstract_name(&name), SERVICE);
        builder.interface(7).connect()
    };
    let has = |connections: u64| {
        until("it has let go of those who left", || {
            let now = endpoint_of(server.pid());
            now.get(EndpointCounter::Connections) == connections
                && now.get(EndpointCounter::Memory) == connections * usual_bytes()
        });
    };
    has(0);
    let first = connect().unwrap();
    has(1);
    let second = connect().unwrap();
    has(2);
    // One too many for the memory of a user, and then, with one that says nothing, for all connections.
    assert!(connect().is_err());
    has(2);
    let silent = crate::raw::Raw::connect(&name);
    until("it is accepted", || {
        endpoint_of(server.pid()).get(EndpointCounter::Connections) == 3
    });
    assert!(connect().is_err());
    drop((first, second));
    silent.refusal();
    has(0);
    let end = endpoint_of(server.pid());
    let retry_after = Duration::ZERO;
    assert_eq!(end.refused(Reason::Overloaded { retry_after }), 2);
    assert_eq!(end.get(EndpointCounter::ConnectionsHigh), 3);
    assert_eq!(end.get(EndpointCounter::Connected), 2);
    assert_eq!(end.get(EndpointCounter::MemoryHigh), 2 * usual_bytes());
}

fn a_loop_counts_them_too() {
    use std::sync::atomic::{AtomicBool, Ordering};
    let name = format!("coroipc-gates-loop-{}", std::process::id());
    let builder = gates(&name).greeting_time(Duration::from_millis(300));
    let mut server = builder.bind().unwrap().into_loop().unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let clients = scope.spawn(|| {
            let client = meet_the_gates(&name);
            done.store(true, Ordering::SeqCst);
            client
        });
        while !done.load(Ordering::SeqCst) && !clients.is_finished() {
            server.dispatch().unwrap();
            std::thread::yield_now();
        }
        let _client = clients.join().unwrap();
        // Other tests have endpoints in this process, too.
        let all = endpoints_of_process(std::process::id()).unwrap();
        let ours = |it: &&EndpointSnapshot| it.address() == format!("@{name}");
        check_the_gates(all.iter().find(ours).unwrap(), &name);
    });
}

fn what_only_looks_like_a_page_keeps_nobody_waiting() {
    let name = format!("coroipc-impostor-{}", std::process::id());
    let mut impostor = Process::start("statistics::as_impostor", &name);
    let said = impostor.wait_for("ready");
    let (tell, told) = std::sync::mpsc::channel();
    let pid = impostor.pid();
    std::thread::spawn(move || {
        let connections = of_process(pid).unwrap();
        let endpoints = endpoints_of_process(pid).unwrap();
        tell.send((connections.len(), endpoints.len())).unwrap();
    });
    let found = told.recv_timeout(Duration::from_secs(20));
    // Its own, of which there is one of either kind.
    assert_eq!(found, Ok((1, 1)), "{said}");
}

/// Has, beside a good page of each kind, what has their names: files that are empty, not sealed, full of nonsense, that it
/// has a lease on, and where it may mount them, a pipe and a file that are named so.
fn as_impostor() {
    use rustix::fs::{MemfdFlags, Mode, OFlags, memfd_create};
    use std::os::fd::AsRawFd;
    let _server = server(&Address::abstract_name(argument()));
    let _client = client(&Address::abstract_name(argument()));
    let mut kept = Vec::new();
    for name in ["coroipc-stats", "coroipc-endpoint"] {
        let flags = MemfdFlags::ALLOW_SEALING;
        kept.push(memfd_create(name, flags).unwrap());
        let nonsense = memfd_create(name, flags).unwrap();
        rustix::io::write(&nonsense, &[0xff; 4096]).unwrap();
        rustix::fs::fcntl_add_seals(&nonsense, crate::raw::SEALS).unwrap();
        kept.push(nonsense);
        let leased = memfd_create(name, flags).unwrap();
        // What the kernel opens itself does not count as open for writing.
        let link = format!("/proc/self/fd/{}", leased.as_raw_fd());
        let leased = rustix::fs::open(link, OFlags::RDWR, Mode::empty()).unwrap();
        lease(&leased);
        kept.push(leased);
    }
    let pipes = pipes_of_that_name(&mut kept);
    say(&format!("ready, with {pipes} pipes"));
    run_on();
}

/// A lease for writing: who opens the file has to wait until it is given up.
#[allow(unsafe_code)]
fn lease(file: &std::os::fd::OwnedFd) {
    use std::os::fd::AsRawFd;
    /// Of `asm-generic/fcntl.h`.
    const F_SETSIG: libc::c_int = 10;
    let file = file.as_raw_fd();
    // SAFETY: No memory is touched. The signal that says that somebody waits does nothing, unlike the usual one.
    let status = unsafe {
        [
            libc::fcntl(file, F_SETSIG, libc::SIGURG),
            libc::fcntl(file, libc::F_SETLEASE, libc::F_WRLCK),
        ]
    };
    assert_eq!(status, [0, 0], "{}", std::io::Error::last_os_error());
}

/// Pipes that nobody writes to, whose names in `/proc` are those of pages: they are at the top of a file system that is
/// mounted nowhere else. How many there are: none where this may not be done.
fn pipes_of_that_name(kept: &mut Vec<std::os::fd::OwnedFd>) -> usize {
    use rustix::fs::{AtFlags, FileType, Mode, OFlags, mknodat, openat, unlinkat};
    use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, fsmount, fsopen};
    let mounted = fsopen("tmpfs", FsOpenFlags::empty()).and_then(|system| {
        rustix::mount::fsconfig_create(&system)?;
        fsmount(&system, FsMountFlags::empty(), MountAttrFlags::empty())
    });
    let Ok(top) = mounted else {
        return 0;
    };
    let names = ["memfd:coroipc-stats", "memfd:coroipc-endpoint"];
    for name in names {
        let mode = Mode::RUSR | Mode::WUSR;
        mknodat(&top, name, FileType::Fifo, mode, 0).unwrap();
        let pipe = openat(&top, name, OFlags::PATH, mode).unwrap();
        unlinkat(&top, name, AtFlags::empty()).unwrap();
        let link = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&pipe));
        let wanted = format!("/{name} (deleted)");
        let shown = std::fs::read_link(link).unwrap();
        assert_eq!(shown.to_str(), Some(wanted.as_str()));
        kept.push(pipe);
    }
    kept.push(top);
    names.len()
}

fn each_counter_has_a_name_of_its_own() {
    let mut keys: Vec<_> = Counter::ALL.iter().map(|it| it.key()).collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), Counter::ALL.len());
    let mut keys: Vec<_> = EndpointCounter::ALL.iter().map(|it| it.key()).collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), EndpointCounter::ALL.len());
}
