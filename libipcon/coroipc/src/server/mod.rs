// SPDX-License-Identifier: MIT OR Apache-2.0
//! The server's side: an endpoint with services, their connections, and the calls that come through them.

mod acceptor;
mod builder;
mod call;
mod channel;
mod connection;
mod endpoint;
mod events;
mod flow;
mod greeting;
mod ledger;
mod listener;
mod looped;
mod overflow;
mod placement;
mod queue;
mod rate;
mod registry;
mod running;
mod service;
mod threads;

pub use builder::EndpointBuilder;
pub use call::Call;
pub use connection::Connection;
pub use endpoint::{BindError, Endpoint};
pub use looped::EndpointLoop;
pub use overflow::{EventError, Overflow};
pub use placement::Scheduling;
pub use rate::RateLimit;
pub use running::Running;
pub use service::{Service, Session};
