// SPDX-License-Identifier: MIT OR Apache-2.0
//! Authenticated requests and responses between processes, through sealed shared memory.
#![deny(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

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
mod status;
mod sync;
mod wait;

pub use client::{
    CallError, Client, ClientBuilder, ConnectError, Disconnected, EventRef, Events, Pending, Reply,
    RequestRoom,
};
pub use handshake::{Address, Credentials, Reason, Refusal};
pub use id::{CommandId, ServiceId};
pub use region::Bytes;
pub use ring::Violation;
pub use server::{
    BindError, Call, Connection, Endpoint, EndpointBuilder, EndpointLoop, EventError, Overflow,
    Running, Service, Session,
};
pub use sizes::Sizes;

/// How long a thread spins at most before it sleeps, unless told otherwise: about as long as waking a thread on another
/// processor takes.
const SPIN_LIMIT: std::time::Duration = std::time::Duration::from_micros(50);
