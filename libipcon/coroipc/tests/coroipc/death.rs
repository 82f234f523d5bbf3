// SPDX-License-Identifier: MIT OR Apache-2.0
//! `kill -9` of a side whose socket lives on, in a child that inherited it.

use std::time::{Duration, Instant};

use coroipc::{Address, CallError, Disconnected, Endpoint};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::world::*;

pub(crate) fn all() -> Vec<Case> {
    cases![
        a_blocked_call_sees_the_server_die_though_its_socket_lives_on,
        a_server_sees_the_client_die_though_its_socket_lives_on,
    ]
}

pub(crate) const ROLES: &[Role] = &[
    ("death::as_server_with_an_heir", as_server_with_an_heir),
    ("death::as_client_with_an_heir", as_client_with_an_heir),
];

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
        let mut events = client.events().unwrap();
        assert!(events.try_next().unwrap().is_none());
        std::thread::scope(|scope| {
            let polls = scope.spawn(|| {
                poll(&mut [PollFd::new(&events, PollFlags::IN)], None).unwrap();
                (events.try_next().map(drop), Instant::now())
            });
            let call = scope.spawn(|| (client.call(KEEP, b"").map(drop), Instant::now()));
            client.call(ECHO, b"").unwrap();
            let killed = server.kill();
            let (result, ended) = call.join().unwrap();
            let gone = CallError::Disconnected(Disconnected::Gone);
            assert_eq!(result.unwrap_err(), gone);
            times.push(ended.saturating_duration_since(killed));
            let (result, ended) = polls.join().unwrap();
            assert_eq!(result.unwrap_err(), Disconnected::Gone);
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
