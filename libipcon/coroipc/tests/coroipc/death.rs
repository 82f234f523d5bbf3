// SPDX-License-Identifier: MIT OR Apache-2.0
//! `kill -9` of either side.

use std::io::IoSlice;
use std::time::{Duration, Instant};

use coroipc::{Address, CallError, Disconnected, Endpoint, EventError, Service};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::world::*;

pub(crate) fn all() -> Vec<Case> {
    cases![
        a_blocked_call_sees_the_server_die,
        a_blocked_server_sees_the_client_die,
        a_blocked_call_sees_the_server_die_though_its_socket_lives_on,
        a_server_sees_the_client_die_though_its_socket_lives_on,
        clients_killed_at_any_point_leave_nothing,
        servers_killed_at_any_point_leave_nothing,
    ]
}

pub(crate) const ROLES: &[Role] = &[
    ("death::as_server", as_server),
    ("death::as_idle_client", as_idle_client),
    ("death::as_deaf_client", as_deaf_client),
    ("death::as_server_with_an_heir", as_server_with_an_heir),
    ("death::as_client_with_an_heir", as_client_with_an_heir),
    ("death::as_killer", as_killer),
    ("death::as_busy_client", as_busy_client),
    ("death::as_killer_of_servers", as_killer_of_servers),
];

/// What the other side's death may take to be seen on a machine that does much else: far less than any time-out of the
/// library's own, of which there is none. `cargo xtask bench coroipc` has the time itself, which is below a millisecond.
/// Processes die slowly under AddressSanitizer: the kernel closes descriptors only once the memory is gone.
fn at_once() -> Duration {
    let given = std::env::var("COROIPC_AT_ONCE_MS").ok();
    Duration::from_millis(given.map_or(500, |given| given.parse().unwrap()))
}

fn a_blocked_call_sees_the_server_die() {
    let name = format!("coroipc-death-{}", std::process::id());
    let mut times = Vec::new();
    for _ in 0..5 {
        let mut server = Process::start("death::as_server", &name);
        server.wait_for("ready");
        let client = client(&Address::abstract_name(&name));
        assert_eq!(client.server().pid(), server.pid());
        let mut events = client.events().unwrap();
        std::thread::scope(|scope| {
            let call = scope.spawn(|| (client.call(KEEP, b"").map(drop), Instant::now()));
            let event = scope.spawn(|| (events.next(None).map(drop), Instant::now()));
            // The one that is kept was taken, so the caller sleeps or is about to.
            client.call(ECHO, b"").unwrap();
            let killed = server.kill();
            let (result, ended) = call.join().unwrap();
            let gone = CallError::Disconnected(Disconnected::Gone);
            assert_eq!(result.unwrap_err(), gone);
            times.push(ended.saturating_duration_since(killed));
            let (result, ended) = event.join().unwrap();
            assert_eq!(result.unwrap_err(), Disconnected::Gone);
            times.push(ended.saturating_duration_since(killed));
        });
    }
    times.sort_unstable();
    // Somebody else's work may be in the way once.
    assert!(times[times.len() / 2] <= at_once(), "{times:?}");
}

/// The server of the test above, in a process of its own.
fn as_server() {
    let _server = server(&Address::abstract_name(argument()));
    say("ready");
    run_on();
}

fn a_blocked_server_sees_the_client_die() {
    let address = Address::abstract_name(format!("coroipc-dying-{}", std::process::id()));
    let (gone, ended) = std::sync::mpsc::channel();
    let gone = parking_lot::Mutex::new(gone);
    let service = Service::new(SERVICE, |_| Ok(()))
        .command(SEND, |session, _call| {
            // Until nobody is there to make room.
            let event = [0; 1024];
            let error = loop {
                let sent = session.connection().send_event(&[IoSlice::new(&event)]);
                if let Err(error) = sent {
                    break error;
                }
            };
            assert_eq!(error, EventError::Over);
        })
        .on_disconnect(move |_| gone.lock().send(Instant::now()).unwrap());
    let server = serve(Endpoint::builder(address).service(service));
    let name = format!("coroipc-dying-{}", std::process::id());
    let mut times = Vec::new();
    for role in ["death::as_idle_client", "death::as_deaf_client"] {
        for _ in 0..3 {
            let mut client = Process::start(role, &name);
            client.wait_for("ready");
            let killed = client.kill();
            let ended = ended.recv_timeout(Duration::from_secs(20)).unwrap();
            times.push(ended.saturating_duration_since(killed));
        }
    }
    until("nobody is left", || server.connections().is_empty());
    times.sort_unstable();
    assert!(times[times.len() / 2] <= at_once(), "{times:?}");
}

/// A client of the test above, in a process of its own.
fn as_idle_client() {
    let _client = client(&Address::abstract_name(argument()));
    say("ready");
    run_on();
}

/// A client of the test above, in a process of its own.
fn as_deaf_client() {
    let client = client(&Address::abstract_name(argument()));
    let _pending = client.start(SEND, &[], None).unwrap();
    let mut events = client.events().unwrap();
    let _first = events.next(None).unwrap();
    say("ready");
    run_on();
}

/// Starts a process that keeps this one's sockets open, and does nothing.
#[allow(unsafe_code)]
#[allow(
    clippy::zombie_processes,
    reason = "this process is killed before it could wait"
)]
fn leave_to_an_heir() {
    use std::os::fd::BorrowedFd;
    use std::process::{Command, Stdio};
    for entry in std::fs::read_dir("/proc/self/fd").unwrap() {
        let path = entry.unwrap().path();
        if std::fs::read_link(&path).is_ok_and(|it| is_socket(&it)) {
            let number = path.file_name().unwrap().to_str().unwrap().parse().unwrap();
            // SAFETY: It is open, and stays so: nothing else runs here.
            let socket = unsafe { BorrowedFd::borrow_raw(number) };
            rustix::io::fcntl_setfd(socket, rustix::io::FdFlags::empty()).unwrap();
        }
    }
    let mut heir = Command::new("sleep");
    let heir = heir.arg("30").stdin(Stdio::null()).stdout(Stdio::null());
    let heir = heir.stderr(Stdio::null()).spawn().unwrap();
    say(&format!("left to {}", heir.id()));
}

fn is_socket(name: &std::path::Path) -> bool {
    name.to_string_lossy().starts_with("socket:")
}

/// A process that outlives the one which started it.
struct Heir(rustix::process::Pid);

impl Heir {
    fn of(process: &mut Process) -> Self {
        let line = process.wait_for("left to ");
        let number = line.trim().rsplit(' ').next().unwrap().parse().unwrap();
        Self(rustix::process::Pid::from_raw(number).unwrap())
    }

    fn lives(&self) -> bool {
        rustix::process::test_kill_process(self.0).is_ok()
    }
}

impl Drop for Heir {
    fn drop(&mut self) {
        let _ = rustix::process::kill_process(self.0, rustix::process::Signal::KILL);
    }
}

fn a_blocked_call_sees_the_server_die_though_its_socket_lives_on() {
    let mut times = Vec::new();
    for round in 0..3 {
        // The heir has the listening socket too, and with it the name.
        let name = format!("coroipc-inherited-{}-{round}", std::process::id());
        let mut server = Process::start("death::as_server_with_an_heir", &name);
        server.wait_for("ready");
        let client = client(&Address::abstract_name(&name));
        client.notify(LEAVE, &[]).unwrap();
        let heir = Heir::of(&mut server);
        std::thread::scope(|scope| {
            let call = scope.spawn(|| (client.call(KEEP, b"").map(drop), Instant::now()));
            client.call(ECHO, b"").unwrap();
            let killed = server.kill();
            let (result, ended) = call.join().unwrap();
            let gone = CallError::Disconnected(Disconnected::Gone);
            assert_eq!(result.unwrap_err(), gone);
            times.push(ended.saturating_duration_since(killed));
        });
        assert!(heir.lives());
        drop(heir);
    }
    times.sort_unstable();
    assert!(times[times.len() / 2] <= at_once(), "{times:?}");
}

/// Has the server start a process that inherits its sockets.
const LEAVE: coroipc::CommandId = coroipc::CommandId::new(100);

/// The server of the test above, in a process of its own.
fn as_server_with_an_heir() {
    let service = service().command(LEAVE, |_, _call| leave_to_an_heir());
    let _server = serve(Endpoint::builder(Address::abstract_name(argument())).service(service));
    say("ready");
    run_on();
}

fn a_server_sees_the_client_die_though_its_socket_lives_on() {
    for looped in [false, true] {
        let name = format!("coroipc-inheriting-{}-{looped}", std::process::id());
        let (gone, ended) = std::sync::mpsc::channel();
        let gone = parking_lot::Mutex::new(gone);
        let service = service().on_disconnect(move |_| gone.lock().send(Instant::now()).unwrap());
        let endpoint = Endpoint::builder(Address::abstract_name(&name)).service(service);
        let endpoint = endpoint.bind().unwrap();
        let ended = std::thread::scope(|scope| {
            let end = || {
                let mut client = Process::start("death::as_client_with_an_heir", &name);
                let heir = Heir::of(&mut client);
                (client.kill(), heir)
            };
            let (ended, (killed, heir)) = if looped {
                let mut server = endpoint.into_loop().unwrap();
                let ending = scope.spawn(end);
                loop {
                    let mut fds = [PollFd::new(&server, PollFlags::IN)];
                    poll(&mut fds, Some(&SHORTLY)).unwrap();
                    server.dispatch().unwrap();
                    if let Ok(ended) = ended.try_recv() {
                        break (ended, ending.join().unwrap());
                    }
                }
            } else {
                let _server = endpoint.spawn().unwrap();
                let end = end();
                (ended.recv_timeout(Duration::from_secs(20)).unwrap(), end)
            };
            assert!(heir.lives());
            ended.saturating_duration_since(killed)
        });
        // One time only, which others' work may be in the way of. The heir would have kept it for much longer.
        assert!(ended < Duration::from_secs(5), "{ended:?}");
    }
}

const SHORTLY: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 20_000_000,
};

/// A client of the test above, in a process of its own.
fn as_client_with_an_heir() {
    let client = client(&Address::abstract_name(argument()));
    client.call(ECHO, b"").unwrap();
    leave_to_an_heir();
    run_on();
}

/// Rounds of the tests below; `COROIPC_KILLS` asks for more.
const KILLS: u32 = 40;

/// Has a role kill in a process where no other test runs, and leave nothing there.
fn kill_in_a_process(role: &str) {
    let kills = std::env::var("COROIPC_KILLS").unwrap_or_else(|_| KILLS.to_string());
    let mut alone = Process::start(role, &kills);
    alone.wait_for("left nothing");
}

/// Another point each time: so many looks at the clock, the steps of a walk without pattern.
fn pause_before(kill: u32) {
    let pause = Duration::from_micros(u64::from(kill) * 7919 % 5000);
    let began = Instant::now();
    while began.elapsed() < pause {
        std::hint::spin_loop();
    }
}

fn clients_killed_at_any_point_leave_nothing() {
    kill_in_a_process("death::as_killer");
}

/// The test above, in a process where no other test runs.
fn as_killer() {
    let name = format!("coroipc-killer-{}", std::process::id());
    let server = server(&Address::abstract_name(&name));
    // The thread that watches stays once it is there.
    drop(client(&Address::abstract_name(&name)));
    until("it has gone", || {
        server.connections().is_empty() && Left::now().memory == 0
    });
    let before = Left::now();
    let kills: u32 = argument().parse().unwrap();
    for kill in 0..kills {
        let mut client = Process::start("death::as_busy_client", &name);
        client.wait_for("ready");
        pause_before(kill);
        client.kill();
    }
    until("all have gone", || server.connections().is_empty());
    until("nothing is left", || Left::now().is_within(before));
    say("left nothing");
}

/// A client of the test above, in a process of its own.
fn as_busy_client() {
    let address = Address::abstract_name(argument());
    say("ready");
    loop {
        let client = client(&address);
        let mut events = client.events().unwrap();
        for at in 0..20u8 {
            assert_eq!(client.call(ECHO, &[at]).unwrap().to_vec(), [at]);
        }
        let pending = client.start(SEND, &[IoSlice::new(&30u32.to_ne_bytes())], None);
        for _ in 0..10 {
            events.next(None).unwrap();
        }
        drop(pending);
        drop(client.start(KEEP, &[], None));
    }
}

fn servers_killed_at_any_point_leave_nothing() {
    kill_in_a_process("death::as_killer_of_servers");
}

/// The test above, in a process where no other test runs.
fn as_killer_of_servers() {
    let name = format!("coroipc-server-killer-{}", std::process::id());
    let address = Address::abstract_name(&name);
    let kills: u32 = argument().parse().unwrap();
    let mut before = None;
    for kill in 0..=kills {
        let mut server = Process::start("death::as_server", &name);
        server.wait_for("ready");
        let client = client(&address);
        std::thread::scope(|scope| {
            scope.spawn(|| call_until_it_dies(&client));
            scope.spawn(|| receive_until_it_dies(&client));
            scope.spawn(|| connect_until_it_dies(&address));
            pause_before(kill);
            server.kill();
        });
        let gone = Some(Disconnected::Gone);
        assert_eq!(client.disconnected(), gone);
        drop((client, server));
        // The first server leaves the thread that watches.
        until("its memory has gone", || Left::now().memory == 0);
        before.get_or_insert_with(Left::now);
    }
    let before = before.unwrap();
    until("nothing is left", || Left::now().is_within(before));
    say("left nothing");
}

fn call_until_it_dies(client: &coroipc::Client) {
    for at in 0u32.. {
        match client.call(ECHO, &at.to_ne_bytes()) {
            Ok(reply) => assert_eq!(reply.to_vec(), at.to_ne_bytes()),
            Err(error) => return assert_eq!(error, Disconnected::Gone.into()),
        }
    }
}

fn receive_until_it_dies(client: &coroipc::Client) {
    let mut events = client.events().unwrap();
    for number in 0.. {
        if number % 30 == 0 {
            // The one before is cancelled, or answered.
            drop(client.start(SEND, &[IoSlice::new(&30u32.to_ne_bytes())], None));
        }
        match events.next(None) {
            Ok(event) => assert_eq!(event.unwrap().number(), number),
            Err(error) => return assert_eq!(error, Disconnected::Gone),
        }
    }
}

fn connect_until_it_dies(address: &Address) {
    loop {
        match coroipc::Client::builder(address.clone(), SERVICE).connect() {
            Ok(client) => drop(client.call(ECHO, b"")),
            Err(error) => {
                use coroipc::ConnectError::{HungUp, Unreachable};
                let dead = matches!(error, Unreachable { .. } | HungUp(_));
                return assert!(dead, "{error}");
            }
        }
    }
}
