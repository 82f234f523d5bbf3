// SPDX-License-Identifier: MIT OR Apache-2.0
//! A coroipc server and its clients in processes of their own, for the tests of those who watch them.
//!
//! The processes are the test program again, which must have a test named `in_a_role` that calls [`play`]. They end when
//! whoever started them does.
#![allow(dead_code)]

use std::collections::BTreeMap;
use std::env;
use std::io::{BufRead, BufReader, IoSlice, Write, stdin};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio, exit};
use std::time::Duration;

use coroipc::{
    Address, Client, CommandId, ConnectError, Endpoint, Reason, Refusal, Service, ServiceId,
};

/// The service of all servers of a test program: another one than that of programs that run beside it.
pub(crate) fn service() -> u16 {
    (std::process::id() % 65_536) as u16
}

/// A service of the same servers that nobody may use.
fn closed(service: ServiceId) -> ServiceId {
    ServiceId::new(service.get().wrapping_add(1))
}

/// A service that they do not have.
fn missing(service: ServiceId) -> ServiceId {
    ServiceId::new(service.get().wrapping_add(2))
}

/// The command name of a server that was started as a gate: of the servers of one test, which no other test has.
pub(crate) fn gate() -> String {
    format!("gate-{}", service())
}

const ECHO: CommandId = CommandId::new(1);
const FAIL: CommandId = CommandId::new(2);
const EVENTS: CommandId = CommandId::new(3);
const UNKNOWN: CommandId = CommandId::new(4);

/// What a process is to be; unset in the test itself.
const ROLE: &str = "IPCON_CHANNELS_TEST_ROLE";
/// Marks the lines that are meant for the test, among those of its harness.
const MARK: &str = "channels-test: ";

/// Does what the environment asks for, if it does.
pub(crate) fn play() {
    let Ok(role) = env::var(ROLE) else { return };
    let words: Vec<_> = role.split(' ').collect();
    let [role, address, service] = words[..] else {
        panic!("no role {role}");
    };
    let address = Address::abstract_name(address);
    let service = ServiceId::new(service.parse().unwrap());
    match role {
        "server" => serve(address, service),
        "gate" => {
            std::fs::write("/proc/self/comm", format!("gate-{}", service.get())).unwrap();
            serve(address, service);
        }
        "stranger" => knock(&address, service),
        "client" => order_about(address, service),
        _ => panic!("no role {role}"),
    }
    // Past the harness, which has nothing to say here.
    exit(0);
}

fn serve(address: Address, service: ServiceId) {
    let closed = closed(service);
    let service = Service::new(service, |_| Ok(()))
        .command(ECHO, |_, call| {
            let payload = call.payload().to_vec();
            call.reply(&payload);
        })
        .command(FAIL, |_, call| call.fail(3))
        .command(EVENTS, |session, call| {
            for _ in 0..call.payload().len() {
                session
                    .connection()
                    .send_event(&[IoSlice::new(b"an event")])
                    .unwrap();
            }
            call.reply(b"");
        });
    let closed = Service::new(closed, |_| Ok(())).policy(|_| Err(Refusal::denied("nobody may")));
    let _running = Endpoint::builder(address)
        .service(service)
        .service(closed)
        .bind()
        .unwrap()
        .spawn()
        .unwrap();
    say("ready");
    // Until whoever started this ends.
    for line in stdin().lines() {
        line.unwrap();
    }
}

/// For each line that comes in, so many rounds of calls; then tells what it has counted so far.
fn order_about(address: Address, service: ServiceId) {
    let client = Client::builder(address, service).timeout(Duration::from_secs(30));
    let client = client.connect().unwrap();
    let mut events = client.events().unwrap();
    let mut counted: BTreeMap<&str, u64> = BTreeMap::new();
    say("ready");
    for line in stdin().lines() {
        let mut count = |what, more| *counted.entry(what).or_default() += more;
        for round in 0..line.unwrap().parse::<usize>().unwrap() {
            let payload = vec![1; round % 50];
            let reply = client.call(ECHO, &payload).unwrap().len();
            count("requests", 1);
            count("request_bytes", payload.len() as u64);
            count("responses", 1);
            count("response_bytes", reply as u64);
            if round % 10 == 0 {
                client.call(FAIL, b"").unwrap_err();
                client.call(UNKNOWN, b"").unwrap_err();
                client.call(EVENTS, b"123").unwrap();
                for what in ["failed", "invalid_request", "responses"] {
                    count(what, 1);
                }
                count("requests", 3);
                count("request_bytes", 3);
                for _ in 0..3 {
                    let event = events.next(None).unwrap().unwrap().to_vec();
                    count("dispatched", 1);
                    count("event_bytes", event.len() as u64);
                }
            }
        }
        tell(&counted);
    }
}

/// For each line that comes in, so many rounds of being refused: for each round by the policy, for every second one since
/// there is no such service. Then tells what it has counted so far.
fn knock(address: &Address, service: ServiceId) {
    let mut counted: BTreeMap<&str, u64> = BTreeMap::new();
    say("ready");
    for line in stdin().lines() {
        let mut refused = |service, expected, what| {
            let refused = Client::builder(address.clone(), service).connect();
            let Err(ConnectError::Refused(refusal)) = refused else {
                panic!("not refused: {refused:?}");
            };
            assert_eq!(refusal.reason(), expected);
            for what in ["accepted", "refused", what] {
                *counted.entry(what).or_default() += 1;
            }
        };
        for round in 0..line.unwrap().parse::<usize>().unwrap() {
            refused(closed(service), Reason::Denied, "refused_denied");
            if round % 2 == 0 {
                let what = "refused_no_such_service";
                refused(missing(service), Reason::NoSuchService, what);
            }
        }
        tell(&counted);
    }
}

fn tell(counted: &BTreeMap<&str, u64>) {
    let told: Vec<_> = counted
        .iter()
        .map(|(what, count)| format!("{what}={count}"))
        .collect();
    say(&told.join(" "));
}

fn say(what: &str) {
    println!("\n{MARK}{what}");
}

/// A server or a client.
pub(crate) struct Process {
    child: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Process {
    /// Starts it, and waits until it is ready.
    pub(crate) fn start(role: &str, address: &str) -> Self {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "in_a_role", "--nocapture"])
            .env(ROLE, format!("{role} {address} {}", service()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut process = Self {
            orders: child.stdin.take(),
            answers: BufReader::new(child.stdout.take().unwrap()),
            child,
        };
        assert_eq!(process.answer(), "ready");
        process
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Has a client or a stranger do so many rounds; what it has counted since it began.
    pub(crate) fn rounds(&mut self, rounds: usize) -> BTreeMap<String, u64> {
        writeln!(self.orders.as_mut().unwrap(), "{rounds}").unwrap();
        let answer = self.answer();
        let counts = answer.split(' ').map(|part| part.split_once('=').unwrap());
        counts
            .map(|(what, count)| (what.to_owned(), count.parse().unwrap()))
            .collect()
    }

    fn answer(&mut self) -> String {
        let mut lines = (&mut self.answers).lines().map(Result::unwrap);
        lines
            .find_map(|line| Some(line.strip_prefix(MARK)?.to_owned()))
            .unwrap()
    }

    /// `kill -9`, and waits until it is dead.
    pub(crate) fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

/// An address that no other test has.
pub(crate) fn address(name: &str) -> String {
    format!("ipcon-channels-{name}-{}", std::process::id())
}
