// SPDX-License-Identifier: MIT OR Apache-2.0
//! The server that the cases talk to, in a process of its own.

use std::io::IoSlice;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use coroipc::statistics::{Counter, of_process};
use coroipc::{
    Address, Call, Client, CommandId, Endpoint, EndpointBuilder, EventError, Reason, Refusal,
    Service, Session, Sizes,
};

use crate::serving::*;
use crate::world::*;

/// Replies with the length of the payload.
pub(super) const ANSWER: CommandId = CommandId::new(1);
/// Sends the payload back as an event, and never replies.
pub(super) const DISPATCH: CommandId = CommandId::new(2);
/// Sends one event, replies, and sends the rest of [`BULK`] events.
pub(super) const BULK_EVENTS: CommandId = CommandId::new(3);
/// Replies, and sends [`STRESS`] events.
pub(super) const STRESS_EVENTS: CommandId = CommandId::new(4);
/// Ends the process.
pub(super) const EXIT: CommandId = CommandId::new(5);
/// Disconnects the client.
pub(super) const DISCONNECT: CommandId = CommandId::new(6);
/// Takes no request any more, but for this one.
pub(super) const TURN_OFF: CommandId = CommandId::new(7);

pub(super) const BULK: u32 = 10;
pub(super) const STRESS: u32 = 30_000;
/// Each of so many events of the stress is a giant.
pub(super) const GIANT_EACH: u32 = 1000;
/// What a giant has before its counter.
pub(super) const GIANT: usize = 300 << 10;

/// The longest request, which the server insists on.
pub(super) const MOST: u32 = 1 << 20;

/// What clients ask for.
pub(super) const SIZES: Sizes = Sizes {
    slots: 4,
    request: MOST,
    reply: 64,
    events: 1 << 20,
    large: 0,
};

/// Calls that are never answered.
type Kept = Vec<Call>;

/// What each client of the cases is greeted with when the address says so.
pub(super) const GREETING: &[u8] = b"created";

fn service(greets: bool, off: Arc<AtomicBool>) -> Service<Kept> {
    let connect = move |connection: &coroipc::Connection| {
        if greets {
            connection.send_event(&[IoSlice::new(GREETING)]).unwrap();
        }
        Ok(Kept::new())
    };
    Service::new(SERVICE, connect)
        .command(ANSWER, |_, call| {
            let len = call.payload().len() as u32;
            call.reply(&len.to_ne_bytes());
        })
        .command(DISPATCH, |session, call| {
            let payload = call.payload().to_vec();
            let sent = session.connection().send_event(&[IoSlice::new(&payload)]);
            sent.unwrap();
            // One that nobody waits for would keep its slot.
            if !call.is_one_way() {
                session.state.push(call);
            }
        })
        .command(BULK_EVENTS, send_in_bulk)
        .command(STRESS_EVENTS, stress)
        .command(EXIT, |_, _call| std::process::exit(0))
        .command(DISCONNECT, |session, call| {
            let why = Refusal::new(Reason::Other(1), "as asked for");
            session.connection().disconnect(why);
            session.state.push(call);
        })
        .command(TURN_OFF, move |_, call| {
            off.store(true, Ordering::SeqCst);
            call.reply(b"");
        })
}

/// A panic here is an error of the client's call.
fn send_in_bulk(session: &mut Session<Kept>, call: Call) {
    let connection = session.connection();
    let send = |number: u32| connection.send_event(&[IoSlice::new(&number.to_ne_bytes())]);
    let sent = || {
        let all = of_process(std::process::id()).unwrap();
        let ours = all.iter().find(|it| it.connection() == connection.number());
        ours.unwrap().get(Counter::Dispatched)
    };
    let before = sent();
    let crazy = vec![0; 10 * MOST as usize];
    let error = connection.send_event(&[IoSlice::new(&crazy)]).unwrap_err();
    assert!(matches!(error, EventError::TooLong { .. }), "{error}");
    send(0).unwrap();
    assert_eq!(sent(), before + 1);
    call.reply(b"");
    for number in 1..BULK {
        send(number).unwrap();
    }
}

fn stress(session: &mut Session<Kept>, call: Call) {
    call.reply(b"");
    let giant = vec![7; GIANT];
    for number in 1..=STRESS {
        let counter = number.to_ne_bytes();
        let pieces = [IoSlice::new(&giant), IoSlice::new(&counter)];
        let whole = number.is_multiple_of(GIANT_EACH);
        let pieces = if whole { &pieces[..] } else { &pieces[1..] };
        session.connection().send_event(pieces).unwrap();
    }
}

/// What all cases listen with: it insists on a request of [`MOST`] bytes.
pub(super) fn endpoint(address: &Address) -> EndpointBuilder {
    let least = Sizes {
        request: MOST,
        ..Sizes::MIN
    };
    Endpoint::builder(address.clone()).sizes(least, Sizes::MAX)
}

/// The server, until it is told to exit: its argument is how it serves, and its name.
pub(super) fn run() {
    let argument = argument();
    let (serving, name) = argument.split_once(' ').unwrap();
    let serving = Serving::named(serving);
    let off = Arc::new(AtomicBool::new(false));
    let service = serving.patient(service(name.ends_with("greets"), off.clone()));
    let builder = endpoint(&Address::abstract_name(name)).service(service);
    let _server = serving.serve(builder.admission(move |_| {
        if off.load(Ordering::SeqCst) {
            return Err(Duration::from_millis(1));
        }
        Ok(())
    }));
    say("ready");
    run_on();
}

/// A server of a case, and where it is.
pub(super) struct Started {
    pub(super) process: Process,
    pub(super) address: Address,
}

/// Starts the server of a case.
pub(super) fn start(case: &str, serving: Serving) -> Started {
    let name = format!(
        "coroipc-libqb-{}-{}-{case}",
        std::process::id(),
        serving.name()
    );
    let mut process = Process::start("libqb::as_server", &format!("{} {name}", serving.name()));
    process.wait_for("ready");
    let address = Address::abstract_name(name);
    Started { process, address }
}

/// A client with the sizes of the cases.
pub(super) fn connect(address: &Address) -> Client {
    let client = Client::builder(address.clone(), SERVICE).sizes(SIZES);
    client.most_sizes(Sizes::MAX).connect().unwrap()
}

impl Started {
    /// Has the server exit in the middle of a call, and sees that it did so by itself.
    pub(super) fn exit(&mut self, client: &Client) {
        assert_eq!(client.disconnected(), None);
        let error = client.call(EXIT, b"").map(drop).unwrap_err();
        assert_eq!(error, coroipc::Disconnected::Gone.into());
        assert!(client.disconnected().is_some());
        assert_eq!(self.process.end().code(), Some(0));
    }
}
