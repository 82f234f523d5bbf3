// SPDX-License-Identifier: MIT OR Apache-2.0

//! The two processes of each row that coroipc has a part in.

use std::io::{self, IoSlice, Read as _};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::ValueEnum;
use coroipc::{Address, Client, ClientBuilder, CommandId, Endpoint, Service, ServiceId, Sizes};
use rustix::time::{ClockId, clock_gettime};

use crate::obey;

const SERVICE: ServiceId = ServiceId::new(1);
/// A reply of 24 bytes, which is what libqb's empty reply takes.
const ECHO: CommandId = CommandId::new(1);
/// A reply as long as the request, written where the client reads it.
const IN_PLACE: CommandId = CommandId::new(2);
/// Events: their length and their count are in the request.
const EVENTS: CommandId = CommandId::new(3);
/// Nothing, ever.
const STALL: CommandId = CommandId::new(4);

/// Bytes of a small request, and of its reply.
const SMALL: usize = 64;
const REPLY: usize = 24;
/// Bytes of a large request, and of its reply.
const LARGE: usize = 256 << 10;

/// Room for the largest of them, and 1 MiB of events.
const SIZES: Sizes = Sizes {
    slots: 1,
    request: LARGE as u32,
    reply: LARGE as u32,
    events: 1 << 20,
    large: 0,
};
/// The 3 MiB in all that a connection of libqb with messages of up to 1 MiB has.
const CONNECT_SIZES: Sizes = Sizes {
    slots: 8,
    request: 128 << 10,
    reply: 128 << 10,
    events: 1 << 20,
    large: 0,
};

/// How both sides wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Spin {
    /// As they do when nothing is said.
    Adaptive,
    /// Always asleep.
    Never,
}

impl Spin {
    fn limit(self) -> Option<Duration> {
        match self {
            Self::Adaptive => None,
            Self::Never => Some(Duration::ZERO),
        }
    }
}

/// What a client does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Work {
    /// 64 B there, 24 B back, copied at both ends.
    RoundTrip,
    /// 64 B there and back, written and read where they are.
    InPlaceSmall,
    /// 256 KiB there and back, written and read where they are.
    InPlaceLarge,
    /// Receiving events of 64 B.
    #[value(name = "events-64")]
    EventsSmall,
    /// Receiving events of 16 KiB.
    #[value(name = "events-16384")]
    EventsLarge,
    /// Connecting and disconnecting.
    Connect,
    /// One call that is never answered; what is told is not how long it took but when it ended.
    Stall,
}

/// Serves until its stdin ends.
pub(crate) fn serve(name: &str, spin: Spin) -> anyhow::Result<()> {
    let service = Service::new(SERVICE, |_| Ok(()))
        .command(ECHO, |_, call| {
            let mut request = [0; SMALL];
            call.payload().copy_to(&mut request);
            call.reply(&request[..REPLY]);
        })
        .command(IN_PLACE, |_, call| {
            let len = call.payload().len();
            call.reply_in_place(len);
        })
        .command(EVENTS, |session, call| {
            let Some([len, count]) = call.payload().first().map(numbers) else {
                return;
            };
            let event = vec![1; len as usize];
            let connection = session.connection();
            for _ in 0..count {
                if connection.send_event(&[IoSlice::new(&event)]).is_err() {
                    return;
                }
            }
        })
        .command(STALL, |_, _call| {
            let _ = obey::say("stalled");
            loop {
                std::thread::park();
            }
        });
    let mut endpoint = Endpoint::builder(Address::abstract_name(name))
        .service(service)
        .sizes(Sizes::MIN, Sizes::MAX);
    if let Some(limit) = spin.limit() {
        endpoint = endpoint.spin_limit(limit);
    }
    let _running = endpoint.bind()?.spawn()?;
    obey::say("ready")?;
    io::stdin()
        .read_to_end(&mut Vec::new())
        .context("waiting for the end")?;
    Ok(())
}

fn numbers(bytes: [u8; 8]) -> [u32; 2] {
    let [a, b, c, d, e, f, g, h] = bytes;
    [[a, b, c, d], [e, f, g, h]].map(u32::from_ne_bytes)
}

/// Does its work as often as its stdin says, until that ends.
pub(crate) fn call(name: &str, spin: Spin, work: Work) -> anyhow::Result<()> {
    let builder = |sizes| -> ClientBuilder {
        let builder = Client::builder(Address::abstract_name(name), SERVICE).sizes(sizes);
        match spin.limit() {
            Some(limit) => builder.spin_limit(limit),
            None => builder,
        }
    };
    if work == Work::Connect {
        let connect = || builder(CONNECT_SIZES).connect().map(drop);
        return obey::rounds(|_| Ok(()), || connect().context("connecting"));
    }
    let client = builder(SIZES).connect().context("connecting")?;
    match work {
        Work::RoundTrip => {
            let request = [7; SMALL];
            let mut answer = [0; REPLY];
            obey::rounds(
                |_| Ok(()),
                || {
                    let reply = client.call(ECHO, &request)?;
                    ensure!(
                        reply.copy_to(&mut answer) == REPLY,
                        "a reply of another length"
                    );
                    Ok(())
                },
            )
        }
        Work::InPlaceSmall => in_place(&client, SMALL),
        Work::InPlaceLarge => in_place(&client, LARGE),
        Work::EventsSmall => events(&client, 64),
        Work::EventsLarge => events(&client, 16 << 10),
        Work::Stall => obey::told(|_| {
            ensure!(client.call(STALL, &[]).is_err(), "a reply that nobody sent");
            Ok(vec![now()])
        }),
        Work::Connect => Ok(()),
    }
}

fn in_place(client: &Client, len: usize) -> anyhow::Result<()> {
    obey::rounds(
        |_| Ok(()),
        || {
            let room = client.room(len, None)?;
            let reply = room.call(IN_PLACE, None)?;
            ensure!(reply.len() == len, "a reply of another length");
            Ok(())
        },
    )
}

fn events(client: &Client, len: u32) -> anyhow::Result<()> {
    let mut events = client.events().context("a connection without events")?;
    obey::rounds(
        |count| {
            let order = [len.to_ne_bytes(), count.to_ne_bytes()].concat();
            Ok(client.notify(EVENTS, &[IoSlice::new(&order)])?)
        },
        || {
            let event = events.next(None)?.context("no event")?;
            ensure!(
                event.bytes().len() == len as usize,
                "an event of another length"
            );
            Ok(())
        },
    )
}

/// Nanoseconds of the monotonic clock, which is the same in all processes.
pub(crate) fn now() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}
