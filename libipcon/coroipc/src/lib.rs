// SPDX-License-Identifier: MIT OR Apache-2.0
//! Authenticated requests and responses between processes of one machine, through sealed shared memory.
//!
//! A server listens at an [`Address`] with up to 65,536 services of up to 65,536 commands each. The kernel tells it who
//! each client is ([`Credentials`]), and its policies decide. A client calls commands, several at once and from several
//! threads if it likes, and receives the server's events, in order.
//!
//! ```
//! use std::io::IoSlice;
//! use std::time::Duration;
//!
//! use coroipc::{Address, Client, CommandId, Endpoint, Refusal, Service, ServiceId};
//!
//! const COUNTER: ServiceId = ServiceId::new(1);
//! const ADD: CommandId = CommandId::new(1);
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // Each connection counts for itself, from 0 on.
//! let counter = Service::new(COUNTER, |_connection| Ok(0u64))
//!     .command(ADD, |session, call| {
//!         let Some(number) = call.payload().first() else {
//!             return call.fail(1);
//!         };
//!         session.state += u64::from_ne_bytes(number);
//!         if session.state >= 10 {
//!             // It fails when the client is gone, and then there is nobody to tell.
//!             let _ = session.connection().send_event(&[IoSlice::new(b"ten or more")]);
//!         }
//!         call.reply(&session.state.to_ne_bytes());
//!     });
//! let me = rustix::process::geteuid().as_raw();
//! let address = Address::abstract_name(format!("counter-{}", std::process::id()));
//! let server = Endpoint::builder(address.clone())
//!     .service(counter)
//!     .policy(move |client| {
//!         if client.uid() == me {
//!             return Ok(());
//!         }
//!         Err(Refusal::denied("only the user of the server may count"))
//!     })
//!     .bind()?
//!     .spawn()?;
//!
//! // Usually in another process.
//! let client = Client::builder(address, COUNTER)
//!     .require_server_uid(me)
//!     .timeout(Duration::from_secs(5))
//!     .connect()?;
//! client.call(ADD, &7u64.to_ne_bytes())?;
//! let sum = client.call(ADD, &5u64.to_ne_bytes())?;
//! assert_eq!(sum.bytes().first(), Some(12u64.to_ne_bytes()));
//! let mut events = client.events().ok_or("without events")?;
//! let event = events.next(None)?.ok_or("no event")?;
//! assert_eq!(event.to_vec(), b"ten or more");
//! # drop(event);
//! server.shut_down(Duration::from_secs(1));
//! # Ok(())
//! # }
//! ```
//!
//! # Types
//!
//! With [`interface!`] both sides are built from one declaration, and their requests, replies and events are values
//! that are checked: [`typed`].
//!
//! # What one side may expect of the other
//!
//! Nothing. Each side writes memory of its own, which the other can only read and neither can resize or take away; what
//! is read there is read once and checked. A side that breaks the rules is disconnected and told so. See [`Bytes`] for
//! what that means for payloads, and `docs/coroipc.md` for all that is shared and checked.
//!
//! When a process is gone, however that came, the other side's calls and waits end at once, and nothing is left of it.
//!
//! # Statistics
//!
//! Others can see what happens on a connection without asking the server: [`statistics`].
//!
//! With the feature `tracing`, which is off by default, subscribers of that crate are told who connects, is refused, breaks
//! the rules and goes, and why, by the targets `coroipc::server` and `coroipc::client`. What a handler tells in the thread of
//! a connection belongs to the span `connection`. Nothing is done for that with each call.
//!
//! # Waiting
//!
//! A thread that waits spins for a little while the other side runs on another processor and spinning has paid lately;
//! otherwise it sleeps. A server has a thread for each connection ([`Endpoint::spawn`]) or none of its own
//! ([`Endpoint::into_loop`]). After `fork`, only the parent may use what there was before; the child can connect and serve
//! anew.
//!
//! # Loops
//!
//! Nothing here has to wait: what can be waited for has a descriptor, for any poll function and any loop, level- or
//! edge-triggered, and a function to call when that can be read, which never waits.
//!
//! | what | descriptor | function |
//! |---|---|---|
//! | serving | [`EndpointLoop`] | [`EndpointLoop::dispatch`] |
//! | connecting | [`Connecting`] | [`Connecting::advance`] |
//! | a reply | [`Client`] | [`Pending::try_reply`] |
//! | an event | [`Client`] or [`Events`], it is the same | [`Events::try_next`] |
//!
//! A client's loop asks for all that it waits for, and polls when it has found nothing: from then on the descriptor can be
//! read as soon as, and for as long as, something is there that was asked for in vain. What is no longer of interest is to
//! be dropped, or it keeps the descriptor readable. Other threads may call through the same client and sleep meanwhile, or
//! poll in loops of their own.
//!
//! The directory `examples` has a server and a client in loops of `poll`, of the crates `calloop` and `mio`, and on tokio.
//!
//! For programs that run on tokio there are, with the cargo feature `tokio`, `AsyncClient`, `AsyncEvents` and
//! `AsyncEndpoint`. On any other runtime futures can be had from [`Pending::poll_reply`] and [`Events::poll_next`], where
//! [`Client::dispatch`] is called whenever the descriptor can be read.
#![deny(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

#[cfg(feature = "tokio")]
mod asynchronous;
mod client;
mod clock;
mod gather;
mod handshake;
mod id;
mod layout;
mod region;
mod ring;
mod server;
mod sizes;
pub mod statistics;
mod status;
mod sync;
mod trace;
pub mod typed;
mod wait;

#[cfg(feature = "tokio")]
pub use asynchronous::{AsyncClient, AsyncEndpoint, AsyncEvents, AsyncPending, AsyncRoom};
pub use client::{
    CallError, Client, ClientBuilder, ConnectError, Connecting, Disconnected, EventRef, Events,
    FlowControl, Pending, Progress, ReconnectError, Reconnecting, Reply, RequestRoom,
};
pub use handshake::{Address, Credentials, Reason, Refusal};
pub use id::{CommandId, ServiceId};
pub use region::Bytes;
pub use ring::Violation;
pub use server::{
    BindError, Call, Connection, Endpoint, EndpointBuilder, EndpointLoop, EventError, Overflow,
    RateLimit, Running, Scheduling, Service, Session,
};
pub use sizes::Sizes;
/// The crate whose traits say which types are plain data; see [`typed`].
pub use zerocopy;

/// How long a thread spins at most before it sleeps, unless told otherwise: about as long as waking a thread on another
/// processor takes.
const SPIN_LIMIT: std::time::Duration = std::time::Duration::from_micros(50);
