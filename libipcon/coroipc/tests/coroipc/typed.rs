// SPDX-License-Identifier: MIT OR Apache-2.0
//! Requests, replies and events with types.

use std::io::IoSlice;
use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use coroipc::statistics::{Counter, of_process};
use coroipc::typed::{Command, Interface, Malformed, ReceiveError, Responder, WithTail};
use coroipc::{
    Address, CallError, Client, CommandId, ConnectError, Endpoint, Reason, Running, Service,
    Session, Sizes,
};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::world::*;

pub(crate) fn all() -> Vec<Case> {
    cases![
        values_slices_and_tails_go_both_ways,
        each_outcome_is_told,
        replies_come_later_and_in_any_order,
        large_payloads_have_types_too,
        a_request_that_is_not_of_its_type_is_answered_and_counted,
        a_reply_that_is_not_of_its_type_is_told,
        an_event_that_is_not_of_the_interface_is_told,
        another_interface_is_refused,
        hostile_bytes_are_a_value_or_refused,
    ]
}

coroipc::interface! {
    /// Of everything something.
    mod odds = service 4711, version 3;

    types {
        /// Several values that are not any bytes.
        struct Odd {
            flag: bool,
            shade: Shade,
            rest: [u8; 2],
            letter: char,
            count: NonZero<u32>,
        }
        /// Not all numbers are one.
        enum Shade: u8 { Light = 1, Dark = 2, Other = 7 }
        struct Point { x: f32, y: f32 }
    }
    commands {
        /// Replies with the request.
        echo(Odd) -> Odd = 0;
        /// The sum.
        sum([u64]) -> u64 = 1;
        /// The tail, reversed, and how long it is.
        reverse(WithTail<Point, u8>) -> WithTail<u32, u8> = 2;
        /// Sends each event once.
        send(()) -> () = 3;
        /// Fails with this code; with 0, it does not answer at all.
        fail(u32) -> () = 4;
        /// There is too much to do.
        overload(()) -> () = 5;
        /// Replies once all were asked for.
        keep(u8) -> u8 = 6;
        /// Replies with so many bytes.
        fill(u32) -> [u8] = 7;
        /// The last one.
        last(()) -> () = 65535;
    }
    events {
        Nothing(()) = 0;
        Seen(Odd) = 1;
        Path(WithTail<u32, Point>) = 2;
        Letters([char]) = 3;
        Text([u8]) = 65535;
    }
}
use odds::{Event, Odd, Point, Shade};

const ODD: Odd = Odd {
    flag: true,
    shade: Shade::Dark,
    rest: [3, 4],
    letter: 'ß',
    count: NonZero::<u32>::MIN,
};

/// Counts the requests that came through.
#[derive(Default)]
struct Odds(Arc<AtomicU32>);

type Kept = Vec<(u8, Responder<u8>)>;

impl odds::Server for Odds {
    type State = Kept;

    fn echo(&self, _: &mut Session<Kept>, odd: Odd, reply: Responder<Odd>) {
        self.0.fetch_add(1, Ordering::Relaxed);
        reply.send(&odd);
    }

    fn sum(&self, _: &mut Session<Kept>, terms: Vec<u64>, reply: Responder<u64>) {
        self.0.fetch_add(1, Ordering::Relaxed);
        reply.send(&terms.iter().sum());
    }

    fn reverse(
        &self,
        _: &mut Session<Kept>,
        (point, mut tail): (Point, Vec<u8>),
        reply: Responder<WithTail<u32, u8>>,
    ) {
        self.0.fetch_add(1, Ordering::Relaxed);
        assert_eq!(point, Point { x: 0.5, y: -1.0 });
        tail.reverse();
        reply.send((&(tail.len() as u32), &tail));
    }

    fn send(&self, session: &mut Session<Kept>, (): (), reply: Responder<()>) {
        let connection = session.connection();
        let path = (&8, [Point { x: 1.0, y: 2.0 }; 3].as_slice());
        connection.send::<odds::events::Nothing>(&()).unwrap();
        connection.send::<odds::events::Seen>(&ODD).unwrap();
        let soon = soon().unwrap();
        connection
            .send_by::<odds::events::Path>(path, soon)
            .unwrap();
        connection.send::<odds::events::Text>(b"text").unwrap();
        reply.send(&());
    }

    fn fail(&self, _: &mut Session<Kept>, code: u32, reply: Responder<()>) {
        if code != 0 {
            reply.fail(code);
        }
    }

    fn overload(&self, _: &mut Session<Kept>, (): (), reply: Responder<()>) {
        reply.overloaded(Duration::from_millis(7));
    }

    fn keep(&self, session: &mut Session<Kept>, number: u8, reply: Responder<u8>) {
        session.state.push((number, reply));
        if session.state.len() == 3 {
            for (number, reply) in session.state.drain(..).rev() {
                assert!(!reply.call().is_cancelled());
                reply.send(&(number + 1));
            }
        }
    }

    fn fill(&self, _: &mut Session<Kept>, len: u32, reply: Responder<[u8]>) {
        reply.send(&vec![9; len as usize]);
    }

    fn last(&self, _: &mut Session<Kept>, (): (), reply: Responder<()>) {
        reply.send(&());
    }
}

fn server_of(odds: Odds, address: &Address) -> Running {
    let service = odds::service(odds, |_| Ok(Kept::new()));
    serve(Endpoint::builder(address.clone()).service(service))
}

fn connect(address: &Address) -> odds::Client {
    let builder = Client::builder(address.clone(), odds::SERVICE);
    builder.connect_as().unwrap()
}

/// A client that says it has the interface, and can send what it likes.
fn liar(address: &Address) -> Client {
    Client::builder(address.clone(), odds::SERVICE)
        .interface(odds::Interface::FINGERPRINT)
        .connect()
        .unwrap()
}

fn values_slices_and_tails_go_both_ways() {
    let address = address();
    let _server = server_of(Odds::default(), &address);
    let client = connect(&address);
    assert_eq!(client.echo(&ODD).unwrap(), ODD);
    assert_eq!(client.sum(&[]).unwrap(), 0);
    assert_eq!(client.sum(&[1, 2, u64::MAX - 3]).unwrap(), u64::MAX);
    let point = Point { x: 0.5, y: -1.0 };
    let reversed = client.reverse((&point, b"abc")).unwrap();
    assert_eq!(reversed, (3, b"cba".to_vec()));
    client.last(&()).unwrap();

    client.send(&()).unwrap();
    let mut events = client.events().unwrap();
    let mut next = || events.next(soon()).unwrap().unwrap();
    assert_eq!(next(), Event::Nothing(()));
    assert_eq!(next(), Event::Seen(ODD));
    assert_eq!(next(), Event::Path((8, vec![Point { x: 1.0, y: 2.0 }; 3])));
    assert_eq!(next(), Event::Text(b"text".to_vec()));
    assert_eq!(events.try_next(), Ok(None));
    assert!(client.events().is_none());
}

fn each_outcome_is_told() {
    let address = address();
    let service = odds::service(Odds::default(), |_| Ok(Kept::new()))
        .permit::<odds::commands::last>(|_| false);
    let _server = serve(Endpoint::builder(address.clone()).service(service));
    let client = connect(&address);
    assert_eq!(client.fail(&77), Err(CallError::Failed(77)));
    assert_eq!(client.fail(&0), Err(CallError::NoReply));
    let retry_after = Duration::from_millis(7);
    assert_eq!(
        client.overload(&()),
        Err(CallError::Overloaded { retry_after })
    );
    assert_eq!(client.last(&()), Err(CallError::Denied));
    client.echo(&ODD).unwrap();
}

fn replies_come_later_and_in_any_order() {
    let address = address();
    let _server = server_of(Odds::default(), &address);
    let client = connect(&address);
    let start = |number: u8| client.start::<odds::commands::keep>(&number, soon());
    let first = start(10).unwrap();
    let first = first.try_reply().unwrap_err();
    let (second, third) = (start(20).unwrap(), start(30).unwrap());
    assert_eq!(third.wait(), Ok(31));
    assert_eq!(second.wait(), Ok(21));
    assert_eq!(first.wait(), Ok(11));
    client.notify::<odds::commands::last>(&()).unwrap();
    let lease = client.lease::<odds::commands::fill>(&5, soon()).unwrap();
    assert_eq!(lease.bytes().len(), 5);
    assert_eq!(lease.read(), Ok(vec![9; 5]));
}

fn large_payloads_have_types_too() {
    let address = address();
    let _server = server_of(Odds::default(), &address);
    let client = Client::builder(address, odds::SERVICE)
        .sizes(Sizes {
            request: 1024,
            reply: 1024,
            large: 1 << 20,
            ..Sizes::default()
        })
        .connect_as::<odds::Client>()
        .unwrap();
    assert_eq!(client.sum(&[1; 100_000]).unwrap(), 100_000);
    let len = client.untyped().sizes().reply + 1;
    assert_eq!(client.fill(&len).unwrap(), vec![9; len as usize]);
    let most = client.untyped().sizes().large;
    assert_eq!(
        client.fill(&(most + 1)),
        Err(CallError::ReplyTooLong(most + 1))
    );
}

/// What is none of [`ODD`]'s type, for each reason.
fn no_odds() -> Vec<Vec<u8>> {
    let good = coroipc::zerocopy::IntoBytes::as_bytes(&ODD).to_vec();
    let with = |at: usize, bytes: &[u8]| {
        let mut bad = good.clone();
        bad[at..at + bytes.len()].copy_from_slice(bytes);
        bad
    };
    vec![
        vec![],
        good[1..].to_vec(),
        [good.as_slice(), &[0]].concat(),
        with(0, &[2]),
        with(1, &[3]),
        with(4, &0xd800u32.to_ne_bytes()),
        with(8, &[0; 4]),
    ]
}

fn a_request_that_is_not_of_its_type_is_answered_and_counted() {
    let address = address();
    let handled = Arc::new(AtomicU32::new(0));
    let _server = server_of(Odds(handled.clone()), &address);
    let client = liar(&address);
    let call = |command, payload: &[u8]| client.call(command, payload).map(|it| it.to_vec());
    let mut turned_down = 0;
    for bad in no_odds() {
        let answer = call(odds::commands::echo::ID, &bad);
        assert_eq!(answer, Err(CallError::InvalidRequest), "{bad:?}");
        turned_down += 1;
    }
    for (command, len) in [
        (odds::commands::sum::ID, 9),
        (odds::commands::reverse::ID, 7),
        (odds::commands::last::ID, 1),
    ] {
        let answer = call(command, &vec![1; len]);
        assert_eq!(answer, Err(CallError::InvalidRequest), "{command}");
        turned_down += 1;
    }
    assert_eq!(handled.load(Ordering::Relaxed), 0);
    let good = coroipc::zerocopy::IntoBytes::as_bytes(&ODD).to_vec();
    assert_eq!(call(odds::commands::echo::ID, &good), Ok(good));
    // Other tests have connections to this service too, which made more requests or fewer.
    let counted = of_process(std::process::id()).unwrap().into_iter();
    let invalid: Vec<_> = counted
        .filter(|it| it.service() == odds::SERVICE)
        .filter(|it| it.get(Counter::Requests) == turned_down + 1)
        .map(|it| (it.get(Counter::InvalidRequest), it.get(Counter::Responses)))
        .collect();
    assert_eq!(invalid, [(turned_down, 1)]);
}

/// A server that says it has the interface, replies to all what it is asked to, and sends it as an event.
fn lying_server(address: &Address) -> Running {
    let mut service = Service::new(odds::SERVICE, |_| Ok(()))
        .interface(odds::Interface::FINGERPRINT)
        .command(CommandId::new(4711), |session, call| {
            let event = call.payload().to_vec();
            let sent = session.connection().send_event(&[IoSlice::new(&event)]);
            sent.unwrap();
            call.reply(b"");
        });
    for id in [odds::commands::sum::ID, odds::commands::reverse::ID] {
        service = service.command(id, |_, call| call.reply(&[1, 2, 3]));
    }
    let bad: Vec<_> = no_odds();
    let next = AtomicU32::new(0);
    let echo = odds::commands::echo::ID;
    let service = service.command(echo, move |_, call| {
        call.reply(&bad[next.fetch_add(1, Ordering::Relaxed) as usize]);
    });
    serve(Endpoint::builder(address.clone()).service(service))
}

fn a_reply_that_is_not_of_its_type_is_told() {
    let address = address();
    let _server = lying_server(&address);
    let client = connect(&address);
    for bad in no_odds() {
        let len = bad.len();
        let why = if len == 12 {
            Malformed::Value(len)
        } else {
            Malformed::Length { len, wanted: 12 }
        };
        assert_eq!(client.echo(&ODD), Err(CallError::Malformed(why)), "{bad:?}");
    }
    let why = |len, wanted| CallError::Malformed(Malformed::Length { len, wanted });
    assert_eq!(client.sum(&[]), Err(why(3, 8)));
    let point = Point { x: 0.5, y: -1.0 };
    assert_eq!(client.reverse((&point, &[])), Err(why(3, 4)));
    assert_eq!(client.untyped().disconnected(), None);
}

fn an_event_that_is_not_of_the_interface_is_told() {
    let address = address();
    let _server = lying_server(&address);
    let client = connect(&address);
    let mut events = client.events().unwrap();
    let mut event = |payload: &[u8]| {
        let untyped = client.untyped();
        untyped.call(CommandId::new(4711), payload).unwrap();
        events.next(soon())
    };
    let expected = [
        (vec![], Malformed::Length { len: 0, wanted: 2 }),
        (vec![1], Malformed::Length { len: 1, wanted: 2 }),
        (5u16.to_ne_bytes().to_vec(), Malformed::Event(5)),
        (
            [1u16.to_ne_bytes().as_slice(), &[0; 12]].concat(),
            Malformed::Value(12),
        ),
        (
            [2u16.to_ne_bytes().as_slice(), &[0; 13]].concat(),
            Malformed::Partial { len: 9, size: 8 },
        ),
        (
            [
                3u16.to_ne_bytes().as_slice(),
                &[0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff],
            ]
            .concat(),
            Malformed::Value(8),
        ),
    ];
    for (payload, why) in expected {
        assert_eq!(event(&payload), Err(ReceiveError::Malformed(why)));
    }
    // The next one comes through.
    let nothing = event(&0u16.to_ne_bytes());
    assert_eq!(nothing, Ok(Some(Event::Nothing(()))));
}

macro_rules! variant {
    ($name:ident: $($all:tt)*) => {
        mod $name {
            coroipc::interface! { $($all)* }
        }
    };
}
variant!(original: pub mod it = service 4712, version 1;
    types { struct Pair { one: u32, two: u32 } enum Kind: u8 { A = 1 } }
    commands { swap(Pair) -> Kind = 1; } events { Swapped(Pair) = 1; });
variant!(version: pub mod it = service 4712, version 2;
    types { struct Pair { one: u32, two: u32 } enum Kind: u8 { A = 1 } }
    commands { swap(Pair) -> Kind = 1; } events { Swapped(Pair) = 1; });
variant!(order_of_fields: pub mod it = service 4712, version 1;
    types { struct Pair { two: u32, one: u32 } enum Kind: u8 { A = 1 } }
    commands { swap(Pair) -> Kind = 1; } events { Swapped(Pair) = 1; });
variant!(type_of_field: pub mod it = service 4712, version 1;
    types { struct Pair { one: u32, two: i32 } enum Kind: u8 { A = 1 } }
    commands { swap(Pair) -> Kind = 1; } events { Swapped(Pair) = 1; });
variant!(value: pub mod it = service 4712, version 1;
    types { struct Pair { one: u32, two: u32 } enum Kind: u8 { A = 2 } }
    commands { swap(Pair) -> Kind = 1; } events { Swapped(Pair) = 1; });
variant!(number: pub mod it = service 4712, version 1;
    types { struct Pair { one: u32, two: u32 } enum Kind: u8 { A = 1 } }
    commands { swap(Pair) -> Kind = 2; } events { Swapped(Pair) = 1; });
variant!(slice: pub mod it = service 4712, version 1;
    types { struct Pair { one: u32, two: u32 } enum Kind: u8 { A = 1 } }
    commands { swap([Pair]) -> Kind = 1; } events { Swapped(Pair) = 1; });
variant!(event: pub mod it = service 4712, version 1;
    types { struct Pair { one: u32, two: u32 } enum Kind: u8 { A = 1 } }
    commands { swap(Pair) -> Kind = 1; } events { Exchanged(Pair) = 1; });

struct Swap;

impl original::it::Server for Swap {
    type State = ();

    fn swap(
        &self,
        _: &mut Session<()>,
        _: original::it::Pair,
        reply: Responder<original::it::Kind>,
    ) {
        reply.send(&original::it::Kind::A);
    }
}

fn another_interface_is_refused() {
    let address = address();
    let service = original::it::service(Swap, |_| Ok(()));
    let _server = serve(Endpoint::builder(address.clone()).service(service));
    // `connect_as` knows the service by itself.
    let builder = || Client::builder(address.clone(), SERVICE);
    builder().connect_as::<original::it::Client>().unwrap();
    let reasons = [
        builder().connect_as::<version::it::Client>().err(),
        builder().connect_as::<order_of_fields::it::Client>().err(),
        builder().connect_as::<type_of_field::it::Client>().err(),
        builder().connect_as::<value::it::Client>().err(),
        builder().connect_as::<number::it::Client>().err(),
        builder().connect_as::<slice::it::Client>().err(),
        builder().connect_as::<event::it::Client>().err(),
        Client::builder(address.clone(), original::it::SERVICE)
            .connect()
            .err(),
    ];
    for reason in reasons {
        let Some(ConnectError::Refused(refusal)) = reason else {
            panic!("{reason:?}");
        };
        assert_eq!(refusal.reason(), Reason::Interface);
    }
    // It goes over the wire, so that no compiler may make another one of it.
    assert_eq!(original::it::Interface::FINGERPRINT, GOLDEN);
}

const GOLDEN: u64 = 1_603_054_403_251_663_546;

/// Whether bytes are an [`Odd`], by another way than the library's.
fn is_odd(bytes: &[u8]) -> bool {
    let Ok(bytes) = <[u8; 12]>::try_from(bytes) else {
        return false;
    };
    let word = |at: usize| u32::from_ne_bytes(bytes[at..at + 4].try_into().unwrap());
    bytes[0] < 2
        && [1, 2, 7].contains(&bytes[1])
        && char::from_u32(word(4)).is_some()
        && word(8) != 0
}

/// Whatever a client sends: what is a value comes back as it was sent, and all else is refused.
fn hostile_bytes_are_a_value_or_refused() {
    let address = address();
    let _server = server_of(Odds::default(), &address);
    let client = liar(&address);
    // What is about to be a letter, and about not to be one.
    let letters = [0u32, 0xd7ff, 0xd800, 0xdfff, 0xe000, 0x10_ffff, 0x11_0000];
    let letter = prop::sample::select(letters.to_vec());
    let near = (0..3u8, 0..9u8, any::<[u8; 2]>(), letter, 0..3u32).prop_map(
        |(flag, shade, rest, letter, count)| {
            let (letter, count) = (letter.to_ne_bytes(), count.to_ne_bytes());
            [&[flag, shade], rest.as_slice(), &letter, &count].concat()
        },
    );
    let payloads = prop_oneof![
        3 => near,
        1 => prop::collection::vec(any::<u8>(), 12),
        1 => prop::collection::vec(any::<u8>(), 0..40),
    ];
    let config = Config {
        cases: 4000,
        failure_persistence: None,
        ..Config::default()
    };
    let taken = std::cell::Cell::new(0);
    let mut runner = TestRunner::new(config);
    let outcome = runner.run(&payloads, |payload| {
        let answer = client.call(odds::commands::echo::ID, &payload);
        let answer = answer.map(|reply| reply.to_vec());
        if is_odd(&payload) {
            taken.set(taken.get() + 1);
            prop_assert_eq!(answer, Ok(payload));
        } else {
            prop_assert_eq!(answer, Err(CallError::InvalidRequest));
        }
        Ok(())
    });
    outcome.unwrap();
    assert!(taken.get() > 100, "only {} were values", taken.get());
}
