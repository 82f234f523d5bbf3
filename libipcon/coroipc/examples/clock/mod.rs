// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the servers and clients of all loops here do: a clock that can add.
//!
//! Each server runs `clock_server_*` until it is ended, each client `clock_client_*` asks for some sums, all at once, and
//! follows the clock for three ticks. Any of the clients may be used with any of the servers.
#![allow(dead_code, reason = "each program needs a part of it")]

use std::collections::VecDeque;
use std::io::IoSlice;
use std::time::Duration;

use coroipc::{
    Address, BindError, Client, ClientBuilder, CommandId, Connection, Endpoint, Events, Pending,
    Service, ServiceId,
};

pub(crate) type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Adds a number to what the connection has added so far, and replies with the sum.
pub(crate) const ADD: CommandId = CommandId::new(1);
const CLOCK: ServiceId = ServiceId::new(1);

pub(crate) const TICK: Duration = Duration::from_millis(20);
pub(crate) const NUMBERS: [u64; 4] = [1, 2, 3, 4];
pub(crate) const TICKS: usize = 3;

/// Where the server is: the argument, or a name of this user.
fn address() -> Address {
    let given = std::env::args().nth(1);
    let user = rustix::process::geteuid().as_raw();
    Address::abstract_name(given.unwrap_or_else(|| format!("coroipc-clock-{user}")))
}

pub(crate) fn endpoint() -> std::result::Result<Endpoint, BindError> {
    let clock = Service::new(CLOCK, |_connection| Ok(0u64)).command(ADD, |session, call| {
        let Some(number) = call.payload().first() else {
            return call.fail(1);
        };
        session.state += u64::from_ne_bytes(number);
        call.reply(&session.state.to_ne_bytes());
    });
    let endpoint = Endpoint::builder(address()).service(clock).bind()?;
    println!("the clock ticks");
    Ok(endpoint)
}

/// Sends the time to all.
pub(crate) fn tell(connections: &[Connection], time: u64) {
    for connection in connections {
        // Who is too slow misses it, and who is gone too.
        let _ = connection.send_event(&[IoSlice::new(&time.to_ne_bytes())]);
    }
}

pub(crate) fn client() -> ClientBuilder {
    Client::builder(address(), CLOCK)
}

/// What a client waits for, in order.
pub(crate) struct Job<'c> {
    sums: VecDeque<Pending<'c>>,
    events: Events,
    ticks: usize,
}

impl<'c> Job<'c> {
    /// Sends all requests.
    pub(crate) fn start(client: &'c Client) -> Result<Self> {
        let start = |number: &u64| client.start(ADD, &[IoSlice::new(&number.to_ne_bytes())], None);
        Ok(Self {
            sums: NUMBERS
                .iter()
                .map(start)
                .collect::<std::result::Result<_, _>>()?,
            events: client.events().ok_or("the server has no events")?,
            ticks: 0,
        })
    }

    /// Prints what there is, and asks for the rest; whether that is all. Otherwise the descriptor of the client tells when
    /// to go on.
    pub(crate) fn go_on(&mut self) -> Result<bool> {
        while let Some(pending) = self.sums.pop_front() {
            match pending.try_reply() {
                Ok(reply) => print_sum(reply?.bytes().first()),
                Err(pending) => {
                    self.sums.push_front(pending);
                    break;
                }
            }
        }
        while self.ticks < TICKS {
            let Some(event) = self.events.try_next()? else {
                break;
            };
            print_time(&event.to_vec());
            self.ticks += 1;
        }
        Ok(self.sums.is_empty() && self.ticks == TICKS)
    }
}

pub(crate) fn print_sum(reply: Option<[u8; 8]>) {
    println!("sum {}", reply.map_or(0, u64::from_ne_bytes));
}

pub(crate) fn print_time(event: &[u8]) {
    let time = event.try_into().map_or(0, u64::from_ne_bytes);
    println!("time {time}");
}
