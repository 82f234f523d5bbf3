// SPDX-License-Identifier: MIT OR Apache-2.0
//! What subscribers of `tracing` are told.

use std::fmt::{Debug, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use ::tracing::field::{Field, Visit};
use ::tracing::span::{Attributes, Id, Record};
use ::tracing::{Event, Metadata, Subscriber};
use coroipc::{Address, Client, CommandId, Endpoint, Refusal};

use crate::raw;
use crate::world::*;

pub(crate) fn all() -> Vec<Case> {
    cases![it_is_told_who_comes_and_goes_and_why]
}

pub(crate) const ROLES: &[Role] = &[
    ("tracing::as_server", as_server),
    ("tracing::as_client", as_client),
];

/// Tells something of its own.
const TELL: CommandId = CommandId::new(20);

/// Says what it is told, line by line.
#[derive(Default)]
struct Sayer {
    spans: AtomicU64,
    entered: Mutex<Vec<(std::thread::ThreadId, u64)>>,
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, " {}={value:?}", field.name()).unwrap();
    }
}

impl Subscriber for Sayer {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let id = self.spans.fetch_add(1, Ordering::SeqCst) + 1;
        let mut line = Line(format!("span {id} {}", span.metadata().name()));
        span.record(&mut line);
        say(&line.0);
        Id::from_u64(id)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let here = std::thread::current().id();
        let entered = self.entered.lock().unwrap();
        let within = entered.iter().filter(|(thread, _)| *thread == here).count();
        let metadata = event.metadata();
        let mut line = Line(format!(
            "{} {} within={within}",
            metadata.level(),
            metadata.target()
        ));
        event.record(&mut line);
        say(&line.0);
    }

    fn enter(&self, id: &Id) {
        let here = std::thread::current().id();
        self.entered.lock().unwrap().push((here, id.into_u64()));
    }

    fn exit(&self, id: &Id) {
        let mut entered = self.entered.lock().unwrap();
        let id = id.into_u64();
        entered.retain(|(_, it)| *it != id);
    }
}

fn as_server() {
    ::tracing::subscriber::set_global_default(Sayer::default()).unwrap();
    let telling = service().command(TELL, |_, call| {
        ::tracing::info!("as asked for");
        call.reply(b"");
    });
    let server =
        serve(Endpoint::builder(Address::abstract_name(argument())).service(telling.interface(0)));
    say("ready");
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    for connection in server.connections() {
        connection.disconnect(Refusal::denied("enough"));
    }
    run_on();
}

fn it_is_told_who_comes_and_goes_and_why() {
    let name = format!("coroipc-tracing-{}", std::process::id());
    let mut server = Process::start("tracing::as_server", &name);
    server.wait_for("ready");
    let (uid, pid) = (rustix::process::geteuid().as_raw(), std::process::id());
    let who = format!("pid={pid} uid={uid}");
    let mut told = |parts: &[&str]| {
        let line = server.wait_for(parts[0]);
        for part in parts {
            assert!(line.contains(part), "{part} is not in {line}");
        }
    };
    let to = || Client::builder(Address::abstract_name(&name), SERVICE);

    let first = to().connect().unwrap();
    told(&["connection number=1 service=1", &who]);
    told(&["client connected", "INFO coroipc::server", &who]);
    first.call(TELL, b"").unwrap();
    told(&["as asked for", "within=1"]);
    drop(first);
    told(&["client disconnected", "the other side hung up", &who]);

    to().interface(9).connect().unwrap_err();
    let user = format!("uid={uid}");
    told(&["client refused", "another interface", &user]);

    let (hostile, ours, common, _region) = raw::connected(&name);
    told(&["client connected", "number=2"]);
    let line = &ours.words()[16 * (3 + 4)..];
    line[1].store(99, Ordering::Relaxed);
    line[0].store(1, Ordering::Release);
    let bell = &common.words()[0];
    bell.fetch_add(1, Ordering::SeqCst);
    rustix::thread::futex::wake(bell, rustix::thread::futex::Flags::empty(), 1).unwrap();
    hostile.refusal();
    told(&["broke the protocol", "WARN", "slot 99", "number=2"]);
    told(&["client disconnected", "broke the protocol", "number=2"]);

    // And what a client is told, when it is disconnected.
    let mut client = Process::start("tracing::as_client", &name);
    let line = client.wait_for("connected");
    let target = "INFO coroipc::client";
    assert!(line.contains(target), "{line}");
    told(&["client connected", "number=3"]);
    server.tell("enough");
    let line = server.wait_for("told to go");
    assert!(
        line.contains("enough") && line.contains("number=3"),
        "{line}"
    );
    let line = client.wait_for("disconnected");
    assert!(
        line.contains(target) && line.contains("the other side hung up"),
        "{line}"
    );
    client.tell("go on");
    let line = client.wait_for("not connected");
    assert!(
        line.contains(target) && line.contains("nobody-at-all"),
        "{line}"
    );
}

fn as_client() {
    ::tracing::subscriber::set_global_default(Sayer::default()).unwrap();
    let client = client(&Address::abstract_name(argument()));
    // Another thread says that it is disconnected.
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    assert!(client.disconnected().is_some());
    let nobody = Address::abstract_name("coroipc-nobody-at-all");
    Client::builder(nobody, SERVICE).connect().unwrap_err();
    run_on();
}
