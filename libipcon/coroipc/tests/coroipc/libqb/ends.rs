// SPDX-License-Identifier: MIT OR Apache-2.0
//! Cases of how connections begin and end.

use std::io::{Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use coroipc::statistics::of_process;
use coroipc::{
    Address, CallError, Client, CommandId, Disconnected, Endpoint, EventError, Reason, Service,
    Sizes,
};
use parking_lot::Mutex;
use rustix::event::{PollFd, PollFlags, poll};

use super::server::*;
use crate::serving::*;
use crate::world::*;

pub(super) fn all() -> Vec<ServedCase> {
    served_cases![
        test_ipc_exit,
        test_ipc_server_fail,
        test_ipc_disconnect_after_created,
        test_ipc_stress_connections,
        test_ipc_service_ref_count,
        test_ipc_dispatch_native_prio_dlock,
    ]
}

/// A client is none the worse when its server exits, and lets go of all afterwards.
fn test_ipc_exit(serving: Serving) {
    let mut server = start("exit", serving);
    let client = connect(&server.address);
    let reply = client.call(ANSWER, b"x").unwrap();
    server.exit(&client);
    // What it had before stays.
    assert_eq!(reply.to_vec(), 1u32.to_ne_bytes());
    let after = client.call(ANSWER, b"x").map(drop);
    assert_eq!(after, Err(CallError::Disconnected(Disconnected::Gone)));
}

/// The server exits in the middle of the first call.
fn test_ipc_server_fail(serving: Serving) {
    let mut server = start("fail", serving);
    let client = connect(&server.address);
    server.exit(&client);
}

/// The server disconnects a client in the middle of a call, and stays for others.
fn test_ipc_disconnect_after_created(serving: Serving) {
    let mut server = start("disconnect", serving);
    let client = connect(&server.address);
    assert_eq!(client.disconnected(), None);
    let error = client.call(DISCONNECT, b"").map(drop).unwrap_err();
    let CallError::Disconnected(Disconnected::Told(why)) = error else {
        panic!("it was told why: {error}");
    };
    assert_eq!(why.reason(), Reason::Other(1));
    assert!(client.disconnected().is_some());
    server.exit(&connect(&server.address));
}

/// Connects and disconnects again and again: 300 times, or as `COROIPC_CONNECTIONS` says. The original does so 5,000 times.
fn test_ipc_stress_connections(serving: Serving) {
    let given = std::env::var("COROIPC_CONNECTIONS").ok();
    let times = given.map_or(300, |given| given.parse().unwrap());
    let mut server = start("connections", serving);
    // Most of the time would go into making memory.
    let sizes = Sizes {
        slots: 1,
        events: 4096,
        ..SIZES
    };
    let connect = || {
        let client = Client::builder(server.address.clone(), SERVICE).sizes(sizes);
        client.connect().unwrap()
    };
    for _ in 1..times {
        drop(connect());
    }
    let last = connect();
    server.exit(&last);
}

/// Who keeps a connection keeps what belongs to it, also when the server is gone; with the last one all goes.
fn test_ipc_service_ref_count(serving: Serving) {
    let address = address();
    let (keep, kept) = mpsc::channel();
    let keep = Mutex::new(keep);
    let service = Service::new(SERVICE, move |connection| {
        let context: Arc<str> = "test".into();
        let both = (connection.clone(), context.clone());
        keep.lock().send(both).unwrap();
        Ok(context)
    });
    let server = serving.serve(Endpoint::builder(address.clone()).service(service));
    let client = client(&address);
    let (connection, context) = kept.recv().unwrap();
    let send = || connection.send_event(&[std::io::IoSlice::new(b"test")]);
    assert_eq!(send(), Ok(()));
    server.shut_down(Duration::ZERO);
    until("it is over", || connection.is_over());
    for _ in 0..3 {
        assert_eq!(send(), Err(EventError::Over));
        assert_eq!(&*context, "test");
    }
    assert_eq!(connection.credentials().pid(), std::process::id());
    // The state of the session has gone, and the page of the connection is there for as long as the connection is.
    until("this is the last one", || Arc::strong_count(&context) == 1);
    let number = connection.number();
    let pid = std::process::id();
    let there = || {
        let all = of_process(pid).unwrap();
        let started = all.iter().filter(|it| it.connection() == number);
        started.filter(|it| it.client_pid() == pid).count()
    };
    let before = there();
    drop((client, connection));
    until("its page has gone", || there() < before);
}

/// Begins to feed itself.
const FEED: CommandId = CommandId::new(20);

/// A server that has urgent work without end serves others all the same: in a loop, work that always comes first; where
/// threads serve, a handler that never ends.
fn test_ipc_dispatch_native_prio_dlock(serving: Serving) {
    let name = format!(
        "coroipc-libqb-{}-{}-feeder",
        std::process::id(),
        serving.name()
    );
    let mut server = Process::start("libqb::as_feeder", &format!("{} {name}", serving.name()));
    server.wait_for("ready");
    let address = Address::abstract_name(name);
    let alpha = client(&address);
    alpha.notify(FEED, &[]).unwrap();
    server.wait_for("feeding");
    let to = Client::builder(address, SERVICE).timeout(Duration::from_secs(20));
    let beta = to.connect().unwrap();
    let error = beta.call(EXIT, b"").map(drop);
    assert_eq!(error, Err(CallError::Disconnected(Disconnected::Gone)));
    assert_eq!(server.end().code(), Some(0));
}

/// A pipe that is filled and emptied without end.
struct Feed(std::io::PipeReader, std::io::PipeWriter);

impl Feed {
    fn once(&mut self) {
        let mut bytes = [1; 4096];
        self.1.write_all(&bytes).unwrap();
        self.0.read_exact(&mut bytes).unwrap();
    }
}

/// The server of the test above, in a process of its own.
pub(super) fn as_feeder() {
    let argument = argument();
    let (serving, name) = argument.split_once(' ').unwrap();
    let serving = Serving::named(serving);
    let (reader, writer) = std::io::pipe().unwrap();
    let feed = Arc::new(Mutex::new(Feed(reader, writer)));
    let feeding = Arc::new(AtomicBool::new(false));
    let (feeder, begin) = (feed.clone(), feeding.clone());
    let service = Service::new(SERVICE, |_| Ok(()))
        .command(FEED, move |_, _call| {
            begin.store(true, Ordering::SeqCst);
            say("feeding");
            if serving == Serving::Threads {
                loop {
                    feeder.lock().once();
                }
            }
        })
        .command(EXIT, |_, _call| std::process::exit(0));
    let endpoint = Endpoint::builder(Address::abstract_name(name)).service(service);
    let endpoint = endpoint.bind().unwrap();
    if serving == Serving::Threads {
        let _server = endpoint.spawn().unwrap();
        say("ready");
        run_on();
    }
    let mut server = endpoint.into_loop().unwrap();
    say("ready");
    loop {
        let mut feed = feed.lock();
        let mut fds = vec![PollFd::new(&server, PollFlags::IN)];
        if feeding.load(Ordering::SeqCst) {
            // There is always room in it.
            fds.push(PollFd::new(&feed.1, PollFlags::OUT));
        }
        poll(&mut fds, None).unwrap();
        if fds.len() == 2 {
            feed.once();
        }
        server.dispatch().unwrap();
    }
}
