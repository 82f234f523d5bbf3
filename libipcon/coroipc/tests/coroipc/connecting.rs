// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who may connect, and what both sides learn of each other.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use coroipc::{
    Address, BindError, CallError, Client, ConnectError, Disconnected, Endpoint, Reason, Refusal,
    Service, ServiceId, Sizes,
};

use crate::world::*;

pub(crate) fn all() -> Vec<Case> {
    cases![
        both_sides_know_each_other,
        the_policy_decides_and_the_client_learns_why,
        an_endpoint_refuses_by_its_policy,
        a_client_checks_the_server,
        sizes_are_agreed_on,
        a_silent_client_keeps_nobody_waiting,
        a_server_that_says_nothing_is_given_up,
        nobody_there,
        what_is_there_twice_is_refused,
        a_path_that_was_left_behind_is_taken_over,
        a_socket_that_listens_already_is_served,
        hooks_run_once_for_each_connection,
        too_many_are_refused_as_overload,
        shutting_down_answers_what_is_under_way,
        shutting_down_ends_at_its_deadline,
        connecting_again_and_again_leaves_nothing,
    ]
}

pub(crate) const ROLES: &[Role] = &[("connecting::as_both", as_both)];

fn refusal(result: Result<Client, ConnectError>) -> Refusal {
    match result {
        Err(ConnectError::Refused(refusal)) => refusal,
        other => panic!("it should be refused: {other:?}"),
    }
}

fn both_sides_know_each_other() {
    let address = address();
    let builder = Endpoint::builder(address.clone())
        .service(service())
        .policy(|client| {
            assert_eq!(client.pid(), std::process::id());
            assert_eq!(client.uid(), rustix::process::geteuid().as_raw());
            assert_eq!(client.gid(), rustix::process::getegid().as_raw());
            let groups = rustix::process::getgroups().unwrap();
            assert!(groups.iter().all(|group| client.in_group(group.as_raw())));
            assert_eq!(client.groups().len(), groups.len());
            assert!(client.pidfd().is_some());
            Ok(())
        });
    let _server = serve(builder);
    let client = client(&address);
    assert_eq!(client.server().pid(), std::process::id());
    assert_eq!(client.server().uid(), rustix::process::geteuid().as_raw());
}

fn the_policy_decides_and_the_client_learns_why() {
    let address = address();
    let picky = Service::new(ServiceId::new(2), |_| Ok(()))
        .policy(|_| Err(Refusal::new(Reason::Other(9), "not on Thursdays")));
    let hooked = Service::<()>::new(ServiceId::new(3), |_| {
        Err(Refusal::denied("the hook says no"))
    });
    let built = Service::new(ServiceId::new(4), |_| Ok(())).interface(0x1234);
    let builder = Endpoint::builder(address.clone())
        .service(service())
        .service(picky)
        .service(hooked)
        .service(built);
    let _server = serve(builder);
    let to = |service| Client::builder(address.clone(), ServiceId::new(service));
    let refused = refusal(to(2).connect());
    assert_eq!(refused.reason(), Reason::Other(9));
    assert_eq!(refused.text(), "not on Thursdays");
    assert_eq!(refusal(to(3).connect()).text(), "the hook says no");
    assert_eq!(refusal(to(4).connect()).reason(), Reason::Interface);
    assert!(to(4).interface(0x1234).connect().is_ok());
    assert_eq!(refusal(to(5).connect()).reason(), Reason::NoSuchService);
    assert!(to(1).connect().is_ok());
}

fn an_endpoint_refuses_by_its_policy() {
    let address = address();
    let builder = Endpoint::builder(address.clone())
        .service(service())
        .policy(|_| Err(Refusal::denied("nobody")));
    let _server = serve(builder);
    let refused = refusal(Client::builder(address, SERVICE).connect());
    assert_eq!(
        (refused.reason(), refused.text()),
        (Reason::Denied, "nobody")
    );
}

fn a_client_checks_the_server() {
    let address = address();
    let _server = server(&address);
    let uid = rustix::process::geteuid().as_raw();
    let to = || Client::builder(address.clone(), SERVICE);
    assert!(to().require_server_uid(uid).connect().is_ok());
    let error = to().require_server_uid(uid + 1).connect().unwrap_err();
    assert!(matches!(error, ConnectError::Untrusted(_)), "{error}");
}

fn sizes_are_agreed_on() {
    let address = address();
    let least = Sizes {
        reply: 256,
        ..Sizes::MIN
    };
    let most = Sizes {
        request: 128,
        slots: 2,
        events: 4096,
        ..Sizes::MAX
    };
    let _server = serve(
        Endpoint::builder(address.clone())
            .service(service())
            .sizes(least, most),
    );
    let wanted = Sizes {
        reply: 64,
        ..Sizes::default()
    };
    let client = Client::builder(address, SERVICE)
        .sizes(wanted)
        .connect()
        .unwrap();
    let agreed = Sizes {
        slots: 2,
        request: 128,
        reply: 256,
        events: 4096,
        large: 0,
    };
    assert_eq!(client.sizes(), agreed);
    assert_eq!(client.call(ECHO, &[1; 128]).unwrap().to_vec(), [1; 128]);
}

fn a_silent_client_keeps_nobody_waiting() {
    let address = Address::path(
        std::env::temp_dir().join(format!("coroipc-silent-{}.sock", std::process::id())),
    );
    let builder = Endpoint::builder(address.clone())
        .service(service())
        .most_connections(1024)
        .most_of_one_user(1024, 1 << 30)
        .greeting_time(Duration::from_millis(50));
    let _server = serve(builder);
    let flags = rustix::net::SocketFlags::CLOEXEC;
    let silent: Vec<_> = (0..300)
        .map(|_| {
            let socket = rustix::net::socket_with(
                rustix::net::AddressFamily::UNIX,
                rustix::net::SocketType::SEQPACKET,
                flags,
                None,
            )
            .unwrap();
            let name = rustix::net::SocketAddrUnix::new(address.as_path().unwrap()).unwrap();
            rustix::net::connect(&socket, &name).unwrap();
            socket
        })
        .collect();
    let client = client(&address);
    assert_eq!(client.call(ECHO, b"x").unwrap().to_vec(), b"x");
    // Each is told that it was too slow, and hung up on.
    for socket in &silent {
        let mut message = [0; 300];
        let flags = rustix::net::RecvFlags::empty();
        let (len, _) = rustix::net::recv(socket, &mut message[..], flags).unwrap();
        assert_ne!(len, 0);
        let (end, _) = rustix::net::recv(socket, &mut message[..], flags).unwrap();
        assert_eq!(end, 0);
    }
}

fn a_server_that_says_nothing_is_given_up() {
    let address = address();
    // It listens, and is never served.
    let _endpoint = Endpoint::builder(address.clone())
        .service(service())
        .bind()
        .unwrap();
    let began = Instant::now();
    let error = Client::builder(address, SERVICE)
        .connect_timeout(Duration::from_millis(30))
        .connect()
        .unwrap_err();
    assert!(matches!(error, ConnectError::TimedOut(_)), "{error}");
    assert!(began.elapsed() < Duration::from_secs(5));
}

fn nobody_there() {
    let error = Client::builder(address(), SERVICE).connect().unwrap_err();
    assert!(matches!(error, ConnectError::Unreachable { .. }), "{error}");
}

fn what_is_there_twice_is_refused() {
    let twice = Endpoint::builder(address())
        .service(service())
        .service(service());
    assert!(matches!(
        twice.bind(),
        Err(BindError::ServiceTwice(SERVICE))
    ));
    let command = service().command(ECHO, |_, _| {});
    let twice = Endpoint::builder(address()).service(command);
    assert!(matches!(
        twice.bind(),
        Err(BindError::CommandTwice(SERVICE, ECHO))
    ));
    let address = address();
    let _first = server(&address);
    let second = Endpoint::builder(address).service(service()).bind();
    assert!(matches!(second, Err(BindError::Listen { .. })));
}

fn a_path_that_was_left_behind_is_taken_over() {
    let path = std::env::temp_dir().join(format!("coroipc-left-{}.sock", std::process::id()));
    let address = Address::path(&path);
    // As a server that was killed leaves it: bound, and nobody listens.
    let socket = rustix::net::socket(
        rustix::net::AddressFamily::UNIX,
        rustix::net::SocketType::SEQPACKET,
        None,
    )
    .unwrap();
    rustix::net::bind(&socket, &rustix::net::SocketAddrUnix::new(&path).unwrap()).unwrap();
    drop(socket);
    let first = server(&address);
    assert_eq!(client(&address).call(ECHO, b"x").unwrap().to_vec(), b"x");
    // One that lives is not.
    let second = Endpoint::builder(address).service(service()).bind();
    assert!(second.is_err());
    drop(first);
    assert!(!path.exists());
}

fn a_socket_that_listens_already_is_served() {
    use std::os::fd::OwnedFd;
    let path = std::env::temp_dir().join(format!("coroipc-given-{}.sock", std::process::id()));
    let socket: OwnedFd = rustix::net::socket(
        rustix::net::AddressFamily::UNIX,
        rustix::net::SocketType::SEQPACKET,
        None,
    )
    .unwrap();
    rustix::net::bind(&socket, &rustix::net::SocketAddrUnix::new(&path).unwrap()).unwrap();
    rustix::net::listen(&socket, 16).unwrap();
    let _server = serve(Endpoint::builder_on(socket).service(service()));
    let client = client(&Address::path(&path));
    assert_eq!(client.call(ECHO, b"x").unwrap().to_vec(), b"x");
    std::fs::remove_file(path).unwrap();
}

fn hooks_run_once_for_each_connection() {
    let address = address();
    let (came, went) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let (coming, going) = (came.clone(), went.clone());
    let service = Service::new(SERVICE, move |_| Ok(coming.fetch_add(1, Ordering::SeqCst)))
        .on_disconnect(move |session| {
            let _: u32 = session.state;
            going.fetch_add(1, Ordering::SeqCst);
        });
    let server = serve(Endpoint::builder(address.clone()).service(service));
    for _ in 0..5 {
        drop(client(&address));
    }
    let last = client(&address);
    until("five went", || went.load(Ordering::SeqCst) == 5);
    server.shut_down(Duration::ZERO);
    assert_eq!(came.load(Ordering::SeqCst), 6);
    assert_eq!(went.load(Ordering::SeqCst), 6);
    drop(last);
}

fn too_many_are_refused_as_overload() {
    let address = address();
    let builder = Endpoint::builder(address.clone())
        .service(service())
        .most_connections(1);
    let _server = serve(builder);
    let first = client(&address);
    let refused = refusal(Client::builder(address.clone(), SERVICE).connect());
    assert!(matches!(refused.reason(), Reason::Overloaded { .. }));
    assert_eq!(first.call(ECHO, b"x").unwrap().to_vec(), b"x");
}

fn shutting_down_answers_what_is_under_way() {
    let address = address();
    let (calls, kept) = std::sync::mpsc::channel::<coroipc::Call>();
    let calls = parking_lot::Mutex::new(calls);
    let deferring = Service::new(SERVICE, |_| Ok(())).command(ECHO, move |_, call| {
        calls.lock().send(call).unwrap();
    });
    let server = serve(Endpoint::builder(address.clone()).service(deferring));
    let (busy, idle) = (client(&address), client(&address));
    let pending = busy.start(ECHO, &[], soon()).unwrap();
    let call = kept.recv().unwrap();
    let stopping = std::thread::spawn(move || server.shut_down(Duration::from_secs(20)));
    until("the idle one is told", || idle.disconnected().is_some());
    let Some(Disconnected::Told(why)) = idle.disconnected() else {
        panic!("it was told why");
    };
    assert_eq!(why.reason(), Reason::ShuttingDown);
    assert_eq!(busy.disconnected(), None);
    call.reply(b"in time");
    assert_eq!(pending.wait().unwrap().to_vec(), b"in time");
    stopping.join().unwrap();
    let after = busy.call(ECHO, b"").unwrap_err();
    assert!(matches!(after, CallError::Disconnected(_)), "{after}");
}

fn shutting_down_ends_at_its_deadline() {
    let address = address();
    let server = server(&address);
    let client = client(&address);
    // Nobody answers it. Once the next one is answered, it is known to be under way.
    let pending = client.start(KEEP, &[], soon()).unwrap();
    client.call(ECHO, b"").unwrap();
    let grace = Duration::from_millis(300);
    let began = Instant::now();
    let stopping = std::thread::spawn(move || server.shut_down(grace));
    let ended = pending.wait().map(drop);
    let took = began.elapsed();
    assert!(took >= grace, "the call ended after {took:?}");
    let Err(CallError::Disconnected(Disconnected::Told(why))) = ended else {
        panic!("it was told why: {ended:?}");
    };
    assert_eq!(why.reason(), Reason::ShuttingDown);
    until("it has shut down", || stopping.is_finished());
}

fn connecting_again_and_again_leaves_nothing() {
    let mut alone = Process::start("connecting::as_both", "");
    alone.wait_for("left nothing");
}

/// The test above, in a process where no other test runs.
fn as_both() {
    let address = address();
    let server = server(&address);
    let connect = || {
        let client = client(&address);
        assert_eq!(client.call(ECHO, b"x").unwrap().to_vec(), b"x");
    };
    // The thread that watches stays once it is there.
    connect();
    until("it has gone", || server.connections().is_empty());
    until("its memory has gone", || Left::now().memory == 0);
    let before = Left::now();
    for _ in 0..500 {
        connect();
    }
    until("all have gone", || Left::now().is_within(before));
    say("left nothing");
}
