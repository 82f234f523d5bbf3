// SPDX-License-Identifier: MIT OR Apache-2.0
//! `kill -9` of either side at any point, again and again, leaves nothing: descriptors, memory, threads, files.

use std::io::IoSlice;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use coroipc::{Address, Client, Disconnected, Events};
use rustix::event::{PollFd, PollFlags, poll};

use crate::serving::*;
use crate::world::*;

pub(crate) fn all() -> Vec<ServedCase> {
    served_cases![
        clients_killed_at_any_point_leave_nothing,
        servers_killed_at_any_point_leave_nothing,
    ]
}

pub(crate) const ROLES: &[Role] = &[
    ("killed::as_killer_of_clients", as_killer_of_clients),
    ("killed::as_killer_of_servers", as_killer_of_servers),
    ("killed::as_client", as_client),
    ("killed::as_server", as_server),
];

/// Rounds of the tests below; `COROIPC_KILLS` asks for more.
const KILLS: u32 = 40;

/// Has a role kill in a process where no other test runs, and leave nothing there.
fn kill_in_a_process(role: &str, serving: Serving) {
    let kills = std::env::var("COROIPC_KILLS").map_or(KILLS, |kills| kills.parse().unwrap());
    let began = Instant::now();
    let mut alone = Process::start(role, &format!("{} {kills}", serving.name()));
    alone.wait_for("left nothing");
    if kills >= 1000 {
        let (took, how) = (began.elapsed(), serving.name());
        eprintln!("{role}, {how}: {kills} killed in {took:?}, nothing left");
    }
}

fn clients_killed_at_any_point_leave_nothing(serving: Serving) {
    kill_in_a_process("killed::as_killer_of_clients", serving);
}

fn servers_killed_at_any_point_leave_nothing(serving: Serving) {
    kill_in_a_process("killed::as_killer_of_servers", serving);
}

/// Two words that a role was given.
fn arguments() -> (Serving, String) {
    let argument = argument();
    let (serving, rest) = argument.split_once(' ').unwrap();
    (Serving::named(serving), rest.into())
}

/// A folder of the test's own, in which the server's socket is.
struct Place(PathBuf);

impl Place {
    fn new(what: &str) -> Self {
        let name = format!("coroipc-killed-{what}-{}", std::process::id());
        let place = Self(std::env::temp_dir().join(name));
        std::fs::create_dir(&place.0).unwrap();
        place
    }

    fn socket(&self) -> PathBuf {
        self.0.join("socket")
    }

    /// All files there, and those that are named after the library where shared memory with names would be.
    fn files(&self) -> Vec<String> {
        let names = |folder: &Path| {
            let entries = std::fs::read_dir(folder).into_iter().flatten();
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap())
        };
        let shared = names(Path::new("/dev/shm")).filter(|name| name.contains("coroipc"));
        let mut files: Vec<_> = names(&self.0).chain(shared).collect();
        files.sort_unstable();
        files
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Another point each time: so many looks at the clock, the steps of a walk without pattern that comes by each microsecond
/// of the first five thousand.
fn pause_before(kill: u32) {
    let pause = Duration::from_micros(u64::from(kill) * 7919 % 5000);
    let began = Instant::now();
    while began.elapsed() < pause {
        std::hint::spin_loop();
    }
}

/// Kills clients of a server that lives on, which is here: nothing else runs in this process.
fn as_killer_of_clients() {
    let (serving, kills) = arguments();
    let place = Place::new("clients");
    let address = Address::path(place.socket());
    let server = serving.server(&address);
    // The thread that watches stays once it is there.
    drop(client(&address));
    until("it has gone", || {
        server.connections().is_empty() && Left::now().memory == 0
    });
    let before = Left::now();
    let victim = format!("{} {}", serving.name(), place.socket().display());
    for kill in 0..kills.parse().unwrap() {
        let mut client = Process::start("killed::as_client", &victim);
        client.wait_for("ready");
        pause_before(kill);
        client.kill();
    }
    until("all have gone", || server.connections().is_empty());
    until("nothing is left", || Left::now().is_within(before));
    assert_eq!(place.files(), ["socket", "socket.lock"]);
    // It serves the living.
    assert_eq!(client(&address).call(ECHO, b"x").unwrap().to_vec(), b"x");
    drop(server);
    assert_eq!(place.files(), ["socket.lock"]);
    drop(place);
    say("left nothing");
}

/// A client of the above: it connects, calls, receives and gives up all the time.
fn as_client() {
    let (serving, path) = arguments();
    let address = Address::path(path);
    say("ready");
    loop {
        let client = client(&address);
        let mut events = client.events().unwrap();
        for at in 0..20u8 {
            assert_eq!(client.call(ECHO, &[at]).unwrap().to_vec(), [at]);
        }
        let pending = client.start(SEND, &[IoSlice::new(&30u32.to_ne_bytes())], None);
        for number in 0..10 {
            assert_eq!(next(&mut events, serving), Ok(number));
        }
        drop(pending);
        drop(client.start(KEEP, &[], None));
    }
}

/// The number of the next event, which a thread waits for, or a loop polls for.
fn next(events: &mut Events, serving: Serving) -> Result<u32, Disconnected> {
    if serving == Serving::Threads {
        return events.next(None).map(|event| event.unwrap().number());
    }
    loop {
        if let Some(event) = events.try_next()? {
            return Ok(event.number());
        }
        poll(&mut [PollFd::new(&*events, PollFlags::IN)], None).unwrap();
    }
}

/// Kills servers whose clients live on, which are here: nothing else runs in this process.
fn as_killer_of_servers() {
    let (serving, kills) = arguments();
    let place = Place::new("servers");
    let address = Address::path(place.socket());
    let victim = format!("{} {}", serving.name(), place.socket().display());
    let kills: u32 = kills.parse().unwrap();
    let mut before = None;
    for kill in 0..=kills {
        let mut server = Process::start("killed::as_server", &victim);
        server.wait_for("ready");
        let client = client(&address);
        std::thread::scope(|scope| {
            scope.spawn(|| call_until_it_dies(&client));
            scope.spawn(|| receive_until_it_dies(&client, serving));
            scope.spawn(|| connect_until_it_dies(&address));
            pause_before(kill);
            server.kill();
        });
        assert_eq!(client.disconnected(), Some(Disconnected::Gone));
        drop((client, server));
        // The first server leaves the thread that watches.
        until("its memory has gone", || Left::now().memory == 0);
        before.get_or_insert_with(Left::now);
    }
    let before = before.unwrap();
    until("nothing is left", || Left::now().is_within(before));
    // Each has taken over the path that the one before left.
    assert_eq!(place.files(), ["socket", "socket.lock"]);
    drop(place);
    say("left nothing");
}

/// A server of the above.
fn as_server() {
    let (serving, path) = arguments();
    let _server = serving.server(&Address::path(path));
    say("ready");
    run_on();
}

fn call_until_it_dies(client: &Client) {
    for at in 0u32.. {
        match client.call(ECHO, &at.to_ne_bytes()) {
            Ok(reply) => assert_eq!(reply.to_vec(), at.to_ne_bytes()),
            Err(error) => return assert_eq!(error, Disconnected::Gone.into()),
        }
    }
}

fn receive_until_it_dies(client: &Client, serving: Serving) {
    let mut events = client.events().unwrap();
    for number in 0.. {
        if number % 30 == 0 {
            // The one before is cancelled, or answered.
            drop(client.start(SEND, &[IoSlice::new(&30u32.to_ne_bytes())], None));
        }
        match next(&mut events, serving) {
            Ok(event) => assert_eq!(event, number),
            Err(error) => return assert_eq!(error, Disconnected::Gone),
        }
    }
}

fn connect_until_it_dies(address: &Address) {
    loop {
        match Client::builder(address.clone(), SERVICE).connect() {
            Ok(client) => drop(client.call(ECHO, b"")),
            Err(error) => {
                use coroipc::ConnectError::{HungUp, Unreachable};
                let dead = matches!(error, Unreachable { .. } | HungUp(_));
                return assert!(dead, "{error}");
            }
        }
    }
}
